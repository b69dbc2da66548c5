"""What was issued and what was revoked: two journals and the questions asked of them."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509

from sandbox.space.errors import UserError
from sandbox.trust.hierarchy import AUTHORITIES, AuthorityName, authority_subject
from sandbox.trust.issuing import subject_text
from sandbox.trust.journal import AuthorityJournal
from sandbox.trust.ocsp import CertificateStatus
from sandbox.trust.revocation import REASONS, Change, apply_change, change_from_record

__all__ = ["CertificateRegister"]


class CertificateRegister:
    """The register of one authority, in memory or in a folder shared by several processes.

    Args:
        folder: Holds `issued.jsonl` and `revoked.jsonl`; None keeps them in memory.
        clock: Gives the time, UTC.
    """

    def __init__(self, folder: Path | None, clock: Callable[[], datetime]) -> None:
        self._clock = clock
        self._issued = AuthorityJournal(folder / "issued.jsonl" if folder else None)
        self._revoked = AuthorityJournal(folder / "revoked.jsonl" if folder else None)
        self._by_serial: dict[tuple[AuthorityName, int], dict[str, str]] = {}
        self._issued_read = 0
        self._changes: dict[AuthorityName, list[Change]] = {name: [] for name in AUTHORITIES}
        self._state: dict[AuthorityName, dict[int, Change]] = {name: {} for name in AUTHORITIES}
        self._changes_read = 0
        self._lock = threading.RLock()

    def note(
        self, certificate: x509.Certificate, issuer: AuthorityName, profile: str, fault: str = ""
    ) -> None:
        """Remember a certificate."""
        self._issued.append(
            {
                "issuer": issuer.value,
                "serial": f"{certificate.serial_number:x}",
                "profile": profile,
                "subject": subject_text(certificate),
                "not_after": certificate.not_valid_after_utc.isoformat(),
                "fault": fault,
            }
        )

    def issued(self) -> list[dict[str, str]]:
        """Return what was issued: issuer, serial (hexadecimal), profile, subject, fault."""
        return list(self._known().values())

    def issuer_of(self, serial: int, issuer: x509.Name | None = None) -> AuthorityName:
        """Return the authority that issued a serial number.

        Raises:
            UserError: it was not issued here.
        """
        known = self._known()
        for name, spec in AUTHORITIES.items():
            if (name, serial) in known and issuer in (None, authority_subject(spec)):
                return name
        raise UserError(
            f"le numéro de série {serial:x} n'a pas été émis par cette autorité ; voir `pki show`",
            f"serial {serial:x} was not issued by this authority; see `pki show`",
        )

    def changes(self, issuer: AuthorityName) -> tuple[Change, ...]:
        """Return the revocations and releases of an authority, oldest first."""
        self._refresh()
        return tuple(self._changes[issuer])

    def status(self, issuer: AuthorityName, serial: int) -> CertificateStatus:
        """Return what is known now of a serial number."""
        self._refresh()
        revoked = self._state[issuer].get(serial)
        return CertificateStatus(issued=(issuer, serial) in self._known(), revoked=revoked)

    def revoke(
        self, serial: int, reason: str, when: datetime | None, issuer: x509.Name | None = None
    ) -> Change:
        """Revoke; see `TestCA.revoke`."""
        if reason not in REASONS:
            raise UserError.among(
                "ce n'est pas un motif de révocation", "not a reason", f"{reason!r}", REASONS
            )
        name = self.issuer_of(serial, issuer)
        held = self.status(name, serial).revoked
        if held is not None and held.reason != "certificate-hold":
            raise UserError(
                f"le numéro de série {serial:x} est déjà révoqué",
                f"serial {serial:x} is already revoked",
                then=f"({held.reason})",
            )
        now = self._clock()
        return self._append(name, serial, reason, when or now, now)

    def release(self, serial: int, issuer: x509.Name | None = None) -> Change:
        """Release from a hold; see `TestCA.release`."""
        name = self.issuer_of(serial, issuer)
        held = self.status(name, serial).revoked
        if held is None or held.reason != "certificate-hold":
            raise UserError(
                f"le numéro de série {serial:x} n'est pas suspendu ; seul certificate-hold se lève",
                f"serial {serial:x} is not on hold; only certificate-hold can be released",
            )
        now = self._clock()
        return self._append(name, serial, "", now, now)

    def _append(
        self, issuer: AuthorityName, serial: int, reason: str, when: datetime, known: datetime
    ) -> Change:
        moment = when.astimezone(UTC).replace(microsecond=0)
        change = Change(issuer=issuer, serial=serial, when=moment, reason=reason, known=known)
        self._revoked.append(change.record())
        return change

    def _known(self) -> dict[tuple[AuthorityName, int], dict[str, str]]:
        with self._lock:
            records = self._issued.records()
            for record in records[self._issued_read :]:
                try:
                    key = (AuthorityName(record["issuer"]), int(record["serial"], 16))
                except (KeyError, TypeError, ValueError):
                    raise UserError(
                        "ce n'est pas un certificat",
                        "not a certificate",
                        where=f"register: {record!r}",
                    ) from None
                self._by_serial[key] = record
            self._issued_read = len(records)
            return self._by_serial

    def _refresh(self) -> None:
        with self._lock:
            records = self._revoked.records()
            for record in records[self._changes_read :]:
                change = change_from_record(record)
                self._changes[change.issuer].append(change)
                apply_change(self._state[change.issuer], change)
            self._changes_read = len(records)
