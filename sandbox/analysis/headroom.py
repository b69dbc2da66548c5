"""Headroom: how much more traffic each design carries before its service level breaks.

The servers are those of today. The traffic is multiplied by having as many more people; only those
who can connect under every design compared count, so that a design gains nothing by keeping people
out. One working day runs from its quiet night to noon, past its busiest hour: software is opened,
mail clients connect, looks on the clock meet the morning's messages. The multiplier at which the
level first breaks at some endpoint is found by bisection on a logarithmic scale, for a few samples
of the space whose capacities are scaled with it; they differ by the sampling error.

The level breaks at an endpoint when the 95th percentile of its machine latency exceeds by
`service.added_latency` what it is on servers that never wait, or when more than `service.refused`
of its attempts find no connection in time.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from sandbox.observations.histogram import bin_middle
from sandbox.observations.schema import Cause, Protocol
from sandbox.simulation import fast
from sandbox.simulation.build import (
    build_model,
    without_contention,
)
from sandbox.simulation.dialogues import group_of
from sandbox.simulation.model import EndpointStat, Model, PoolStat, Record, StationStat
from sandbox.space.calendar import DayKind, day_kinds
from sandbox.space.candidates import Candidate
from sandbox.space.capacity import NATIONAL, RELAY, Capacity, capacity_of
from sandbox.space.compatibility import can_connect
from sandbox.space.designs import Design
from sandbox.space.methods import METHODS, Method
from sandbox.space.population import Space, build_space
from sandbox.space.scenario import Scenario
from sandbox.workers.spread import HERE, Workers, spread

__all__ = ["Breach", "Headroom", "find_knee", "headroom_of"]

SAMPLE = 12_000  # accesses of one sample at today's traffic
SAMPLES = 3
UNTIL = 12  # o'clock; the busiest hour of a working day is over (docs/model.md)
LOWEST, HIGHEST = 1 / 16, 32.0  # multipliers tried
STEPS = 4  # bisections of a factor of two: 4.4 %
Found = TypeVar("Found")
LEAST = 5  # sessions that break a level: one that waits proves nothing
LATE = (Cause.SLOTS_EXHAUSTED, Cause.SLOT_TIMEOUT, Cause.CLIENT_TIMEOUT)
SECOND = 1e9
PERCENTILE = 0.95


@dataclass(frozen=True, slots=True)
class Breach:
    """What breaks first.

    Attributes:
        endpoint: name within the design, or `mx`.
        part: connections, front, store, psc, sms or directory.
        operator: whose it is, "" for what all share.
    """

    endpoint: str
    part: str
    operator: str


@dataclass(frozen=True, slots=True)
class Headroom:
    """The headroom of one design.

    Attributes:
        multiplier: of today's traffic at which the level breaks, geometric mean over samples;
            HIGHEST when it breaks in none.
        low, high: over the samples.
        breach: what breaks in most of them, None when nothing does.
    """

    multiplier: float
    low: float
    high: float
    breach: Breach | None


def find_knee(
    broken: Callable[[float], Found | None],
    *,
    lowest: float = LOWEST,
    highest: float = HIGHEST,
    steps: int = STEPS,
) -> tuple[float, Found | None]:
    """Return the multiplier at which `broken` starts to answer, and its answer just above.

    Starts at 1, doubles or halves until it brackets the knee, then bisects the logarithm; returns
    the middle of the last bracket, `highest` and None when nothing breaks.
    """
    low, high = 0.0, 1.0
    found = broken(high)
    while found is None:
        low, high = high, 2 * high
        if high > highest:
            return highest, None
        found = broken(high)
    while low == 0.0:
        middle = high / 2
        if middle < lowest:
            return lowest, found
        answer = broken(middle)
        if answer is None:
            low = middle
        else:
            high, found = middle, answer
    for _ in range(steps):
        middle = math.sqrt(low * high)
        answer = broken(middle)
        if answer is None:
            low = middle
        else:
            high, found = middle, answer
    return math.sqrt(low * high), found


def _busy_day(scenario: Scenario) -> Scenario:
    """Return the scenario cut to its first working day, its messages with it."""
    kinds = day_kinds(scenario.period.start, scenario.period.days)
    working = np.flatnonzero(kinds == DayKind.WORKING)
    first = int(working[0]) if len(working) else 0
    share = 1.0 / max(1, len(working))
    return scenario.model_copy(update={
        "period": scenario.period.model_copy(update={
            "start": scenario.period.start + timedelta(days=first), "days": 1,
        }),
        "traffic": scenario.traffic.model_copy(update={
            "messages": scenario.traffic.messages * share,
        }),
        "outages": (), "sweep": None,
    })  # fmt: skip


def _morning(model: Model) -> Model:
    """Return the model with the arrivals of the morning only."""
    inputs = model.inputs
    counts = inputs.send_counts.copy()
    counts[:, UNTIL:] = 0
    horizon = np.array([UNTIL * 3600 * 10**9], dtype=np.int64)
    return replace(model, inputs=inputs._replace(send_counts=counts, horizon=horizon))


def _groups(design: Design, name: str) -> list[int]:
    endpoint = next(e for e in design.endpoints if e.name == name)
    protocol = Protocol[endpoint.protocol.upper()]
    return [group_of(protocol, method) for method in endpoint.methods]


def _percentile(record: Record, groups: list[int]) -> float:
    """Return the 95th percentile of machine latency, s; 0 when nobody logged in."""
    counts = record.logins[:, groups, 0].sum(axis=(0, 1)).cumsum()
    if counts[-1] == 0:
        return 0.0
    return float(bin_middle()[int(np.searchsorted(counts, PERCENTILE * counts[-1]))])


def _slow(record: Record, groups: list[int], limit: float) -> float:
    """Return logins above `limit` s over those that may be: above 1, the percentile is."""
    counts = record.logins[:, groups, 0].sum(axis=(0, 1))
    slow = int(counts[bin_middle() > limit].sum())
    return slow / ((1 - PERCENTILE) * counts.sum()) if slow >= LEAST else 0.0


def _late(record: Record, groups: list[int]) -> float:
    """Return the share of attempts that found no connection in time."""
    failed = record.failures[groups]
    late = int(failed[:, LATE].sum())
    return late / (record.login_count[:, groups, 0].sum() + failed.sum()) if late >= LEAST else 0.0


@dataclass(frozen=True, slots=True)
class _Sample:
    """One sample of the space under one design and policy, on today's servers."""

    scenario: Scenario
    candidate: Candidate
    others: tuple[Candidate, ...]
    seed: int
    replication: int
    scale: float

    @property
    def design(self) -> Design:
        return self.candidate.design

    def _space(self, multiplier: float) -> Space:
        return build_space(
            self.scenario, seed=self.seed, replication=self.replication,
            scale=self.scale * multiplier,
        )  # fmt: skip

    def run(self, multiplier: float, capacity: Capacity | None) -> tuple[Space, Model, Record]:
        """Run the morning with so much traffic; without capacity, on servers that never wait."""
        space = self._space(multiplier)
        survive = can_connect(space, [(each.design, each.policy) for each in self.others])
        model = _morning(
            build_model(space, self.design, self.candidate.policy, capacity=capacity, only=survive)
        )
        if capacity is None:
            model = without_contention(model)
        return space, model, fast.run(model)

    def knee(self) -> tuple[float, Breach | None]:
        """Return the multiplier at which the level breaks, and where."""
        capacity = capacity_of(self.scenario, self.design, scale=self.scale)
        names = [e.name for e in self.design.endpoints]
        _, _, idle = self.run(1.0, None)
        base = {
            name: (_percentile(idle, groups), _late(idle, groups))
            for name in names
            for groups in [_groups(self.design, name)]
        }

        def broken(multiplier: float) -> Breach | None:
            space, model, record = self.run(multiplier, capacity)
            return self._breach(space, model, record, base)

        return find_knee(broken)

    def _breach(
        self, space: Space, model: Model, record: Record, base: dict[str, tuple[float, float]]
    ) -> Breach | None:
        """Return where the level is broken most, if it is."""
        level, operators = self.scenario.service, len(space.operators)
        worst, where, refused = 1.0, "", False
        for name, (idle, idle_late) in base.items():
            groups = _groups(self.design, name)
            slow = _slow(record, groups, idle + level.added_latency)
            late = (_late(record, groups) - idle_late) / level.refused
            if max(slow, late) > worst:
                worst, where, refused = max(slow, late), name, late >= slow
        relays = record.endpoints[-operators:].sum(axis=0)
        lost = relays[EndpointStat.REFUSED] + relays[EndpointStat.ABANDONED]
        share = lost / max(1, lost + relays[EndpointStat.SESSIONS]) / level.refused
        if share > worst and lost >= LEAST:
            where, refused = RELAY, True
        return self._blame(space, model, record, where, refused=refused) if where else None

    def _blame(
        self, space: Space, model: Model, record: Record, where: str, *, refused: bool
    ) -> Breach:
        """Name the part that makes an endpoint wait: the longest total wait of those it uses."""
        operators = len(space.operators)
        layout = model.code.layout
        waits = record.stations[:, StationStat.WAIT]

        def own(first: int, of: NDArray[np.int64]) -> tuple[float, str]:
            mine = of[first : first + operators]
            return float(mine.sum()), space.operators[int(mine.argmax())]

        front = RELAY if where == RELAY else f"front.{where}"
        parts = {"front": own(layout.stations[front], waits)}
        if where != RELAY:
            methods = next(e.methods for e in self.design.endpoints if e.name == where)
            used = {
                "psc": Method.ECPS in methods,
                "sms": Method.SMS in methods,
                "directory": any(METHODS[method].client_certificate for method in methods),
                "citizens": False,  # behind relays alone
            }
            parts |= {name: (float(waits[number]), "")
                      for number, name in enumerate(NATIONAL) if used[name]}  # fmt: skip
        pool = layout.pools[layout.pool_of[where]]
        held = record.pools[:, PoolStat.WAIT] + record.pools[:, PoolStat.LOST_WAIT]
        gone = record.pools[:, PoolStat.REFUSED] + record.pools[:, PoolStat.ABANDONED]
        if refused:  # connections ran out: of themselves, or since what serves them is slow
            parts["store"] = own(layout.stations["store"], waits)
            served = record.stations[:, StationStat.SERVED].sum()
            slow = max(parts.values())[0] / max(1, served) > SECOND
            if not slow:
                return Breach(where, "connections", own(pool, gone)[1])
        else:
            parts["connections"] = own(pool, held)
        part = max(parts, key=lambda name: parts[name][0])
        return Breach(where, part, parts[part][1])


def headroom_of(
    scenario: Scenario,
    candidates: Sequence[Candidate],
    *,
    seed: int = 1,
    scale: float = 1.0,
    workers: Workers = HERE,
    progress: Callable[[float], None] | None = None,
) -> dict[str, Headroom]:
    """Return the headroom of each design, by name.

    Args:
        scale: largest share of the space to sample.
        progress: called with the share that is done.
    """
    day, whole = _busy_day(scenario), len(build_space(scenario, seed=seed, scale=scale).accesses)
    part = scale * min(1.0, SAMPLE / whole)
    tasks = [
        _Sample(day, candidate, tuple(candidates), seed, number, part)
        for candidate in candidates
        for number in range(SAMPLES)
    ]

    def tell(shares: list[float]) -> None:
        if progress is not None:
            progress(sum(shares) / len(shares))

    knees = spread(_Sample.knee, tasks, workers, progress=tell)
    return {
        candidate.name: _together(knees[number * SAMPLES : (number + 1) * SAMPLES])
        for number, candidate in enumerate(candidates)
    }


def _together(knees: Sequence[tuple[float, Breach | None]]) -> Headroom:
    """Return the geometric mean of the samples and what breaks in most of them."""
    values = [value for value, _ in knees]
    breaches = [breach for _, breach in knees if breach is not None]
    places = [(breach.endpoint, breach.part) for breach in breaches]
    most = max(breaches, key=lambda b: places.count((b.endpoint, b.part)), default=None)
    return Headroom(
        multiplier=math.exp(sum(map(math.log, values)) / len(values)),
        low=min(values),
        high=max(values),
        breach=most,
    )
