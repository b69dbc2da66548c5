"""The certificates and keys of the authorities themselves: made on first need, kept in a folder."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding, pkcs7
from cryptography.x509.oid import (
    AuthorityInformationAccessOID,
    CertificatePoliciesOID,
    NameOID,
    ObjectIdentifier,
)

from sandbox.space.errors import UserError
from sandbox.space.files import write_private
from sandbox.trust.hierarchy import (
    AUTHORITIES,
    AuthorityName,
    AuthoritySpec,
    Urls,
    authority_subject,
)
from sandbox.trust.issuing import certificate_pem, key_usage
from sandbox.trust.keys import KeyKind, KeyPool, PrivateKey, load_key, pem

__all__ = ["SKEW", "Authorities", "Pair", "later"]

Pair = tuple[x509.Certificate, PrivateKey]

# Clocks of peers differ a little: certificates start a little early.
SKEW = timedelta(minutes=5)
_CA_YEARS = 20
# Authorities are older than what they sign, so that an expired leaf was good in its time.
_CA_AGE = timedelta(days=2 * 365)
_SERVICE_YEARS = 3


def later(moment: datetime, years: int) -> datetime:
    """Return the same day `years` later; 29 February becomes 1 March."""
    try:
        return moment.replace(year=moment.year + years)
    except ValueError:
        return moment.replace(year=moment.year + years, month=3, day=1)


def _identifiers(
    key: PrivateKey, issuer: x509.Certificate | None
) -> tuple[x509.SubjectKeyIdentifier, x509.AuthorityKeyIdentifier]:
    own = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    parent = (
        issuer.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
        if issuer
        else own
    )
    return own, x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(parent)


class Authorities:
    """Roots and intermediates, and the certificates of their own services.

    Args:
        urls: Where certificates say that public files are.
        authority_keys: Key of roots and intermediates.
        service_keys: Key of the OCSP signers.
        pool: Where keys come from.
        clock: Gives the time, UTC.
        folder: Where pairs are kept; None keeps them in memory.
        note: Called with each intermediate that is made, and its issuer.
    """

    def __init__(
        self,
        *,
        urls: Urls,
        authority_keys: KeyKind,
        service_keys: KeyKind,
        pool: KeyPool,
        clock: Callable[[], datetime],
        folder: Path | None,
        note: Callable[[x509.Certificate, AuthorityName], None],
    ) -> None:
        self._urls = urls
        self._authority_keys = authority_keys
        self._service_keys = service_keys
        self._pool = pool
        self._clock = clock
        self._folder = folder
        self._note = note
        self._pairs: dict[str, Pair] = {}
        self._lock = threading.RLock()

    def pair(self, name: AuthorityName) -> Pair:
        """Return the certificate and key of an authority."""
        return self._kept(name.value, lambda: self._found(AUTHORITIES[name]))

    def responder_pair(self, name: AuthorityName, purpose: ObjectIdentifier) -> Pair:
        """Return a service certificate of an authority with one extended key usage."""
        stem = f"{name}-OCSP-{purpose.dotted_string.rpartition('.')[2]}"
        return self._kept(stem, lambda: self._service(name, purpose))

    def chain(self, name: AuthorityName) -> tuple[x509.Certificate, ...]:
        """Return an authority and those above it, the root last."""
        parent = AUTHORITIES[name].parent
        return (self.pair(name)[0], *(self.chain(parent) if parent else ()))

    def prepare(self) -> None:
        """Make all authorities that are not there yet, their keys on all cores."""
        with self._lock:
            stored = self._folder / "authorities" if self._folder else None
            missing = [
                name
                for name in AUTHORITIES
                if name not in self._pairs and not (stored and (stored / f"{name}.pem").exists())
            ]
            self._pool.fill(self._authority_keys, len(missing))
            for name in AUTHORITIES:
                self.pair(name)

    def roots_pem(self) -> bytes:
        """Return the three roots in PEM."""
        return certificate_pem(
            *(self.pair(name)[0] for name, spec in AUTHORITIES.items() if spec.parent is None)
        )

    def bundle_pem(self) -> bytes:
        """Return the whole hierarchy in PEM, roots first."""
        self.prepare()
        return certificate_pem(*(self.pair(name)[0] for name in AUTHORITIES))

    def bundle_p7b(self) -> bytes:
        """Return the whole hierarchy as PKCS#7 in DER, the form of the real chain file."""
        self.prepare()
        certificates = [self.pair(name)[0] for name in AUTHORITIES]
        return pkcs7.serialize_certificates(certificates, Encoding.DER)

    def _kept(self, stem: str, make: Callable[[], Pair]) -> Pair:
        """Return a pair from memory or from the folder, or make and keep it."""
        with self._lock:
            if stem not in self._pairs:
                self._pairs[stem] = (
                    self._stored(self._folder / "authorities" / f"{stem}.pem", make)
                    if self._folder
                    else make()
                )
            return self._pairs[stem]

    def _stored(self, path: Path, make: Callable[[], Pair]) -> Pair:
        if not path.exists():
            certificate, key = make()
            # Key and certificate in one file: a crash between two files cannot part them.
            write_private(path, pem(key) + certificate_pem(certificate), keep=True)
        # Read back: when two processes found the same authority, the first write is the authority.
        data = path.read_bytes()
        try:
            return x509.load_pem_x509_certificate(data), load_key(data)
        except ValueError:
            raise UserError(
                "illisible ; le restaurer ou prendre un nouveau dossier",
                "unreadable; restore it or start a new folder",
                where=path,
            ) from None

    def _start(
        self,
        subject: x509.Name,
        key: PrivateKey,
        issuer: x509.Certificate | None,
        *,
        years: int,
        age: timedelta = SKEW,
    ) -> x509.CertificateBuilder:
        """Return a builder with what all certificates of this module share."""
        start = self._clock().replace(microsecond=0) - age
        own, parent = _identifiers(key, issuer)
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(issuer.subject if issuer else subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(start)
            .not_valid_after(later(start, years))
            .add_extension(own, critical=False)
            .add_extension(parent, critical=False)
        )

    def _found(self, spec: AuthoritySpec) -> Pair:
        issuer, issuer_key = self.pair(spec.parent) if spec.parent else (None, None)
        key = self._pool.take(self._authority_keys)
        policy = x509.PolicyInformation(CertificatePoliciesOID.ANY_POLICY, [self._urls.policy])
        builder = (
            self._start(authority_subject(spec), key, issuer, years=_CA_YEARS, age=_CA_AGE)
            .add_extension(
                x509.BasicConstraints(ca=True, path_length=0 if issuer else None), critical=True
            )
            .add_extension(key_usage(("key_cert_sign", "crl_sign")), critical=True)
            .add_extension(x509.CertificatePolicies([policy]), critical=False)
        )
        if spec.parent is not None:
            point = x509.UniformResourceIdentifier(self._urls.crl(spec.parent))
            where = x509.UniformResourceIdentifier(self._urls.issuer(spec.parent))
            builder = builder.add_extension(
                x509.CRLDistributionPoints([x509.DistributionPoint([point], None, None, None)]),
                critical=False,
            ).add_extension(
                x509.AuthorityInformationAccess(
                    [x509.AccessDescription(AuthorityInformationAccessOID.CA_ISSUERS, where)]
                ),
                critical=False,
            )
        certificate = builder.sign(issuer_key or key, hashes.SHA256())
        if spec.parent is not None:
            self._note(certificate, spec.parent)
        return certificate, key

    def _service(self, name: AuthorityName, purpose: ObjectIdentifier) -> Pair:
        issuer, issuer_key = self.pair(name)
        key = self._pool.take(self._service_keys)
        subject = x509.Name(
            [
                x509.NameAttribute(NameOID.COUNTRY_NAME, "FR"),
                x509.NameAttribute(NameOID.ORGANIZATION_NAME, "ASIP-SANTE"),
                x509.NameAttribute(NameOID.COMMON_NAME, f"OCSP {name}"),
            ]
        )
        builder = (
            self._start(subject, key, issuer, years=_SERVICE_YEARS)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=False)
            .add_extension(key_usage(("digital_signature",)), critical=True)
            .add_extension(x509.ExtendedKeyUsage([purpose]), critical=False)
            .add_extension(x509.OCSPNoCheck(), critical=False)
        )
        return builder.sign(issuer_key, hashes.SHA256()), key
