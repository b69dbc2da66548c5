"""The table of fit: what the model says beside what was published (`data/published.csv`)."""

from __future__ import annotations

import csv
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sandbox.directory.tables import tables
from sandbox.space.costs.accesses import accesses_of
from sandbox.space.errors import UserError
from sandbox.space.loader import load_scenario, scenario_names, with_inputs
from sandbox.space.migration import scenario_at
from sandbox.space.operators import expected_mailboxes, operator_weights
from sandbox.space.scenario import Scenario
from sandbox.space.tables import Source, operator_rows, shipped, sources

__all__ = ["TOLERANCE", "Published", "PublishedFigure", "fit", "published"]

TOLERANCE = 0.15  # a larger gap is explained in the data
MONTH = 31  # days
YEAR = 365.25
PLANNED = "plan_"  # measures that need a plan
# National total -> the two published figures that its trend goes through.
TRENDS = {
    "messages": ("messages-2021-08", "messages-2025-05"),
    "mailboxes": ("mailboxes-2019-06", "mailboxes-2026-08"),
}


@dataclass(frozen=True, slots=True)
class Published:
    """One published figure.

    Attributes:
        figure: its key.
        month: first day of the month that it is about.
        scenario: the shipped scenario that should give it.
        measure, of: what the model computes, of MEASURES, and for whom.
        changes: inputs of the scenario at that time, when published.
        explained: why the model is further than TOLERANCE, empty when it is not.
    """

    figure: str
    french: str
    english: str
    month: date
    value: float
    unit: str
    scenario: str
    measure: str
    of: str
    changes: Mapping[str, float]
    source: Source
    explained: str


@dataclass(frozen=True, slots=True)
class PublishedFigure:
    """A published figure and the model's."""

    published: Published
    model: float

    @property
    def ratio(self) -> float:
        """Model over published."""
        return self.model / self.published.value

    @property
    def close(self) -> bool:
        """Whether the model is within TOLERANCE."""
        return abs(self.ratio - 1) <= TOLERANCE

    def row(self) -> dict[str, Any]:
        """Return it ready for JSON (docs/fit.md)."""
        said = self.published
        return {
            "figure": said.figure, "published": said.value, "model": round(self.model, 6),
            "ratio": round(self.ratio, 4), "source": said.source.title, "url": said.source.url,
            "date": f"{said.month:%Y-%m}", "unit": said.unit, "scenario": said.scenario,
            "explained": said.explained or None,
        }  # fmt: skip


@cache
def published() -> tuple[Published, ...]:
    """Return every published figure, in the order of the table."""
    with (shipped("data") / "published.csv").open(encoding="utf-8", newline="") as file:
        return tuple(
            Published(
                figure=row["figure"], french=row["french"], english=row["english"],
                month=date.fromisoformat(f"{row['date']}-01"), value=float(row["published"]),
                unit=row["unit"], scenario=row["scenario"], measure=row["measure"], of=row["of"],
                changes={key: float(value) for key, value in
                         (pair.split("=") for pair in row["with"].split())},
                source=sources()[row["source"]], explained=row["explained"],
            )
            for row in csv.DictReader(file)
        )  # fmt: skip


def _between(total: str, when: date) -> float:
    """Return a national total at a date, on the exponential through two published figures."""
    first, last = (next(row for row in published() if row.figure == key) for key in TRENDS[total])
    share = (when - first.month).days / (last.month - first.month).days
    return first.value * math.exp(share * math.log(last.value / first.value))


def _of_kind(kind: str, weights: NDArray[np.float64]) -> float:
    """Return the share that operators of a class of the authorised domains hold."""
    kinds = [row.kind for row in operator_rows()]
    if len(kinds) != len(weights):
        raise UserError(
            f"le scénario a {len(weights)} opérateurs à lui ; les chiffres d'un "
            f"seul opérateur veulent les {len(kinds)} de la liste des domaines "
            "autorisés",
            f"the scenario has {len(weights)} operators of its own; the figures of "
            f"one operator need the {len(kinds)} of the list of authorised domains",
            where="fit",
        )
    return float(weights[[each == kind for each in kinds]].sum())


def _mailboxes(scenario: Scenario, *kinds: str) -> float:
    total = 0.0
    for people in scenario.populations.values():
        total += (
            people.units
            * people.deployment
            * sum(float(getattr(people, f"{kind}_mailboxes")) for kind in kinds)
        )
    return total


def _month_messages(scenario: Scenario, _said: Published) -> float:
    return scenario.traffic.messages * MONTH / scenario.period.days


def _year_messages_of(scenario: Scenario, said: Published) -> float:
    share = 0.0
    for name, people in scenario.populations.items():
        mine = _of_kind(said.of, operator_weights(scenario, name))
        robots = _of_kind(said.of, operator_weights(scenario, name, applications=True))
        machine = people.machine_share
        share += people.message_share * (mine * (1 - machine) + robots * machine)
    return share * _between("messages", said.month) * YEAR / MONTH


def _users_of(scenario: Scenario, said: Published) -> float:
    """Return who opens a mailbox; unless the scenario is put back in time, scaled to the date."""
    found = 0.0
    for name, people in scenario.populations.items():
        each = people.personal_mailboxes + people.shared_mailboxes * scenario.mailboxes.holders
        found += people.units * people.deployment * each * _of_kind(
            said.of, operator_weights(scenario, name)
        )  # fmt: skip
    if said.changes:
        return found
    return (
        found
        * _between("mailboxes", said.month)
        / _mailboxes(scenario, "personal", "shared", "application")
    )


def _personal_of(scenario: Scenario, said: Published) -> float:
    kind, name = said.of.split(".")
    people = scenario.populations[name]
    boxes = people.units * people.deployment * people.personal_mailboxes
    return boxes * _of_kind(kind, operator_weights(scenario, name))


def _profession_mailboxes(scenario: Scenario, said: Published) -> float:
    """Return the mailboxes of one profession at the operator of the professions."""
    held = {p.code: p.holders * p.liberal for p in tables().professions}
    at_home = _of_kind("professions", operator_weights(scenario, "liberal"))
    people = scenario.populations["liberal"]
    boxes = people.units * people.deployment * people.personal_mailboxes
    return boxes * at_home * held[said.of] / sum(held.values())


def _domain_share(_scenario: Scenario, said: Published) -> float:
    domains = np.array([row.domains for row in operator_rows()])
    return float(domains[: int(said.of)].sum() / domains.sum())


def _domain_quantile(_scenario: Scenario, said: Published) -> float:
    sizes = np.sort(tables().domain_sizes)
    return float(sizes[max(0, math.ceil(float(said.of) * len(sizes)) - 1)])


def _domain_top(_scenario: Scenario, said: Published) -> float:
    sizes = np.sort(tables().domain_sizes)[::-1]
    return float(sizes[: int(said.of)].sum() / sizes.sum())


def _then(scenario: Scenario, said: Published) -> Scenario:
    """Return the space of a plan at a date: grown, with the methods of that quarter."""
    assert scenario.plan is not None
    months = (said.month.year - scenario.plan.start.year) * 12
    quarter = (months + said.month.month - scenario.plan.start.month) // 3
    place = min(max(quarter, 0), len(scenario.plan.ecps) - 1)
    return scenario_at(scenario, said.month, scenario.plan.ecps[place])


def _plan_ecps_people(scenario: Scenario, said: Published) -> float:
    then = _then(scenario, said)
    return sum(accesses_of(then, people).ecps for people in then.populations.values())


MEASURES: dict[str, Callable[[Scenario, Published], float]] = {
    "month_messages": _month_messages,
    "year_messages_of": _year_messages_of,
    "mailboxes": lambda s, _: _mailboxes(s, "personal", "shared", "application"),
    "published": lambda s, _: sum(expected_mailboxes(p) for p in s.populations.values()),
    "personal": lambda s, _: _mailboxes(s, "personal"),
    "shared": lambda s, _: _mailboxes(s, "shared"),
    "others": lambda s, _: _mailboxes(s, "shared", "application"),
    "users_of": _users_of,
    "personal_of": _personal_of,
    "profession_mailboxes": _profession_mailboxes,
    "operators": lambda s, _: s.operators.count,
    "domain_share": _domain_share,
    "domain_quantile": _domain_quantile,
    "domain_top": _domain_top,
    "plan_mailboxes": lambda s, p: _mailboxes(_then(s, p), "personal", "shared", "application"),
    "plan_published": lambda s, p: _mailboxes(_then(s, p), "personal", "shared"),
    "plan_ecps": lambda s, p: _then(s, p).populations["liberal"].method_ecps,
    "plan_ecps_people": _plan_ecps_people,
}


def _figure(scenario: Scenario, said: Published) -> PublishedFigure:
    then = with_inputs(scenario, said.changes) if said.changes else scenario
    return PublishedFigure(said, MEASURES[said.measure](then, said))


def fit(name: str | None = None) -> list[PublishedFigure]:
    """Compare a scenario with what was published about its month; without name, all shipped ones.

    Raises:
        UserError: no such scenario, or nothing was published about its month.
    """
    if name is None:
        chosen = {each: load_scenario(each) for each in scenario_names()}
        return [_figure(chosen[said.scenario], said) for said in published()]
    scenario = load_scenario(name)
    month = scenario.period.start.replace(day=1)
    months = {said.scenario: load_scenario(said.scenario).period.start.replace(day=1)
              for said in published()}  # fmt: skip
    rows = [
        said for said in published()
        if months[said.scenario] == month
        and (scenario.plan is not None or not said.measure.startswith(PLANNED))
    ]  # fmt: skip
    if not rows:
        known = ", ".join(f"{start:%Y-%m} ({each})" for each, start in months.items())
        raise UserError(
            f"aucun chiffre publié ne décrit un espace de {month:%Y-%m} ; il y en a pour",
            f"no published figure describes a space of {month:%Y-%m}; they describe",
            where=f"fit: {scenario.name}",
            then=known,
        )
    return [_figure(scenario, said) for said in rows]
