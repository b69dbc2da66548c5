"""The emulator's own certificate; and what clients show, judged where HTTP can answer it.

TLS takes any (`serve.any_certificate`), so that who shows a bad one hears 401 and finds the cause
in the events, where an alert explains nothing (FAPI 1.0 part 2, 5.2.2; RFC 8446 6.2).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509
from starlette.types import ASGIApp, Receive, Scope, Send

from sandbox.psc import refusals_certificate as refusals
from sandbox.psc.endpoints import send_reply
from sandbox.psc.provider import Provider
from sandbox.psc.refusals import Refused
from sandbox.serve.http import PEER_CERTIFICATE, SHOWN_CERTIFICATE
from sandbox.trust import (
    CertificateChecker,
    CertificateFinding,
    ProfileName,
    RevocationStatus,
    TestCA,
    read_certificate,
)
from sandbox.trust.checking import AskRevocation
from sandbox.trust.identity import Organisation
from sandbox.trust.server_files import TlsFiles, founded, server_files

__all__ = ["ClientCertificateJudge", "ClientCertificates", "psc_files", "registered"]

# Fictitious: department 11 with a number that no structure has, its Luhn key right.
ORGANISATION = Organisation(name="PRO SANTE CONNECT DE TEST", department="Aude (11)",
                            finess="119999993")  # fmt: skip
NAMES = ("localhost", "psc.mssante.test", "auth.psc.mssante.test", "wallet.psc.mssante.test")


def psc_files(
    folder: Path,
    host_name: str = "localhost",
    authority: Path | None = None,
    *,
    rsa: bool = False,
) -> TlsFiles:
    """Certify the emulator; see `trust.server_files`. FAPI's suites want an RSA key."""
    names = list(dict.fromkeys((host_name, *NAMES)))
    return server_files(folder, ORGANISATION, names, ["127.0.0.1"], authority=authority, rsa=rsa)


def registered(folder: Path, authority: Path | None = None) -> AskRevocation:
    """Return what reads in its own register whether the authority of `psc_files` revoked one."""
    ca = TestCA.open(founded(folder, authority))

    async def ask(certificate: x509.Certificate) -> RevocationStatus:
        return RevocationStatus.REVOKED if ca.is_revoked(certificate) else RevocationStatus.GOOD

    return ask


# The worst first: one refusal is told. Who may sign what is the operators' matter, not PSC's.
_FINDINGS = {
    CertificateFinding.UNREADABLE: refusals.CERTIFICATE_UNREADABLE,
    CertificateFinding.WEAK_KEY: refusals.CERTIFICATE_WEAK_KEY,
    CertificateFinding.UNTRUSTED: refusals.CERTIFICATE_UNTRUSTED,
    CertificateFinding.EXPIRED: refusals.CERTIFICATE_EXPIRED,
    CertificateFinding.NOT_YET_VALID: refusals.CERTIFICATE_EXPIRED,
    CertificateFinding.WRONG_USAGE: refusals.CERTIFICATE_WRONG_USAGE,
}
_STATUSES = {
    RevocationStatus.REVOKED: refusals.CERTIFICATE_REVOKED,
    RevocationStatus.UNKNOWN: refusals.REVOCATION_UNKNOWN,
}


class ClientCertificateJudge:
    """Says what is wrong with a certificate that a client shows.

    Args:
        bundle: roots and intermediates.
        revocation: asks whether a certificate is revoked, only of one that is otherwise good; None
            does not ask.
    """

    def __init__(
        self, bundle: Sequence[x509.Certificate], revocation: AskRevocation | None
    ) -> None:
        self._checker = CertificateChecker(bundle=tuple(bundle), marker=None)
        self._revocation = revocation

    async def judge(self, shown: bytes) -> Refused | None:
        """Return why a certificate (DER) is refused, None when it is good."""
        try:
            certificate = read_certificate(shown)
        except ValueError:
            return Refused(refusals.CERTIFICATE_UNREADABLE)
        now = datetime.now(UTC)
        found = self._checker.check(certificate, profile=ProfileName.ORG_CLIENT, now=now)
        refusal = next((each for finding, each in _FINDINGS.items() if finding in found), None)
        if refusal is None and self._revocation is not None:
            refusal = _STATUSES.get(await self._revocation(certificate))
        if refusal is None:
            return None
        return Refused(refusal, f"subject={certificate.subject.rfc4514_string()[:120]}")


@dataclass(frozen=True, slots=True)
class ClientCertificates:
    """An application that sees good certificates only; a bad one is answered here.

    Attributes:
        app: the application.
        provider: whose events say why.
        judge: says what is wrong.
        required: who shows none is refused too.
    """

    app: ASGIApp
    provider: Provider
    judge: ClientCertificateJudge
    required: bool

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or answer 401 and log why."""
        refused = await self._refused(scope)
        if refused is None:
            await self.app(scope, receive, send)
        else:
            await send_reply(self.provider.refuse(refused), scope, send)

    async def _refused(self, scope: Scope) -> Refused | None:
        shown = scope.get(SHOWN_CERTIFICATE)
        if shown is None:
            return Refused(refusals.CERTIFICATE_ABSENT) if self.required else None
        refused = await self.judge.judge(shown)
        if refused is None:
            scope[PEER_CERTIFICATE] = shown
        return refused
