"""Whose traffic counts: those who can connect under every candidate, expected, by what they are.

The closed forms of `space` say who cannot connect under one candidate; a comparison of incidents
or waits needs those who can under all of them at once.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from sandbox.space.candidates import Candidate
from sandbox.space.compatibility import AccessRequirement, mix_of, requirements, shares_of
from sandbox.space.methods import Method
from sandbox.space.population import BalKind, expected_accesses
from sandbox.space.scenario import Scenario

__all__ = ["AccessCell", "Asked", "able_cells", "asked_by_all"]

Asked = Mapping[Method, tuple[AccessRequirement, ...]]


@dataclass(frozen=True, slots=True)
class AccessCell:
    """The accesses of one population, kind of mailbox, product and method.

    Attributes:
        accesses: how many; able: of these, who can connect under every candidate. Numbers, or
            arrays over draws.
    """

    population: str
    kind: BalKind
    product: str
    software: str
    method: Method
    accesses: float
    able: float


def asked_by_all(candidates: Iterable[Candidate]) -> Asked:
    """Return, by method, what candidates ask together of who uses it.

    One that asks for any of some mechanisms is met by who meets one that asks for fewer of them.
    """
    crossed = tuple(candidates)
    return {method: _asked(crossed, method) for method in Method}


def _asked(crossed: Sequence[Candidate], method: Method) -> tuple[AccessRequirement, ...]:
    asked = {each for c in crossed for each in requirements(c.design, c.policy, method)}
    kept = [
        each for each in asked
        if not any(
            other is not each and other.wanted and each.wanted
            and set(other.features) < set(each.features)
            for other in asked
        )
    ]  # fmt: skip
    return tuple(sorted(kept, key=lambda each: (each.barrier, each.features)))


def able_cells(scenario: Scenario, asked: Asked) -> Iterator[AccessCell]:
    """Yield every cell of a scenario; figures may be arrays over draws.

    Requirements that still share a feature (two orders of mechanisms of a scenario's own policies)
    are taken as independent.
    """
    chance: dict[tuple[str, BalKind, str, Method], float] = {}
    for name, people in scenario.populations.items():
        for kind in BalKind:
            accesses = expected_accesses(scenario, people, kind)
            for _, label, product, method, share in mix_of(scenario, people, kind):
                key = (name, kind, label, method)
                if key not in chance:
                    shares = shares_of(scenario, product, people, kind)
                    passing = [each.probability(shares) for each in asked[method]]
                    chance[key] = math.prod(passing)
                yield AccessCell(name, kind, label, product.kind, method, accesses * share,
                           accesses * share * chance[key])  # fmt: skip
