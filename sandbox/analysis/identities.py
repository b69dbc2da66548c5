"""Identities that hold to the last nanosecond, whatever the draws: no interval, no luck.

Little's law is checked between books that are kept apart: a pool's queue integrated at each change
of its length, against the waits of its sessions; a station's waits, against the queue of the same
customers holding slots; the number in the system integrated over the trace, against the station's
waits and work.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sandbox.simulation import fast, queues, reference
from sandbox.simulation.model import EndpointStat, Model, PoolStat, Record, StationStat
from sandbox.simulation.queues import QueueWatch
from sandbox.simulation.state import TRACE_FIELDS

__all__ = ["QueueIdentity", "identities"]

ENGINES = {"fast": fast.run, "simpy": reference.run}
CUSTOMERS = 10_000
START, END = 3, 5  # columns of a traced session

Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class QueueIdentity:
    """Two integers that must be equal.

    Attributes:
        name: what is checked: Q queue, N present, W waits, T sojourns, A arrivals, S served,
            G gave up, R refused.
        subject: on which queue.
    """

    name: str
    subject: str
    engine: str
    left: int
    right: int

    @property
    def holds(self) -> bool:
        """Tell whether they are equal."""
        return self.left == self.right


@dataclass(frozen=True, slots=True)
class _Run:
    record: Record
    trace: Ints  # ended sessions, sorted by all their columns

    def pool(self, stat: PoolStat) -> int:
        return int(self.record.pools[0, stat])

    def station(self, stat: StationStat) -> int:
        return int(self.record.stations[0, stat])


def _run(engine: str, model: Model) -> _Run:
    blocks: list[Ints] = [np.zeros((0, TRACE_FIELDS), dtype=np.int64)]
    record = ENGINES[engine](model, trace=blocks.append)
    rows = np.concatenate(blocks)
    return _Run(record, rows[np.lexsort(rows.T[::-1])])


def _area(trace: Ints) -> int:
    """Integrate the number of sessions present over time, from the sorted instants, ns."""
    instants = np.concatenate([trace[:, START], trace[:, END]])
    steps = np.repeat([1, -1], len(trace))
    order = np.argsort(instants, kind="stable")
    present = np.cumsum(steps[order])[:-1]
    return int((present * np.diff(instants[order])).sum())


def _differences(left: _Run, right: _Run) -> int:
    """Count cells that differ between two runs, sessions and records."""
    if left.trace.shape != right.trace.shape:
        return max(left.trace.size, right.trace.size)
    cells = int((left.trace != right.trace).sum())
    for name in Record._fields:
        cells += int((getattr(left.record, name) != getattr(right.record, name)).sum())
    return cells


def _models(seed: int) -> dict[str, Model]:
    watch = QueueWatch(CUSTOMERS, seed=seed)
    return {
        "M/M/4": queues.infinite_queue(watch, servers=4, load=0.9, scv=1.0).model,
        "M/M/4 slots": queues.slot_queue(watch, servers=4, load=0.9, scv=1.0).model,
        "M/M/4/10": queues.finite_queue(watch, servers=4, load=0.9, capacity=10).model,
        "Erlang A": queues.impatient_queue(watch, servers=10, load=1.2, patience=0.5).model,
        "M/M/1 retrial": queues.retrial_queue(watch, load=0.7, retrial_rate=0.5).model,
    }


def _of_engine(engine: str, runs: dict[str, _Run]) -> Iterator[QueueIdentity]:
    conservation = "A = S + G + R"
    for name in ("M/M/4/10", "Erlang A"):
        run = runs[name]
        yield QueueIdentity(
            "Little ∫Q = ΣW", name, engine,
            run.pool(PoolStat.QUEUE_AREA), run.pool(PoolStat.WAIT) + run.pool(PoolStat.LOST_WAIT),
        )  # fmt: skip
        yield QueueIdentity(
            conservation, name, engine, int(run.record.sessions.sum()),
            run.pool(PoolStat.GRANTED) + run.pool(PoolStat.ABANDONED) + run.pool(PoolStat.REFUSED),
        )  # fmt: skip
    station, slots = runs["M/M/4"], runs["M/M/4 slots"]
    yield QueueIdentity(
        "Little ∫Q = ΣW", "M/M/4", engine,
        slots.pool(PoolStat.QUEUE_AREA), station.station(StationStat.WAIT),
    )  # fmt: skip
    yield QueueIdentity(
        "Little ∫N = ΣT", "M/M/4", engine,
        _area(station.trace), station.station(StationStat.WAIT) + station.station(StationStat.BUSY),
    )  # fmt: skip
    yield QueueIdentity(
        conservation, "M/M/4", engine, int(station.record.sessions.sum()),
        station.station(StationStat.SERVED),
    )  # fmt: skip
    retrial = runs["M/M/1 retrial"]
    yield QueueIdentity(
        conservation, "M/M/1 retrial", engine, int(retrial.record.sessions.sum()),
        retrial.pool(PoolStat.GRANTED),
    )  # fmt: skip
    yield QueueIdentity(
        "slots held = 0", "M/M/4/10", engine,
        int(runs["M/M/4/10"].record.endpoints[0, EndpointStat.NOW]), 0,
    )  # fmt: skip


def identities(seed: int, engines: tuple[str, ...] = ("fast", "simpy")) -> list[QueueIdentity]:
    """Check every identity on the given engines and, when there are two, that they agree."""
    models = _models(seed)
    runs = {
        engine: {name: _run(engine, model) for name, model in models.items()} for engine in engines
    }
    found = [identity for engine in engines for identity in _of_engine(engine, runs[engine])]
    if len(engines) > 1:
        found += [
            QueueIdentity(
                "fast ≠ simpy", name, "both",
                _differences(runs[engines[0]][name], runs[engines[1]][name]), 0,
            )
            for name in models
        ]  # fmt: skip
    return found
