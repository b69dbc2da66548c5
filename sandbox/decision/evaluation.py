"""One evaluation: from the values of uncertain inputs to every criterion of every candidate.

What is prepared once is what no draw changes: candidates and what they ask, factors, the day that
the engine replays. Closed forms take whole arrays of draws; the engine takes one draw at a time.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sandbox.decision.access import AccessCell, Asked, able_cells, asked_by_all
from sandbox.decision.closed import closed_form
from sandbox.decision.criteria import CLOSED, SIMULATED
from sandbox.decision.factors import (
    Factor,
    Values,
    at,
    factors_of,
    scenario_at,
    values_at,
)
from sandbox.decision.ranges import Range, uncertain_inputs
from sandbox.decision.traffic import Base, base_of, simulate
from sandbox.space.candidates import Candidate, candidates
from sandbox.space.errors import UserError
from sandbox.space.scenario import Scenario

__all__ = ["Evaluation", "prepare"]

Floats = NDArray[np.float64]
POLICY = "login_policy"


@dataclass(frozen=True, slots=True)
class Evaluation:
    """A scenario ready to be evaluated.

    Attributes:
        factors: what is drawn.
        by_policy: login policy -> candidates by name; one entry, named "", when it is not drawn.
        labels: name of each candidate -> French and English.
    """

    scenario: Scenario
    factors: tuple[Factor, ...]
    by_policy: Mapping[str, Mapping[str, Candidate]]
    base: Base

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the candidates, in the order of every array's last axis."""
        return tuple(next(iter(self.by_policy.values())))

    @property
    def columns(self) -> int:
        """Of the unit cube."""
        return sum(each.columns for each in self.factors)

    def values(self, u: Floats) -> Values:
        """Return the inputs' values at points of the unit cube, (n, columns)."""
        return values_at(self.factors, u)

    def _parts(
        self, values: Values
    ) -> Iterator[tuple[NDArray[np.int64], Values, Mapping[str, Candidate]]]:
        """Yield the draws of each login policy, their other values and their candidates."""
        for policy, weighed in self.by_policy.items():
            everybody = np.arange(_count(values))
            mine = np.flatnonzero(values[POLICY] == policy) if policy else everybody
            rest = {key: column[mine] for key, column in values.items() if key != POLICY}
            if len(mine):
                yield mine, rest, weighed

    def closed(self, values: Values) -> dict[str, Floats]:
        """Return the criteria of CLOSED, each float64 (n, candidates), of n draws of `values`."""
        found = {name: np.zeros((_count(values), len(self.names))) for name in CLOSED}
        for mine, rest, weighed in self._parts(values):
            for name, part in closed_form(self.scenario, rest, weighed, len(mine)).items():
                found[name][mine] = part
        return found

    def simulated(self, values: Values) -> dict[str, Floats]:
        """Return the criteria of SIMULATED, each float64 (n, candidates), of n draws."""
        found = {name: np.zeros((_count(values), len(self.names))) for name in SIMULATED}
        for mine, rest, weighed in self._parts(values):
            asked = asked_by_all(weighed.values())
            cells, counts, able = _cells(self.scenario, rest, asked, len(mine))
            for place, draw in enumerate(mine):
                metrics = simulate(
                    self.base, at(self.factors, rest, place), list(weighed.values()), asked,
                    cells, counts[place], able[place],
                )  # fmt: skip
                for name, part in metrics.items():
                    found[name][draw] = part
        return found

    def evaluate(self, values: Values) -> dict[str, Floats]:
        """Return every criterion, each float64 (n, candidates), of n draws."""
        return self.closed(values) | self.simulated(values)


def _count(values: Values) -> int:
    return len(next(iter(values.values())))


def _cells(
    scenario: Scenario, draws: Values, asked: Asked, count: int
) -> tuple[list[AccessCell], Floats, Floats]:
    """Return the cells of a scenario, and of each its accesses and able ones, (draws, cells)."""
    drawn = scenario_at(scenario, draws)
    cells = list(able_cells(drawn, asked))
    counts = np.stack([np.broadcast_to(c.accesses, count) for c in cells], axis=1)
    return cells, counts, np.stack([np.broadcast_to(c.able, count) for c in cells], axis=1)


def prepare(
    scenario: Scenario,
    *,
    designs: Sequence[str] = (),
    policy: str | None = None,
    ranges: Sequence[tuple[str, Range]] = (),
    seed: int = 1,
) -> Evaluation:
    """Make a scenario ready to be evaluated.

    Args:
        designs: names; empty: those that the scenario compares.
        policy: a login policy; `all`, to decide on it too; None: it is drawn like an input, the
            same for all designs.
        ranges: that replace or add to those of the tables, by key.

    Raises:
        UserError: a design, policy or range that does not exist or is not allowed; nothing is
            uncertain; one candidate only.
    """
    uncertain = uncertain_inputs(scenario, ranges, policy=policy)
    factors = factors_of(scenario, uncertain)
    names = [""] if POLICY not in uncertain else list(uncertain[POLICY].choices)
    by_policy = {name: candidates(scenario, designs, name or policy) for name in names}
    if len(next(iter(by_policy.values()))) < 2:
        raise UserError(
            "une seule architecture : rien à décider ; en donner deux au moins",
            "one candidate only: nothing to decide; give two at least",
            where="decide",
        )
    if not factors:
        raise UserError("aucune entrée incertaine", "no input is uncertain", where=scenario.name)
    return Evaluation(scenario, factors, by_policy, base_of(scenario, seed))
