"""Time of a provider: a clock that a test can move, and what is due when."""

from __future__ import annotations

import heapq
import time
from collections.abc import Callable, Iterator

from sandbox.space.errors import UserError

__all__ = ["Agenda", "Clock"]

# One jump may not pass ten years: certificates and JSON dates stay meaningful.
MAX_JUMP = 315_576_000.0


class Clock:
    """Seconds since the Unix epoch; goes back only by `reset`, to real time.

    `frozen_at` starts it stopped at an instant, so that a run is the same to the byte.

    Attributes:
        moved: called after each change, with what another clock has to `follow`.
    """

    moved: Callable[[tuple[float, float | None]], None] | None = None

    def __init__(self, frozen_at: float | None = None) -> None:
        self._offset = 0.0
        self._frozen = frozen_at

    @property
    def frozen(self) -> bool:
        """Whether only `advance` moves the clock."""
        return self._frozen is not None

    def now(self) -> float:
        """Return the current instant, in seconds."""
        return self._frozen if self._frozen is not None else time.time() + self._offset

    def advance(self, seconds: float) -> float:
        """Move forward and return the new instant.

        Raises:
            UserError: negative, not finite, or more than ten years.
        """
        if not 0 <= seconds <= MAX_JUMP:
            raise UserError(
                f"avance de {seconds} s, attendu",
                f"advance of {seconds} s, expected",
                then=f"0 … {MAX_JUMP:.0f} s",
            )
        if self._frozen is not None:
            self._frozen += seconds
        else:
            self._offset += seconds
        self._tell()
        return self.now()

    def freeze(self) -> None:
        """Stop the clock where it is."""
        self._frozen = self.now()
        self._tell()

    def resume(self) -> None:
        """Let the clock run again from where it is."""
        if self._frozen is not None:
            self._offset = self._frozen - time.time()
            self._frozen = None
            self._tell()

    def reset(self) -> float:
        """Go back to real time, running; return it."""
        self._offset, self._frozen = 0.0, None
        self._tell()
        return self.now()

    @property
    def setting(self) -> tuple[float, float | None]:
        """Return by how much it is ahead of real time, and the instant where it is stopped."""
        return self._offset, self._frozen

    def follow(self, setting: tuple[float, float | None]) -> None:
        """Show what another clock shows, of another process."""
        self._offset, self._frozen = setting

    def _tell(self) -> None:
        if self.moved is not None:
            self.moved(self.setting)


class Agenda:
    """What is due, by instant; things of one instant come in the order they were noted."""

    def __init__(self) -> None:
        self._due: list[tuple[float, int, str]] = []
        self._noted = 0

    def note(self, at: float, what: str) -> None:
        """Note that `what` is due at an instant."""
        self._noted += 1
        heapq.heappush(self._due, (at, self._noted, what))

    def next(self) -> float | None:
        """Return the instant of the next thing to do, or None."""
        return self._due[0][0] if self._due else None

    def until(self, now: float) -> Iterator[tuple[float, str]]:
        """Take out what is due, each with its own instant, in order."""
        while self._due and self._due[0][0] <= now:
            at, _, what = heapq.heappop(self._due)
            yield at, what
