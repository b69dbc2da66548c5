"""A year of controls in virtual time: what a regime finds, how late, and what it costs.

Violations are planted in a space as large as a scenario says, at instants drawn over the year; the
controls are those of `rules`, the register and the ladder those of a live space. What is found is
mended after a while, or never: then the ladder goes its way, and the space with it
(`year_effects`): a domain that is suspended sends nothing, one that is removed leaves with its
mailboxes and is looked at no more. A relay that happens not to answer when it is looked at is a
false finding. Nothing depends on wall time; a seed gives one year.

The closed form. A violation that begins at an instant alike in all of the year, and lasts, is found
by rounds of period T at which each subject is chosen with probability f, afresh: it waits T/2 for
the next round on average, and as many rounds more as a geometric draw fails: T (1/f - 1/2). With
rotation, each subject once in 1/f rounds: T / (2f). The same work, found nearly twice as early.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from sandbox.controls.register import CaseRegister
from sandbox.controls.rules import CONTROLS, Control, examine
from sandbox.controls.year_effects import Effects, YearSanctions
from sandbox.controls.year_space import BEGIN, DAY, DAYS, USUAL, Size, Year, YearSpace

__all__ = ["SAMPLES", "Regime", "YearOutcome", "expected_days", "run_year"]

SAMPLES = ("random", "rotating")
_COOL = 40  # rounds of full rotations after the year, in which what was planted is found at last


@dataclass(frozen=True, slots=True, kw_only=True)
class Regime:
    """How it is controlled.

    Attributes:
        every: days between two rounds.
        share: of the subjects that a round looks at.
        sample: random (drawn afresh each round) or rotating (each once in 1/share rounds).
        sanctions: whether the ladder has effects; else it finds, and no more.
    """

    every: float
    share: float = 1.0
    sample: Literal["random", "rotating"] = "random"
    sanctions: bool = True


@dataclass(slots=True)
class YearOutcome:
    """What became of a year under a regime.

    Attributes:
        days_to_find: of each violation, by control.
        false: findings without a violation, by control.
        looks: at subjects, by their kind, within the year.
        rounds: within the year.
        reached: how often a case came to each state of the ladder, within the year.
        effects: what sanctions did to the space, within the year.
    """

    days_to_find: dict[str, list[float]] = field(default_factory=dict)
    false: Counter[str] = field(default_factory=Counter)
    looks: Counter[str] = field(default_factory=Counter)
    rounds: int = 0
    reached: Counter[str] = field(default_factory=Counter)
    effects: Effects = field(default_factory=Effects)

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
            "reached": dict(self.reached), "effects": self.effects.as_json(),
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


# The year ------------------------------------------------------------------------------------


def run_year(size: Size, regime: Regime, year: Year = USUAL) -> YearOutcome:
    """Run a year of controls, and as long after it as it takes to find what was planted.

    Args:
        size: of the space.
        regime: how it is controlled.
        year: what happens.
    """
    space, outcome, register = YearSpace(size, year), YearOutcome(), CaseRegister()
    chance = np.random.default_rng([year.seed, 2])
    phase = float(chance.random()) * regime.every * DAY
    end = BEGIN.begin + DAYS * DAY
    sanctions = YearSanctions(
        space, register, size, year, outcome.effects, np.random.default_rng([year.seed, 4])
    )
    open_by_name = {(each.control, each.subject): each for each in space.violations}
    kind_of = {each.name: each.of for each in CONTROLS}
    turn_of = _turns_of(space, regime, np.random.default_rng([year.seed, 3]))
    most, number = math.ceil((DAYS + _COOL * regime.every * _turns(regime)) / regime.every), 0
    while number < most:
        now = BEGIN.begin + phase + number * regime.every * DAY
        within = now < end
        if not within and all(each.moot or each.found < math.inf for each in space.violations):
            break
        sanctions.until(now)
        chosen = _chosen(space, regime, turn_of, number, chance)
        silent = {
            name for name, u in zip(space.domains, chance.random(len(space.domains)), strict=True)
            if u < year.silent and name in chosen["domain"]
        }  # fmt: skip

        def looked_at(control: Control, name: str, chosen: dict[str, set[str]] = chosen) -> bool:
            return name in chosen[control.of]

        def asked(control: str, name: str, chosen: dict[str, set[str]] = chosen) -> bool:
            return name in chosen[kind_of[control]]

        found = examine(space.view(now, silent), CONTROLS, looked_at)
        moved = register.take(now, found, asked)
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
        if regime.sanctions:
            sanctions.take(now, moved)
        if within:
            outcome.rounds += 1
            outcome.looks.update({kind: len(names) for kind, names in chosen.items()})
        number += 1
    sanctions.close_year()
    for each in space.violations:
        if each.found < math.inf:
            days = (each.found - each.begin) / DAY
            outcome.days_to_find.setdefault(each.control, []).append(days)
    return outcome


def _turns_of(space: YearSpace, regime: Regime, chance: np.random.Generator) -> dict[str, Any]:
    turns = _turns(regime)
    return {
        kind: dict(zip(names, chance.integers(0, turns, len(names)), strict=True))
        for kind, names in (
            ("operator", space.operators), ("domain", space.domains), ("mailbox", space.mailboxes),
        )
    }  # fmt: skip


def _chosen(
    space: YearSpace, regime: Regime, turn_of: dict[str, Any], number: int,
    chance: np.random.Generator,
) -> dict[str, set[str]]:  # fmt: skip
    """Return the subjects that a round looks at, by kind."""
    found = {}
    for kind, names in (
        ("operator", space.operators), ("domain", space.domains), ("mailbox", space.mailboxes),
    ):  # fmt: skip
        if regime.sample == "rotating":
            turn = number % _turns(regime)
            found[kind] = {name for name in names if turn_of[kind][name] == turn}
        else:
            drawn = chance.random(len(names)) < regime.share
            found[kind] = {name for name, kept in zip(names, drawn, strict=True) if kept}
    return found
