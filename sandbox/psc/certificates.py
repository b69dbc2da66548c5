"""Who the emulator is on its certificate, and the names that it answers to."""

from __future__ import annotations

from pathlib import Path

from cryptography import x509

from sandbox.trust import RevocationStatus, TestCA
from sandbox.trust.checking import AskRevocation
from sandbox.trust.identity import Organisation
from sandbox.trust.server_files import TlsFiles, founded, server_files

__all__ = ["psc_files", "registered"]

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
