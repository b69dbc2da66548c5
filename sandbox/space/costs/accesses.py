"""How many accesses there are, by method, expected: what installation, support and SMS cost.

Works alike on a scenario whose figures are arrays over draws.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from sandbox.space.scenario import Scenario
from sandbox.space.sections.people import Population

__all__ = ["PopulationAccesses", "accesses_of", "sms_of_a_year"]

WORKING_DAYS, SATURDAYS, SUNDAYS = 252, 52, 61  # of a French year: 365 days, 9 holidays on weekdays
HOUR = 3600


@dataclass(frozen=True, slots=True)
class PopulationAccesses:
    """The active accesses of one population.

    Attributes:
        people: of persons, whatever their software; installed: on their own software.
        robots: of application mailboxes.
        totp, ecps, sms: of persons, by method.
    """

    people: float
    installed: float
    robots: float
    totp: float
    ecps: float
    sms: float


def accesses_of(scenario: Scenario, people: Population) -> PopulationAccesses:
    """Return the accesses of a population, expected."""
    units = people.units * people.deployment * people.active
    boxes = people.personal_mailboxes + people.shared_mailboxes * np.rint(
        scenario.mailboxes.holders
    )
    persons = units * boxes
    return PopulationAccesses(
        people=persons,
        installed=persons * (people.software_lps + people.software_mail_client),
        robots=units * people.application_mailboxes,
        totp=persons * people.method_totp,
        ecps=persons * people.method_ecps,
        sms=persons * people.method_sms,
    )


def _logins_a_day(scenario: Scenario, people: Population) -> float:
    """Return how often a person proves who she is on a day: once a session that is honoured."""
    opened = (people.closing_hour - people.opening_hour) * HOUR
    honoured = scenario.policies.session_seconds
    looks: Any = 0.0
    for name in ("lps", "mail_client", "webmail"):
        software = scenario.software[name]
        share: float = getattr(people, f"software_{name}")
        looks = looks + share * (1 + software.poll_share * opened / software.poll_seconds)
    found: float = np.where(
        np.greater(honoured, 0), np.maximum(1.0, opened / np.maximum(honoured, 1e-9)), looks
    )[()]
    return found


def sms_of_a_year(scenario: Scenario) -> float:
    """Return the messages that the operators' SMS gateways send in a year, expected."""
    total = 0.0
    for people in scenario.populations.values():
        days = (
            WORKING_DAYS * people.present_working
            + SATURDAYS * people.present_saturday
            + SUNDAYS * people.present_sunday
        )
        total += accesses_of(scenario, people).sms * days * _logins_a_day(scenario, people)
    return total
