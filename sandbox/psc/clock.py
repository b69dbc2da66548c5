"""A clock that a test can move: real time plus an offset, or frozen."""

from __future__ import annotations

import time
from collections.abc import Callable

from sandbox.space.errors import UserError

__all__ = ["Clock"]

# One jump may not pass ten years: certificates and JSON dates stay meaningful.
MAX_JUMP = 315_576_000.0


class Clock:
    """Seconds since the Unix epoch; never goes back.

    `frozen_at` starts it stopped at an instant, so that a run is the same to the byte.
    """

    def __init__(
        self, frozen_at: float | None = None, real: Callable[[], float] = time.time
    ) -> None:
        self._real = real
        self._offset = 0.0
        self._frozen = frozen_at

    @property
    def frozen(self) -> bool:
        """Whether only `advance` moves the clock."""
        return self._frozen is not None

    def now(self) -> float:
        """Return the current instant, in seconds."""
        return self._frozen if self._frozen is not None else self._real() + self._offset

    def advance(self, seconds: float) -> float:
        """Move forward and return the new instant.

        Raises:
            UserError: negative, not finite, or more than ten years.
        """
        if not 0 <= seconds <= MAX_JUMP:
            raise UserError(f"avance de {seconds} s : attendu / expected 0 … {MAX_JUMP:.0f} s")
        if self._frozen is not None:
            self._frozen += seconds
        else:
            self._offset += seconds
        return self.now()

    def freeze(self) -> None:
        """Stop the clock where it is."""
        self._frozen = self.now()

    def resume(self) -> None:
        """Let the clock run again from where it is."""
        if self._frozen is not None:
            self._offset = self._frozen - self._real()
            self._frozen = None
