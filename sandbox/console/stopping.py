"""Ctrl-C and SIGTERM as a clean end of what runs."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Callable, Iterator

from sandbox.serve import stopped_by_sigterm

__all__ = ["StopSignal", "stopped_by_signals"]


class StopSignal:
    """Turns SIGTERM into an interruption while the space starts, and both into an end after."""

    def __init__(self) -> None:
        self._reader, self._writer = os.pipe()

    def listen(self) -> None:
        """From now on, SIGINT and SIGTERM are an end that `told` waits for."""
        for number in (signal.SIGINT, signal.SIGTERM):
            # A pipe, not a lock: a handler runs in the thread that waits.
            signal.signal(number, lambda *_: os.write(self._writer, b"."))

    def told(self) -> None:
        """Return when the end has come."""
        os.read(self._reader, 1)

    def started(self, end: Callable[[int], None]) -> None:
        """From now on, SIGINT and SIGTERM go to `end`, which has a job to stop."""
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda received, _: end(received))

    def close(self) -> None:
        """Let go of the pipe."""
        os.close(self._reader)
        os.close(self._writer)


@contextlib.contextmanager
def stopped_by_signals() -> Iterator[StopSignal]:
    """Turn SIGINT and SIGTERM into a clean end, for the length of a `with` block."""
    before = signal.getsignal(signal.SIGINT)
    wait = StopSignal()
    try:
        with stopped_by_sigterm():
            yield wait
    finally:
        signal.signal(signal.SIGINT, before)
        wait.close()
