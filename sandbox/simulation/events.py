"""The event list of the fast engine.

Events due within eight seconds hang in a ring of one-millisecond buckets (a calendar queue: one
list per bucket, a bit map of those that hold any); later ones, and those that may be voided, wait
in a four-way heap. Ties go by order of scheduling.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sandbox.simulation.jit import bit_length, inner
from sandbox.simulation.state import (
    BUCKET_BITS,
    BUCKETS,
    DUE,
    EVENT,
    FIRST_BUCKET,
    LINK,
    N_FAR,
    N_NEAR,
    NOW,
    SCHEDULED,
    SLOT_BITS,
    WORDS,
    State,
)

__all__ = ["pop_late", "pop_near", "schedule", "schedule_late"]

Ints = NDArray[np.int64]


@inner
def _earlier(heap: Ints, a: int, b: int) -> bool:
    if heap[a, 0] != heap[b, 0]:
        return bool(heap[a, 0] < heap[b, 0])
    return bool(heap[a, 1] < heap[b, 1])


@inner
def _heap_push(heap: Ints, n: int, t: int, tag: int) -> None:
    i = n
    while i > 0:
        parent = (i - 1) >> 2
        if heap[parent, 0] < t or (heap[parent, 0] == t and heap[parent, 1] < tag):
            break
        heap[i, 0] = heap[parent, 0]
        heap[i, 1] = heap[parent, 1]
        i = parent
    heap[i, 0] = t
    heap[i, 1] = tag


@inner
def pop_late(heap: Ints, n: int) -> None:
    """Remove the first of the n entries of the heap."""
    last = n - 1
    t, tag = heap[last, 0], heap[last, 1]
    i = 0
    while True:
        child = (i << 2) + 1
        if child >= last:
            break
        best = child
        for other in range(child + 1, min(child + 4, last)):
            if _earlier(heap, other, best):
                best = other
        if t < heap[best, 0] or (t == heap[best, 0] and tag < heap[best, 1]):
            break
        heap[i, 0] = heap[best, 0]
        heap[i, 1] = heap[best, 1]
        i = best
    heap[i, 0] = t
    heap[i, 1] = tag


@inner
def schedule_late(state: State, session: int, t: int) -> None:
    """Let `session` go on at t, through the heap, whose entries may be voided."""
    counters = state.counters
    counters[SCHEDULED] += 1
    tag = (counters[SCHEDULED] << SLOT_BITS) | session
    state.sessions[session, EVENT] = tag
    _heap_push(state.heap, counters[N_FAR], t, tag)
    counters[N_FAR] += 1


@inner
def schedule(state: State, session: int, t: int) -> None:
    """Let `session` go on at t."""
    counters, row, bucket = state.counters, state.sessions, state.bucket
    number = t >> BUCKET_BITS
    if number - (counters[NOW] >> BUCKET_BITS) >= BUCKETS:
        schedule_late(state, session, t)
        return
    counters[SCHEDULED] += 1
    row[session, EVENT] = (counters[SCHEDULED] << SLOT_BITS) | session
    row[session, DUE] = t
    place = number & (BUCKETS - 1)
    here = int(bucket[place, 0])
    if here < 0:
        row[session, LINK] = -1
        bucket[place, 0] = session
        bucket[place, 1] = session
        state.occupied[place >> 6] |= 1 << (place & 63)
    elif t >= row[int(bucket[place, 1]), DUE]:  # a crowd that is due at one instant: no walk
        row[int(bucket[place, 1]), LINK] = session
        row[session, LINK] = -1
        bucket[place, 1] = session
    elif t < row[here, DUE]:
        row[session, LINK] = here
        bucket[place, 0] = session
    else:
        before = here
        here = row[before, LINK]
        while row[here, DUE] <= t:  # before the last, which is later
            before = here
            here = row[before, LINK]
        row[session, LINK] = here
        row[before, LINK] = session
    if counters[N_NEAR] == 0 or number < counters[FIRST_BUCKET]:
        counters[FIRST_BUCKET] = number
    counters[N_NEAR] += 1


@inner
def pop_near(state: State) -> None:
    """Remove the first event of the buckets and find the bucket of the next."""
    counters, occupied = state.counters, state.occupied
    number = counters[FIRST_BUCKET]
    place = number & (BUCKETS - 1)
    after = state.sessions[int(state.bucket[place, 0]), LINK]
    state.bucket[place, 0] = after
    counters[N_NEAR] -= 1
    if after >= 0:
        return
    word = place >> 6
    occupied[word] &= ~(1 << (place & 63))
    if counters[N_NEAR] == 0:
        return
    bits = occupied[word] & (-1 << (place & 63))
    while bits == 0:
        word = (word + 1) & (WORDS - 1)
        bits = occupied[word]
    found = (word << 6) + bit_length(bits & -bits) - 1
    counters[FIRST_BUCKET] = number + ((found - place) & (BUCKETS - 1))
