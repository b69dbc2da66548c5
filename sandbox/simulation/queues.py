"""The textbook queues as models of our own steps, so that theory can judge both engines."""

from __future__ import annotations

import math

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
from sandbox.simulation.model import PEOPLE, Inputs, Kind, Model
from sandbox.simulation.program import Layout, Program, compile_programs
from sandbox.simulation.steps import (
    Acquire,
    Clear,
    Deadline,
    Delay,
    End,
    Fail,
    Purpose,
    Release,
    Retry,
    Serve,
    Step,
)

__all__ = ["finite_queue", "impatient_queue", "infinite_queue", "retrial_queue", "service_law"]

HOUR = 3600.0
PLENTY = 1 << 40  # a backlog that never fills
RETRIALS = 1 << 40


def service_law(scv: float) -> Law:
    """Return a law of mean 1 s and squared coefficient of variation `scv`."""
    if scv == 0:
        return constant(1.0)
    if scv == 1:
        return exponential(1.0)
    return hyperexponential(1.0, scv) if scv > 1 else lognormal(1.0, math.sqrt(scv))


def _model(body: tuple[str | Step, ...], *, servers: int, capacity: int | None, load: float,
           customers: int, seed: int) -> Model:  # fmt: skip
    """Return the model of Poisson customers who all run `body`; mean service time 1 s."""
    rate = load * servers
    hours = max(1, round(customers / rate / HOUR))
    layout = Layout(
        stations={"server": 0}, pools={"slots": 0}, endpoints={"door": 0},
        pool_of={"door": "slots"}, registers={"none": 0}, backends={},
    )  # fmt: skip
    code = compile_programs([Program("customer", 0, body)], layout)
    counts = np.random.default_rng([seed, 1]).poisson(rate * HOUR, size=(1, hours))
    entry = np.full((1, len(Kind)), -1, dtype=np.int64)
    entry[0, Kind.SEND] = code.entries["customer"]
    one = np.zeros(1, dtype=np.int64)
    backlog = PLENTY if capacity is None else capacity - servers
    inputs = Inputs(
        run_key=np.array([mix(seed, 0)], dtype=np.int64),
        horizon=np.array([hours * 3600 * NANOSECONDS], dtype=np.int64),
        code=code.table,
        laws=code.laws,
        entry=entry,
        group=one,
        access_class=np.zeros(1, dtype=np.int16),
        access_operator=np.zeros(1, dtype=np.int32),
        access_population=np.zeros(1, dtype=np.int8),
        access_rtt=one,
        access_phase=one,
        access_features=one,
        access_identity=one,
        visit=np.ones(1),
        polls=np.zeros((0, 4), dtype=np.int64),
        day_kind=np.zeros(hours // 24 + 1, dtype=np.int8),
        schedule=np.zeros((1, 1, PEOPLE)),
        sends=np.array([[0, 1]], dtype=np.int64),
        senders=np.zeros(1, dtype=np.int32),
        send_counts=counts.astype(np.int64),
        recipients=np.zeros(1, dtype=np.int32),
        servers=np.array([servers], dtype=np.int64),
        server_offset=one,
        pool_slots=np.array([servers], dtype=np.int64),
        pool_backlog=np.array([backlog], dtype=np.int64),
        endpoint_role=np.zeros(1, dtype=np.int16),
        operator_bin=np.zeros(1, dtype=np.int16),
        outages=np.zeros((0, 3), dtype=np.int64),
        registers=np.ones(1, dtype=np.int64),
    )
    return Model(code=code, inputs=inputs, groups=1, minutes=hours * 60)


def infinite_queue(*, servers: int, load: float, scv: float, customers: int, seed: int) -> Model:
    """M/G/c: one station, FIFO, no limit."""
    serve = Serve("server", Phase.BACKEND, law=service_law(scv), purpose=Purpose.FRONT)
    return _model((serve, End()), servers=servers, capacity=None, load=load,
                  customers=customers, seed=seed)  # fmt: skip


def finite_queue(*, servers: int, load: float, capacity: int, customers: int, seed: int) -> Model:
    """M/M/c/K: slots held for an exponential time; `capacity` counts those served and waiting."""
    body = (
        Acquire("door", "lost"),
        Delay(Phase.BACKEND, law=exponential(1.0)),
        Release("door"),
        End(),
        "lost",
        Fail(Cause.SLOTS_EXHAUSTED),
        End(),
    )
    return _model(body, servers=servers, capacity=capacity, load=load,
                  customers=customers, seed=seed)  # fmt: skip


def impatient_queue(*, servers: int, load: float, patience: float, customers: int,
                    seed: int) -> Model:  # fmt: skip
    """M/M/c+M (Erlang A): each waits for a slot at most an exponential time of rate `patience`."""
    body = (
        Deadline(0.0, "gone", law=exponential(1.0 / patience), purpose=Purpose.BACK_OFF),
        Acquire("door", "gone"),
        Clear(),
        Delay(Phase.BACKEND, law=exponential(1.0)),
        Release("door"),
        End(),
        "gone",
        Fail(Cause.SLOT_TIMEOUT),
        End(),
    )
    return _model(body, servers=servers, capacity=None, load=load,
                  customers=customers, seed=seed)  # fmt: skip


def retrial_queue(*, load: float, retrial_rate: float, customers: int, seed: int) -> Model:
    """M/M/1 with classical retrials: who finds the server busy returns an exponential time later."""
    body = (
        "again",
        Acquire("door", "orbit"),
        Delay(Phase.BACKEND, law=exponential(1.0), purpose=Purpose.STORE),
        Release("door"),
        End(),
        "orbit",
        Delay(Phase.PERSON, law=exponential(1.0 / retrial_rate), purpose=Purpose.BACK_OFF),
        Retry(RETRIALS, "again"),
        End(),
    )
    return _model(body, servers=1, capacity=1, load=load, customers=customers, seed=seed)
