"""Which operator holds whose mailboxes: weights by population, and operators fitted to a count.

An operator that serves hospitals is not one that serves practices. Without weights of its own a
scenario takes the operators of the list of authorised domains, grouped in classes
(`data/operators-by-domains.csv`), each with a share of every population's mailboxes
(`data/operator-classes.csv`).
"""

from __future__ import annotations

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
    "default_operators",
    "expected_mailboxes",
    "operator_names",
    "operator_sizes",
    "operator_weights",
    "size_classes",
    "uses_listed_operators",
]

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


def size_classes(scenario: Scenario) -> list[str]:
    """Return the size class of each operator, of SIZES, by the mailboxes expected there."""
    resources = scenario.resources
    limits = [getattr(resources, size).mailboxes for size in SIZES[:-1]]
    return [SIZES[int(np.searchsorted(limits, held))] for held in operator_sizes(scenario)]


def operator_sizes(scenario: Scenario) -> NDArray[np.float64]:
    """Return the mailboxes expected at each operator, of all kinds, shape (operators,)."""
    sizes = np.zeros(scenario.operators.count)
    for name, people in scenario.populations.items():
        robots = people.units * people.deployment * people.application_mailboxes
        sizes += expected_mailboxes(people) * operator_weights(scenario, name)
        sizes += robots * operator_weights(scenario, name, applications=True)
    return sizes
