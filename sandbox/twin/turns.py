"""How many turns of its event loop a step has, between which all others have theirs.

Work that is done in one turn waits once for what others have the loop do; work that is handed on,
from the socket to a task, to a thread, to another server and back, waits each time. How often is
measured by its effect: a burden of so many seconds in each turn makes a step longer by as much for
each of its turns, whatever the loop and the libraries on it are.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from statistics import median

__all__ = ["Burden", "turns_of"]


def _work(seconds: float) -> None:
    until = time.perf_counter() + seconds
    while time.perf_counter() < until:
        pass


class Burden:
    """Work of so many seconds in each turn of an event loop.

    Args:
        work: takes so many seconds.
    """

    def __init__(self, work: Callable[[float], None] = _work) -> None:
        self._work = work
        self._seconds = 0.0

    async def be(self, seconds: float) -> None:
        """Be so heavy from now on, on the running loop; 0: nothing any more."""
        rested, self._seconds = not self._seconds, seconds
        if rested:
            self._turn(asyncio.get_running_loop())

    def _turn(self, loop: asyncio.AbstractEventLoop) -> None:
        if not self._seconds:
            return
        self._work(self._seconds)
        loop.call_soon(self._turn, loop)


def turns_of(
    alone: Sequence[float], burdened: Sequence[float], burden: float, exchanges: int
) -> float:
    """Return how many turns a step has.

    Its client waits for each exchange; what it sends arrives in the midst of a burden, on average,
    and is served after the rest of it; each further turn waits for a whole one.

    Args:
        alone: durations of the step, s.
        burdened: those with a burden in each turn, s.
        burden: s.
        exchanges: of client and server.
    """
    return max(0.0, median(burdened) - median(alone)) / burden + exchanges / 2
