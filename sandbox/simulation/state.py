"""Where a run of the fast engine stands: sessions in flight, event list, stations, pools."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sandbox.observations.schema import Phase
from sandbox.simulation.arrivals import Cursors

__all__ = ["FIELDS", "TRACE_FIELDS", "State"]

Ints = NDArray[np.int64]

PHASES = len(Phase)

# Fields of a session's row.
PC, ACCESS, KEY, START, UNTIL, LIMIT, HANDLER, READY, ASKED, EVENT, NEXT, PREV, ROUND, PEER, KIND, \
    POOL, SINCE, LOGIN, CAUSE, DUE, LINK, PHASE0 = range(22)  # fmt: skip
FIELDS = PHASE0 + PHASES
TRACE_FIELDS = 9 + PHASES
SLOT_BITS = 24  # sessions in flight at most: 16.7 million
BUCKET_BITS = 20  # a bucket holds 2**20 ns
BUCKETS = 1 << 13
WORDS = BUCKETS >> 6


class State(NamedTuple):
    """Where a run stands.

    The heap holds rows (instant, order of scheduling << SLOT_BITS | session). `counters` holds:
    events in the buckets, events in the heap, scheduled so far, free sessions, traced rows, the
    instant, and the first bucket that holds any (counted from instant 0).
    """

    cursors: Cursors
    sessions: Ints  # (capacity, FIELDS)
    vacant: NDArray[np.int32]  # stack of free rows of `sessions`
    bucket: NDArray[np.int32]  # (BUCKETS,) first session due in each, -1: none
    occupied: Ints  # (WORDS,) bit map of the buckets that hold any
    heap: Ints  # (capacity, 2)
    counters: Ints  # (7,)
    free: Ints  # instants at which each station's servers fall free, heaps of `servers`
    in_use: Ints  # (pools,)
    queue_length: Ints  # (pools,)
    queue_head: Ints  # (pools,) session, -1: none
    queue_tail: Ints  # (pools,)
    registers: Ints  # (accesses, registers)
    entered: Ints  # (counters,) connections that count against each limit
    trace: Ints  # (rows, TRACE_FIELDS); no rows: not traced


N_NEAR, N_FAR, SCHEDULED, VACANT, TRACED, NOW, FIRST_BUCKET = range(7)
