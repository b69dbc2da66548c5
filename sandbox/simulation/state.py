"""Where a run of the fast engine stands: sessions in flight, event list, stations, pools."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sandbox.observations.schema import Phase
from sandbox.simulation.arrivals import Cursors
from sandbox.simulation.model import Inputs
from sandbox.simulation.program import Column
from sandbox.simulation.steps import Op

__all__ = ["FIELDS", "TRACE_FIELDS", "State", "aligned", "facts_of", "packed"]

Ints = NDArray[np.int64]

PHASES = len(Phase)

# Fields of a session's row: four cache lines. The first is all that the event list reads, and what
# a session needs to go on; then its phases; then what few steps ask for.
EVENT, DUE, LINK, POOL, PC, ACCESS, KEY, LIMIT, \
    ROUND, PEER, PHASE0 = range(11)  # fmt: skip
START, UNTIL, HANDLER, READY, ASKED, KIND, LOGIN, CAUSE, \
    SINCE, NEXT, PREV = range(PHASE0 + PHASES, PHASE0 + PHASES + 11)  # fmt: skip
FIELDS = 32
TRACE_FIELDS = 9 + PHASES
SLOT_BITS = 24  # sessions in flight at most: 16.7 million
BUCKET_BITS = 20  # a bucket holds 2**20 ns
BUCKETS = 1 << 13
WORDS = BUCKETS >> 6


# A step in half a cache line: Code.table has eight bytes for each cell. `next` is the row that
# follows; it and `target` are beyond any Goto, which so costs no turn of the interpreter.
STEP = np.dtype([
    ("op", "i1"), ("phase", "i1"), ("scope", "i1"), ("group", "i1"), ("target", "i4"),
    ("fixed", "i8"), ("index", "i4"), ("extra", "i4"), ("next", "i4"),
    ("law", "i2"), ("purpose", "i1"), ("half_trips", "i1"),
])  # fmt: skip
LINE = 64  # bytes

# What the steps of a session look up of its access, together: an access is met at random, and each
# array of its own would be one more wait for memory. The counters of its limits come last.
RTT, FEATURES, OPERATOR, LIMITS = range(4)


def packed(table: Ints) -> NDArray[np.void]:
    """Return Code.table as rows of STEP.

    Raises:
        ValueError: a cell does not fit.
    """
    steps = aligned((len(table),), STEP)
    for column in Column:
        name = column.name.lower()
        steps[name] = table[:, column]
        if not np.array_equal(steps[name], table[:, column]):
            raise ValueError(f"steps: {name} beyond {STEP[name]}")
    beyond = np.arange(len(table) + 1)  # beyond Gotos, which never go round in circles
    jumps = np.flatnonzero(table[:, Column.OP] == Op.GOTO)
    while len(jumps):
        beyond[jumps] = table[beyond[jumps], Column.TARGET]
        jumps = jumps[table[beyond[jumps], Column.OP] == Op.GOTO]
    steps["next"] = beyond[1:]
    steps["target"] = np.where(steps["target"] < 0, -1, beyond[steps["target"]])
    return steps


def facts_of(inputs: Inputs) -> Ints:
    """Return what steps look up of each access, int64 (A, whole cache lines)."""
    columns = [inputs.access_rtt, inputs.access_features, inputs.access_operator]
    columns += list(inputs.access_limits.T)
    facts = aligned((len(inputs.access_rtt), -(-len(columns) // 8) * 8), np.int64)
    for place, column in enumerate(columns):
        facts[:, place] = column
    return facts


def aligned(shape: tuple[int, ...], kind: Any, value: int = 0) -> NDArray[Any]:
    """Return an array that starts with a cache line, so that no row shares one."""
    size = int(np.prod(shape)) * np.dtype(kind).itemsize
    room = np.empty(size + LINE, dtype=np.uint8)
    start = -room.ctypes.data % LINE
    found: NDArray[Any] = room[start : start + size].view(kind).reshape(shape)
    found[...] = value
    return found


class State(NamedTuple):
    """Where a run stands.

    The heap holds rows (instant, order of scheduling << SLOT_BITS | session). `counters` holds:
    events in the buckets, events in the heap, scheduled so far, free sessions, traced rows, the
    instant, and the first bucket that holds any (counted from instant 0).
    """

    cursors: Cursors
    sessions: Ints  # (capacity, FIELDS)
    vacant: NDArray[np.int32]  # stack of free rows of `sessions`
    bucket: NDArray[np.int32]  # (BUCKETS, 2) first session due in each, -1: none; last
    occupied: Ints  # (WORDS,) bit map of the buckets that hold any
    heap: Ints  # (capacity, 2)
    counters: Ints  # (7,)
    free: Ints  # instants at which each station's servers fall free, heaps of `servers`
    last: Ints  # kind of the service that began last, by first entry in `free`; -1: none
    in_use: Ints  # (pools,)
    queue_length: Ints  # (pools,)
    queue_head: Ints  # (pools,) session, -1: none
    queue_tail: Ints  # (pools,)
    registers: Ints  # (accesses, registers)
    entered: Ints  # (counters,) connections that count against each limit
    trace: Ints  # (rows, TRACE_FIELDS); no rows: not traced
    steps: NDArray[np.void]  # of STEP: the programs
    facts: Ints  # (accesses, whole lines): see facts_of


N_NEAR, N_FAR, SCHEDULED, VACANT, TRACED, NOW, FIRST_BUCKET = range(7)
