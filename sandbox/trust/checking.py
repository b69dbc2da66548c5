"""Is this peer's certificate the one that it should be? One finding per thing wrong.

Path building is that of `cryptography`; what IGC-Santé adds (usages, names, marker, entity) is
the table below. Nothing is fetched: revocation is a question asked of the caller.
"""

from __future__ import annotations

import warnings
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from functools import lru_cache

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import pkcs7
from cryptography.x509 import verification
from cryptography.x509.oid import NameOID

from sandbox.space.errors import UserError
from sandbox.trust.hierarchy import AUTHORITIES
from sandbox.trust.profiles import (
    MARKER,
    PROFILES,
    CertificateProfile,
    Marker,
    ProfileName,
    usages_for,
)

__all__ = [
    "AskRevocation",
    "CertificateChecker",
    "CertificateFinding",
    "RevocationStatus",
    "chains_to",
    "is_readable",
    "load_bundle",
    "read_certificate",
]


_MOST_KEPT = 1_000


class CertificateFinding(StrEnum):
    """What can be wrong with a certificate."""

    UNREADABLE = "unreadable"
    EXPIRED = "expired"
    NOT_YET_VALID = "not-yet-valid"
    UNTRUSTED = "untrusted"
    WRONG_HIERARCHY = "wrong-hierarchy"
    WRONG_USAGE = "wrong-usage"
    WRONG_NAME = "wrong-name"
    WRONG_ENTITY = "wrong-entity"
    UNKNOWN_ENTITY = "unknown-entity"
    WRONG_ENVIRONMENT = "wrong-environment"
    WEAK_KEY = "weak-key"
    REVOKED = "revoked"
    REVOCATION_UNKNOWN = "revocation-unknown"


class RevocationStatus(StrEnum):
    """What a CRL or an OCSP response says; `unknown` when neither can be had or believed."""

    GOOD = "good"
    REVOKED = "revoked"
    UNKNOWN = "unknown"


# A question that may go over the wire, asked of a certificate whose chain is known to be good.
AskRevocation = Callable[[x509.Certificate], Awaitable[RevocationStatus]]


def load_bundle(data: bytes) -> tuple[x509.Certificate, ...]:
    """Read a CA bundle: PEM, one DER certificate, or PKCS#7 as IGC-Santé publishes its chain.

    Raises:
        UserError: none of these.
    """
    readers: tuple[Callable[[bytes], list[x509.Certificate]], ...] = (
        x509.load_pem_x509_certificates,
        pkcs7.load_pem_pkcs7_certificates,
        pkcs7.load_der_pkcs7_certificates,
        lambda der: [x509.load_der_x509_certificate(der)],
    )
    for reader in readers:
        try:
            with warnings.catch_warnings():
                # OpenSSL leaves the certificates of a PKCS#7 unsorted, which strict DER forbids.
                warnings.filterwarnings("ignore", "PKCS#7", UserWarning)
                found = reader(data)
        except (ValueError, x509.InvalidVersion):
            continue
        if found:
            return tuple(found)
    raise UserError(
        "le fichier d'AC ne contient aucun certificat ; donner du PEM, du DER ou du PKCS#7 (.p7b)",
        "the CA bundle holds no certificate; give PEM, DER or PKCS#7 (.p7b)",
    )


def is_readable(certificate: x509.Certificate) -> bool:
    """Tell whether all that is asked of a certificate can be read.

    The library reads fields when they are asked for, so a certificate made by an enemy may fail
    anywhere later: ask this first.
    """
    try:
        _ = (certificate.subject, certificate.issuer, certificate.public_key())
        _ = (certificate.not_valid_before_utc, certificate.not_valid_after_utc)
        _ = (certificate.extensions, certificate.signature_algorithm_parameters)
    except (
        ValueError,
        TypeError,
        UnsupportedAlgorithm,
        x509.DuplicateExtension,
        x509.UnsupportedGeneralNameType,
    ):
        return False
    return certificate.serial_number > 0


def _unit(certificate: x509.Certificate) -> str:
    units = certificate.subject.get_attributes_for_oid(NameOID.ORGANIZATIONAL_UNIT_NAME)
    return str(units[0].value) if units else ""


def _names(certificate: x509.Certificate) -> set[str]:
    try:
        san = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return set()
    names = {str(each).lower() for each in san.get_values_for_type(x509.DNSName)}
    return names | {str(each) for each in san.get_values_for_type(x509.IPAddress)}


def _usages_right(certificate: x509.Certificate, profile: CertificateProfile) -> bool:
    try:
        usage = certificate.extensions.get_extension_for_class(x509.KeyUsage).value
        purposes = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except x509.ExtensionNotFound:
        return False
    rsa_key = isinstance(certificate.public_key(), rsa.RSAPublicKey)
    needed = usages_for(profile.usages, rsa=rsa_key)
    return all(getattr(usage, each) for each in needed) and set(profile.purposes) <= set(purposes)


def _marker(certificate: x509.Certificate) -> Marker | None:
    try:
        value = certificate.extensions.get_extension_for_oid(MARKER).value
    except x509.ExtensionNotFound:
        return None
    assert isinstance(value, x509.UnrecognizedExtension)
    if len(value.value) != 3 or value.value[:2] != b"\x04\x01":
        return None
    return Marker.TEST if value.value[2] & Marker.TEST.value else Marker.PRODUCTION


def _strong(certificate: x509.Certificate) -> bool:
    key = certificate.public_key()
    if isinstance(key, rsa.RSAPublicKey):
        return key.key_size >= 2048
    return isinstance(key, ec.EllipticCurvePublicKey) and key.curve.key_size >= 256


@lru_cache(maxsize=_MOST_KEPT)
def read_certificate(der: bytes) -> x509.Certificate:
    """Read a certificate that a peer sent; the last ones are kept, for who comes again.

    Raises:
        ValueError: some part of it cannot be read, or RFC 5280 forbids it.
    """
    with warnings.catch_warnings():
        # Warnings about a peer's certificate (lengths of names, serial numbers) are for its maker.
        warnings.simplefilter("ignore", UserWarning)
        try:
            certificate = x509.load_der_x509_certificate(der)
        except x509.InvalidVersion as error:
            raise ValueError(str(error)) from None
        if not is_readable(certificate):
            raise ValueError("a part of the certificate cannot be read")
    return certificate


@dataclass(frozen=True, kw_only=True)
class CertificateChecker:
    """Checks certificates against a bundle.

    A chain that was followed to a root is not followed again while it lasts: signatures do not
    change. Everything else is looked at each time.

    Attributes:
        bundle: Roots and intermediates. Roots are those that sign themselves.
        marker: The environment expected; None accepts both.
        revocation: Says whether a certificate is revoked (for instance from
            `sandbox.trust.evidence`); None does not check, and then nothing is found.
        knows_structure: Says whether an OU (`1`+FINESS, `3`+SIRET) is known to the directory;
            None does not check.
    """

    bundle: tuple[x509.Certificate, ...]
    marker: Marker | None = Marker.TEST
    revocation: Callable[[x509.Certificate], RevocationStatus] | None = None
    knows_structure: Callable[[str], bool] | None = None
    _followed: dict[bytes, tuple[datetime, datetime]] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )

    def check(
        self,
        certificate: x509.Certificate,
        presented: Sequence[x509.Certificate] = (),
        *,
        profile: ProfileName,
        now: datetime,
        name: str = "",
        unit: str = "",
    ) -> list[CertificateFinding]:
        """Return everything that is wrong with a certificate; an empty list when it is right.

        Args:
            certificate: The leaf, from `read_certificate` when a peer sent it.
            presented: Intermediates that the peer sent. When it sent none, those of the bundle
                are used: pass what was really sent to see a broken chain.
            profile: What the certificate should be.
            now: The time to check at.
            name: Host name or address that was asked for; empty does not check.
            unit: OU of the legal person expected; empty does not check.
        """
        if not is_readable(certificate):
            return [CertificateFinding.UNREADABLE]
        expected = PROFILES[profile]
        findings: list[CertificateFinding] = []
        if now < certificate.not_valid_before_utc:
            findings.append(CertificateFinding.NOT_YET_VALID)
        elif now > certificate.not_valid_after_utc:
            findings.append(CertificateFinding.EXPIRED)
        if not _strong(certificate):
            findings.append(CertificateFinding.WEAK_KEY)
        elif not self._chains(certificate, presented, now):
            findings.append(CertificateFinding.UNTRUSTED)
        if certificate.issuer not in self._issuers(expected):
            findings.append(CertificateFinding.WRONG_HIERARCHY)
        if not _usages_right(certificate, expected):
            findings.append(CertificateFinding.WRONG_USAGE)
        if name and name.lower() not in _names(certificate):
            findings.append(CertificateFinding.WRONG_NAME)
        found = _unit(certificate)
        if unit and found != unit:
            findings.append(CertificateFinding.WRONG_ENTITY)
        if found and self.knows_structure is not None and not self.knows_structure(found):
            findings.append(CertificateFinding.UNKNOWN_ENTITY)
        if self.marker is not None and _marker(certificate) is not self.marker:
            findings.append(CertificateFinding.WRONG_ENVIRONMENT)
        findings += self._revocation(certificate)
        return findings

    def _issuers(self, profile: CertificateProfile) -> set[x509.Name]:
        """Return the subjects in the bundle that may sign a profile."""
        allowed = AUTHORITIES[profile.issuer].common_name
        return {
            each.subject
            for each in self.bundle
            for attribute in each.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
            # The real authorities bear the same names without the prefix.
            if attribute.value in (allowed, allowed.removeprefix("TEST "))
        }

    def _chains(
        self, certificate: x509.Certificate, presented: Sequence[x509.Certificate], now: datetime
    ) -> bool:
        if presented:
            return chains_to(certificate, presented, self.bundle, now)
        key = certificate.fingerprint(SHA256())
        begin, end = self._followed.get(key, (now, now))
        if begin < now < end:
            return True
        chain = _chain(certificate, (), self.bundle, now)
        if chain is None:
            return False
        if len(self._followed) >= _MOST_KEPT:
            self._followed.clear()
        self._followed[key] = (
            max(each.not_valid_before_utc for each in chain),
            min(each.not_valid_after_utc for each in chain),
        )
        return True

    def _revocation(self, certificate: x509.Certificate) -> list[CertificateFinding]:
        if self.revocation is None:
            return []
        status = self.revocation(certificate)
        return {
            RevocationStatus.GOOD: [],
            RevocationStatus.REVOKED: [CertificateFinding.REVOKED],
            RevocationStatus.UNKNOWN: [CertificateFinding.REVOCATION_UNKNOWN],
        }[status]


def chains_to(
    certificate: x509.Certificate,
    presented: Sequence[x509.Certificate],
    bundle: Sequence[x509.Certificate],
    now: datetime,
) -> bool:
    """Tell whether signatures lead from a leaf to a root of the bundle (RFC 5280 §6).

    The leaf's own dates are judged apart, so they are not counted twice: an expired leaf is
    checked on its last day.
    """
    return _chain(certificate, presented, bundle, now) is not None


def _chain(
    certificate: x509.Certificate,
    presented: Sequence[x509.Certificate],
    bundle: Sequence[x509.Certificate],
    now: datetime,
) -> list[x509.Certificate] | None:
    """Return the certificates from a leaf to a root; None when none leads there."""
    roots = [each for each in bundle if each.subject == each.issuer]
    if not roots:
        raise UserError(
            "le fichier d'AC ne contient aucune racine (certificat autosigné) ; l'ajouter",
            "the CA bundle holds no root (a certificate that signs itself); add it",
        )
    between = [each for each in (presented or bundle) if each.subject != each.issuer]
    moment = min(max(now, certificate.not_valid_before_utc), certificate.not_valid_after_utc)
    leaf_policy = verification.ExtensionPolicy.permit_all()
    either = verification.Criticality.AGNOSTIC
    authority_policy = (
        verification.ExtensionPolicy.webpki_defaults_ca()
        .may_be_present(x509.AuthorityKeyIdentifier, either, None)
        .may_be_present(x509.SubjectKeyIdentifier, either, None)
    )
    verifier = (
        verification.PolicyBuilder()
        .store(verification.Store(roots))
        .time(moment)
        .max_chain_depth(2)
        .extension_policies(ca_policy=authority_policy, ee_policy=leaf_policy)
        .build_client_verifier()
    )
    try:
        return verifier.verify(certificate, between).chain
    except verification.VerificationError:
        return None
