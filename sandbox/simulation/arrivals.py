"""When sessions start: sorted streams, outside any event list, drawn alike for both engines.

**Polls.** Every access (one person's or one robot's software on one mailbox) opens at one cycle of
its polling period and closes at another; in between it looks for new mail once a period, always at
the same phase. So all accesses with one period form a ring sorted by phase, and the next poll is
the next open access of the ring: no event list, no memory beyond two instants an access. Opening
and closing cycles are drawn each day from the population's schedule, rounded to the period; some
software is left open after that, alone, until midnight.

**Messages.** The number of messages of each hour is Poisson (non-homogeneous Poisson process,
piecewise constant rate: counts, then order statistics). Their instants come one by one as the
order statistics of uniforms; sender (by a power law of its rank) and recipient are drawn with them.

**Receipts.** Of each population of senders there is a second such process, read backwards: who
received tells who sent. When the message itself came is not followed: receipts come days later, so
in a period as many arrive that answer messages of before it as are left for after it.

**A list.** `between` writes down the sessions that these streams start in a window. A model that is
given such a list instead of streams starts those sessions and no others: the same list is replayed
on sockets.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sandbox.simulation.draws import mix, normal_quantile, uniform
from sandbox.simulation.jit import force_inline, inner, jit
from sandbox.simulation.model import LISTED, NEVER, Inputs, PollStream, SendStream, SessionKind
from sandbox.simulation.steps import Purpose

__all__ = ["Cursors", "between", "new_cursors", "pop_arrival"]

Ints = NDArray[np.int64]

DAY = 86_400_000_000_000
HOUR = 3_600_000_000_000
OPEN, POLL, SEND, ALONE, RECEIPT = (
    int(SessionKind.OPEN),
    int(SessionKind.POLL),
    int(SessionKind.SEND),
    int(SessionKind.ALONE),
    int(SessionKind.RECEIPT),
)
PERIOD, FIRST, COUNT, ALWAYS = (int(column) for column in PollStream)
BLOCK = 1 << 12  # rows of a list that are taken together
SEND_FIRST, SEND_COUNT, SEND_ANSWERS, SEND_FROM, SEND_AMONG = (int(each) for each in SendStream)
P_OPEN, P_CLOSE, P_PRESENT = int(Purpose.OPEN), int(Purpose.CLOSE), int(Purpose.PRESENT)
P_VISIT, P_GAP, P_LEFT_OPEN = int(Purpose.VISIT), int(Purpose.GAP), int(Purpose.LEFT_OPEN)
P_SENDER, P_RECIPIENT = int(Purpose.SENDER), int(Purpose.RECIPIENT)

# Cursor columns of a poll stream, then of a send stream.
CYCLE, INDEX, LAST_CYCLE, NEXT_DAY = 0, 1, 2, 3
HOUR_NOW, LEFT, NUMBER = 0, 1, 2


class Cursors(NamedTuple):
    """Where each stream stands: the poll streams, the send streams, the list if there is one."""

    next: Ints  # (streams,) instant of the next arrival, NEVER when exhausted
    polls: Ints  # (poll streams, 4)
    sends: Ints  # (send streams, 3)
    position: NDArray[np.float64]  # (send streams,) place within the hour, 0 to 1
    listed: Ints  # (1,) next row of the list
    open: Ints  # (A,) first poll of the day
    away: Ints  # (A,) nobody there from here on
    close: Ints  # (A,) no poll from here on
    pending: Ints  # (6,) the arrival being handed over: access, kind, key, until, peer, t


@jit
def _open_day(inputs: Inputs, cursors: Cursors, stream: int, day: int) -> None:
    """Draw who is present on `day`, from when to when; move the cursor to the first cycle."""
    period = inputs.polls[stream, PERIOD]
    first, count = inputs.polls[stream, FIRST], inputs.polls[stream, COUNT]
    cycles = DAY // period
    lowest, highest = cycles, 0
    kind = inputs.day_kind[day]
    for access in range(first, first + count):
        people = inputs.access_population[access]
        low, high, last = 0, cycles, cycles
        if inputs.polls[stream, ALWAYS] == 0:
            key = mix(mix(inputs.run_key[0], inputs.access_identity[access]), day)
            if uniform(key, P_PRESENT) < inputs.schedule[people, kind, 0]:
                begin = inputs.schedule[people, kind, 1] + inputs.schedule[
                    people, kind, 2
                ] * normal_quantile(uniform(key, P_OPEN))
                end = inputs.schedule[people, kind, 3] + inputs.schedule[
                    people, kind, 4
                ] * normal_quantile(uniform(key, P_CLOSE))
                low = min(max(int(begin * 1e9 // period), 0), cycles - 1)
                high = min(max(int(end * 1e9 // period), low + 1), cycles)
                stays = inputs.left_open[inputs.access_class[access]]
                last = cycles if stays > 0.0 and uniform(key, P_LEFT_OPEN) < stays else high
            else:
                high = last = low
        phase = inputs.access_phase[access]
        cursors.open[access] = day * DAY + low * period + phase
        cursors.away[access] = day * DAY + high * period + phase
        cursors.close[access] = day * DAY + last * period + phase
        if last > low:
            lowest, highest = min(lowest, low), max(highest, last)
    cursors.polls[stream, CYCLE] = day * cycles + min(lowest, highest)
    cursors.polls[stream, LAST_CYCLE] = day * cycles + highest
    cursors.polls[stream, INDEX] = 0


@inner
def _kind_of(cursors: Cursors, access: int, t: int, opened: bool) -> int:
    """Return what a look at t is: the opening, a poll, or software that is alone."""
    if t == cursors.open[access] and not opened:
        return OPEN
    return POLL if t < cursors.away[access] else ALONE


@inner
def _poll_key(inputs: Inputs, access: int, cycle: int, kind: int) -> int:
    return mix(
        mix(inputs.run_key[0], inputs.access_identity[access]), (cycle << 2) + (kind != OPEN)
    )


@inner
def _next_poll(inputs: Inputs, cursors: Cursors, stream: int) -> None:
    """Move a poll stream to its next arrival."""
    period = inputs.polls[stream, PERIOD]
    first, count = inputs.polls[stream, FIRST], inputs.polls[stream, COUNT]
    always = inputs.polls[stream, ALWAYS] == 1
    horizon = inputs.horizon[0]
    while True:
        cycle, index = cursors.polls[stream, CYCLE], cursors.polls[stream, INDEX]
        if cycle >= cursors.polls[stream, LAST_CYCLE]:
            day = cursors.polls[stream, NEXT_DAY]
            if day * DAY >= horizon:
                cursors.next[stream] = NEVER
                return
            _open_day(inputs, cursors, stream, day)
            cursors.polls[stream, NEXT_DAY] = day + 1
            continue
        base = cycle * period
        for i in range(index, count):
            access = first + i
            t = base + inputs.access_phase[access]
            opening = cursors.open[access]
            if t < opening or t >= cursors.close[access]:
                continue
            kind = _kind_of(cursors, access, t, always and cycle > 0)
            row = inputs.access_class[access]
            if inputs.entry[row, kind] < 0:
                continue
            key = _poll_key(inputs, access, cycle, kind)
            visit = inputs.visit[row]
            if kind != OPEN and visit < 1.0 and uniform(key, P_VISIT) >= visit:
                continue
            if t >= horizon:
                cursors.next[stream] = NEVER
                return
            cursors.polls[stream, INDEX] = i + 1
            cursors.next[stream] = t
            return
        cursors.polls[stream, CYCLE] = cycle + 1
        cursors.polls[stream, INDEX] = 0


@inner
def _next_send(inputs: Inputs, cursors: Cursors, stream: int) -> None:
    """Move a send stream to its next message."""
    hours = inputs.send_counts.shape[1]
    hour = cursors.sends[stream, HOUR_NOW]
    while cursors.sends[stream, LEFT] == 0:
        hour += 1
        cursors.position[stream] = 0.0
        if hour >= hours:
            cursors.next[len(inputs.polls) + stream] = NEVER
            return
        cursors.sends[stream, LEFT] = inputs.send_counts[stream, hour]
    cursors.sends[stream, HOUR_NOW] = hour
    left = cursors.sends[stream, LEFT]
    number = cursors.sends[stream, NUMBER]
    u = uniform(mix(mix(inputs.run_key[0], -1 - stream), number), P_GAP)
    position = 1.0 - (1.0 - cursors.position[stream]) * math.exp(math.log(u) / left)
    cursors.position[stream] = position
    cursors.sends[stream, LEFT] = left - 1
    cursors.sends[stream, NUMBER] = number + 1
    cursors.next[len(inputs.polls) + stream] = hour * HOUR + int(position * HOUR)


@inner
def _take_poll(inputs: Inputs, cursors: Cursors, stream: int, t: int) -> None:
    access = inputs.polls[stream, FIRST] + cursors.polls[stream, INDEX] - 1
    always = inputs.polls[stream, ALWAYS] == 1
    cycle = cursors.polls[stream, CYCLE]
    kind = _kind_of(cursors, access, t, always and cycle > 0)
    pending = cursors.pending
    pending[0] = access
    pending[1] = kind
    pending[2] = _poll_key(inputs, access, cycle, kind)
    pending[3] = inputs.horizon[0] if always else cursors.close[access]
    pending[4] = inputs.access_operator[access]


@inner
def _take_send(inputs: Inputs, cursors: Cursors, stream: int, t: int) -> None:
    key = mix(mix(inputs.run_key[0], -1 - stream), cursors.sends[stream, NUMBER] - 1)
    count = inputs.sends[stream, SEND_COUNT]
    rank = int(uniform(key, P_SENDER) ** inputs.sender_exponent[0] * count)
    sender = inputs.senders[inputs.sends[stream, SEND_FIRST] + rank]
    drawn = int(uniform(key, P_RECIPIENT) * inputs.sends[stream, SEND_AMONG])
    other = inputs.recipients[inputs.sends[stream, SEND_FROM] + drawn]
    answers = inputs.sends[stream, SEND_ANSWERS] == 1
    pending = cursors.pending
    pending[0] = other if answers else sender
    pending[1] = RECEIPT if answers else SEND
    pending[2] = key
    pending[3] = t
    pending[4] = inputs.access_operator[sender if answers else other]


@force_inline
def pop_arrival(inputs: Inputs, cursors: Cursors, stream: int) -> None:
    """Hand over the next arrival of a stream in `cursors.pending`, and move the stream on."""
    t = cursors.next[stream]
    cursors.pending[5] = t
    if stream < len(inputs.polls):
        _take_poll(inputs, cursors, stream, t)
        _next_poll(inputs, cursors, stream)
    elif stream < len(inputs.polls) + len(inputs.sends):
        send = stream - len(inputs.polls)
        _take_send(inputs, cursors, send, t)
        _next_send(inputs, cursors, send)
    else:
        row = cursors.listed[0]
        for column in range(LISTED):
            cursors.pending[column] = inputs.listed[row, column]
        cursors.listed[0] = row + 1
        last = row + 1 == len(inputs.listed)
        cursors.next[stream] = NEVER if last else inputs.listed[row + 1, LISTED - 1]


@jit
def _start(inputs: Inputs, cursors: Cursors) -> None:
    for stream in range(len(inputs.polls)):
        _next_poll(inputs, cursors, stream)
    for stream in range(len(inputs.sends)):
        cursors.sends[stream, HOUR_NOW] = -1
        _next_send(inputs, cursors, stream)


def new_cursors(inputs: Inputs) -> Cursors:
    """Return the streams of `inputs`, each at its first arrival."""
    accesses = len(inputs.access_class)
    streams = len(inputs.polls) + len(inputs.sends)
    cursors = Cursors(
        next=np.full(streams + (len(inputs.listed) > 0), NEVER, dtype=np.int64),
        polls=np.zeros((len(inputs.polls), 4), dtype=np.int64),
        sends=np.zeros((len(inputs.sends), 3), dtype=np.int64),
        position=np.zeros(len(inputs.sends), dtype=np.float64),
        listed=np.zeros(1, dtype=np.int64),
        open=np.zeros(accesses, dtype=np.int64),
        away=np.zeros(accesses, dtype=np.int64),
        close=np.zeros(accesses, dtype=np.int64),
        pending=np.zeros(6, dtype=np.int64),
    )
    _start(inputs, cursors)
    if len(inputs.listed):
        cursors.next[streams] = inputs.listed[0, LISTED - 1]
    return cursors


@jit
def _take_until(inputs: Inputs, cursors: Cursors, begin: int, end: int, rows: Ints) -> int:
    """Take arrivals in order until `end`, or `rows` is full; keep those from `begin` on."""
    count = 0
    while count < len(rows) and len(cursors.next) > 0:
        stream = 0
        for other in range(1, len(cursors.next)):
            if cursors.next[other] < cursors.next[stream]:
                stream = other
        t = cursors.next[stream]
        if t >= end:
            break
        pop_arrival(inputs, cursors, stream)
        if t >= begin:
            for column in range(LISTED):
                rows[count, column] = cursors.pending[column]
            count += 1
    return count


def between(inputs: Inputs, begin: int, end: int) -> Ints:
    """Return the sessions that start in a window, in order: (sessions, LISTED).

    Args:
        inputs: whose streams.
        begin, end: of the window, ns; `begin` is in it.
    """
    cursors = new_cursors(inputs)
    found: list[Ints] = []
    while not found or len(found[-1]) == BLOCK:
        rows = np.zeros((BLOCK, LISTED), dtype=np.int64)
        found.append(rows[: _take_until(inputs, cursors, begin, end, rows)])
    return np.concatenate(found)
