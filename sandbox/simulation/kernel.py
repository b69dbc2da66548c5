"""The fast engine's inner loop: interprets the compiled programs, in compiled code.

A FIFO station needs no departure event: the instants at which its servers fall free say when the
next arrival starts. Steps that read nothing shared (delays, draws, marks) are run ahead of the
clock; a step that does waits for its instant.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from sandbox.observations.schema import Phase
from sandbox.simulation.arrivals import INDEX, pop_arrival
from sandbox.simulation.draws import mix, uniform
from sandbox.simulation.events import pop_late, pop_near, schedule
from sandbox.simulation.jit import inner, jit, prefetch
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
    book_service,
)
from sandbox.simulation.sessions import day_key, duration, leave, new_session, owner_of
from sandbox.simulation.slots import abandon, enqueue, hand_over
from sandbox.simulation.state import (
    ACCESS,
    ASKED,
    BUCKETS,
    CAUSE,
    DUE,
    EVENT,
    FEATURES,
    FIRST_BUCKET,
    HANDLER,
    KEY,
    LIMIT,
    LIMITS,
    LOGIN,
    N_FAR,
    N_NEAR,
    NOW,
    OPERATOR,
    PC,
    PEER,
    PHASE0,
    PHASES,
    POOL,
    READY,
    ROUND,
    RTT,
    SLOT_BITS,
    START,
    TRACED,
    UNTIL,
    VACANT,
    State,
)  # fmt: skip
from sandbox.simulation.steps import ROUNDS, Op, Purpose

__all__ = ["run_until"]

Ints = NDArray[np.int64]

(
    DELAY, HOLD, SERVE, ACQUIRE, RELEASE, BRANCH, HAS, DURING, FRESH, STAMP, ONCE, DEADLINE, CLEAR,
    ASK, PENDING, SETTLE, RETRY, SPAWN, MARK, DELIVER, FAIL, GOTO, END, TODAY, ENTER, EXIT,
) = (int(op) for op in Op)  # fmt: skip
BACKEND, PERSON = int(Phase.BACKEND), int(Phase.PERSON)
GRANTED, REFUSED, PEAK = int(PoolStat.GRANTED), int(PoolStat.REFUSED), int(PoolStat.PEAK)
E_REFUSED = int(EndpointStat.REFUSED)
SPAWNED = int(SessionKind.SPAWNED)
P_RECIPIENT = int(Purpose.RECIPIENT)
P_FIRST, P_INDEX = int(PollStream.FIRST), INDEX
DONE, GROW, FLUSH = 0, 1, 2  # answers of run_until


@inner
def _serve(inputs: Inputs, state: State, station: int, end: int) -> None:
    """Occupy the server that falls free first until `end`."""
    free, base, n = state.free, inputs.server_offset[station], inputs.servers[station]
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


@inner
def _settle(state: State, session: int, t: int) -> None:
    """Book the time since the person was asked: hers until she answered, back end from there."""
    row = state.sessions
    answered = min(row[session, READY], t)
    row[session, PHASE0 + PERSON] += answered - row[session, ASKED]
    row[session, PHASE0 + BACKEND] += t - answered


@inner
def _mark(inputs: Inputs, state: State, record: Record, session: int, step: Any, t: int) -> None:
    """Book a successful login and its phases."""
    row = state.sessions
    operator = state.facts[row[session, ACCESS], OPERATOR]
    group = step.group
    latency, person = t - row[session, START], row[session, PHASE0 + PERSON]
    book_login(
        record, inputs.operator_bin[operator], operator, group, latency, person,
        step.extra == 1 or person > 0,
    )  # fmt: skip
    for phase in range(PHASES):
        book_phase(record, group, phase, row[session, PHASE0 + phase])
    row[session, LOGIN] = t


@inner
def _spawn(inputs: Inputs, state: State, record: Record, session: int, step: Any, t: int) -> None:
    """Start the sessions that a Spawn step asks for."""
    row = state.sessions
    for number in range(step.extra):
        key = mix(row[session, KEY], (step.purpose << 8) + number)
        entry, peer = step.index, row[session, PEER]
        if step.scope == 1:
            other = int(uniform(key, P_RECIPIENT) * len(inputs.recipients))
            peer = inputs.access_operator[inputs.recipients[other]]
        child = new_session(
            state, row[session, ACCESS], SPAWNED, key, t, row[session, UNTIL], peer, entry
        )
        record.sessions[state.steps[entry].group] += 1
        schedule(state, child, t)


@inner
def _advance(inputs: Inputs, state: State, record: Record, session: int, now: int) -> None:
    """Run a session from `now` until it must wait for its turn, a slot, or its end."""
    steps, row, facts = state.steps, state.sessions, state.facts
    access, key = row[session, ACCESS], row[session, KEY]
    t = now
    pc = row[session, PC]
    while True:
        step = steps[pc]
        op = step.op
        if op <= SERVE:
            wait = 0
            if op == DELAY:
                spent = duration(inputs, state, session, step)
                trips = step.half_trips
                if trips > 0:
                    spent += trips * facts[access, RTT] // 2
            elif op == HOLD:
                until = row[session, READY] if step.extra == 1 else row[session, UNTIL]
                spent = max(0, until - t)
            elif t > now:
                break
            else:
                spent = duration(inputs, state, session, step)
                station = step.index + owner_of(state, session, step.scope)
                shared = inputs.server_offset[station]
                start = max(t, state.free[shared])
                moment = min(start >> inputs.moment[0], inputs.server_time.shape[1] - 1)
                spent = (spent * inputs.server_time[station, moment]) >> PACE_BITS
                if start > t:
                    same = int(state.last[shared] == inputs.kind[station])
                    spent = (spent * inputs.follow_time[station, same]) >> PACE_BITS
                state.last[shared] = inputs.kind[station]
                _serve(inputs, state, station, start + spent)
                wait = start - t
                book_service(record, station, start, wait, spent)
            end = t + wait + spent
            phase = step.phase
            pc = step.next
            if end >= row[session, LIMIT]:  # the deadline cuts the step
                end = row[session, LIMIT]
                pc = row[session, HANDLER]
                row[session, LIMIT] = NEVER
            if phase >= 0:
                row[session, PHASE0 + phase] += end - t
            t = end
        elif op == MARK:
            _mark(inputs, state, record, session, step, t)
            pc = step.next
        elif op == BRANCH:
            draw = uniform(key, step.purpose + ROUNDS * row[session, ROUND])
            pc = step.target if draw < inputs.laws[step.law, 4] else step.next
        elif op == GOTO:
            pc = step.target
        elif op == HAS:
            has = facts[access, FEATURES] & step.index
            pc = step.target if has != 0 else step.next
        elif op == DEADLINE:
            row[session, LIMIT] = t + duration(inputs, state, session, step)
            row[session, HANDLER] = step.target
            pc = step.next
        elif op == CLEAR:
            row[session, LIMIT] = NEVER
            pc = step.next
        elif op == DURING:
            target = step.next
            for window in range(len(inputs.outages)):
                if (
                    inputs.outages[window, 0] == step.index
                    and inputs.outages[window, 1] <= t < inputs.outages[window, 2]
                ):
                    target = step.target
            pc = target
        elif op == ASK:
            row[session, ASKED] = t
            row[session, READY] = t + duration(inputs, state, session, step)
            purpose = step.extra + ROUNDS * row[session, ROUND]
            if uniform(key, purpose) < inputs.laws[step.law, 4]:
                row[session, READY] = NEVER
            pc = step.next
        elif op == PENDING:
            pc = step.target if t < row[session, READY] else step.next
        elif op == SETTLE:
            _settle(state, session, t)
            pc = step.next
        elif op == RETRY:
            if row[session, ROUND] < step.index:
                row[session, ROUND] += 1
                pc = step.target
            else:
                pc = step.next
        elif op == FAIL:
            record.failures[step.group, step.phase] += 1
            row[session, CAUSE] = step.phase
            pc = step.next
        elif op == DELIVER:
            book_delivery(record, t - row[session, START])
            pc = step.next
        elif op == END:
            leave(state, session, t)
            return
        elif op == TODAY:
            draw = uniform(day_key(inputs, access, t), step.purpose)
            pc = step.target if draw < inputs.laws[step.law, 4] else step.next
        elif op >= ENTER and facts[access, LIMITS + step.index] < 0:
            pc = step.next  # this access counts against no such limit
        else:  # what reads or writes something shared waits for its instant
            if t > now:
                break
            if op == ACQUIRE:
                owner = owner_of(state, session, step.scope)
                pool = step.index + owner
                endpoint = step.extra + owner
                if state.in_use[pool] < inputs.pool_slots[pool]:
                    state.in_use[pool] += 1
                    record.pools[pool, GRANTED] += 1
                    record.pools[pool, PEAK] = max(record.pools[pool, PEAK], state.in_use[pool])
                    book_connection(record, endpoint, inputs.endpoint_role[endpoint], t)
                    pc = step.next
                elif state.queue_length[pool] >= inputs.pool_backlog[pool]:
                    record.pools[pool, REFUSED] += 1
                    record.endpoints[endpoint, E_REFUSED] += 1
                    pc = step.target
                else:
                    row[session, PC] = pc
                    enqueue(state, record, pool, session, t)
                    return
            elif op == RELEASE:
                owner = owner_of(state, session, step.scope)
                endpoint = step.extra + owner
                book_disconnection(record, endpoint, inputs.endpoint_role[endpoint], t)
                hand_over(inputs, state, record, step.index + owner, t)
                pc = step.next
            elif op == FRESH:
                stamp = state.registers[access, step.index]
                pc = step.target if t - stamp < step.fixed else step.next
            elif op == STAMP:
                state.registers[access, step.index] = t
                pc = step.next
            elif op == ONCE:
                window = t // step.fixed
                register = step.index
                if state.registers[access, register] == window:
                    pc = step.target
                else:
                    state.registers[access, register] = window
                    pc = step.next
            elif op == SPAWN:
                _spawn(inputs, state, record, session, step, t)
                pc = step.next
            else:  # ENTER, EXIT
                counter = facts[access, LIMITS + step.index]
                if op == EXIT:
                    state.entered[counter] -= 1
                    pc = step.next
                elif state.entered[counter] < inputs.limits[counter]:
                    state.entered[counter] += 1
                    pc = step.next
                else:
                    pc = step.target
    row[session, PC] = pc
    schedule(state, session, t)


@inner
def _fetch_next(inputs: Inputs, state: State, stream: int) -> None:
    """Ask the caches for what the next poll of a stream will read; it is some way off in memory."""
    if stream < len(inputs.polls):
        access = inputs.polls[stream, P_FIRST] + state.cursors.polls[stream, P_INDEX] - 1
        prefetch(state.registers, access)
        prefetch(state.facts, access)


@inner
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
                abandon(state, record, int(session), now)
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
            session = new_session(
                state, pending[0], pending[1], pending[2], now, pending[3], pending[4],
                entry,
            )  # fmt: skip
            record.sessions[state.steps[entry].group] += 1
        _advance(inputs, state, record, session, now)
