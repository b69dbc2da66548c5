"""Waits and failures of a draw, by the engine, on a sample whose error is known.

One working day of people and robots who can connect under every candidate. The sample is
stratified by method: each has as many accesses, taken from a low-discrepancy sequence that is the
same in every draw and under every candidate, and counts for as many as the space has. The first
coordinate of that sequence runs through populations, mailboxes and products, so that within a
method each software has its share; strata of its own gain nothing (docs/decision.md). Nobody waits
for anybody: servers are many, so that a sample has none of the graininess of a small share of a
big server; what connections run out of is `room`. An access has a mailbox and an address of its
own, so limits by mailbox and by address, which are the same under every design, are left out.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from sandbox.decision.access import AccessCell, Asked
from sandbox.decision.criteria import SIMULATED
from sandbox.decision.factors import scenario_at
from sandbox.observations.schema import Protocol
from sandbox.simulation import fast
from sandbox.simulation.build import build_model
from sandbox.simulation.dialogues import group_of
from sandbox.simulation.model import NEVER, Record
from sandbox.space.calendar import DayKind, day_kinds, hourly_weights
from sandbox.space.candidates import Candidate
from sandbox.space.capacity import NATIONAL, RELAY, Capacity
from sandbox.space.designs import PROTOCOLS, Design
from sandbox.space.methods import CAPABILITIES, Feature, Method
from sandbox.space.operators import operator_weights
from sandbox.space.population import (
    ROBOT,
    SOFTWARE,
    WEBMAIL_RTT,
    Accesses,
    BalKind,
    Space,
    with_own,
)
from sandbox.space.scenario import Scenario
from sandbox.space.tables import week

__all__ = ["ACCESSES", "Base", "base_of", "dialogue_class", "simulate"]

Floats = NDArray[np.float64]
METHODS = tuple(Method)
ACCESSES = 256  # of each method; robots look and send far more often
ROBOTS = 32
TRIES = 8  # accesses drawn for one that can connect
CORES, PLENTY = 256, np.array([NEVER], dtype=np.int64)
CELL, RTT, BLOCKED, OWN, FEATURES = 0, 1, 2, 3, 4  # columns of the sequence
MONDAY = 0


@dataclass(frozen=True, slots=True)
class Base:
    """What no draw changes.

    Attributes:
        scenario: one working day of one operator.
        weights: (population, kind is APP) -> share of each operator, for the names' caches.
        day_share: population -> part of the period's messages that the day has.
    """

    scenario: Scenario
    weights: Mapping[tuple[str, bool], Floats]
    day_share: Mapping[str, float]
    seed: int


def base_of(scenario: Scenario, seed: int) -> Base:
    """Return what every draw of a scenario shares."""
    period = scenario.period
    kinds = day_kinds(period.start, period.days)
    working = [d for d in range(period.days) if kinds[d] == DayKind.WORKING]
    plain = [d for d in working if (period.start + timedelta(days=d)).weekday() != MONDAY]
    day = (plain or working or [0])[0]
    shares = {}
    for name in scenario.populations:
        hours = hourly_weights(period.start, period.days, week()[name],
                               scenario.traffic.monday_factor)  # fmt: skip
        shares[name] = float(hours[24 * day : 24 * day + 24].sum())
    weights = {
        (name, robots): operator_weights(scenario, name, applications=robots)
        for name in scenario.populations
        for robots in (False, True)
    }
    operators = scenario.operators.model_copy(
        update={"mailboxes": (1.0,), "applications": {}, "certificates": (), "names": ("sample",),
                "fit": ()}
    )  # fmt: skip
    one = scenario.model_copy(update={
        "period": period.model_copy(update={"start": period.start + timedelta(days=day),
                                            "days": 1}),
        "operators": operators, "outages": (), "sweep": None, "plan": None,
    })  # fmt: skip
    return Base(one, weights, shares, seed)


@cache
def _sequence(method: int, seed: int, count: int) -> Floats:
    from scipy.stats import qmc  # a second of imports

    columns = FEATURES + len(CAPABILITIES)
    drawn = qmc.Sobol(columns, rng=np.random.default_rng([seed, method])).random(count)
    inside: Floats = np.clip(drawn, 1e-9, 1 - 1e-9)
    return inside


def _size(method: Method) -> int:
    return ROBOTS if method is Method.CERTIFICATE else ACCESSES


def _features(scenario: Scenario, product: NDArray[np.int64], blocked: NDArray[np.bool_],
              u: Floats) -> NDArray[np.int64]:  # fmt: skip
    shares = np.array([[getattr(each, field) for field in CAPABILITIES]
                       for each in scenario.products.values()])  # fmt: skip
    has = u < shares[product]
    bits: NDArray[np.int64] = has @ np.array([int(f) for f in CAPABILITIES.values()])
    bits += np.where(blocked, int(Feature.PORT_BLOCKED), 0)
    return bits if scenario.network.tls13_server else bits & ~int(Feature.TLS13)


def _stratum(
    base: Base, scenario: Scenario, cells: Sequence[AccessCell], weights: Floats, method: Method,
    asked: Asked,
) -> Accesses | None:  # fmt: skip
    """Return the accesses of one method that can connect under every candidate; None of none."""
    mine = [n for n, cell in enumerate(cells) if cell.method is method]
    total = weights[mine].sum()
    if total <= 0:
        return None
    number, size = METHODS.index(method), _size(method)
    u = _sequence(number, base.seed, size * TRIES)
    chosen = np.searchsorted(weights[mine].cumsum()[:-1] / total, u[:, CELL], side="right")
    populations, products = list(scenario.populations), list(scenario.products)
    facts = np.array([
        (populations.index(c.population), int(c.kind), products.index(c.product),
         SOFTWARE.index(c.software))
        for c in (cells[n] for n in mine)
    ])[chosen]  # fmt: skip
    people = list(scenario.populations.values())
    population, kind, product, software = facts.T
    webmail = software == SOFTWARE.index("webmail")
    closed = np.array([each.port_blocked for each in people])[population]
    bits = _features(scenario, product, (u[:, BLOCKED] < closed) & ~webmail, u[:, FEATURES:])
    own = np.array([[with_own(scenario, each, k) for k in BalKind] for each in people])
    has_own = (u[:, OWN] < own[population, kind]) & ~webmail
    bits |= np.where(has_own, int(Feature.HAS_OWN), 0)
    able = np.ones(len(u), dtype=np.bool_)
    for each in asked[method]:
        able &= each.met(bits)
    kept = np.flatnonzero(able)[:size]
    if len(kept) == 0:
        return None
    mean = np.array([each.rtt for each in people])[population]
    sigma = np.sqrt(np.log1p(np.array([each.rtt_cv for each in people])[population] ** 2))
    rtt = np.where(webmail, WEBMAIL_RTT, mean * np.exp(sigma * ndtri(u[:, RTT]) - sigma**2 / 2))
    identity = kept.astype(np.int64) + (number + 1 << 40)
    return Accesses(
        kind=kind[kept].astype(np.int8), population=population[kept].astype(np.int8),
        operator=np.zeros(len(kept), dtype=np.int32),
        method=np.full(len(kept), number, dtype=np.int8), software=software[kept].astype(np.int8),
        product=product[kept].astype(np.int16), rtt=rtt[kept], features=bits[kept],
        mailbox=identity, site=identity, identity=identity,
    )  # fmt: skip


def _sending(
    base: Base, scenario: Scenario, accesses: Accesses, cells: Sequence[AccessCell], weights: Floats
) -> Scenario:
    """Return the scenario in which each sender of the sample sends what one of the space does."""
    populations = list(scenario.populations)
    sent = np.zeros((len(populations), 2))
    for row, (name, people) in enumerate(scenario.populations.items()):
        day = scenario.traffic.messages * people.message_share * base.day_share[name]
        for machine, part in ((0, 1 - people.machine_share), (1, people.machine_share)):
            whole = sum(
                weights[n] for n, cell in enumerate(cells)
                if cell.population == name and (cell.software == "robot") == machine
            )  # fmt: skip
            mine = (accesses.population == row) & ((accesses.software == ROBOT) == machine)
            sent[row, machine] = day * part * mine.sum() / whole if whole > 0 else 0.0
    total = max(float(sent.sum()), 1e-9)
    shares = {
        name: people.model_copy(update={
            "message_share": float(sent[row].sum() / total),
            "machine_share": float(sent[row, 1] / max(sent[row].sum(), 1e-12)),
        })
        for row, (name, people) in enumerate(scenario.populations.items())
    }  # fmt: skip
    traffic = scenario.traffic.model_copy(
        update={"messages": total, "recipients": 1.0, "receipts_asked": 0.0, "acknowledged": 0.0}
    )
    return scenario.model_copy(update={"traffic": traffic, "populations": shares})


def _capacity(design: Design) -> Capacity:
    names = [e.name for e in design.endpoints] + [RELAY]
    cores = np.array([float(CORES)])
    return Capacity(
        pool_of={name: name for name in names}, slots=dict.fromkeys(names, PLENTY),
        backlog=dict.fromkeys(names, np.array([1], dtype=np.int64)),
        cores=dict.fromkeys(names, cores), shares=np.array([False]), store=cores,
        national=dict.fromkeys(NATIONAL, float(CORES)),
    )  # fmt: skip


def _misses(
    base: Base, scenario: Scenario, design: Design, cells: Sequence[AccessCell], able: Floats
) -> dict[str, float]:
    """Return, by endpoint, how often a resolver has forgotten it (as `simulation.build` says)."""
    users = {method: np.zeros(1) for method in METHODS}
    for cell, count in zip(cells, able, strict=True):
        of = base.weights[cell.population, cell.kind is BalKind.APP]
        users[cell.method] = users[cell.method] + count * of
    everybody = max(float(able.sum()), 1e-12)
    found = {}
    for endpoint in design.endpoints:
        mine = sum((users[method] for method in endpoint.methods), np.zeros(1))
        asked = scenario.network.dns_users * mine / everybody
        found[endpoint.name] = float((mine / (1 + asked)).sum() / max(mine.sum(), 1e-12))
    return found


def dialogue_class(candidate: Candidate) -> object:
    """Return what the dialogues of a candidate differ by: two that are equal wait alike.

    What is left between them is how often a resolver has forgotten a name, which is far below what
    matters to a decision: the first one's names stand for all.
    """
    design, policy = candidate.design, candidate.policy
    return tuple(
        (e.tls, e.client_certificate, policy.ways(e, method),
         len({other.host for other in design.endpoints if method in other.methods}))
        for protocol in PROTOCOLS
        for method in METHODS
        for e in [design.endpoint(protocol, method)]
    )  # fmt: skip


def simulate(
    base: Base,
    values: Mapping[str, Any],
    candidates: Sequence[Candidate],
    asked: Asked,
    cells: Sequence[AccessCell],
    counts: Floats,
    able: Floats,
) -> dict[str, Floats]:
    """Return the criteria of SIMULATED of one draw, each float64 (candidates,); nan: nobody left.

    Args:
        values: by key of an input, one value.
        asked: by method, what the candidates ask together.
        cells: of the scenario; counts, able: their accesses in this draw, float64 (cells,).
    """
    scenario = scenario_at(base.scenario, values)
    strata = [_stratum(base, scenario, cells, counts, method, asked) for method in METHODS]
    taken = [each for each in strata if each is not None]
    nobody = {name: np.full(len(candidates), math.nan) for name in SIMULATED}
    if not taken:
        return nobody
    accesses = Accesses(*(np.concatenate([getattr(part, field) for part in taken])
                          for field in Accesses.__slots__))  # fmt: skip
    scenario = _sending(base, scenario, accesses, cells, counts)
    space = Space(
        scenario=scenario, seed=base.seed, replication=0, scale=1.0,
        populations=tuple(scenario.populations), operators=("sample",),
        operator_mailboxes=np.array([len(accesses)], dtype=np.int64),
        mailboxes=np.zeros((len(scenario.populations), len(BalKind)), dtype=np.int64),
        accesses=accesses,
    )  # fmt: skip
    worth = np.array([
        sum(able[n] for n, cell in enumerate(cells) if cell.method is method) / len(stratum)
        if stratum is not None else 0.0
        for method, stratum in zip(METHODS, strata, strict=True)
    ])  # fmt: skip
    alike = [dialogue_class(each) for each in candidates]
    runs: dict[object, Record] = {}
    for each, kind in zip(candidates, alike, strict=True):
        if kind in runs:
            continue
        miss = _misses(base, scenario, each.design, cells, able)
        model = build_model(space, each.design, each.policy, capacity=_capacity(each.design),
                            dns_miss=miss)  # fmt: skip
        runs[kind] = fast.run(model)
    people = sum(able[n] for n, cell in enumerate(cells) if cell.software != "robot")
    return _metrics([runs[kind] for kind in alike], worth, float(people))


def _metrics(records: Sequence[Record], worth: Floats, people: float) -> dict[str, Floats]:
    """Return shares of failures, what a person waits a day, machine latency at a common mix.

    What a person waits is a sum, not a mean over logins: a dialogue that a design adds to logins
    that nobody waited for would lower such a mean.
    """
    rows = np.array([[group_of(p, m) for m in METHODS] for p in Protocol])
    logins = np.stack([r.login_count[0][rows].sum(axis=0) for r in records]) * worth[:, None]
    times = np.stack([r.login_time[0][rows].sum(axis=0) for r in records]) * worth[:, None] / 1e9
    failed = np.stack([r.failures[rows].sum(axis=(0, 2)) for r in records]) * worth
    machine = logins[:, :, 0]
    attempts = machine.sum(axis=1) + failed.sum(axis=1)
    mix = machine.sum(axis=0) * (machine > 0).all(axis=0)
    means = times[:, :, 0] / np.maximum(machine, 1e-12)
    return {
        "failure_share": failed.sum(axis=1) / np.maximum(attempts, 1e-12),
        "person_wait": times[:, :, 1].sum(axis=1) / max(people, 1e-12),
        "machine_latency": (means * mix).sum(axis=1) / max(float(mix.sum()), 1e-12),
    }
