"""Exact values of the textbook queues, against which both engines are judged.

The unit of time is the mean service time. `load` is arrival rate / (servers x service rate), so
the arrival rate is `load * servers`. Formulas that are sums over states work on logarithms or
ratios: nothing overflows for thousands of servers or loads close to 1.

Sources: Kleinrock, *Queueing Systems* vol. 1 (1975) for M/M/c, M/M/c/K and M/G/1; Mandelbaum and
Zeltyn, *The Erlang-A queue* (2007) for abandonment; Falin and Templeton, *Retrial Queues* (1997)
for retrials; Whitt, *Asymptotic formulas for Markov processes with applications to simulation*
(Operations Research 40, 1992) for the variance of a simulation's average.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "Expected",
    "erlang_a",
    "erlang_b",
    "erlang_c",
    "mg1",
    "mmc",
    "mmck",
    "relaxation_time",
    "relaxation_time_finite",
    "relaxation_time_impatient",
    "retrial",
]

Floats = NDArray[np.float64]

NEGLIGIBLE = 1e-20  # weight of a state, against the heaviest, below which a chain is cut
MOST_STATES = 50_000_000


@dataclass(frozen=True, slots=True)
class Expected:
    """What theory says of a queue in the long run; None: the quantity does not apply.

    Attributes:
        wait_mean: mean time before service, in mean service times, of all who are not turned away
            at the door; who gives up counts with the time waited.
        wait_probability: share of those same customers who wait at all.
        block_probability: share of arrivals turned away because the system is full.
        abandon_probability: share of arrivals who give up waiting.
        queue_length_mean: time average of the number waiting (in orbit, for retrials).
    """

    wait_mean: float | None = None
    wait_probability: float | None = None
    block_probability: float | None = None
    abandon_probability: float | None = None
    queue_length_mean: float | None = None

    def items(self) -> dict[str, float]:
        """Return the quantities that apply, by name."""
        return {name: value for name, value in asdict(self).items() if value is not None}


def erlang_b(servers: int, offered: float) -> float:
    """Return the blocking probability of M/M/c/c offered `offered` erlangs.

    Recursion on the inverse, 1/B(c) = 1 + (c/a)/B(c-1): every term is positive, so it is exact to
    rounding, and 1/B only overflows to infinity where B is 0 to all digits.
    """
    inverse = 1.0
    for c in range(1, servers + 1):
        inverse = 1.0 + inverse * c / offered
    return 1.0 / inverse


def erlang_c(servers: int, load: float) -> float:
    """Return the probability of waiting in M/M/c, load < 1 (Erlang's second formula)."""
    blocking = erlang_b(servers, load * servers)
    return blocking / (1.0 - load * (1.0 - blocking))


def mmc(servers: int, load: float) -> Expected:
    """M/M/c, load < 1."""
    waits = erlang_c(servers, load)
    mean = waits / (servers * (1.0 - load))
    return Expected(wait_mean=mean, wait_probability=waits, queue_length_mean=load * servers * mean)


def mg1(load: float, scv: float) -> Expected:
    """M/G/1, load < 1, service times of squared coefficient of variation `scv` (0: M/D/1).

    Pollaczek-Khinchine; who arrives sees time averages, so P(wait) = load.
    """
    mean = load * (1.0 + scv) / (2.0 * (1.0 - load))
    return Expected(wait_mean=mean, wait_probability=load, queue_length_mean=load * mean)


def _stationary(births: Floats, deaths: Floats) -> Floats:
    """Return the stationary law of the birth-death chain 0..n: `deaths[i]` leads from i+1 to i."""
    weights = np.concatenate([[0.0], np.cumsum(np.log(births) - np.log(deaths))])
    weights = np.exp(weights - weights.max())
    law: Floats = weights / weights.sum()
    return law


def mmck(servers: int, load: float, capacity: int) -> Expected:
    """M/M/c/K: at most `capacity` customers, in service and waiting; any load."""
    rate = load * servers
    states = np.arange(capacity + 1, dtype=np.float64)
    law = _stationary(np.full(capacity, rate), np.minimum(states[1:], servers))
    blocked = float(law[-1])
    queue = float(law[servers:] @ (states[servers:] - servers))
    admitted = 1.0 - blocked
    waits = float(law[servers:-1].sum())
    return Expected(
        wait_mean=queue / (rate * admitted),
        wait_probability=waits / admitted,
        block_probability=blocked,
        queue_length_mean=queue,
    )


def _erlang_a_chain(servers: int, load: float, patience: float) -> tuple[Floats, Floats]:
    """Return births and deaths of Erlang A, cut where the states are negligible.

    Raises:
        OverflowError: more than MOST_STATES states matter.
    """
    rate = load * servers
    mode = servers + max(0.0, rate - servers) / patience
    states = int(2 * mode + 100)
    while states <= MOST_STATES:
        n = np.arange(1, states + 1, dtype=np.float64)
        deaths = np.minimum(n, servers) + patience * np.maximum(n - servers, 0.0)
        births = np.full(states, rate)
        weights = np.cumsum(math.log(rate) - np.log(deaths))
        if weights[-1] - max(0.0, weights.max()) < math.log(NEGLIGIBLE):
            return births, deaths
        states *= 2
    raise OverflowError(f"more than {MOST_STATES} states matter")


def erlang_a(servers: int, load: float, patience: float) -> Expected:
    """M/M/c+M: each gives up waiting at rate `patience` > 0; any load.

    From the truncated chain; P(abandon) = patience x E[W] is the balance of those who give up.
    """
    rate = load * servers
    births, deaths = _erlang_a_chain(servers, load, patience)
    law = _stationary(births, deaths)
    waiting = np.arange(len(law) - servers, dtype=np.float64)
    queue = float(law[servers:] @ waiting)
    return Expected(
        wait_mean=queue / rate,
        wait_probability=float(law[servers:].sum()),
        abandon_probability=patience * queue / rate,
        queue_length_mean=queue,
    )


def retrial(load: float, retrial_rate: float) -> Expected:
    """M/M/1 with classical retrials: each in orbit returns at rate `retrial_rate`.

    Mean orbit load (load + load x rate) / (rate (1 - load)) with mean service 1 (Falin and
    Templeton); the wait is the time in orbit, by Little's law.
    """
    orbit = load * (load + load * retrial_rate) / (retrial_rate * (1.0 - load))
    return Expected(wait_mean=orbit / load, queue_length_mean=orbit)


def relaxation_time(servers: int, load: float, scv: float = 1.0) -> float:
    """Return about how long M/G/c takes to forget its start, in mean service times, load < 1.

    M/M/1 forgets at the rate (1 - sqrt(load))² (Kleinrock; Cohen); c servers drain c times faster
    but never before the service under way is over; the heavy-traffic diffusion stretches time by
    (1 + scv)/2; and a rare long service of the hyperexponential lasts scv + 1.
    """
    return 1.0 + scv + (1.0 + scv) / 2.0 / (servers * (1.0 - math.sqrt(load)) ** 2)


def relaxation_time_finite(servers: int, load: float, room: int) -> float:
    """Return the same for M/M/c/K with `room` = K - c places to wait, any load.

    The spectral gap of M/M/1 with room m is 1 + load - 2 sqrt(load) cos(pi/(m+1)) (Takács 1962);
    under overload the places must be filled first, at the rate (load - 1) c.
    """
    turn = 4.0 * math.sqrt(load) * math.sin(math.pi / (2.0 * (room + 1))) ** 2
    time = 1.0 / (servers * ((1.0 - math.sqrt(load)) ** 2 + turn))
    if load > 1.0:
        time += min(room / (servers * (load - 1.0)), room**2 / servers)
    return 1.0 + time


def relaxation_time_impatient(servers: int, load: float, patience: float) -> float:
    """Return the same for Erlang A: those present are forgotten at the rate min(1, patience)."""
    time = 1.0 + 1.0 / min(1.0, patience)
    return min(time, relaxation_time(servers, load)) if load < 1.0 else time
