"""What is drawn together: factors, and the values of all inputs at a point of the unit cube.

Most factors are one input. Some inputs cannot move alone:

- shares that sum to 1 (methods and software of a population, products of a kind, messages of the
  populations) are one factor, a Dirichlet law around the scenario's shares, as wide as their ranges
  say on average;
- the IMAP and the SMTP half of a mechanism of one product move together: an editor who adds a
  mechanism adds it to both.

Factors are independent of each other, as Sobol' indices need.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel
from scipy.special import gammaincinv

from sandbox.decision.ranges import Uncertain
from sandbox.space.scenario import Scenario

__all__ = ["Factor", "Values", "at", "columns_of", "factors_of", "scenario_at", "values_at"]

Floats = NDArray[np.float64]
Values = dict[str, NDArray[Any]]  # by key of an input, one value a draw
LEAST, MOST = 1.0, 400.0  # concentrations of a Dirichlet law
BOTH = ("imap_", "smtp_")
SHIFTED = ("methods.cps.sign", "methods.ecps.approval")  # their shift stays below their mean


@dataclass(frozen=True, slots=True)
class Factor:
    """One thing that is drawn.

    Attributes:
        key: of its only input, or what its inputs have in common.
        members: the inputs that are drawn; of shares, those that are not drawn give way.
        family: shares only: every key of the family and its share in the scenario.
        concentration: shares only: of the Dirichlet law.
    """

    key: str
    members: tuple[Uncertain, ...]
    family: Mapping[str, float] | None = None
    concentration: float = 0.0

    @property
    def columns(self) -> int:
        """How many uniform numbers it takes."""
        return len(self.family) if self.family else 1

    @property
    def keys(self) -> tuple[str, ...]:
        """The inputs that it sets."""
        return tuple(self.family) if self.family else tuple(each.key for each in self.members)

    def values(self, u: Floats) -> Values:
        """Return the values of its inputs; `u` is (n, columns)."""
        if not self.family:
            return {each.key: each.quantile(u[:, 0]) for each in self.members}
        shapes = np.array(list(self.family.values())) * self.concentration
        # A share of 0 stays 0: nobody said that it might be there.
        drawn = np.where(shapes > 0, gammaincinv(np.maximum(shapes, 1e-9), u), 0.0)
        drawn = np.maximum(drawn, np.where(shapes > 0, 1e-12, 0.0))
        shares = drawn / drawn.sum(axis=1, keepdims=True)
        return dict(zip(self.family, shares.T, strict=True))


def _families(scenario: Scenario) -> Iterator[tuple[str, dict[str, float]]]:
    """Yield what sums to 1: its name, and its keys with their shares."""
    populations = scenario.populations
    yield (
        "populations.*.message_share",
        {f"populations.{name}.message_share": p.message_share for name, p in populations.items()},
    )
    for name, people in populations.items():
        for prefix in ("method", "software"):
            shares = {key: value for key, value in people if key.startswith(f"{prefix}_")}
            yield (
                f"populations.{name}.{prefix}_*",
                {f"populations.{name}.{key}": value for key, value in shares.items()},
            )
    for kind in scenario.software:
        mine = {n: p.share for n, p in scenario.products.items() if p.kind == kind}
        if len(mine) > 1:
            yield f"products.{kind}.share", {f"products.{n}.share": s for n, s in mine.items()}


def _concentration(family: Mapping[str, float], members: Sequence[Uncertain]) -> float:
    """Return the concentration whose shares vary as much as their ranges do, on average."""
    wanted = possible = 0.0
    for each in members:
        share, ranges = family[each.key], each.ranges
        spread = np.mean([(r.high - r.low) / 5.5 for r in ranges])  # sd of a PERT, near enough
        wanted += float(spread) ** 2
        possible += share * (1 - share)
    return float(np.clip(possible / max(wanted, 1e-12) - 1.0, LEAST, MOST))


def factors_of(scenario: Scenario, uncertain: Mapping[str, Uncertain]) -> tuple[Factor, ...]:
    """Return the factors of what is uncertain, in the order of their first inputs."""
    left = dict(uncertain)
    together: dict[str, Factor] = {}  # by first member
    for name, family in _families(scenario):
        members = tuple(left.pop(key) for key in family if key in left)
        if members:
            concentration = _concentration(family, members)
            together[members[0].key] = Factor(name, members, family, concentration)
    for key in [key for key in left if key.startswith("products.")]:
        *path, leaf = key.split(".")
        other = ".".join([*path, leaf.replace(*BOTH)])
        if leaf.startswith(BOTH[0]) and other in left:
            name = ".".join([*path, leaf.removeprefix(BOTH[0])])
            together[key] = Factor(name, (left.pop(key), left.pop(other)))
    return tuple(
        together.get(key) or Factor(key, (left[key],))
        for key in uncertain
        if key in together or key in left
    )


def columns_of(factors: Sequence[Factor]) -> list[range]:
    """Return the columns of the unit cube that each factor takes."""
    ends = np.cumsum([0, *(each.columns for each in factors)]).tolist()
    return [range(first, last) for first, last in pairwise(ends)]


def values_at(factors: Sequence[Factor], u: Floats) -> Values:
    """Return the value of every input that is drawn; `u` is (n, all columns), within 0 and 1."""
    inside = np.clip(u, 1e-9, 1.0 - 1e-9)
    found: Values = {}
    for each, columns in zip(factors, columns_of(factors), strict=True):
        found |= each.values(inside[:, columns.start : columns.stop])
    for prefix in SHIFTED:
        shift, mean = f"{prefix}_shift", f"{prefix}_mean"
        if shift in found and mean in found:
            found[shift] = np.minimum(found[shift], 0.9 * found[mean])
    return found


def at(factors: Sequence[Factor], values: Values, draw: int) -> dict[str, Any]:
    """Return one draw's values, each of the type that the schema gives its input."""
    kinds = {each.key: each.kind for factor in factors for each in factor.members}
    types: dict[str, Any] = {"whole": int, "switch": bool, "choice": str}
    return {key: types.get(kinds.get(key, ""), float)(column[draw])
            for key, column in values.items()}  # fmt: skip


def scenario_at(scenario: Scenario, values: Mapping[str, Any]) -> Scenario:
    """Return the scenario with values put in at dotted keys, unchecked: they come from ranges.

    Arrays over draws make a scenario that the closed forms read.
    """
    tree: dict[str, Any] = {}
    for key, value in values.items():
        *path, leaf = key.split(".")
        branch = tree
        for part in path:
            branch = branch.setdefault(part, {})
        branch[leaf] = value

    def put(node: Any, changes: Mapping[str, Any]) -> Any:
        if isinstance(node, BaseModel):
            made = {
                k: put(getattr(node, k), v) if isinstance(v, dict) else v
                for k, v in changes.items()
            }
            return node.model_copy(update=made)
        return {**node, **{k: put(node[k], v) for k, v in changes.items()}}

    found: Scenario = put(scenario, tree)
    return found
