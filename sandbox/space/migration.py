"""Moving to a design, quarter by quarter: who is on its doors, who waits, who is cut off.

Editors deliver in waves; the sites of a delivered editor update after a while; a site whose
firewall blocks a new port goes back to the old doors (993 and 465) until the port is opened; the
e-CPS comes when Pro Santé Connect offers CIBA. The old doors stay open beside the new ones until
they are retired; who is not there by then is left with the telephone. Everything is expected
values: nothing is drawn.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import date

from sandbox.space.costs.accesses import accesses_of
from sandbox.space.designs import Design
from sandbox.space.population import SOFTWARE
from sandbox.space.scenario import Scenario
from sandbox.space.sections.money import Plan
from sandbox.space.sections.people import Population

__all__ = ["Quarter", "delivered_shares", "grown", "quarters", "scenario_at"]

MONTHS = 3
DAYS_A_YEAR = 365.25


@dataclass(frozen=True, slots=True)
class Quarter:
    """The state of the move in one quarter, at its middle.

    Attributes:
        number: from 1; start: its first day.
        scenario: the space then: its mailboxes, its methods.
        delivered: share of the installed accesses whose editor delivers in this quarter.
        updated: share whose site updates in this quarter.
        installed: accesses of people on software of their own, and of robots.
        new, old, cut: of these, on the new doors, on the old ones, left with the telephone.
        blocked: of those on the old doors or cut off, kept there by a firewall alone.
        retired: whether the old doors are closed.
    """

    number: int
    start: date
    scenario: Scenario
    delivered: float
    updated: float
    installed: float
    new: float
    old: float
    cut: float
    blocked: float
    retired: bool

    @property
    def label(self) -> str:
        """Its name, as in 2023-Q1."""
        return f"{self.start.year}-Q{(self.start.month - 1) // MONTHS + 1}"


def _start(plan: Plan, number: int) -> date:
    months = plan.start.year * 12 + plan.start.month - 1 + MONTHS * (number - 1)
    return date(months // 12, months % 12 + 1, 1)


def grown(scenario: Scenario, when: date) -> float:
    """Return how many times as many mailboxes there are at a date as in the scenario's period."""
    years = (when - scenario.period.start).days / DAYS_A_YEAR
    return math.exp(years * math.log1p(scenario.migration.growth))


def _with_ecps(people: Population, share: float, times: float) -> Population:
    """Return a population that has grown and of which a share uses the e-CPS."""
    others = 1.0 - people.method_ecps
    rest = (1.0 - share) / others if others else 0.0
    return people.model_copy(update={
        "units": people.units * times,
        "method_ecps": share,
        "method_cps": people.method_cps * rest,
        "method_totp": people.method_totp * rest + (0.0 if others else 1.0 - share),
        "method_sms": people.method_sms * rest,
    })  # fmt: skip


def scenario_at(scenario: Scenario, when: date, ecps: float) -> Scenario:
    """Return the space at a date: grown, with a share of people on the e-CPS."""
    times = grown(scenario, when)
    return scenario.model_copy(update={
        "populations": {
            name: _with_ecps(people, ecps, times) for name, people in scenario.populations.items()
        },
    })  # fmt: skip


def delivered_shares(scenario: Scenario, plan: Plan) -> list[float]:
    """Return the share of installed accesses, robots with them, of the products of each wave."""
    kinds = dict.fromkeys(SOFTWARE, 0.0)
    for people in scenario.populations.values():
        mine = accesses_of(scenario, people)
        kinds["lps"] += mine.people * people.software_lps
        kinds["mail_client"] += mine.people * people.software_mail_client
        kinds["robot"] += mine.robots
    products, whole = scenario.products, sum(kinds.values())
    return [
        sum(kinds[products[name].kind] * products[name].share for name in wave.products) / whole
        for wave in plan.waves
    ]


def _updated(scenario: Scenario, plan: Plan, shares: list[float], number: int) -> float:
    """Return the share of installed accesses whose site has updated by the middle of a quarter."""
    mean = scenario.migration.update_quarters
    return sum(
        share * -math.expm1(-(number - wave.quarter + 0.5) / mean)
        for wave, share in zip(plan.waves, shares, strict=True)
        if wave.quarter <= number
    )


def quarters(design: Design, scenario: Scenario) -> list[Quarter]:
    """Return the quarters of a scenario's plan under a design; none without a plan."""
    plan = scenario.plan
    if plan is None:
        return []
    opened = scenario.migration.opened_quarter
    shares = delivered_shares(scenario, plan)
    cohorts: list[float] = []  # shares that update, by quarter
    found = []
    for number, ecps in enumerate(plan.ecps, start=1):
        start = _start(plan, number)
        then = scenario_at(scenario, start, ecps)
        cohorts.append(_updated(scenario, plan, shares, number) - sum(cohorts))
        # Who updated k quarters ago is still blocked with probability (1 - opened) ^ k.
        waiting = sum(
            cohort * (1 - opened) ** (number - born) for born, cohort in enumerate(cohorts, 1)
        )
        installed = new = blocked = 0.0
        for people in then.populations.values():
            mine = accesses_of(then, people)
            # Before PSC offers CIBA, who uses the e-CPS has no door among the new ones.
            out = mine.installed * ecps if start < plan.psc_ciba else 0.0
            able = mine.installed + mine.robots - out
            held = able * waiting * people.port_blocked if design.firewall_openings else 0.0
            installed += mine.installed + mine.robots
            new += able * sum(cohorts) - held
            blocked += held
        retired = plan.retire is not None and start >= plan.retire
        found.append(Quarter(
            number=number, start=start, scenario=then,
            delivered=sum(
                share
                for wave, share in zip(plan.waves, shares, strict=True)
                if wave.quarter == number
            ),
            updated=cohorts[-1], installed=installed, new=new,
            old=0.0 if retired else installed - new,
            cut=installed - new if retired else 0.0, blocked=blocked, retired=retired,
        ))  # fmt: skip
    return found
