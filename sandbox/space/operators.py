"""Which operator holds whose mailboxes: weights by population, and operators fitted to a count.

An operator that serves hospitals is not one that serves practices. Without weights of its own a
scenario takes the operators of the list of authorised domains, grouped in classes
(`data/operators-by-domains.csv`), each with a share of every population's mailboxes
(`data/operator-classes.csv`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from sandbox.space.errors import UserError
from sandbox.space.tables import operator_classes, operator_rows

if TYPE_CHECKING:
    from sandbox.space.scenario import Scenario
    from sandbox.space.sections.people import Population

__all__ = [
    "SIZES",
    "SizeTable",
    "default_operators",
    "expected_mailboxes",
    "operator_names",
    "operator_sizes",
    "operator_weights",
    "size_table",
    "uses_listed_operators",
]

Floats = NDArray[np.float64]
SIZES = ("small", "medium", "large", "national")
HEAD = 5  # establishments by size follow 1 / (HEAD + rank), a flattened Zipf law (guess)


def default_operators() -> dict[str, object]:
    """Return the operators of the authorised domains as the table of a scenario."""
    rows = operator_rows()
    kinds = np.array([row.kind for row in rows])
    domains = np.array([row.domains for row in rows], dtype=np.float64)
    spread = {"domains": domains, "rank": np.zeros(len(rows))}
    for kind in np.unique(kinds):
        mine = np.flatnonzero(kinds == kind)
        spread["rank"][mine] = 1 / (HEAD + np.arange(len(mine)))
    weights: dict[str, NDArray[np.float64]] = {}
    for share in operator_classes():
        column = weights.setdefault(share.mailboxes, np.zeros(len(rows)))
        inside = np.where(kinds == share.kind, spread[share.spread], 0.0)
        column += share.share * inside / inside.sum()
    applications = {
        key.removesuffix(".applications"): [float(w) for w in column]
        for key, column in weights.items()
        if key.endswith(".applications")
    }
    return {
        "mailboxes": {
            key: [float(w) for w in column]
            for key, column in weights.items()
            if not key.endswith(".applications")
        },
        "applications": applications,
        "certificates": [row.certificates for row in rows],
    }


def uses_listed_operators(scenario: Scenario) -> bool:
    """Tell whether the operators are those of the list, with the shares of the table."""
    listed, found = default_operators(), scenario.operators
    given = found.mailboxes if isinstance(found.mailboxes, dict) else {}
    return {name: list(weights) for name, weights in given.items()} == listed["mailboxes"]


def operator_names(scenario: Scenario) -> tuple[str, ...]:
    """Return the labels of operators under the suffix: their own, else op001, op002..."""
    count = scenario.operators.count
    return scenario.operators.names or tuple(f"op{number + 1:03d}" for number in range(count))


def expected_mailboxes(people: Population) -> float:
    """Return how many mailboxes a population's people hold, personal and shared."""
    each = people.personal_mailboxes + people.shared_mailboxes
    return people.units * people.deployment * each


def operator_weights(
    scenario: Scenario, population: str, *, applications: bool = False
) -> NDArray[np.float64]:
    """Return each operator's share of a population's mailboxes, shape (operators,), sum 1.

    Args:
        applications: of its application mailboxes, not of those of people.

    Raises:
        UserError: a fit that cannot be reached.
    """
    operators = scenario.operators
    if applications and population in operators.applications:
        given = operators.applications[population]
    elif isinstance(operators.mailboxes, dict):
        given = operators.mailboxes[population]
    else:
        given = operators.mailboxes
    weights = np.array(given, dtype=np.float64)
    weights /= weights.sum()
    return weights if applications else _fitted(scenario, population, weights)


def _fitted(
    scenario: Scenario, population: str, weights: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Give the operators that the scenario fits their mailboxes; the others share the rest."""
    wanted = {f.operator: f.mailboxes for f in scenario.operators.fit if f.population == population}
    if not wanted:
        return weights
    names = operator_names(scenario)
    total = expected_mailboxes(scenario.populations[population])
    for name in wanted:
        if name not in names:
            raise UserError(
                "ce n'est pas un opérateur ; les premiers sont",
                "not an operator; the first are",
                where=f"operators.fit: {name!r}",
                then=f"{', '.join(names[:5])}",
            )
    asked = sum(wanted.values())
    fixed = np.array([name in wanted for name in names])
    rest = weights[~fixed].sum()
    if asked > total or (asked < total and rest == 0):
        raise UserError(
            f"{asked:.0f} BAL de {population} demandées pour {total:.0f} dans le "
            f"scénario{'' if rest else ', et personne pour tenir les autres'}",
            f"cannot hold {asked:.0f} mailboxes of {population}; the scenario has "
            f"{total:.0f}{'' if rest else ' and nobody else to hold the others'}",
            where=f"operators.fit: {', '.join(wanted)}",
        )
    shares = np.array([wanted.get(name, 0.0) / total if total else 0.0 for name in names])
    others = np.where(fixed, 0.0, weights / rest if rest else 0.0) * (1 - shares.sum())
    fitted: NDArray[np.float64] = shares + others
    return fitted


def operator_sizes(scenario: Scenario) -> Floats:
    """Return the mailboxes expected at each operator, of all kinds, shape (operators,).

    Of a scenario whose figures are arrays over draws, (n, operators).
    """
    sizes: Floats = np.zeros(scenario.operators.count)
    for name, people in scenario.populations.items():
        robots = people.units * people.deployment * people.application_mailboxes
        held = np.multiply.outer(expected_mailboxes(people), operator_weights(scenario, name))
        sizes = sizes + held
        weights = operator_weights(scenario, name, applications=True)
        sizes = sizes + np.multiply.outer(robots, weights)
    return sizes


@dataclass(frozen=True, slots=True)
class SizeTable:
    """Operators by size class; where figures are arrays over draws, so is each entry.

    Attributes:
        counts: how many; mailboxes: that they hold together.
        members: who they are, bool (operators,).
    """

    counts: dict[str, float]
    mailboxes: dict[str, float]
    members: dict[str, NDArray[np.bool_]]


def size_table(scenario: Scenario) -> SizeTable:
    """Return the operators of each size class and what they hold."""
    held, resources = operator_sizes(scenario), scenario.resources
    number = np.zeros(held.shape, dtype=np.int8)
    for size in SIZES[:-1]:
        number += (getattr(resources, size).mailboxes < held.T).T
    members = {size: number == place for place, size in enumerate(SIZES)}
    return SizeTable(
        counts={size: mine.sum(axis=-1) for size, mine in members.items()},
        mailboxes={size: (held * mine).sum(axis=-1) for size, mine in members.items()},
        members=members,
    )
