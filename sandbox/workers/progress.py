"""How far a task is, said from within it to whoever listens."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

__all__ = ["report", "reporting"]

_reporter: ContextVar[Callable[[float], None] | None] = ContextVar("reporter", default=None)


def report(share: float) -> None:
    """Say, from within a task, what share of it is done; elsewhere it is nobody's business."""
    reporter = _reporter.get()
    if reporter is not None:
        reporter(share)


@contextmanager
def reporting(to: Callable[[float], None]) -> Iterator[None]:
    """Within this context, `report` calls `to`."""
    token = _reporter.set(to)
    try:
        yield
    finally:
        _reporter.reset(token)
