"""SIGTERM as Ctrl-C: whoever stops a command from outside is heard as whoever sits at it."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Iterator

__all__ = ["stopped_by_sigterm"]


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt


@contextlib.contextmanager
def stopped_by_sigterm() -> Iterator[None]:
    """For the length of a `with` block in the main thread, SIGTERM raises KeyboardInterrupt."""
    before = signal.signal(signal.SIGTERM, _interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
