"""The fast engine: the compiled kernel, given room to grow and asked in slices of virtual time."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from sandbox.simulation import kernel
from sandbox.simulation import state as state_of
from sandbox.simulation.arrivals import new_cursors
from sandbox.simulation.model import NEVER, Model, Record, new_record
from sandbox.simulation.program import Column
from sandbox.simulation.steps import Op

__all__ = ["run"]

SLICE = 24 * 3_600_000_000_000  # ns between two reports of progress
SPARE = 64  # session rows and heap entries that one event may need, beside its spawned sessions
FIRST_ROWS = 1 << 12
TRACE_ROWS = 1 << 16


def _new_state(model: Model, *, traced: bool) -> state_of.State:
    inputs = model.inputs
    pools = len(inputs.pool_slots)
    counters = np.zeros(7, dtype=np.int64)
    counters[state_of.VACANT] = FIRST_ROWS
    return state_of.State(
        cursors=new_cursors(inputs),
        sessions=state_of.aligned((FIRST_ROWS, state_of.FIELDS), np.int64),
        vacant=np.arange(FIRST_ROWS - 1, -1, -1, dtype=np.int32),
        bucket=np.full((state_of.BUCKETS, 2), -1, dtype=np.int32),
        occupied=np.zeros(state_of.WORDS, dtype=np.int64),
        heap=np.zeros((2 * FIRST_ROWS, 2), dtype=np.int64),
        counters=counters,
        free=np.zeros(int((inputs.server_offset + inputs.servers).max()), dtype=np.int64),
        last=np.full(int(inputs.server_offset.max()) + 1, -1, dtype=np.int64),
        in_use=np.zeros(pools, dtype=np.int64),
        queue_length=np.zeros(pools, dtype=np.int64),
        queue_head=np.full(pools, -1, dtype=np.int64),
        queue_tail=np.full(pools, -1, dtype=np.int64),
        registers=state_of.aligned(
            (len(inputs.access_class), int(inputs.registers[0])), np.int64, -NEVER
        ),
        entered=np.zeros(len(inputs.limits), dtype=np.int64),
        trace=np.zeros((TRACE_ROWS if traced else 0, state_of.TRACE_FIELDS), dtype=np.int64),
        steps=state_of.packed(inputs.code),
        facts=state_of.facts_of(inputs),
    )


def _purged(state: state_of.State, spare: int) -> state_of.State:
    """Drop the voided deadlines from the heap; leave it half empty, with room for `spare`."""
    entries = state.heap[: int(state.counters[state_of.N_FAR])]
    session = entries[:, 1] & ((1 << state_of.SLOT_BITS) - 1)
    valid = entries[state.sessions[session, state_of.EVENT] == entries[:, 1]]
    valid = valid[np.lexsort((valid[:, 1], valid[:, 0]))]  # sorted rows are a heap
    size = len(state.heap)
    while size < 2 * len(valid) or size < len(valid) + spare:
        size *= 2
    heap = np.zeros((size, 2), dtype=np.int64)
    heap[: len(valid)] = valid
    state.counters[state_of.N_FAR] = len(valid)
    return state._replace(heap=heap)


def _doubled(state: state_of.State) -> state_of.State:
    """Return the state with twice the room for sessions in flight."""
    rows = len(state.sessions)
    vacant = np.zeros(2 * rows, dtype=np.int32)
    free = int(state.counters[state_of.VACANT])
    # New rows go below the free ones, so that low rows (warm in the cache) are used first.
    vacant[:rows] = np.arange(2 * rows - 1, rows - 1, -1)
    vacant[rows : rows + free] = state.vacant[:free]
    state.counters[state_of.VACANT] = rows + free
    sessions = state_of.aligned((2 * rows, state_of.FIELDS), np.int64)
    sessions[:rows] = state.sessions
    return state._replace(sessions=sessions, vacant=vacant)


def _with_room(state: state_of.State, spare: int) -> state_of.State:
    """Return the state with more than `spare` free session rows and heap entries."""
    while state.counters[state_of.VACANT] < spare:
        state = _doubled(state)
    if len(state.heap) - state.counters[state_of.N_FAR] < spare:
        state = _purged(state, spare)
    return state


def run(
    model: Model,
    *,
    progress: Callable[[float], None] | None = None,
    trace: Callable[[NDArray[np.int64]], None] | None = None,
) -> Record:
    """Run `model` to the end of its last session and return what was observed.

    Args:
        model: programs and inputs.
        progress: called with the share of the period that is done, 0 to 1.
        trace: called with blocks of ended sessions, int64 (rows, state_of.TRACE_FIELDS).
    """
    record = new_record(model)
    state = _new_state(model, traced=trace is not None)
    if not len(state.cursors.next):  # nobody ever arrives, and the kernel takes the first to do so
        return record
    horizon = int(model.inputs.horizon[0])
    spawns = model.code.table[:, Column.OP] == Op.SPAWN
    spare = SPARE + int(model.code.table[spawns, Column.EXTRA].sum())

    def flush() -> None:
        if trace is not None:
            rows = int(state.counters[state_of.TRACED])
            trace(state.trace[:rows].copy())
            state.counters[state_of.TRACED] = 0

    stops = [*range(SLICE, horizon, SLICE), int(NEVER)]
    for stop in stops:
        while (answer := kernel.run_until(model.inputs, state, record, stop, spare)) != kernel.DONE:
            if answer == kernel.GROW:
                state = _with_room(state, spare)
            else:
                flush()
        if progress is not None:
            progress(min(1.0, stop / horizon))
    flush()
    return record
