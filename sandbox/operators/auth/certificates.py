"""Client certificates: whose kind, what is wrong with one, and is it revoked."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID, ObjectIdentifier

from sandbox.operators.auth import refusals
from sandbox.operators.refusals import LoginRefusal
from sandbox.trust import (
    CertificateChecker,
    CertificateFinding,
    ProfileName,
    RevocationStatus,
    read_certificate,
)
from sandbox.trust.checking import AskRevocation

__all__ = ["CertificateJudge", "Judged", "is_card", "read_peer", "subject_value"]

# The worst first: one refusal is told.
_FINDINGS = {
    CertificateFinding.UNREADABLE: refusals.CERTIFICATE_UNREADABLE,
    CertificateFinding.WEAK_KEY: refusals.CERTIFICATE_WEAK_KEY,
    CertificateFinding.UNTRUSTED: refusals.CERTIFICATE_UNTRUSTED,
    CertificateFinding.WRONG_HIERARCHY: refusals.CERTIFICATE_WRONG_HIERARCHY,
    CertificateFinding.WRONG_USAGE: refusals.CERTIFICATE_WRONG_USAGE,
    CertificateFinding.WRONG_ENVIRONMENT: refusals.CERTIFICATE_WRONG_ENVIRONMENT,
    CertificateFinding.EXPIRED: refusals.CERTIFICATE_EXPIRED,
    CertificateFinding.NOT_YET_VALID: refusals.CERTIFICATE_NOT_YET_VALID,
    CertificateFinding.UNKNOWN_ENTITY: refusals.CERTIFICATE_UNKNOWN_STRUCTURE,
}


def read_peer(der: bytes | None) -> x509.Certificate | LoginRefusal:
    """Read the certificate of a channel."""
    if der is None:
        return refusals.CERTIFICATE_MISSING
    try:
        return read_certificate(der)
    except ValueError:
        return refusals.CERTIFICATE_UNREADABLE


def subject_value(certificate: x509.Certificate, name: ObjectIdentifier) -> str:
    """Return the first value of a name in the subject, empty when there is none."""
    found = certificate.subject.get_attributes_for_oid(name)
    return str(found[0].value) if found else ""


def is_card(certificate: x509.Certificate) -> bool:
    """Tell whether the subject is a person, CPS or CPE, and not an organisation."""
    return bool(subject_value(certificate, NameOID.SURNAME))


@dataclass(frozen=True, slots=True)
class Judged:
    """What is wrong, None for nothing, and the seconds that evidence of revocation took."""

    refusal: LoginRefusal | None
    backend: float = 0.0


class CertificateJudge:
    """Checks the certificates of clients at each login.

    Args:
        bundle: roots and intermediates of IGC-Santé.
        revocation: asks whether a certificate is revoked; only of one that is otherwise good, so
            that no stranger's certificate makes this operator call somewhere.
        knows_structure: whether an OU is known to the directory.
        clock: seconds since 1970.
        accept_unknown: let in when neither OCSP nor CRL can tell; refused by default.
    """

    def __init__(
        self,
        bundle: Sequence[x509.Certificate],
        revocation: AskRevocation,
        knows_structure: Callable[[str], bool],
        clock: Callable[[], float] = time.time,
        *,
        accept_unknown: bool = False,
    ) -> None:
        self._checker = CertificateChecker(bundle=tuple(bundle), knows_structure=knows_structure)
        self._revocation = revocation
        self._clock = clock
        self._accept_unknown = accept_unknown

    async def judge(self, certificate: x509.Certificate, profile: ProfileName) -> Judged:
        """Say what is wrong with a certificate that should be of a profile."""
        now = datetime.fromtimestamp(self._clock(), UTC)
        findings = self._checker.check(certificate, profile=profile, now=now)
        if _serves(certificate):
            findings.append(CertificateFinding.WRONG_USAGE)
        for finding, refusal in _FINDINGS.items():
            if finding in findings:
                return Judged(refusal)
        start = time.perf_counter()
        status = await self._revocation(certificate)
        spent = time.perf_counter() - start
        if status is RevocationStatus.REVOKED:
            return Judged(refusals.CERTIFICATE_REVOKED, spent)
        if status is RevocationStatus.UNKNOWN and not self._accept_unknown:
            return Judged(refusals.REVOCATION_UNKNOWN, spent)
        return Judged(None, spent)


def _serves(certificate: x509.Certificate) -> bool:
    """Tell whether it is a server's: those bear clientAuth too, for the relay, not for a login."""
    try:
        purposes = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except x509.ExtensionNotFound:
        return False
    return ExtendedKeyUsageOID.SERVER_AUTH in purposes
