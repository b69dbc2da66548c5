"""Connection slots: who waits for one, who gets it, who gives up."""

from __future__ import annotations

from sandbox.observations.schema import Phase
from sandbox.simulation.events import schedule, schedule_late
from sandbox.simulation.jit import inner
from sandbox.simulation.model import NEVER, EndpointStat, Inputs, PoolStat, Record
from sandbox.simulation.recorder import book_connection, book_queue
from sandbox.simulation.sessions import owner_of
from sandbox.simulation.state import (
    EVENT,
    HANDLER,
    LIMIT,
    NEXT,
    PC,
    PHASE0,
    POOL,
    PREV,
    SINCE,
    State,
)

__all__ = ["abandon", "enqueue", "hand_over"]

SLOT = int(Phase.SLOT)
GRANTED, WAITED, WAIT = int(PoolStat.GRANTED), int(PoolStat.WAITED), int(PoolStat.WAIT)
ABANDONED, LOST_WAIT = int(PoolStat.ABANDONED), int(PoolStat.LOST_WAIT)
E_ABANDONED = int(EndpointStat.ABANDONED)


@inner
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


@inner
def enqueue(state: State, record: Record, pool: int, session: int, t: int) -> None:
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


@inner
def hand_over(inputs: Inputs, state: State, record: Record, pool: int, t: int) -> None:
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
    endpoint = step.extra + owner_of(state, session, step.scope)
    book_connection(record, endpoint, inputs.endpoint_role[endpoint], t)
    row[session, PC] = step.next
    schedule(state, session, t)


@inner
def abandon(state: State, record: Record, session: int, t: int) -> None:
    """The deadline came while the session waited for a slot: it goes on at the handler."""
    row = state.sessions
    pool, step = row[session, POOL], state.steps[row[session, PC]]
    book_queue(record, pool, state.queue_length[pool], t)
    _unlink(state, pool, session)
    wait = t - row[session, SINCE]
    row[session, PHASE0 + SLOT] += wait
    record.pools[pool, ABANDONED] += 1
    record.pools[pool, LOST_WAIT] += wait
    endpoint = step.extra + owner_of(state, session, step.scope)
    record.endpoints[endpoint, E_ABANDONED] += 1
    row[session, PC], row[session, LIMIT] = row[session, HANDLER], NEVER
