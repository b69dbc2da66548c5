"""Runs a coroutine on a loop of its own thread, so that notebooks, which run in one, can wait."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from sandbox.serve import Loop

__all__ = ["aside"]

T = TypeVar("T")


def aside(work: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Return what a coroutine gives; Ctrl-C cancels it."""
    loop = Loop("aside")
    try:
        return loop.run(work())
    finally:
        loop.close()
