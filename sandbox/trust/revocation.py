"""Who is revoked, since when and why; complete and delta CRL from it (RFC 5280 §5)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes

from sandbox.space.errors import UserError
from sandbox.trust.hierarchy import AuthorityName
from sandbox.trust.keys import PrivateKey

__all__ = [
    "REASONS",
    "Change",
    "apply_change",
    "build_crl",
    "change_from_record",
    "crl_number",
    "revoked_at",
]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

# Names on the command line -> RFC 5280 §5.3.1 reasons. removeFromCRL is not one: see `release`.
REASONS: dict[str, x509.ReasonFlags] = {
    "unspecified": x509.ReasonFlags.unspecified,
    "key-compromise": x509.ReasonFlags.key_compromise,
    "ca-compromise": x509.ReasonFlags.ca_compromise,
    "affiliation-changed": x509.ReasonFlags.affiliation_changed,
    "superseded": x509.ReasonFlags.superseded,
    "cessation-of-operation": x509.ReasonFlags.cessation_of_operation,
    "certificate-hold": x509.ReasonFlags.certificate_hold,
    "privilege-withdrawn": x509.ReasonFlags.privilege_withdrawn,
}


@dataclass(frozen=True, kw_only=True)
class Change:
    """One certificate revoked, or released from a hold (`reason` empty).

    Attributes:
        issuer: Authority of the certificate.
        serial: Its serial number.
        when: When it was revoked (UTC, whole seconds).
        reason: A key of `REASONS`, or empty for a release.
        known: When the authority learnt it, which decides what a delta holds.
    """

    issuer: AuthorityName
    serial: int
    when: datetime
    reason: str
    known: datetime

    def record(self) -> dict[str, Any]:
        """Return the change as a journal record."""
        return {
            "issuer": self.issuer.value,
            "serial": f"{self.serial:x}",
            "when": self.when.isoformat(),
            "reason": self.reason,
            "known": self.known.isoformat(),
        }


def change_from_record(record: Mapping[str, Any]) -> Change:
    """Read a journal record back.

    Raises:
        UserError: a field is missing or wrong.
    """
    try:
        reason = str(record["reason"])
        assert not reason or reason in REASONS, reason
        return Change(
            issuer=AuthorityName(record["issuer"]),
            serial=int(record["serial"], 16),
            when=datetime.fromisoformat(record["when"]),
            reason=reason,
            known=datetime.fromisoformat(record["known"]),
        )
    except (AssertionError, KeyError, TypeError, ValueError) as error:
        raise UserError.because(
            "ce n'est pas un changement",
            "not a change",
            f"revocation journal: {dict(record)!r}",
            error,
        ) from None


def apply_change(state: dict[int, Change], change: Change) -> None:
    """Bring a state of revoked serial numbers one change forward.

    A hold may become a revocation or end; any other revocation is for ever.
    """
    held = state.get(change.serial)
    if held is not None and held.reason != "certificate-hold":
        return
    if change.reason:
        state[change.serial] = change
    else:
        state.pop(change.serial, None)


def revoked_at(changes: Iterable[Change], moment: datetime) -> dict[int, Change]:
    """Return what is revoked at a moment, by serial number, among changes of one authority."""
    state: dict[int, Change] = {}
    for change in changes:
        if change.known <= moment:
            apply_change(state, change)
    return state


def crl_number(moment: datetime) -> int:
    """Return the CRL number of a moment: microseconds since 1970, so that it always grows."""
    return (moment - _EPOCH) // timedelta(microseconds=1)


def _entry(serial: int, when: datetime, reason: x509.ReasonFlags) -> x509.RevokedCertificate:
    builder = x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(when)
    # RFC 5280 §5.3.1: unspecified is said by saying nothing.
    if reason is not x509.ReasonFlags.unspecified:
        builder = builder.add_extension(x509.CRLReason(reason), critical=False)
    return builder.build()


def build_crl(
    changes: Iterable[Change],
    issuer: x509.Certificate,
    issuer_key: PrivateKey,
    *,
    now: datetime,
    validity: timedelta,
    delta_since: datetime | None = None,
    freshest_url: str = "",
) -> x509.CertificateRevocationList:
    """Sign a complete CRL, or a delta of what changed since `delta_since`.

    Args:
        changes: All changes of this authority, oldest first.
        issuer: The authority.
        issuer_key: Its key.
        now: Time of issue.
        validity: nextUpdate minus thisUpdate.
        delta_since: Issue time of the complete CRL that a delta adds to.
        freshest_url: Where the delta is, for a complete CRL.

    Returns:
        The CRL. Its number is that of `now`, so a complete CRL and a delta of one moment agree.
    """
    known = tuple(changes)
    current = revoked_at(known, now)
    entries = [_entry(c.serial, c.when, REASONS[c.reason]) for c in current.values()]
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(issuer.subject)
        .last_update(now.astimezone(UTC).replace(microsecond=0))
        .next_update((now + validity).astimezone(UTC).replace(microsecond=0))
        .add_extension(x509.CRLNumber(crl_number(now)), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(
                issuer.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
            ),
            critical=False,
        )
    )
    if delta_since is not None:
        before = revoked_at(known, delta_since)
        entries = [
            _entry(c.serial, c.when, REASONS[c.reason])
            for serial, c in current.items()
            if before.get(serial) != c
        ]
        entries += [
            _entry(serial, c.when, x509.ReasonFlags.remove_from_crl)
            for serial, c in before.items()
            if serial not in current
        ]
        builder = builder.add_extension(
            x509.DeltaCRLIndicator(crl_number(delta_since)), critical=True
        )
    elif freshest_url:
        builder = builder.add_extension(
            x509.FreshestCRL(
                [
                    x509.DistributionPoint(
                        [x509.UniformResourceIdentifier(freshest_url)], None, None, None
                    )
                ]
            ),
            critical=False,
        )
    for entry in entries:
        builder = builder.add_revoked_certificate(entry)
    return builder.sign(issuer_key, hashes.SHA256())
