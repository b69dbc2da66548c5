"""What an engine is given and what it fills: arrays, named once for both engines.

`Inputs` never changes during a run; `State` is where the run stands; `Record` is what it observed.
They are plain tuples of arrays, so that the compiled kernel and the reference read the same data.
Instants and durations are integer nanoseconds since the start of the period.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sandbox.observations.histogram import BINS
from sandbox.observations.schema import Cause, Phase
from sandbox.simulation.program import Code

__all__ = [
    "FOREVER_BITS",
    "LISTED",
    "NEVER",
    "PACE_BITS",
    "PEOPLE",
    "EndpointStat",
    "Inputs",
    "Model",
    "PollStream",
    "PoolStat",
    "Record",
    "SendStream",
    "SessionKind",
    "StationStat",
    "as_server_time",
    "new_record",
]

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

NEVER = 1 << 62
LISTED = 6  # columns of a list of arrivals: access, kind, key, until, peer, instant
PACE_BITS = 16  # server_time is a fixed-point number
FOREVER_BITS = 62  # a moment of 2**62 ns has no end
MINUTE = 60 * 1_000_000_000


class SessionKind(IntEnum):
    """Why a session starts; the column of `Inputs.entry`."""

    OPEN = 0  # the software is started: first login of the day
    POLL = 1  # it looks for new mail
    SEND = 2  # a message is submitted
    SPAWNED = 3  # started by another session
    ALONE = 4  # software left open looks for new mail and nobody is there
    RECEIPT = 5  # what was read, or filed by an application, is told to its sender


class PollStream(IntEnum):
    """Columns of `Inputs.polls`: one row per period of polling."""

    PERIOD = 0
    FIRST = 1  # first access
    COUNT = 2  # number of accesses, sorted by phase
    ALWAYS = 3  # 1: open day and night


class SendStream(IntEnum):
    """Columns of `Inputs.sends`.

    One row per population of senders, one for the receipts of people, one for those of
    applications.
    """

    FIRST = 0  # in Inputs.senders
    COUNT = 1
    ANSWERS = 2  # 1: receipts, from who receives to who sends
    FROM = 3  # in Inputs.recipients
    AMONG = 4


class EndpointStat(IntEnum):
    """Columns of `Record.endpoints`."""

    SESSIONS = 0
    NOW = 1  # connections that hold a slot
    PEAK = 2
    SECOND = 3  # the second that is being counted
    IN_SECOND = 4
    PEAK_SECOND = 5  # most sessions started in one second
    REFUSED = 6  # backlog full
    ABANDONED = 7  # left the backlog at their deadline


class PoolStat(IntEnum):
    """Columns of `Record.pools`."""

    GRANTED = 0
    WAITED = 1
    WAIT = 2  # ns, of those granted
    ABANDONED = 3
    REFUSED = 4
    QUEUE_AREA = 5  # ns x sessions
    CHANGED = 6  # instant of the last change of the queue
    LOST_WAIT = 7  # ns, of those who abandoned
    PEAK = 8  # most slots in use at once


class StationStat(IntEnum):
    """Columns of `Record.stations`."""

    SERVED = 0
    WAITED = 1
    WAIT = 2  # ns
    BUSY = 3  # ns x servers
    MINUTE = 4  # the minute that is being counted
    BUSY_MINUTE = 5
    PEAK_MINUTE = 6  # most work begun in one minute, ns


PEOPLE = 5  # columns of a schedule: present, open mean, open sd, close mean, close sd


class Inputs(NamedTuple):
    """What never changes during a run.

    Shapes: A accesses, K classes, P populations, D days, H hours, O operators.
    """

    run_key: Ints  # (1,)
    horizon: Ints  # (1,) end of the period, ns
    code: Ints  # (rows, columns): Code.table
    laws: Floats  # (laws, 5): Code.laws
    entry: Ints  # (K, kinds): first row of the program, -1: no such session
    access_class: NDArray[np.int16]  # (A,)
    access_operator: NDArray[np.int32]  # (A,)
    access_population: NDArray[np.int8]  # (A,)
    access_rtt: Ints  # (A,) ns
    access_phase: Ints  # (A,) offset of its polls in their period, ns
    access_features: Ints  # (A,) bit set
    access_identity: Ints  # (A,) key of its draws, the same in every design
    access_limits: NDArray[np.int32]  # (A, limits) counter that it counts against, -1: none
    visit: Floats  # (K,) probability that a poll takes place
    left_open: Floats  # (K,) probability that software stays open until midnight
    polls: Ints  # (streams, PollStream)
    day_kind: NDArray[np.int8]  # (D,)
    schedule: Floats  # (P, day kinds, PEOPLE), seconds
    sends: Ints  # (streams, SendStream)
    senders: NDArray[np.int32]  # accesses that send, by stream
    send_counts: Ints  # (streams, H): messages in each hour
    listed: Ints  # (sessions, LISTED) that start beside those of the streams, in order
    sender_exponent: Floats  # (1,) of the power law of senders, 1: all alike
    recipients: NDArray[np.int32]  # accesses that receive: people's, then applications, repeated
    servers: Ints  # (stations,)
    server_offset: Ints  # (stations,) first entry in State.free; stations with one share servers
    # (stations, moments) time that a service takes that starts in a moment, in 1 / 2**PACE_BITS;
    # the last moment has no end
    server_time: Ints
    moment: Ints  # (1,) that 2**moment ns are one
    kind: Ints  # (stations,) of its services
    # (stations, 2) of it, in 1 / 2**PACE_BITS, when no server was idle before: after a service of
    # another kind, after one of its own
    follow_time: Ints
    pool_slots: Ints  # (pools,)
    pool_backlog: Ints  # (pools,)
    limits: Ints  # (counters,) most connections at once
    endpoint_role: NDArray[np.int16]  # (endpoints,)
    operator_bin: NDArray[np.int16]  # (O,) row of the operator in Record.logins
    outages: Ints  # (windows, 3): back end, start, end
    registers: Ints  # (1,) number of registers of an access


class Record(NamedTuple):
    """What a run observed; every cell is a count or a sum of integers, so records add up."""

    logins: NDArray[np.int32]  # (operator bins, groups, machine|user, BINS)
    login_count: Ints  # (O, groups, 2)
    login_time: Ints  # (O, groups, 2) ns
    phases: NDArray[np.int32]  # (groups, phases, BINS): durations above zero
    phase_time: Ints  # (groups, phases) ns
    deliveries: Ints  # (BINS,)
    delivery: Ints  # (2,) count, ns
    sessions: Ints  # (groups,)
    failures: Ints  # (groups, causes)
    endpoints: Ints  # (endpoints, EndpointStat)
    pools: Ints  # (pools, PoolStat)
    stations: Ints  # (stations, StationStat)
    role_minutes: NDArray[np.int32]  # (roles, minutes): sessions started
    role_connections: NDArray[np.int32]  # (roles, minutes): most connections in the minute
    role_now: Ints  # (roles,)


@dataclass(frozen=True, slots=True)
class Model:
    """One design of one space, ready to run: the compiled programs and the arrays of inputs."""

    code: Code
    inputs: Inputs
    groups: int
    minutes: int


def as_server_time(pace: Floats) -> Ints:
    """Return what a service is multiplied by at servers of that pace, fixed point."""
    return np.maximum(1, np.rint((1 << PACE_BITS) / pace)).astype(np.int64)


def new_record(model: Model) -> Record:
    """Return an empty record for one run of `model`."""
    inputs = model.inputs
    operators = len(inputs.operator_bin)
    bins = int(inputs.operator_bin.max()) + 1
    roles = int(inputs.endpoint_role.max()) + 1 if len(inputs.endpoint_role) else 1
    groups = model.groups
    return Record(
        logins=np.zeros((bins, groups, 2, BINS), dtype=np.int32),
        login_count=np.zeros((operators, groups, 2), dtype=np.int64),
        login_time=np.zeros((operators, groups, 2), dtype=np.int64),
        phases=np.zeros((groups, len(Phase), BINS), dtype=np.int32),
        phase_time=np.zeros((groups, len(Phase)), dtype=np.int64),
        deliveries=np.zeros(BINS, dtype=np.int64),
        delivery=np.zeros(2, dtype=np.int64),
        sessions=np.zeros(groups, dtype=np.int64),
        failures=np.zeros((groups, len(Cause)), dtype=np.int64),
        endpoints=np.zeros((len(inputs.endpoint_role), len(EndpointStat)), dtype=np.int64),
        pools=np.zeros((len(inputs.pool_slots), len(PoolStat)), dtype=np.int64),
        stations=np.zeros((len(inputs.servers), len(StationStat)), dtype=np.int64),
        role_minutes=np.zeros((roles, model.minutes), dtype=np.int32),
        role_connections=np.zeros((roles, model.minutes), dtype=np.int32),
        role_now=np.zeros(roles, dtype=np.int64),
    )
