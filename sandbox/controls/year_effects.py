"""What sanctions do to the space in a year of controls, and what that costs.

The register asks, `sanctions` makes it true, as in a live space. A suspension is lived through, or
makes some of those mend who would not; some contest it, and are right where what was found is
mended meanwhile. A domain that was removed comes back once all is mended, through the controls
before the list. Counted within the year: what nobody could send, and how long a violation stood in
a domain that was on the list: what the regime is for.
"""

from __future__ import annotations

import heapq
import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from sandbox.controls.ladder import CaseEvent, CaseState
from sandbox.controls.register import Case, CaseRegister
from sandbox.controls.sanctions import apply
from sandbox.controls.year_space import (
    BEGIN,
    DAY,
    DAYS,
    Size,
    Span,
    Violation,
    Year,
    YearSpace,
    union,
)

__all__ = ["Effects", "YearSanctions"]

_END = BEGIN.begin + DAYS * DAY
_GONE = (CaseState.REMOVED, CaseState.REMOVED_APPEALED)
_APPEALED = (CaseState.SUSPENDED_APPEALED, CaseState.REMOVED_APPEALED)


@dataclass(slots=True)
class Effects:
    """What became of the space within the year.

    Attributes:
        made: how often a domain was suspended, restored, removed or came back, a mailbox closed.
        appeals: how many were upheld, how many dismissed.
        unable_days: days on which a mailbox could send nothing, over all mailboxes.
        unsent: messages that they would have sent.
        exposed_days: days that violations stood on the list, over all violations.
    """

    made: Counter[str] = field(default_factory=Counter)
    appeals: Counter[str] = field(default_factory=Counter)
    unable_days: float = 0.0
    unsent: float = 0.0
    exposed_days: float = 0.0

    def as_json(self) -> dict[str, Any]:
        """Return the stable form: docs/controls.md."""
        return {
            "made": dict(self.made), "appeals": dict(self.appeals),
            "unable_mailbox_days": round(self.unable_days, 1),
            "unsent_messages": round(self.unsent),
            "exposed_violation_days": round(self.exposed_days, 1),
        }  # fmt: skip


class _Later(NamedTuple):
    """Something that happens between two rounds: an appeal is decided, a domain comes back."""

    at: float
    number: int
    case: str
    domain: str


class YearSanctions:
    """A simulated space on which sanctions fall (`sanctions.Sanctioned`).

    Args:
        space: whose subjects leave and come back.
        register: of its cases.
        size: of the space.
        year: what happens.
        effects: takes what became of it.
        chance: of yielding, appeals and decisions.
    """

    def __init__(
        self, space: YearSpace, register: CaseRegister, size: Size, year: Year, effects: Effects,
        chance: np.random.Generator,
    ) -> None:  # fmt: skip
        self._space, self._register, self._size, self._year = space, register, size, year
        self._effects, self._chance = effects, chance
        self._domains = {each.name: each.operator for each in space.domains.values()}
        self._home = {each.address: each.domain for each in space.mailboxes.values()}
        self._known = {f"{each.control}/{each.subject}": each for each in space.violations}
        self._off, self._spans = space.off, space.spans
        self._later: list[_Later] = []
        self._now = BEGIN.begin

    # What happens --------------------------------------------------------------------------------

    def take(self, now: float, moved: Iterable[Case]) -> None:
        """Let a round's cases have their effects."""
        for case in moved:
            if case.state is not CaseState.SUSPENDED:
                continue
            self._yield(case, now)
            if self._chance.random() < self._year.appealed:
                self._register.say(case.id, CaseEvent.APPEALED, now)
                self._plan(now + self._days(self._year.decided), case=case.id)
        self._made_true(now)

    def until(self, now: float) -> None:
        """Let happen what happens before a round."""
        while self._later and self._later[0].at <= now:
            later = heapq.heappop(self._later)
            if later.case:
                self._decide(later.case, later.at)
            else:
                self._return(later.domain, later.at)

    def close_year(self) -> None:
        """Add up what the year was like."""
        for name in list(self._off):
            self._on(name, _END)
        effects = self._effects
        # Of a mailbox that was not closed, the days are those of its domain.
        days = {domain: _length(self._spans[domain]) / DAY for domain in self._domains}
        effects.unable_days = sum(
            _length(self._away(mailbox)) / DAY if mailbox in self._spans else days[domain]
            for mailbox, domain in self._home.items()
        )
        effects.unsent = effects.unable_days * self._size.messages
        effects.exposed_days = sum(self._exposed(each) for each in self._space.violations)

    def _yield(self, case: Case, now: float) -> None:
        violation = self._known.get(case.id)
        if violation is None or violation.end < math.inf:
            return
        if self._chance.random() < self._year.yielding:
            violation.end = now + self._days(self._year.mended)

    def _decide(self, name: str, at: float) -> None:
        case = self._register.cases()[name]
        if case.state not in _APPEALED:
            return  # mended meanwhile
        violation = self._known.get(name)
        there = violation is not None and violation.begin <= at < violation.end
        self._register.say(name, CaseEvent.DISMISSED if there else CaseEvent.UPHELD, at)
        self._effects.appeals["dismissed" if there else "upheld"] += at < _END
        self._made_true(at)

    def _return(self, domain: str, at: float) -> None:
        for case in self._reasons(domain):
            self._register.say(case.id, CaseEvent.READMITTED, at)
        self._register.note_applied(domain, "", at)
        self._space.come_back(domain)
        self._effects.made["returned"] += at < _END
        self._on(domain, at)

    def _reasons(self, domain: str) -> list[Case]:
        """Return the cases for which a domain was removed."""
        return [
            case for case in self._register.cases().values()
            if case.state in _GONE and (
                case.subject == domain
                or (case.kind == "operator" and case.operator == self._domains[domain])
            )
        ]  # fmt: skip

    def _made_true(self, now: float) -> None:
        self._now = now
        for effect in apply(self._register, self, self._domains, now):
            self._effects.made[_DONE[effect.verb]] += now < _END

    # What sanctions ask of a space ---------------------------------------------------------------

    def suspend(self, domain: str) -> None:
        """It sends nothing from now on."""
        self._off.setdefault(domain, self._now)

    def restore(self, domain: str) -> None:
        """It sends again."""
        self._on(domain, self._now)

    def remove(self, domain: str) -> None:
        """It leaves with its mailboxes, until what was found is mended, if it ever is."""
        self._off.setdefault(domain, self._now)
        self._space.leave(domain)
        ends = [
            violation.end for case in self._reasons(domain)
            if (violation := self._known.get(case.id)) is not None
        ]  # fmt: skip
        mended = max(ends, default=self._now)
        if mended < math.inf:
            self._plan(max(mended, self._now), domain=domain)

    def close(self, mailbox: str) -> None:
        """It is no more."""
        self._space.mailboxes.pop(mailbox, None)
        self._off.setdefault(mailbox, self._now)

    # Accounts ------------------------------------------------------------------------------------

    def _on(self, name: str, at: float) -> None:
        since = self._off.pop(name, math.inf)
        if since < (end := min(at, _END)):
            self._spans[name].append((since, end))

    def _away(self, subject: str) -> list[Span]:
        """Return when a subject was off the list; an operator is where all of its domains are."""
        if subject in self._home:
            return union(self._spans[subject] + self._spans[self._home[subject]])
        if subject in self._domains:
            return self._spans[subject]
        away = [(BEGIN.begin, _END)]
        for domain, operator in self._domains.items():
            if operator == subject:
                away = _common(away, self._spans[domain])
        return away

    def _exposed(self, violation: Violation) -> float:
        """Return the days of the year that a violation stood while its subject was on the list."""
        stood = [(violation.begin, max(violation.begin, min(violation.end, _END)))]
        return (_length(stood) - _length(_common(stood, self._away(violation.subject)))) / DAY

    def _days(self, mean: float) -> float:
        return float(self._chance.exponential(mean)) * DAY

    def _plan(self, at: float, *, case: str = "", domain: str = "") -> None:
        heapq.heappush(self._later, _Later(at, len(self._later), case, domain))


_DONE = {"suspend": "suspended", "restore": "restored", "remove": "removed", "close": "closed"}


def _common(one: Sequence[Span], other: Sequence[Span]) -> list[Span]:
    found = [(max(a[0], b[0]), min(a[1], b[1])) for a in one for b in other]
    return [each for each in found if each[0] < each[1]]


def _length(spans: Iterable[Span]) -> float:
    return sum(end - begin for begin, end in spans)
