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


def turns_of(light: Sequence[float], heavy: Sequence[float], more: float, *, client: bool) -> float:
    """Return how many turns a step has.

    Each turn of a step waits for a whole burden, or for what is left of the one under way when its
    first octets come: of the servers' loop, half of it on average. What comes later in a step comes
    as long after a turn as the other side takes, whatever the burden: more of it is waited for
    whole. So is all that comes to a client, which itself begins the step in a turn of its own.

    Args:
        light: durations of the step with a burden in each turn, s.
        heavy: those with a heavier one, s.
        more: by so many s.
        client: whose loop it is: the client's, or the servers'.
    """
    slope = (median(heavy) - median(light)) / more
    return max(0.0, slope) + (0.0 if client else 0.5)
