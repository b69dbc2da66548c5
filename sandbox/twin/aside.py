"""Runs a coroutine on a loop of its own thread, so that notebooks, which run in one, can wait."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from sandbox.serve.loop import loop_factory

__all__ = ["aside"]

T = TypeVar("T")


def aside(work: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Return what a coroutine gives."""

    def run() -> T:
        with asyncio.Runner(loop_factory=loop_factory()) as runner:
            return runner.run(work())

    with ThreadPoolExecutor(1) as pool:
        return pool.submit(run).result()
