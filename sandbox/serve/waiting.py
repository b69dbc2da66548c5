"""Who waits, for what and since when: what bounds strangers without locking others out.

A connection is at one `Stage` at a time. Those of one stage stand in a queue, the longest first, so
that one timer cuts whoever has had its time, and the next to be cut is found at once.
"""

from __future__ import annotations

import asyncio
import math
from enum import IntEnum
from typing import Protocol

__all__ = ["Pool", "Stage", "Waiters"]


class Stage(IntEnum):
    """What a connection waits for."""

    SILENT = 0  # TLS comes first and nothing has come
    HANDSHAKE = 1
    STRANGER = 2  # a first whole request
    IDLE = 3  # another request
    STALLED = 4  # the client to read its answer
    WORKING = 5  # on us: never cut


class Cut(Protocol):
    """A connection, as a queue sees it."""

    def cut(self) -> None:
        """End it now: it has had its time."""

    def evict(self) -> None:
        """End it now: its room is wanted."""


class Waiters:
    """Those who wait for the same thing; each is cut after `seconds`."""

    def __init__(self, seconds: float = math.inf) -> None:
        self._seconds = seconds
        self._since: dict[Cut, float] = {}
        self._timer: asyncio.TimerHandle | None = None

    def __len__(self) -> int:
        return len(self._since)

    def add(self, each: Cut) -> None:
        """Have it wait from now."""
        loop = asyncio.get_running_loop()
        self._since[each] = loop.time()
        if self._timer is None and self._seconds < math.inf:
            self._timer = loop.call_later(self._seconds, self._look)

    def discard(self, each: Cut) -> None:
        """Have it wait no more."""
        self._since.pop(each, None)

    @property
    def longest_since(self) -> float:
        """When whoever has waited longest began to; infinite when nobody waits."""
        return next(iter(self._since.values()), math.inf)

    def evict_longest(self) -> bool:
        """Make whoever has waited longest go; False when nobody waits."""
        longest = next(iter(self._since), None)
        if longest is None:
            return False
        del self._since[longest]
        longest.evict()
        return True

    def close(self) -> None:
        """Look no more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _look(self) -> None:
        loop = asyncio.get_running_loop()
        self._timer = None
        # uvloop's timers have milliseconds: one that comes early would come again at once.
        due = loop.time() - self._seconds + 0.001
        while self._since:
            longest, since = next(iter(self._since.items()))
            if since > due:
                self._timer = loop.call_later(since - due, self._look)
                return
            del self._since[longest]
            longest.cut()


class Pool:
    """Room for so many connections, of one door or of several on one event loop.

    Args:
        most: connections at once.
        seconds: how long each stage may last; for ever where it says nothing.
    """

    def __init__(self, most: int, seconds: dict[Stage, float] | None = None) -> None:
        self.most = most
        self._inside = 0
        limits = seconds or {}
        self._queues = [Waiters(limits.get(stage, math.inf)) for stage in Stage]

    def waiting(self, stage: Stage) -> Waiters:
        """Return those at a stage."""
        return self._queues[stage]

    def enter(self) -> bool:
        """Count one in, at the cost of who has waited longest; False when all are at work."""
        if self._inside >= self.most and not self._make_room():
            return False
        self._inside += 1
        return True

    def leave(self) -> None:
        """Count one out."""
        self._inside -= 1

    def move(self, each: Cut, before: Stage, after: Stage) -> None:
        """Have a connection wait for something else from now."""
        self._queues[before].discard(each)
        if after is not Stage.WORKING:
            self._queues[after].add(each)

    def forget(self, each: Cut, stage: Stage) -> None:
        """Have a connection wait for nothing any more."""
        self._queues[stage].discard(each)

    def close(self) -> None:
        """Look after nobody any more."""
        for queue in self._queues:
            queue.close()

    def _make_room(self) -> bool:
        # Strangers first, whatever they wait for; then who has had an answer; who reads none last.
        strangers = min(self._queues[: Stage.IDLE], key=lambda queue: queue.longest_since)
        return any(
            queue.evict_longest()
            for queue in (strangers, self._queues[Stage.IDLE], self._queues[Stage.STALLED])
        )
