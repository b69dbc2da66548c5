"""The textbook queues as models of our own steps, so that theory can judge both engines.

A queue has its own unit of time, the mean service time. It is laid on the engines' whole hours by
choosing how long that unit lasts, so that any number of customers fills the hours exactly.
Arrivals are Poisson: the count of each hour is drawn, not fixed.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from sandbox.observations.schema import Cause, Phase
from sandbox.simulation.draws import (
    NANOSECONDS,
    Law,
    constant,
    exponential,
    hyperexponential,
    lognormal,
    mix,
)
from sandbox.simulation.model import (
    FOREVER_BITS,
    LISTED,
    PEOPLE,
    Inputs,
    Model,
    SessionKind,
    as_server_time,
)
from sandbox.simulation.program import Layout, Program, compile_programs
from sandbox.simulation.steps import (
    Acquire,
    Clear,
    Deadline,
    Delay,
    End,
    Fail,
    Mark,
    Purpose,
    Release,
    Retry,
    Serve,
    Spawn,
    Step,
)

__all__ = [
    "Queue",
    "QueueWatch",
    "finite_queue",
    "impatient_queue",
    "infinite_queue",
    "retrial_queue",
    "service_law",
    "slot_queue",
    "storm_queue",
]

HOUR = 3600.0
PLENTY = 1 << 40  # a backlog that never fills
RETRIALS = (1 << 31) - 1  # as many as a step can say
GAP = 1.0  # s between arrivals, unless sums of nanoseconds would overflow: ties have odds of 1e-9
LARGEST_SUM = 2.0**60  # ns x customers: what an integer of 64 bits holds, with room to spare

Body = tuple[str | Step, ...]


@dataclass(frozen=True, slots=True)
class QueueWatch:
    """How long a queue is watched, and which draws it sees.

    Attributes:
        customers: mean number of arrivals in the time that counts.
        warm_up: time before that, in mean service times, at least.
        crowd: customers present on average, a rough bound: sums of their nanoseconds must fit in
            64 bits.
        seed, replication: name the draws.
    """

    customers: int
    warm_up: float = 0.0
    crowd: float = 100.0
    seed: int = 0
    replication: int = 0


@dataclass(frozen=True, slots=True)
class Queue:
    """A queue laid on the engines' hours: `warm_hours`, then `hours` that count.

    Attributes:
        model: the whole run.
        service: mean service time, s.
    """

    model: Model
    warm_hours: int
    hours: int
    service: float

    @property
    def duration(self) -> float:
        """The time that counts, in mean service times."""
        return self.hours * HOUR / self.service

    def warm_up(self) -> Model:
        """Return the same run with the arrivals of the warm-up only.

        Draws depend on what they are for, so its customers are those of the whole run: what the
        two runs observed differs by the customers that count.
        """
        inputs = self.model.inputs
        counts = inputs.send_counts.copy()
        counts[:, self.warm_hours :] = 0
        return Model(
            code=self.model.code, inputs=inputs._replace(send_counts=counts),
            groups=self.model.groups, minutes=self.model.minutes,
        )  # fmt: skip


def service_law(scv: float, mean: float = 1.0) -> Law:
    """Return a law of that mean, s, and squared coefficient of variation `scv`."""
    if scv == 0:
        return constant(mean)
    if scv == 1:
        return exponential(mean)
    return hyperexponential(mean, scv) if scv > 1 else lognormal(mean, math.sqrt(scv))


def _queue(body: Callable[[float], Body], watch: QueueWatch, *, servers: int, backlog: int,
           load: float, more: tuple[Program, ...] = ()) -> Queue:  # fmt: skip
    """Return the model of Poisson customers who all run `body(mean service time)`."""
    rate = load * servers
    warm_customers = watch.warm_up * rate
    room = LARGEST_SUM / NANOSECONDS / ((watch.customers + warm_customers) * (watch.crowd + 1))
    hours = max(1, int(watch.customers * min(GAP, room) / HOUR))
    gap = hours * HOUR / watch.customers
    warm_hours = math.ceil(warm_customers * gap / HOUR)
    service = rate * gap
    total = warm_hours + hours
    layout = Layout(
        stations={"server": 0, "other": 1}, pools={"slots": 0}, endpoints={"door": 0},
        pool_of={"door": "slots"}, registers={"none": 0}, backends={}, limits={},
    )  # fmt: skip
    code = compile_programs([Program("customer", 0, body(service)), *more], layout)
    generator = np.random.default_rng([watch.seed, watch.replication, 1])
    counts = generator.poisson(watch.customers / hours, size=(1, total))
    entry = np.full((1, len(SessionKind)), -1, dtype=np.int64)
    entry[0, SessionKind.SEND] = code.entries["customer"]
    one = np.zeros(1, dtype=np.int64)
    inputs = Inputs(
        run_key=np.array([mix(watch.seed, watch.replication)], dtype=np.int64),
        horizon=np.array([total * int(HOUR) * NANOSECONDS], dtype=np.int64),
        code=code.table,
        laws=code.laws,
        entry=entry,
        access_class=np.zeros(1, dtype=np.int16),
        access_operator=np.zeros(1, dtype=np.int32),
        access_population=np.zeros(1, dtype=np.int8),
        access_rtt=one,
        access_phase=one,
        access_features=one,
        access_identity=one,
        access_limits=np.full((1, 1), -1, dtype=np.int32),
        visit=np.ones(1),
        left_open=np.zeros(1),
        polls=np.zeros((0, 4), dtype=np.int64),
        day_kind=np.zeros(total // 24 + 1, dtype=np.int8),
        schedule=np.zeros((1, 1, PEOPLE)),
        sends=np.array([[0, 1, 0, 0, 1]], dtype=np.int64),
        senders=np.zeros(1, dtype=np.int32),
        send_counts=counts.astype(np.int64),
        listed=np.zeros((0, LISTED), dtype=np.int64),
        sender_exponent=np.ones(1),
        recipients=np.zeros(1, dtype=np.int32),
        servers=np.array([servers] * 2, dtype=np.int64),
        server_offset=np.zeros(2, dtype=np.int64),
        server_time=as_server_time(np.ones((2, 1))),
        moment=np.array([FOREVER_BITS], dtype=np.int64),
        kind=np.arange(2, dtype=np.int64),
        follow_time=as_server_time(np.ones((2, 2))),
        pool_slots=np.array([servers], dtype=np.int64),
        pool_backlog=np.array([backlog], dtype=np.int64),
        limits=np.zeros(0, dtype=np.int64),
        endpoint_role=np.zeros(1, dtype=np.int16),
        operator_bin=np.zeros(1, dtype=np.int16),
        outages=np.zeros((0, 3), dtype=np.int64),
        registers=np.ones(1, dtype=np.int64),
    )
    model = Model(code=code, inputs=inputs, groups=1, minutes=total * 60)
    return Queue(model=model, warm_hours=warm_hours, hours=hours, service=service)


def infinite_queue(watch: QueueWatch, *, servers: int, load: float, scv: float) -> Queue:
    """M/G/c: one station, FIFO, no limit."""

    def body(service: float) -> Body:
        return (Serve("server", Phase.BACKEND, law=service_law(scv, service)), End())

    return _queue(body, watch, servers=servers, backlog=0, load=load)


def slot_queue(watch: QueueWatch, *, servers: int, load: float, scv: float,
               capacity: int | None = None) -> Queue:  # fmt: skip
    """M/G/c, or M/G/c/K: slots held for a time; `capacity` counts those served and waiting.

    The wait is the latency of a login.
    """

    def body(service: float) -> Body:
        return (
            Acquire("door", "lost"),
            Mark(),
            Delay(Phase.BACKEND, law=service_law(scv, service)),
            Release("door"),
            End(),
            "lost",
            Fail(Cause.SLOTS_EXHAUSTED),
            End(),
        )

    backlog = PLENTY if capacity is None else capacity - servers
    return _queue(body, watch, servers=servers, backlog=backlog, load=load)


def finite_queue(watch: QueueWatch, *, servers: int, load: float, capacity: int) -> Queue:
    """M/M/c/K: `capacity` counts those served and waiting."""
    return slot_queue(watch, servers=servers, load=load, scv=1.0, capacity=capacity)


def impatient_queue(watch: QueueWatch, *, servers: int, load: float, patience: float) -> Queue:
    """M/M/c+M (Erlang A): each waits for a slot at most an exponential time of rate `patience`."""

    def body(service: float) -> Body:
        return (
            Deadline(0.0, "gone", exponential(service / patience), Purpose.BACK_OFF),
            Acquire("door", "gone"),
            Clear(),
            Delay(Phase.BACKEND, law=exponential(service)),
            Release("door"),
            End(),
            "gone",
            Fail(Cause.SLOT_TIMEOUT),
            End(),
        )

    return _queue(body, watch, servers=servers, backlog=PLENTY, load=load)


def storm_queue(count: int, *, servers: int, service: float, back_off: float,
                seed: int = 0) -> Queue:  # fmt: skip
    """`count` connections dropped together: each comes back after an exponential pause, s.

    Each is served once, for `service` s, at a station of so many servers. The latency of its login
    is the time until it is back.
    """
    back = Program("back", 0, (
        Delay(None, law=exponential(back_off), purpose=Purpose.BACK_OFF),
        Serve("server", None, service),
        Mark(),
        End(),
    ))  # fmt: skip

    def body(_: float) -> Body:
        return (Spawn("back", count), End())

    queue = _queue(
        body, QueueWatch(1, seed=seed), servers=servers, backlog=0, load=1.0, more=(back,)
    )
    inputs = queue.model.inputs
    once = np.zeros_like(inputs.send_counts)
    once[0, 0] = 1
    return replace(queue, model=replace(queue.model, inputs=inputs._replace(send_counts=once)))


def retrial_queue(watch: QueueWatch, *, load: float, retrial_rate: float) -> Queue:
    """M/M/1 with classical retrials: who finds the server busy returns after an exponential time.

    The time in orbit is the `PERSON` phase of a login.
    """

    def body(service: float) -> Body:
        return (
            "again",
            Acquire("door", "orbit"),
            Delay(Phase.BACKEND, law=exponential(service), purpose=Purpose.STORE),
            Mark(),
            Release("door"),
            End(),
            "orbit",
            Delay(Phase.PERSON, law=exponential(service / retrial_rate), purpose=Purpose.BACK_OFF),
            Retry(RETRIALS, "again"),
            End(),
        )

    return _queue(body, watch, servers=1, backlog=0, load=load)
