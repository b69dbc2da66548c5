"""The ladder of sanctions: which state follows which event. Pure; no clock, no disk.

The deck asks for "graded sanctions according to the non-conformities found" (atelier 1,
10/12/2021); that a right of reply comes first, and that an appeal holds the next rung back, is
ours, as French administrative procedure has it (code des relations entre le public et
l'administration, L121-1). A case climbs one rung at a time and comes down at once when it is
mended. While an appeal is looked into, nothing climbs; what is in force stays.
"""

from __future__ import annotations

from enum import StrEnum

__all__ = [
    "CEILING",
    "DAYS",
    "LADDER",
    "CaseEvent",
    "CaseState",
    "IllegalError",
    "Severity",
    "step",
]


class CaseState(StrEnum):
    """Of a case."""

    CLOSED = "closed"
    NOTICE = "notice"
    FORMAL = "formal-notice"
    SUSPENDED = "suspended"
    REMOVED = "removed"
    NOTICE_APPEALED = "notice-appealed"
    FORMAL_APPEALED = "formal-notice-appealed"
    SUSPENDED_APPEALED = "suspended-appealed"
    REMOVED_APPEALED = "removed-appealed"


class CaseEvent(StrEnum):
    """What happens to a case.

    FOUND: a control finds it. OVERDUE: its deadline passes and it is there still. MENDED: a control
    finds it no more. APPEALED, UPHELD, DISMISSED: the operator contests it, and is right, or not.
    READMITTED: a domain that was removed passed the controls that come before the list.
    """

    FOUND = "found"
    OVERDUE = "overdue"
    MENDED = "mended"
    APPEALED = "appealed"
    UPHELD = "upheld"
    DISMISSED = "dismissed"
    READMITTED = "readmitted"


class Severity(StrEnum):
    """Of a finding: minor never goes beyond the formal notice."""

    MINOR = "minor"
    MAJOR = "major"
    GRAVE = "grave"


class IllegalError(ValueError):
    """An event that cannot happen to a case in its state."""


S, E = CaseState, CaseEvent
_PAUSED = {
    S.NOTICE: S.NOTICE_APPEALED,
    S.FORMAL: S.FORMAL_APPEALED,
    S.SUSPENDED: S.SUSPENDED_APPEALED,
    S.REMOVED: S.REMOVED_APPEALED,
}
LADDER: dict[tuple[CaseState, CaseEvent], CaseState] = {
    (S.CLOSED, E.FOUND): S.NOTICE,
    (S.NOTICE, E.OVERDUE): S.FORMAL,
    (S.FORMAL, E.OVERDUE): S.SUSPENDED,
    (S.SUSPENDED, E.OVERDUE): S.REMOVED,
    (S.REMOVED, E.READMITTED): S.CLOSED,
    (S.REMOVED_APPEALED, E.READMITTED): S.CLOSED,
    # Found again while it is open: nothing new.
    **{(state, E.FOUND): state for state in S if state is not S.CLOSED},
    # A removed domain has nothing left to mend: it comes back through the controls before the list.
    **{
        (state, E.MENDED): S.CLOSED
        for state in S if state not in {S.CLOSED, S.REMOVED, S.REMOVED_APPEALED}
    },
    **{(state, E.APPEALED): paused for state, paused in _PAUSED.items()},
    **{(paused, E.UPHELD): S.CLOSED for paused in _PAUSED.values()},
    **{(paused, E.DISMISSED): state for state, paused in _PAUSED.items()},
}  # fmt: skip
# The last rung that a severity reaches.
CEILING = {Severity.MINOR: S.FORMAL, Severity.MAJOR: S.REMOVED, Severity.GRAVE: S.REMOVED}
# Days until a rung is overdue, by severity (ours; no official delay is public).
DAYS: dict[Severity, dict[CaseState, int]] = {
    Severity.MINOR: {S.NOTICE: 60, S.FORMAL: 60},
    Severity.MAJOR: {S.NOTICE: 30, S.FORMAL: 30, S.SUSPENDED: 60},
    Severity.GRAVE: {S.NOTICE: 2, S.FORMAL: 5, S.SUSPENDED: 30},
}


def step(state: CaseState, event: CaseEvent, severity: Severity) -> CaseState:
    """Return the state after an event.

    Raises:
        IllegalError: it cannot happen there.
    """
    after = LADDER.get((state, event))
    if after is None or (event is E.OVERDUE and state is CEILING[severity]):
        raise IllegalError(f"{event} cannot happen to a case that is {state}")
    return after
