"""Person-hours that a year of incidents costs under a candidate, for whole arrays of draws.

What `analysis.incidents` counts on drawn accesses for one operator and sums over all, taken in
expectation: who works, behind which thing that fails, for how long.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import ndtr

from sandbox.decision.access import AccessCell
from sandbox.space.capacity import servers_shared
from sandbox.space.compatibility import SUPPORT, shares_of
from sandbox.space.designs import Design
from sandbox.space.incidents import NATIONAL_INCIDENTS, STRIKES, Incident, things_that_fail
from sandbox.space.login_policies import LoginPolicy
from sandbox.space.methods import METHODS, Mechanism, Method
from sandbox.space.operators import SizeTable, operator_weights
from sandbox.space.scenario import Scenario

__all__ = ["Workforce", "incident_hours", "workers_of"]

HOUR = 3600.0


@dataclass(frozen=True, slots=True)
class Workforce:
    """People who can connect under every candidate and work on a working day; arrays over draws.

    Attributes:
        by_method: population -> method -> how many.
        placed: population -> size class of operator -> share of its mailboxes there.
    """

    by_method: dict[str, dict[Method, Any]]
    placed: dict[str, dict[str, Any]]


def workers_of(
    base: Scenario, drawn: Scenario, cells: Sequence[AccessCell], sizes: SizeTable
) -> Workforce:
    """Return who works; `base` has the operators' weights, `drawn` the figures."""
    people: dict[str, dict[Method, Any]] = {name: {} for name in drawn.populations}
    for cell in cells:
        if cell.software != "robot":
            mine = people[cell.population]
            present = drawn.populations[cell.population].present_working
            mine[cell.method] = mine.get(cell.method, 0.0) + cell.able * present
    placed = {}
    for name in drawn.populations:
        weights = operator_weights(base, name)
        placed[name] = {size: mine @ weights for size, mine in sizes.members.items()}
    return Workforce(people, placed)


def _token(cells: Sequence[AccessCell], drawn: Scenario, design: Design, policy: LoginPolicy,
           population: str) -> Any:  # fmt: skip
    """Return the share of a population's telephone logins that carry a token."""
    ways = policy.ways(design.endpoint("imap", Method.ECPS), Method.ECPS)
    if Mechanism.XOAUTH2 not in ways:
        return 0.0
    able: Any = 0.0
    token: Any = 0.0
    for cell in cells:
        if cell.population == population and cell.method is Method.ECPS:
            people = drawn.populations[population]
            shares = shares_of(drawn, drawn.products[cell.product], people, cell.kind)
            left: Any = 1.0
            chosen: Any = 0.0
            for way in ways:
                share = shares[SUPPORT["imap", way]]
                chosen = chosen + left * share * (way is Mechanism.XOAUTH2)
                left = left * (1.0 - share)
            able = able + cell.able
            token = token + cell.able * chosen / np.maximum(1.0 - left, 1e-12)
    return token / np.maximum(able, 1e-12)


def _asks(drawn: Scenario, population: str, hours: Any) -> Any:
    """Return the share of those present whom an outage of a national back end makes wait."""
    people, policies = drawn.populations[population], drawn.policies
    spread = np.maximum(people.opening_sd, 1e-6)

    def opened(hour: Any) -> Any:
        return ndtr((hour - people.opening_hour) / spread)

    session = policies.session_seconds / HOUR
    during = opened(STRIKES + hours) - opened(STRIKES)
    ended = opened(STRIKES + hours - session) - opened(STRIKES - session)
    return np.minimum(1.0, (during + ended) / 2 + np.minimum(1.0, opened(STRIKES - session)))


def incident_hours(
    drawn: Scenario,
    workers: Workforce,
    cells: Sequence[AccessCell],
    design: Design,
    policy: LoginPolicy,
) -> Any:
    """Return person-hours lost in a year by all operators' people, float64 (n,)."""
    total: Any = 0.0
    for incident in Incident:
        facts = getattr(drawn.incidents, incident)
        hours = facts.minutes / 60
        lost = (
            _national(drawn, workers, cells, design, policy, incident, hours)
            if incident in NATIONAL_INCIDENTS
            else _local(drawn, workers, design, incident)
        )
        total = total + facts.per_year * hours * lost
    return total


def _national(
    drawn: Scenario,
    workers: Workforce,
    cells: Sequence[AccessCell],
    design: Design,
    policy: LoginPolicy,
    incident: Incident,
    hours: Any,
) -> Any:
    lost: Any = 0.0
    for name, by_method in workers.by_method.items():
        if incident is Incident.DIRECTORY:
            certified = sum(n for m, n in by_method.items() if METHODS[m].client_certificate)
            lost = lost + certified * drawn.backends.directory.miss
            continue
        method = Method.ECPS if incident is Incident.PSC else Method.SMS
        share = _asks(drawn, name, hours)
        if incident is Incident.PSC:
            token = _token(cells, drawn, design, policy, name)
            share = share + token * (1.0 - share)
        lost = lost + by_method.get(method, 0.0) * share
    return lost


def _local(drawn: Scenario, workers: Workforce, design: Design, incident: Incident) -> Any:
    """Return people kept out, summed over the things that can fail so at all operators."""
    lost: Any = 0.0
    for shared in (False, True):
        things = things_that_fail(design, incident, one_host=shared)
        weight = {
            method: sum(
                np.where(method in thing.methods, 1.0, drawn.incidents.spreads)
                for thing in things
                if any(method in e.methods for e in thing.endpoints)
            )
            for method in Method
        }
        for name, by_method in workers.by_method.items():
            here: Any = 0.0
            for size, placed in workers.placed[name].items():
                sharing = servers_shared(drawn.resources, getattr(drawn.resources, size), design)
                here = here + placed * (sharing == shared)
            lost = lost + here * sum(n * weight[method] for method, n in by_method.items())
    return lost
