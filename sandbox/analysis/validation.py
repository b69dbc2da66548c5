"""Theory against both engines: independent replications, exact identities, a verdict.

Each replication runs the queue twice with the same draws, once with the warm-up only; the
difference of the two records is what the customers that count have seen, started in a queue that
has forgotten that it was empty. Records hold sums of integers, so the subtraction is exact.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from functools import partial

import numpy as np
from numpy.typing import NDArray
from scipy.special import chdtri, stdtrit

from sandbox.analysis.cases import Family, QueueCase
from sandbox.observations.schema import Phase
from sandbox.simulation import fast, reference
from sandbox.simulation.draws import NANOSECONDS
from sandbox.simulation.model import Model, PoolStat, Record, StationStat
from sandbox.simulation.queues import QueueWatch
from sandbox.space.errors import UserError
from sandbox.workers.spread import Workers, spread

__all__ = [
    "FALSE_ALARM",
    "REPLICATIONS",
    "CaseResult",
    "Engine",
    "RatioEstimate",
    "RunPlan",
    "measure",
    "plan",
]

FEW = 100


@dataclass(frozen=True, slots=True)
class RatioEstimate:
    """A ratio of totals (waits / customers, refused / arrivals), over all replications together.

    Its error comes from the spread of the replications around that ratio (the classical ratio
    estimator; Law, *Simulation Modeling and Analysis*, ch. 9) with a t quantile. Where fewer than a
    hundred events were seen the replications say little of the spread: the interval then also
    covers the exact interval of a Poisson count (Garwood 1936).

    Attributes:
        above, below: its two parts in each replication, shape (replications,).
        events: how many customers make up the numerator or, if they are fewer, do not.
        weight: what one event adds to the numerator, on average; used when few were seen.
        most: the largest possible value.
    """

    above: NDArray[np.float64]
    below: NDArray[np.float64]
    events: float
    weight: float = 1.0
    most: float = math.inf

    @property
    def value(self) -> float:
        """The ratio over all replications."""
        return float(self.above.sum() / self.below.sum())

    @property
    def standard_error(self) -> float:
        """Standard error of the ratio, by linearisation."""
        n = len(self.above)
        rest = self.above - self.value * self.below
        return float(math.sqrt((rest @ rest) / (n - 1) / n) / self.below.mean())

    def interval(self, alpha: float) -> tuple[float, float]:
        """Return the interval that misses the truth with probability `alpha`."""
        half = float(stdtrit(len(self.above) - 1, 1 - alpha / 2)) * self.standard_error
        low, high = self.value - half, self.value + half
        if self.events < FEW:
            unit = self.weight / float(self.below.sum())
            most = float(chdtri(2 * self.events + 2, alpha / 2)) / 2
            low = min(low, self.value - (most - self.events) * unit)
            high = max(high, self.value + (most - self.events) * unit)
        return max(0.0, low), min(high, self.most)


RELAXATIONS = 8.0  # warm-up, in relaxation times: e^-8 of the empty start is left
FALSE_ALARM = 0.001  # odds that a whole table of correct results contains one disagreement
RUN = {"fast": fast.run, "simpy": reference.run}

Floats = NDArray[np.float64]


class Engine(StrEnum):
    """The two interpreters of the programs."""

    FAST = "fast"
    SIMPY = "simpy"

    @property
    def run(self) -> Callable[[Model], Record]:
        """The engine's entry point."""
        return RUN[self]


# Fewer on SimPy, where each warm-up is dear: the interval widens, and stays exact.
REPLICATIONS = {Engine.FAST: 30, Engine.SIMPY: 10}
# Arrivals, warm-ups included and counted twice, that one validation may cost: about a minute.
MOST_WORK = {Engine.FAST: 400_000_000, Engine.SIMPY: 6_000_000}


@dataclass(frozen=True, slots=True)
class RunPlan:
    """How one case is watched.

    Attributes:
        customers: arrivals that count, over all replications, on average.
        warm_up: time before they count in each replication, in mean service times.
    """

    case: QueueCase
    customers: int
    warm_up: float
    seed: int
    replications: int

    def watches(self) -> Iterator[QueueWatch]:
        """Return one watch a replication."""
        crowd = self.case.servers + (self.case.expected().queue_length_mean or 0.0)
        for replication in range(self.replications):
            yield QueueWatch(
                customers=max(1, self.customers // self.replications), warm_up=self.warm_up,
                crowd=crowd, seed=self.seed, replication=replication,
            )  # fmt: skip


@dataclass(frozen=True, slots=True)
class CaseResult:
    """One case on one engine.

    Attributes:
        customers: arrivals that counted.
        expected: theory, by quantity.
        estimates: what the engine gave, by quantity.
    """

    case: QueueCase
    engine: Engine
    customers: int
    expected: dict[str, float]
    estimates: dict[str, RatioEstimate]

    def agrees(self, quantity: str, comparisons: int) -> bool:
        """Tell whether theory lies in the interval, one of so many made together (Bonferroni)."""
        low, high = self.estimates[quantity].interval(FALSE_ALARM / comparisons)
        rounding = 1e-9 * abs(self.expected[quantity])
        return low - rounding <= self.expected[quantity] <= high + rounding


def plan(case: QueueCase, engine: Engine, customers: int, seed: int) -> RunPlan:
    """Return how to watch a case.

    Raises:
        UserError: it would take too long.
    """
    case.check()
    warm_up, replications = RELAXATIONS * case.relaxation_time(), REPLICATIONS[engine]
    work = customers + 2 * replications * warm_up * case.rate
    if work > MOST_WORK[engine]:
        raise UserError(
            f"{work:.2g} arrivées à simuler ({customers} et {replications} mises en "
            f"régime), {MOST_WORK[engine]:.2g} au plus avec {engine}",
            f"{work:.2g} arrivals to simulate ({customers} and {replications} "
            f"warm-ups), {MOST_WORK[engine]:.2g} at most on {engine}",
            where=case.title,
        )
    return RunPlan(case, customers, warm_up, seed, replications)


def _totals(engine: Engine, case: QueueCase, watch: QueueWatch) -> Floats:
    """Return what the customers that count have seen in one replication.

    Shape (8,): arrivals, admitted, wait, who waited, blocked, gave up, area of the queue, time;
    times in mean service times.
    """
    queue = case.queue(watch)
    whole, start = engine.run(queue.model), engine.run(queue.warm_up())
    unit = queue.service * NANOSECONDS
    pool = (whole.pools - start.pools)[0]
    station = (whole.stations - start.stations)[0]
    arrivals = int((whole.sessions - start.sessions)[0])
    blocked, gave_up = int(pool[PoolStat.REFUSED]), int(pool[PoolStat.ABANDONED])
    match case.family:
        case Family.MMC | Family.MG1:
            # Station: the area of its queue is the sum of the waits (checked apart, on slots).
            wait, waited = station[StationStat.WAIT], int(station[StationStat.WAITED])
            area = wait
        case Family.RETRIAL:
            wait = area = (whole.phase_time - start.phase_time)[0, Phase.PERSON]
            waited = blocked = 0
        case _:
            wait = pool[PoolStat.WAIT] + pool[PoolStat.LOST_WAIT]
            waited = int(pool[PoolStat.WAITED]) + gave_up
            area = pool[PoolStat.QUEUE_AREA]
    return np.array([
        arrivals, arrivals - blocked, wait / unit, waited, blocked, gave_up, area / unit,
        queue.duration,
    ])  # fmt: skip


def _estimates(expected: dict[str, float], rows: Floats) -> dict[str, RatioEstimate]:
    """Return the estimate of each expected quantity from totals, shape (replications, 8)."""
    arrivals, admitted, wait, waited, blocked, gave_up, area, time = rows.T
    waiters = float(waited.sum())
    few = min(waiters, float(admitted.sum()) - waiters)
    # With few waits their number decides the mean; each adds the mean wait of those who wait.
    each = expected["wait_mean"] / max(expected.get("wait_probability", 1.0), 1e-300)

    def share(count: Floats, total: Floats) -> RatioEstimate:
        events = float(count.sum())
        return RatioEstimate(count, total, min(events, float(total.sum()) - events), most=1.0)

    waits_apply = "wait_probability" in expected
    every = {
        "wait_mean": RatioEstimate(wait, admitted, waiters if waits_apply else math.inf, each),
        "wait_probability": RatioEstimate(waited, admitted, few, most=1.0),
        "block_probability": share(blocked, arrivals),
        "abandon_probability": share(gave_up, arrivals),
        "queue_length_mean": RatioEstimate(area, time, waiters if waits_apply else math.inf, each),
    }
    return {name: every[name] for name in expected}


def measure(planned: RunPlan, engine: Engine, workers: int | None = None) -> CaseResult:
    """Run a planned case on an engine, its replications on `workers` cores (None: all)."""
    case = planned.case
    rows = np.array(spread(partial(_totals, engine, case), planned.watches(), Workers(workers)))
    expected = case.expected().items()
    return CaseResult(
        case=case, engine=engine, customers=int(rows[:, 0].sum()), expected=expected,
        estimates=_estimates(expected, rows),
    )  # fmt: skip
