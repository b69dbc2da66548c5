"""From a plan to a certificate: pure values in, one signed certificate out."""

from __future__ import annotations

import contextlib
import ipaddress
import ssl
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.serialization import pkcs12
from cryptography.x509.oid import AuthorityInformationAccessOID, NameOID, ObjectIdentifier

from sandbox.serve.tls import server_context
from sandbox.space.errors import UserError
from sandbox.space.files import write_private
from sandbox.trust.hierarchy import AuthorityName
from sandbox.trust.keys import KeyKind, PrivateKey, pem
from sandbox.trust.profiles import POLICY_TEST, CertificateProfile, Marker, marker_extension

__all__ = [
    "Issued",
    "LeafPlan",
    "alternative_names",
    "build_leaf",
    "certificate_pem",
    "key_usage",
    "resign",
    "subject_text",
]

# Of PKCS#12 files: what OpenSSL does by default. More rounds would protect nothing, as the key lies
# beside in PEM, and whoever writes or opens hundreds of them would wait for them.
_LOCK = (
    serialization.PrivateFormat.PKCS12.encryption_builder()
    .kdf_rounds(2048)
    .key_cert_algorithm(pkcs12.PBES.PBESv2SHA256AndAES256CBC)
    .hmac_hash(hashes.SHA256())
)
_ANY_USAGE = (
    "digital_signature",
    "content_commitment",
    "key_encipherment",
    "data_encipherment",
    "key_agreement",
    "key_cert_sign",
    "crl_sign",
    "encipher_only",
    "decipher_only",
)


def key_usage(usages: Sequence[str]) -> x509.KeyUsage:
    """Return a KeyUsage that sets just the named bits."""
    return x509.KeyUsage(**{usage: usage in usages for usage in _ANY_USAGE})


def alternative_names(
    names: Sequence[str], addresses: Sequence[str] = ()
) -> tuple[x509.GeneralName, ...]:
    """Return DNS names, then IP addresses, as subject alternative names.

    Raises:
        UserError: a name is not a host name, or an address is not an IP address.
    """
    general: list[x509.GeneralName] = []
    for name in names:
        if not name or len(name) > 253 or not name.isascii() or any(c in name for c in " /:@"):
            raise UserError(
                "ce n'est pas un nom d'hôte ; en donner un comme",
                "not a host name; give a name such as",
                where=f"{name!r}",
                then="mx1.op1.mssante.test",
            )
        general.append(x509.DNSName(name))
    for address in addresses:
        try:
            general.append(x509.IPAddress(ipaddress.ip_address(address)))
        except ValueError:
            raise UserError(
                "ce n'est pas une adresse IP ; en donner une comme",
                "not an IP address; give one such as",
                where=f"{address!r}",
                then="127.0.0.1",
            ) from None
    return tuple(general)


@dataclass(frozen=True, kw_only=True)
class LeafPlan:
    """Everything that a certificate will say, before a key and a signature.

    `dataclasses.replace` on a plan is how bad certificates are made: one fault, the rest right.
    """

    profile: CertificateProfile
    subject: x509.Name
    not_before: datetime
    not_after: datetime
    issuer: AuthorityName
    marker: Marker
    key_kind: KeyKind
    usages: tuple[str, ...]
    purposes: tuple[ObjectIdentifier, ...]
    crl_url: str
    delta_url: str
    ocsp_url: str
    issuer_url: str
    policy_url: str
    alternative_names: tuple[x509.GeneralName, ...] = ()
    private: tuple[x509.UnrecognizedExtension, ...] = ()


def _uri(url: str) -> x509.UniformResourceIdentifier:
    return x509.UniformResourceIdentifier(url)


def _point(url: str) -> x509.DistributionPoint:
    return x509.DistributionPoint([_uri(url)], None, None, None)


def build_leaf(
    plan: LeafPlan,
    key: PrivateKey,
    issuer: x509.Certificate,
    issuer_key: PrivateKey,
    serial: int,
) -> x509.Certificate:
    """Sign the certificate that a plan describes (SHA-256, RFC 5280)."""
    policy = POLICY_TEST
    if plan.marker is Marker.PRODUCTION and plan.profile.production_policy is not None:
        policy = plan.profile.production_policy
    builder = (
        x509.CertificateBuilder()
        .subject_name(plan.subject)
        .issuer_name(issuer.subject)
        .public_key(key.public_key())
        .serial_number(serial)
        .not_valid_before(plan.not_before)
        .not_valid_after(plan.not_after)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=False)
        .add_extension(key_usage(plan.usages), critical=True)
        .add_extension(x509.ExtendedKeyUsage(plan.purposes), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(
                issuer.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
            ),
            critical=False,
        )
        .add_extension(
            x509.CertificatePolicies([x509.PolicyInformation(policy, [plan.policy_url])]),
            critical=False,
        )
        .add_extension(x509.CRLDistributionPoints([_point(plan.crl_url)]), critical=False)
        .add_extension(x509.FreshestCRL([_point(plan.delta_url)]), critical=False)
        .add_extension(
            x509.AuthorityInformationAccess(
                [
                    x509.AccessDescription(AuthorityInformationAccessOID.OCSP, _uri(plan.ocsp_url)),
                    x509.AccessDescription(
                        AuthorityInformationAccessOID.CA_ISSUERS, _uri(plan.issuer_url)
                    ),
                ]
            ),
            critical=False,
        )
        .add_extension(marker_extension(plan.profile, plan.marker), critical=False)
    )
    if plan.alternative_names:
        builder = builder.add_extension(
            x509.SubjectAlternativeName(plan.alternative_names), critical=False
        )
    for extension in plan.private:
        builder = builder.add_extension(extension, critical=False)
    return builder.sign(issuer_key, hashes.SHA256())


def resign(
    certificate: x509.Certificate, issuer: x509.Certificate, issuer_key: PrivateKey
) -> x509.Certificate:
    """Return a certificate that says the same, signed by another authority."""
    builder = (
        x509.CertificateBuilder()
        .subject_name(certificate.subject)
        .issuer_name(issuer.subject)
        .public_key(certificate.public_key())
        .serial_number(certificate.serial_number)
        .not_valid_before(certificate.not_valid_before_utc)
        .not_valid_after(certificate.not_valid_after_utc)
    )
    own = issuer.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    for extension in certificate.extensions:
        value = extension.value
        if isinstance(value, x509.AuthorityKeyIdentifier):
            value = x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(own)
        builder = builder.add_extension(value, critical=extension.critical)
    return builder.sign(issuer_key, hashes.SHA256())


def subject_text(certificate: x509.Certificate) -> str:
    """Return the subject in RFC 4514 form, with the short names of cards (SN, GN, title)."""
    names = {NameOID.SURNAME: "SN", NameOID.GIVEN_NAME: "GN", NameOID.TITLE: "title"}
    return certificate.subject.rfc4514_string(names)


def certificate_pem(*certificates: x509.Certificate) -> bytes:
    """Return certificates one after the other in PEM."""
    return b"".join(each.public_bytes(serialization.Encoding.PEM) for each in certificates)


@dataclass(frozen=True, kw_only=True)
class Issued:
    """A certificate with its private key and what a peer needs to check it.

    Attributes:
        plan: What it was asked to say.
        certificate: The certificate itself.
        key: Its private key.
        chain: Intermediates, then the root.
        presented: What is sent after the certificate in a handshake (the intermediates; a
            certificate made with a broken chain sends something else).
        fault: Name of the fault that it was made with; empty for a good one.
    """

    plan: LeafPlan
    certificate: x509.Certificate
    key: PrivateKey
    chain: tuple[x509.Certificate, ...]
    presented: tuple[x509.Certificate, ...]
    fault: str = ""

    @property
    def profile(self) -> CertificateProfile:
        """The profile that it follows."""
        return self.plan.profile

    @property
    def issuer(self) -> AuthorityName:
        """The authority that signed it."""
        return self.plan.issuer

    @property
    def serial(self) -> int:
        """The serial number."""
        return self.certificate.serial_number

    @property
    def common_name(self) -> str:
        """The first CN of the subject."""
        return str(self.certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value)

    @property
    def certificate_pem(self) -> bytes:
        """The certificate alone, in PEM."""
        return certificate_pem(self.certificate)

    @property
    def presented_pem(self) -> bytes:
        """The certificate and what follows it in a handshake, in PEM."""
        return certificate_pem(self.certificate, *self.presented)

    @property
    def key_pem(self) -> bytes:
        """The private key, PKCS#8 PEM without a password. Keep it to yourself."""
        return pem(self.key)

    def pkcs12(self, pin: str) -> bytes:
        """Return certificate, key and chain as PKCS#12, encrypted with a PIN.

        Raises:
            UserError: the PIN has not 4 to 64 characters.
        """
        if not 4 <= len(pin) <= 64:
            raise UserError("un code PIN a 4 à 64 caractères", "a PIN has 4 to 64 characters")
        return pkcs12.serialize_key_and_certificates(
            self.common_name.encode(),
            self.key,
            self.certificate,
            self.chain,
            _LOCK.build(pin.encode()),
        )

    def server_context(self, *, client_roots: bytes = b"") -> ssl.SSLContext:
        """Return `serve.server_context` for it; with `client_roots` (PEM) it asks for certificates.

        A client without a certificate is let in all the same: the protocol above can then refuse
        in words, where a failed handshake says nothing.
        """
        with self._pair() as path:
            return server_context(
                path, path, authorities=client_roots.decode(),
                client_certificate="optional" if client_roots else "none",
            )  # fmt: skip

    @contextlib.contextmanager
    def _pair(self) -> Iterator[Path]:
        """Give a file of key and certificates: the ssl module reads them from files only."""
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "pair.pem"
            write_private(path, self.key_pem + self.presented_pem)
            yield path

    def save(self, folder: Path, *, pin: str = "") -> list[Path]:
        """Write the pair under `folder`, keys 0600, PKCS#12 too when a PIN is given.

        Returns:
            The files: `cert.pem`, `chain.pem`, `key.pem` and perhaps `bundle.p12`.
        """
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        with contextlib.suppress(PermissionError):
            folder.chmod(0o700)
        public = {"cert.pem": self.certificate_pem, "chain.pem": self.presented_pem}
        for name, data in public.items():
            (folder / name).write_bytes(data)
        write_private(folder / "key.pem", self.key_pem)
        files = [folder / "cert.pem", folder / "chain.pem", folder / "key.pem"]
        if pin:
            write_private(folder / "bundle.p12", self.pkcs12(pin))
            files.append(folder / "bundle.p12")
        return files
