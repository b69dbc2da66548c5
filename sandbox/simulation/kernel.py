"""The fast engine's inner loop: interprets the compiled programs, in compiled code.

A FIFO station needs no departure event: the instants at
which its servers fall free say when the next arrival starts. Steps that read nothing shared
(delays, draws, marks) are run ahead of the clock; a step that does waits for its instant.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from sandbox.observations.schema import Phase
from sandbox.simulation.arrivals import DAY, INDEX, pop_arrival
from sandbox.simulation.draws import mix, sample, uniform
from sandbox.simulation.events import pop_late, pop_near, schedule, schedule_late
from sandbox.simulation.jit import force_inline, jit, prefetch
from sandbox.simulation.model import (
    NEVER,
    PACE_BITS,
    EndpointStat,
    Inputs,
    PollStream,
    PoolStat,
    Record,
    SessionKind,
)
from sandbox.simulation.recorder import (
    book_connection,
    book_delivery,
    book_disconnection,
    book_login,
    book_phase,
    book_queue,
    book_service,
)
from sandbox.simulation.state import (
    ACCESS,
    ASKED,
    BUCKETS,
    CAUSE,
    DUE,
    EVENT,
    FIRST_BUCKET,
    HANDLER,
    KEY,
    KIND,
    LIMIT,
    LOGIN,
    N_FAR,
    N_NEAR,
    NEXT,
    NOW,
    PC,
    PEER,
    PHASE0,
    PHASES,
    POOL,
    PREV,
    READY,
    ROUND,
    SINCE,
    SLOT_BITS,
    START,
    TRACED,
    UNTIL,
    VACANT,
    State,
)  # fmt: skip
from sandbox.simulation.steps import Op, Purpose

__all__ = ["run_until"]

Ints = NDArray[np.int64]

(
    DELAY, HOLD, SERVE, ACQUIRE, RELEASE, BRANCH, HAS, DURING, FRESH, STAMP, ONCE, DEADLINE, CLEAR,
    ASK, PENDING, SETTLE, RETRY, SPAWN, MARK, DELIVER, FAIL, GOTO, END, TODAY, ENTER, EXIT,
) = (int(op) for op in Op)  # fmt: skip
SLOT, BACKEND, PERSON = int(Phase.SLOT), int(Phase.BACKEND), int(Phase.PERSON)
GRANTED, WAITED, WAIT = int(PoolStat.GRANTED), int(PoolStat.WAITED), int(PoolStat.WAIT)
ABANDONED, REFUSED = int(PoolStat.ABANDONED), int(PoolStat.REFUSED)
LOST_WAIT, PEAK = int(PoolStat.LOST_WAIT), int(PoolStat.PEAK)
E_REFUSED, E_ABANDONED = int(EndpointStat.REFUSED), int(EndpointStat.ABANDONED)
SPAWNED = int(SessionKind.SPAWNED)
P_RECIPIENT = int(Purpose.RECIPIENT)
P_FIRST, P_INDEX = int(PollStream.FIRST), INDEX
ROUNDS = 64  # purposes are below this: a retry's draws lie beyond those of the first attempt
DONE, GROW, FLUSH = 0, 1, 2  # answers of run_until


@force_inline
def _serve(inputs: Inputs, state: State, station: int, t: int, service: int) -> int:
    """Give `service` to the server that falls free first; return when it starts."""
    free, base, n = state.free, inputs.server_offset[station], inputs.servers[station]
    start = max(t, free[base])
    end = start + service
    i = 0
    while True:  # the first server's new instant sinks to its place
        child = 2 * i + 1
        if child >= n:
            break
        if child + 1 < n and free[base + child + 1] < free[base + child]:
            child += 1
        if end <= free[base + child]:
            break
        free[base + i] = free[base + child]
        i = child
    free[base + i] = end
    return int(start)


@force_inline
def _new_session(
    state: State, access: int, kind: int, key: int, t: int, until: int, peer: int, pc: int
) -> int:  # fmt: skip
    counters = state.counters
    counters[VACANT] -= 1
    session = int(state.vacant[counters[VACANT]])
    row = state.sessions
    row[session, PC] = pc
    row[session, ACCESS] = access
    row[session, KEY] = key
    row[session, START] = t
    row[session, UNTIL] = until
    row[session, LIMIT] = NEVER
    row[session, POOL] = -1
    row[session, ROUND] = 0
    row[session, PEER] = peer
    row[session, KIND] = kind
    row[session, LOGIN] = -1
    row[session, CAUSE] = -1
    for phase in range(PHASES):
        row[session, PHASE0 + phase] = 0
    return session


@force_inline
def _leave(state: State, session: int, t: int) -> None:
    """The session is over: trace it and free its row."""
    counters, row = state.counters, state.sessions
    if len(state.trace) > 0:
        n = counters[TRACED]
        trace = state.trace
        trace[n, 0] = row[session, ACCESS]
        trace[n, 1] = row[session, KIND]
        trace[n, 2] = row[session, KEY]
        trace[n, 3] = row[session, START]
        trace[n, 4] = row[session, LOGIN]
        trace[n, 5] = t
        trace[n, 6] = row[session, CAUSE]
        trace[n, 7] = row[session, ROUND]
        trace[n, 8] = row[session, PEER]
        for phase in range(PHASES):
            trace[n, 9 + phase] = row[session, PHASE0 + phase]
        counters[TRACED] = n + 1
    state.vacant[counters[VACANT]] = session
    counters[VACANT] += 1


@force_inline
def _unlink(state: State, pool: int, session: int) -> None:
    """Take a session out of the queue of a pool."""
    row = state.sessions
    before, after = row[session, PREV], row[session, NEXT]
    if before >= 0:
        row[before, NEXT] = after
    else:
        state.queue_head[pool] = after
    if after >= 0:
        row[after, PREV] = before
    else:
        state.queue_tail[pool] = before
    state.queue_length[pool] -= 1
    row[session, POOL] = -1


@force_inline
def _enqueue(state: State, record: Record, pool: int, session: int, t: int) -> None:
    """Put a session at the end of the queue of a pool; its deadline, if any, is its event."""
    row = state.sessions
    book_queue(record, pool, state.queue_length[pool], t)
    tail = state.queue_tail[pool]
    row[session, PREV], row[session, NEXT] = tail, -1
    if tail >= 0:
        row[tail, NEXT] = session
    else:
        state.queue_head[pool] = session
    state.queue_tail[pool] = session
    state.queue_length[pool] += 1
    row[session, POOL], row[session, SINCE] = pool, t
    if row[session, LIMIT] < NEVER:
        schedule_late(state, session, row[session, LIMIT])
    else:
        row[session, EVENT] = -1


@force_inline
def _hand_over(inputs: Inputs, state: State, record: Record, pool: int, t: int) -> None:
    """A slot of a pool is free: give it to the longest waiting session, if any."""
    session = state.queue_head[pool]
    if session < 0:
        state.in_use[pool] -= 1
        return
    book_queue(record, pool, state.queue_length[pool], t)
    _unlink(state, pool, session)
    row = state.sessions
    wait = t - row[session, SINCE]
    row[session, PHASE0 + SLOT] += wait
    record.pools[pool, GRANTED] += 1
    record.pools[pool, WAITED] += 1
    record.pools[pool, WAIT] += wait
    pc = row[session, PC]
    step = state.steps[pc]
    endpoint = step.extra + _owner(inputs, state, session, step.scope)
    book_connection(record, endpoint, inputs.endpoint_role[endpoint], t)
    row[session, PC] = pc + 1
    schedule(state, session, t)


@force_inline
def _abandon(inputs: Inputs, state: State, record: Record, session: int, t: int) -> None:
    """The deadline came while the session waited for a slot: it goes on at the handler."""
    row = state.sessions
    pool, step = row[session, POOL], state.steps[row[session, PC]]
    book_queue(record, pool, state.queue_length[pool], t)
    _unlink(state, pool, session)
    wait = t - row[session, SINCE]
    row[session, PHASE0 + SLOT] += wait
    record.pools[pool, ABANDONED] += 1
    record.pools[pool, LOST_WAIT] += wait
    endpoint = step.extra + _owner(inputs, state, session, step.scope)
    record.endpoints[endpoint, E_ABANDONED] += 1
    row[session, PC], row[session, LIMIT] = row[session, HANDLER], NEVER


@force_inline
def _owner(inputs: Inputs, state: State, session: int, scope: int) -> int:
    """Return whose resource a step means, as an offset within the role."""
    if scope == 1:
        return int(inputs.access_operator[state.sessions[session, ACCESS]])
    if scope == 2:
        return int(state.sessions[session, PEER])
    return 0


@force_inline
def _duration(inputs: Inputs, state: State, session: int, step: Any) -> int:
    """Return the fixed part of a step plus its draw, ns; a retry draws anew."""
    law = step.law
    if law < 0:
        return int(step.fixed)
    return int(step.fixed) + sample(
        int(inputs.laws[law, 0]), inputs.laws[law, 1], inputs.laws[law, 2],
        inputs.laws[law, 3], state.sessions[session, KEY],
        step.purpose + ROUNDS * state.sessions[session, ROUND],
    )  # fmt: skip


@force_inline
def _settle(state: State, session: int, t: int) -> None:
    """Book the time since the person was asked: hers until she answered, back end from there."""
    row = state.sessions
    answered = min(row[session, READY], t)
    row[session, PHASE0 + PERSON] += answered - row[session, ASKED]
    row[session, PHASE0 + BACKEND] += t - answered


@force_inline
def _mark(inputs: Inputs, state: State, record: Record, session: int, step: Any, t: int) -> None:
    """Book a successful login and its phases."""
    row = state.sessions
    operator = inputs.access_operator[row[session, ACCESS]]
    group = step.group
    latency, person = t - row[session, START], row[session, PHASE0 + PERSON]
    book_login(
        record, inputs.operator_bin[operator], operator, group, latency, person,
        step.extra == 1 or person > 0,
    )  # fmt: skip
    for phase in range(PHASES):
        book_phase(record, group, phase, row[session, PHASE0 + phase])
    row[session, LOGIN] = t


@force_inline
def _spawn(inputs: Inputs, state: State, record: Record, session: int, step: Any, t: int) -> None:
    """Start the sessions that a Spawn step asks for."""
    row = state.sessions
    for number in range(step.extra):
        key = mix(row[session, KEY], (step.purpose << 8) + number)
        entry, peer = step.index, row[session, PEER]
        if step.scope == 1:
            other = int(uniform(key, P_RECIPIENT) * len(inputs.recipients))
            peer = inputs.access_operator[inputs.recipients[other]]
        child = _new_session(
            state, row[session, ACCESS], SPAWNED, key, t, row[session, UNTIL], peer, entry
        )
        record.sessions[state.steps[entry].group] += 1
        schedule(state, child, t)


@force_inline
def _day_key(inputs: Inputs, access: int, t: int) -> int:
    """Return the key of what an access draws once a day."""
    return mix(mix(inputs.run_key[0], inputs.access_identity[access]), t // DAY)


@force_inline
def _advance(inputs: Inputs, state: State, record: Record, session: int, now: int) -> None:
    """Run a session from `now` until it must wait for its turn, a slot, or its end."""
    steps, row = state.steps, state.sessions
    t = now
    pc = row[session, PC]
    while True:
        step = steps[pc]
        op = step.op
        if op <= SERVE:
            wait = 0
            if op == HOLD:
                until = row[session, READY] if step.extra == 1 else row[session, UNTIL]
                spent = max(0, until - t)
            else:
                spent = _duration(inputs, state, session, step)
                if op == SERVE:
                    if t > now:
                        break
                    station = step.index + _owner(inputs, state, session, step.scope)
                    spent = (spent * inputs.server_time[station]) >> PACE_BITS
                    shared = inputs.server_offset[station]
                    if state.free[shared] > t:
                        same = int(state.last[shared] == inputs.kind[station])
                        spent = (spent * inputs.follow_time[station, same]) >> PACE_BITS
                    state.last[shared] = inputs.kind[station]
                    start = _serve(inputs, state, station, t, spent)
                    wait = start - t
                    book_service(record, station, start, wait, spent)
                else:
                    trips = step.half_trips
                    if trips > 0:
                        spent += trips * inputs.access_rtt[row[session, ACCESS]] // 2
            end = t + wait + spent
            phase = step.phase
            pc += 1
            if end >= row[session, LIMIT]:  # the deadline cuts the step
                end = row[session, LIMIT]
                pc = row[session, HANDLER]
                row[session, LIMIT] = NEVER
            if phase >= 0:
                row[session, PHASE0 + phase] += end - t
            t = end
        elif op == MARK:
            _mark(inputs, state, record, session, step, t)
            pc += 1
        elif op == BRANCH:
            draw = uniform(row[session, KEY], step.purpose + ROUNDS * row[session, ROUND])
            pc = step.target if draw < inputs.laws[step.law, 4] else pc + 1
        elif op == GOTO:
            pc = step.target
        elif op == HAS:
            has = inputs.access_features[row[session, ACCESS]] & step.index
            pc = step.target if has != 0 else pc + 1
        elif op == DEADLINE:
            row[session, LIMIT] = t + _duration(inputs, state, session, step)
            row[session, HANDLER] = step.target
            pc += 1
        elif op == CLEAR:
            row[session, LIMIT] = NEVER
            pc += 1
        elif op == DURING:
            target = pc + 1
            for window in range(len(inputs.outages)):
                if (
                    inputs.outages[window, 0] == step.index
                    and inputs.outages[window, 1] <= t < inputs.outages[window, 2]
                ):
                    target = step.target
            pc = target
        elif op == ASK:
            row[session, ASKED] = t
            row[session, READY] = t + _duration(inputs, state, session, step)
            purpose = step.extra + ROUNDS * row[session, ROUND]
            if uniform(row[session, KEY], purpose) < inputs.laws[step.law, 4]:
                row[session, READY] = NEVER
            pc += 1
        elif op == PENDING:
            pc = step.target if t < row[session, READY] else pc + 1
        elif op == SETTLE:
            _settle(state, session, t)
            pc += 1
        elif op == RETRY:
            if row[session, ROUND] < step.index:
                row[session, ROUND] += 1
                pc = step.target
            else:
                pc += 1
        elif op == FAIL:
            record.failures[step.group, step.phase] += 1
            row[session, CAUSE] = step.phase
            pc += 1
        elif op == DELIVER:
            book_delivery(record, t - row[session, START])
            pc += 1
        elif op == END:
            _leave(state, session, t)
            return
        elif op == TODAY:
            draw = uniform(_day_key(inputs, row[session, ACCESS], t), step.purpose)
            pc = step.target if draw < inputs.laws[step.law, 4] else pc + 1
        elif op >= ENTER and inputs.access_limits[row[session, ACCESS], step.index] < 0:
            pc += 1  # this access counts against no such limit
        else:  # what reads or writes something shared waits for its instant
            if t > now:
                break
            if op == ACQUIRE:
                owner = _owner(inputs, state, session, step.scope)
                pool = step.index + owner
                endpoint = step.extra + owner
                if state.in_use[pool] < inputs.pool_slots[pool]:
                    state.in_use[pool] += 1
                    record.pools[pool, GRANTED] += 1
                    record.pools[pool, PEAK] = max(record.pools[pool, PEAK], state.in_use[pool])
                    book_connection(record, endpoint, inputs.endpoint_role[endpoint], t)
                    pc += 1
                elif state.queue_length[pool] >= inputs.pool_backlog[pool]:
                    record.pools[pool, REFUSED] += 1
                    record.endpoints[endpoint, E_REFUSED] += 1
                    pc = step.target
                else:
                    row[session, PC] = pc
                    _enqueue(state, record, pool, session, t)
                    return
            elif op == RELEASE:
                owner = _owner(inputs, state, session, step.scope)
                endpoint = step.extra + owner
                book_disconnection(record, endpoint, inputs.endpoint_role[endpoint], t)
                _hand_over(inputs, state, record, step.index + owner, t)
                pc += 1
            elif op == FRESH:
                stamp = state.registers[row[session, ACCESS], step.index]
                pc = step.target if t - stamp < step.fixed else pc + 1
            elif op == STAMP:
                state.registers[row[session, ACCESS], step.index] = t
                pc += 1
            elif op == ONCE:
                window = t // step.fixed
                access, register = row[session, ACCESS], step.index
                if state.registers[access, register] == window:
                    pc = step.target
                else:
                    state.registers[access, register] = window
                    pc += 1
            elif op == SPAWN:
                _spawn(inputs, state, record, session, step, t)
                pc += 1
            else:  # ENTER, EXIT
                counter = inputs.access_limits[row[session, ACCESS], step.index]
                if op == EXIT:
                    state.entered[counter] -= 1
                    pc += 1
                elif state.entered[counter] < inputs.limits[counter]:
                    state.entered[counter] += 1
                    pc += 1
                else:
                    pc = step.target
    row[session, PC] = pc
    schedule(state, session, t)


@force_inline
def _fetch_next(inputs: Inputs, state: State, stream: int) -> None:
    """Ask the caches for what the next poll of a stream will read; it is some way off in memory."""
    if stream < len(inputs.polls):
        access = inputs.polls[stream, P_FIRST] + state.cursors.polls[stream, P_INDEX] - 1
        prefetch(state.registers, access)
        prefetch(inputs.access_rtt, access)
        prefetch(inputs.access_features, access)
        prefetch(inputs.access_operator, access)


@force_inline
def _first_stream(streams: Ints) -> int:
    """Return the stream whose next arrival is the earliest."""
    first = 0
    for stream in range(1, len(streams)):
        if streams[stream] < streams[first]:
            first = stream
    return first


@jit
def run_until(inputs: Inputs, state: State, record: Record, instant: int, spare: int) -> int:
    """Process all events before `instant` (ns).

    Returns DONE, GROW when fewer than `spare` session rows or heap entries are left, or FLUSH when
    fewer trace rows are; the caller makes room and calls again: the run goes on where it stopped.
    """
    counters, heap, sessions = state.counters, state.heap, state.sessions
    streams = state.cursors.next
    stream = _first_stream(streams)
    while True:
        # The heap also holds voided deadlines: it can fill up with few sessions in flight.
        if counters[VACANT] < spare or len(heap) - counters[N_FAR] < spare:
            return GROW
        if len(state.trace) > 0 and len(state.trace) - counters[TRACED] < spare:
            return FLUSH
        arrival = streams[stream]
        event, tag = NEVER, 0
        if counters[N_NEAR] > 0:
            first = int(state.bucket[counters[FIRST_BUCKET] & (BUCKETS - 1), 0])
            event, tag = sessions[first, DUE], sessions[first, EVENT]
        late = counters[N_FAR] > 0 and (
            heap[0, 0] < event or (heap[0, 0] == event and heap[0, 1] < tag)
        )
        if late:
            event, tag = heap[0, 0], heap[0, 1]
        if min(arrival, event) >= instant:
            return DONE
        if event <= arrival:
            now = event
            counters[NOW] = now
            if late:
                pop_late(heap, counters[N_FAR])
                counters[N_FAR] -= 1
            else:
                pop_near(state)
            session = tag & ((1 << SLOT_BITS) - 1)
            if sessions[session, EVENT] != tag:
                continue  # a slot came before the deadline
            if sessions[session, POOL] >= 0:
                _abandon(inputs, state, record, int(session), now)
        else:
            now = arrival
            counters[NOW] = now
            pop_arrival(inputs, state.cursors, stream)
            _fetch_next(inputs, state, stream)
            stream = _first_stream(streams)
            pending = state.cursors.pending
            entry = inputs.entry[inputs.access_class[pending[0]], pending[1]]
            if entry < 0:
                continue
            session = _new_session(
                state, pending[0], pending[1], pending[2], now, pending[3], pending[4],
                entry,
            )  # fmt: skip
            record.sessions[state.steps[entry].group] += 1
        _advance(inputs, state, record, session, now)
