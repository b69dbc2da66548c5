"""A year of controls in virtual time: what a regime finds, how late, and what it costs.

Violations are planted in a space as large as a scenario says, at instants drawn over the year; the
controls are those of `rules`, the register and the ladder those of a live space. What is found is
mended after a while, or never: then the ladder goes its way. A relay that happens not to answer
when it is looked at is a false finding. Nothing depends on wall time; a seed gives one year.

The closed form. A violation that begins at an instant alike in all of the year, and lasts, is found
by rounds of period T at which each subject is chosen with probability f, afresh: it waits T/2 for
the next round on average, and as many rounds more as a geometric draw fails: T (1/f - 1/2). With
rotation, each subject once in 1/f rounds: T / (2f). The same work, found nearly twice as early.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np

from sandbox.controls.register import CaseRegister
from sandbox.controls.rules import CONTROLS, IDLE_DAYS, INACTIVE_DAYS, examine
from sandbox.controls.view import (
    CertificateSeen,
    DomainSeen,
    Failure,
    MailboxSeen,
    OperatorSeen,
    RelaySeen,
    StructureSeen,
    View,
)
from sandbox.indicators.counting import Fact, Indicators, count
from sandbox.indicators.month import Month

__all__ = ["PLANTED", "Regime", "Size", "Year", "YearOutcome", "expected_days", "run_year"]

DAY = 86_400.0
BEGIN = Month(2027, 1)
DAYS = 365
SAMPLES = ("random", "rotating")
_PEERS = 5  # with which an operator exchanges mail
_MESSAGES = 200  # a month, to each of them
_FAR = BEGIN.begin + 100 * 365 * DAY
_COOL = 40  # rounds of full rotations after the year, in which what was planted is found at last


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """How large the space is: domains and mailboxes of each operator."""

    domains: tuple[int, ...]
    mailboxes: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Regime:
    """How it is controlled.

    Attributes:
        every: days between two rounds.
        share: of the subjects that a round looks at.
        sample: random (drawn afresh each round) or rotating (each once in 1/share rounds).
    """

    every: float
    share: float = 1.0
    sample: Literal["random", "rotating"] = "random"


@dataclass(frozen=True, slots=True, kw_only=True)
class Year:
    """What happens in the year; none of these has a source: all are placeholders.

    Attributes:
        planted: violations of each control.
        mended: days from finding to mending, mean of an exponential.
        stubborn: share of the violations that nobody mends.
        silent: probability that a relay in order does not answer a look.
        seed: of everything drawn.
    """

    planted: int = 40
    mended: float = 20.0
    stubborn: float = 0.1
    silent: float = 0.001
    seed: int = 1


@dataclass(slots=True)
class YearOutcome:
    """What became of a year under a regime.

    Attributes:
        days_to_find: of each violation, by control.
        false: findings without a violation, by control.
        looks: at subjects, by their kind, within the year.
        rounds: within the year.
        reached: how often a case came to each state of the ladder, within the year.
    """

    days_to_find: dict[str, list[float]] = field(default_factory=dict)
    false: Counter[str] = field(default_factory=Counter)
    looks: Counter[str] = field(default_factory=Counter)
    rounds: int = 0
    reached: Counter[str] = field(default_factory=Counter)

    def mean(self) -> tuple[float, float]:
        """Return the mean time to find over all violations, days, and its standard error."""
        every = [days for found in self.days_to_find.values() for days in found]
        values = np.array(every)
        return float(values.mean()), float(values.std(ddof=1) / math.sqrt(len(values)))

    def as_json(self) -> dict[str, Any]:
        """Return the stable form: docs/controls.md."""
        mean, error = self.mean()
        return {
            "rounds": self.rounds, "looks": dict(self.looks), "mean_days_to_find": round(mean, 2),
            "standard_error": round(error, 2), "false_findings": dict(self.false),
            "reached": dict(self.reached),
            "days_to_find": {
                name: round(float(np.mean(days)), 2) for name, days in self.days_to_find.items()
            },
        }  # fmt: skip


def expected_days(regime: Regime) -> float:
    """Return the mean time to find of a violation that lasts, days: see the top of the module."""
    if regime.sample == "rotating":
        return regime.every * _turns(regime) / 2
    return regime.every * (1 / regime.share - 0.5)


def _turns(regime: Regime) -> int:
    return max(1, round(1 / regime.share))


# A space in order, and what breaks a subject of it --------------------------------------------


def _domain(operator: str, number: int) -> DomainSeen:
    name = f"{operator}.mssante.test" if not number else f"d{number}.{operator}.mssante.test"
    dn, host = f"cn=mx.{operator}", f"mx.{operator}.mssante.test"
    certificate = CertificateSeen(dn=dn, names=(host,), not_after=_FAR)
    relay = RelaySeen(host=host, addresses=("127.0.0.1",), certificate=certificate, tls="TLSv1.3")
    return DomainSeen(
        name=name, operator=operator, listed=(dn,), relays=(relay,), mailboxes=1,
        last_traffic=_FAR,
    )  # fmt: skip


def _mailbox(operator: str, number: int) -> MailboxSeen:
    shared = number % 5 == 0
    structure = StructureSeen(
        national_id="1750000001", finess="750000001", kind="G", parent="1750000000",
        parent_known=True,
    )  # fmt: skip
    return MailboxSeen(
        address=f"b{number}@{operator}.mssante.test", type="ORG" if shared else "PER",
        domain=f"{operator}.mssante.test", operator=operator,
        structure=structure if shared else None, last_used=_FAR,
    )  # fmt: skip


def _relay(seen: DomainSeen, **changes: Any) -> DomainSeen:
    return replace(seen, relays=(replace(seen.relays[0], **changes),))


def _certificate(seen: DomainSeen, **changes: Any) -> DomainSeen:
    shown = seen.relays[0].certificate
    assert shown is not None
    return _relay(seen, certificate=replace(shown, **changes))


_BROKEN = Failure(requirement="planted", clause="-", why="plantée / planted")
Plant = Callable[[Any, float], Any]
# What breaks a subject at an instant, so that one control, and no other, has to find it.
PLANTED: dict[str, Plant] = {
    "domain-dns": lambda it, _: replace(it, relays=()),
    "domain-reached": lambda it, _: _relay(it, certificate=None, tls="", why="timed out"),
    "domain-tls": lambda it, _: _relay(it, tls="TLSv1.1"),
    "domain-name": lambda it, _: _certificate(it, dn="cn=another"),
    "domain-certificate": lambda it, _: _certificate(it, troubles=("revoked",)),
    "domain-outside": lambda it, _: replace(it, listed=(), mailboxes=0),
    "domain-withdrawn": lambda it, _: replace(it, listed=(), relays=()),
    "domain-unused": lambda it, at: replace(it, last_traffic=at - IDLE_DAYS * DAY - 1),
    "client-interface": lambda it, _: replace(it, client=(_BROKEN,)),
    "relay-interface": lambda it, _: replace(it, relay=(_BROKEN,)),
    "mailbox-finess": lambda it, _: replace(it, type="ORG", structure=None),
    "mailbox-inactive": lambda it, at: replace(it, last_used=at - INACTIVE_DAYS * DAY - 1),
    "mailbox-holder": lambda it, _: replace(it, gone=("8… (deceased)",)),
}
_BY_NAME = {each.name: each for each in CONTROLS}


@dataclass(slots=True)
class _Violation:
    control: str
    subject: str
    begin: float
    stubborn: bool
    found: float = math.inf
    end: float = math.inf


class _Space:
    """Subjects in order, and those that are broken now."""

    def __init__(self, size: Size, year: Year) -> None:
        names = [f"op{number + 1:03d}" for number in range(len(size.domains))]
        self.operators = {name: OperatorSeen(name=name) for name in names}
        self.domains = {
            seen.name: seen
            for name, many in zip(names, size.domains, strict=True)
            for seen in (_domain(name, number) for number in range(many))
        }
        self.mailboxes = {
            seen.address: seen
            for name, many in zip(names, size.mailboxes, strict=True)
            for seen in (_mailbox(name, number) for number in range(many))
        }
        self.files = {name: _file(names, number) for number, name in enumerate(names)}
        self.violations = list(self._planted(year, np.random.default_rng([year.seed, 1])))

    def _planted(self, year: Year, chance: np.random.Generator) -> Iterator[_Violation]:
        """Yield violations, at most one a subject: each is to be found for itself."""
        free = {
            kind: list(chance.permutation(len(subjects)))
            for kind, subjects in (
                ("operator", self.operators), ("domain", self.domains),
                ("mailbox", self.mailboxes),
            )
        }  # fmt: skip
        names = {
            "operator": list(self.operators), "domain": list(self.domains),
            "mailbox": list(self.mailboxes),
        }  # fmt: skip
        for control in (*PLANTED, "indicators-sent", "indicators-true"):
            kind = _BY_NAME[control].of
            for _ in range(min(year.planted, len(free[kind]) // 2)):
                subject = names[kind][free[kind].pop()]
                begin = BEGIN.begin + float(chance.random()) * DAYS * DAY
                yield _Violation(control, subject, begin, bool(chance.random() < year.stubborn))

    def view(self, now: float, silent: set[str]) -> View:
        """Return what is seen at an instant; `silent` are domains whose relay happens to be so."""
        # Of two months, so that each operator owes two files.
        since = Month.at(now).before.before.begin - 1
        operators = {name: replace(each, since=since) for name, each in self.operators.items()}
        domains = dict(self.domains)
        mailboxes = dict(self.mailboxes)
        places: dict[str, dict[str, Any]] = {
            "operator": operators, "domain": domains, "mailbox": mailboxes,
        }  # fmt: skip
        for each in self.violations:
            if each.begin <= now < each.end and each.control in PLANTED:
                where = places[_BY_NAME[each.control].of]
                where[each.subject] = PLANTED[each.control](where[each.subject], each.begin)
        for name in silent:
            if domains[name].relays:
                domains[name] = PLANTED["domain-reached"](domains[name], now)
        return View(now=now, operators=operators, domains=domains, mailboxes=mailboxes,
                    deposits=self._deposits(now))  # fmt: skip

    def _deposits(self, now: float) -> dict[Month, dict[str, Indicators | str]]:
        """Return the files of the month that was due when a year began, as it is then.

        A file that is missing or false stays so until it is sent again.
        """
        files: dict[str, Indicators | str] = dict(self.files)
        for each in self.violations:
            if each.begin <= now < each.end:
                if each.control == "indicators-sent":
                    files.pop(each.subject, None)
                elif each.control == "indicators-true" and each.subject in files:
                    files[each.subject] = _short(self.files[each.subject])
        due = Month.at(now).before
        return dict.fromkeys((due, due.before), files)


def _file(names: list[str], number: int) -> Indicators:
    """Return the month of an operator that exchanges mail with those next to it."""
    name, around = names[number], len(names)
    steps = range(1, min(_PEERS, around - 1) + 1)
    facts = []
    for step in steps:
        to, by = names[(number + step) % around], names[(number - step) % around]
        here = f"b0@{name}.mssante.test"
        facts.append(Fact("relayed", here, f"{to}.mssante.test", times=_MESSAGES))
        facts.append(Fact("received", here, f"{by}.mssante.test", times=_MESSAGES))
    return count(name, BEGIN.before, [f"{name}.mssante.test"], [], facts, [])


def _short(said: Indicators) -> Indicators:
    """Return a file that under-reports what was sent by a tenth."""
    kept = {
        key: volume._replace(number=volume.number * 9 // 10) if key.event == "relayed" else volume
        for key, volume in said.messages.items()
    }
    return replace(said, messages=kept)


# The year ------------------------------------------------------------------------------------


def run_year(size: Size, regime: Regime, year: Year = Year()) -> YearOutcome:
    """Run a year of controls, and as long after it as it takes to find what was planted.

    Args:
        size: of the space.
        regime: how it is controlled.
        year: what happens.
    """
    space, outcome, register = _Space(size, year), YearOutcome(), CaseRegister()
    chance = np.random.default_rng([year.seed, 2])
    phase = float(chance.random()) * regime.every * DAY
    end = BEGIN.begin + DAYS * DAY
    open_by_name = {(each.control, each.subject): each for each in space.violations}
    turn_of = _turns_of(space, regime, np.random.default_rng([year.seed, 3]))
    most, number = math.ceil((DAYS + _COOL * regime.every * _turns(regime)) / regime.every), 0
    while number < most:
        now = BEGIN.begin + phase + number * regime.every * DAY
        within = now < end
        if not within and all(each.found < math.inf for each in space.violations):
            break
        chosen = _chosen(space, regime, turn_of, number, chance)
        silent = {
            name for name, u in zip(space.domains, chance.random(len(space.domains)), strict=True)
            if u < year.silent and name in chosen["domain"]
        }  # fmt: skip
        found = examine(
            space.view(now, silent),
            CONTROLS,
            lambda control, name, chosen=chosen: name in chosen[control.of],  # type: ignore[misc]
        )
        moved = register.take(
            now, found,
            lambda control, name, chosen=chosen: name in chosen[_BY_NAME[control].of],  # type: ignore[misc]
        )  # fmt: skip
        if within:
            outcome.reached.update(case.state.value for case in moved)
        for finding in found:
            violation = open_by_name.get((finding.control, finding.subject))
            if violation is None or not violation.begin <= now < violation.end:
                outcome.false[finding.control] += within
            elif violation.found == math.inf:
                violation.found = now
                if not violation.stubborn:
                    violation.end = now + float(chance.exponential(year.mended)) * DAY
        if within:
            outcome.rounds += 1
            outcome.looks.update({kind: len(names) for kind, names in chosen.items()})
        number += 1
    for each in space.violations:
        if each.found < math.inf:
            days = (each.found - each.begin) / DAY
            outcome.days_to_find.setdefault(each.control, []).append(days)
    return outcome


def _turns_of(space: _Space, regime: Regime, chance: np.random.Generator) -> dict[str, Any]:
    turns = _turns(regime)
    return {
        kind: dict(zip(names, chance.integers(0, turns, len(names)), strict=True))
        for kind, names in (
            ("operator", space.operators), ("domain", space.domains), ("mailbox", space.mailboxes),
        )
    }  # fmt: skip


def _chosen(
    space: _Space, regime: Regime, turn_of: dict[str, Any], number: int,
    chance: np.random.Generator,
) -> dict[str, set[str]]:  # fmt: skip
    """Return the subjects that a round looks at, by kind."""
    found = {}
    for kind, names in (
        ("operator", space.operators), ("domain", space.domains), ("mailbox", space.mailboxes),
    ):  # fmt: skip
        if regime.sample == "rotating":
            turn = number % _turns(regime)
            found[kind] = {name for name, own in turn_of[kind].items() if own == turn}
        else:
            drawn = chance.random(len(names)) < regime.share
            found[kind] = {name for name, kept in zip(names, drawn, strict=True) if kept}
    return found
