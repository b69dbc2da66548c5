"""What cases ask of the space, and how it is made true: once, in order, taken back when mended."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol

from sandbox.controls.ladder import CaseState
from sandbox.controls.register import Case, CaseRegister

__all__ = ["Effect", "Sanctioned", "apply", "wanted"]

_OFF = {CaseState.SUSPENDED, CaseState.SUSPENDED_APPEALED}
_GONE = {CaseState.REMOVED, CaseState.REMOVED_APPEALED}


class Sanctioned(Protocol):
    """A space on which sanctions fall; each call may be repeated."""

    def suspend(self, domain: str) -> None:
        """Take a domain off the list; its mailboxes stay."""

    def restore(self, domain: str) -> None:
        """Put a suspended domain back on the list."""

    def remove(self, domain: str) -> None:
        """Remove a domain with its mailboxes."""

    def close(self, mailbox: str) -> None:
        """Close a mailbox."""


@dataclass(frozen=True, slots=True)
class Effect:
    """One change of the space: `suspend`, `restore`, `remove` or `close`."""

    verb: str
    subject: str


def wanted(cases: Iterable[Case], domains: Mapping[str, str]) -> dict[str, str]:
    """Return what should be true: by domain or mailbox, `suspended`, `removed` or `closed`.

    The worst case of a domain counts, and those of its operator count for each of its domains. A
    mailbox is closed where an operator would be suspended: its operator is not punished for it.

    Args:
        cases: of the register.
        domains: operator by domain.
    """
    found: dict[str, str] = {}
    for case in cases:
        off, gone = case.state in _OFF, case.state in _GONE
        if not (off or gone):
            continue
        if case.kind == "mailbox":
            found[case.subject] = "closed"
            continue
        own = case.kind == "domain"
        for domain, operator in domains.items():
            if (domain == case.subject) if own else (operator == case.operator):
                found[domain] = "removed" if gone else found.get(domain, "suspended")
    return found


def due(asked: Mapping[str, str], applied: Mapping[str, str]) -> list[Effect]:
    """Return the changes from what was made true to what should be."""
    verbs = {"suspended": "suspend", "removed": "remove", "closed": "close"}
    changes = [
        Effect(verbs[effect], subject)
        for subject, effect in sorted(asked.items())
        # What is removed has been taken off the list; it is not suspended after that.
        if applied.get(subject) not in {effect, "removed"}
    ]
    back = [
        Effect("restore", subject)
        for subject, effect in sorted(applied.items())
        if effect == "suspended" and subject not in asked
    ]
    return back + changes


def apply(
    register: CaseRegister, space: Sanctioned, domains: Mapping[str, str], now: float
) -> list[Effect]:
    """Make true what the register asks; return what was changed.

    Each change is noted after it is made: one that a kill interrupts is made again.
    """
    made = []
    for effect in due(wanted(register.cases().values(), domains), register.applied):
        getattr(space, effect.verb)(effect.subject)
        after = {"suspend": "suspended", "remove": "removed", "close": "closed", "restore": ""}
        register.note_applied(effect.subject, after[effect.verb], now)
        made.append(effect)
    return made
