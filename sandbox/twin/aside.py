"""Runs a coroutine on a loop of its own thread, so that notebooks, which run in one, can wait."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Coroutine
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar

from sandbox.serve.loop import loop_factory

__all__ = ["aside"]

T = TypeVar("T")


def aside(work: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Return what a coroutine gives; Ctrl-C cancels it."""
    begun: Future[Callable[[], object]] = Future()  # what cancels it

    async def main() -> T:
        task, loop = asyncio.current_task(), asyncio.get_running_loop()
        assert task is not None
        begun.set_result(lambda: loop.call_soon_threadsafe(task.cancel))
        return await work()

    def run() -> T:
        with asyncio.Runner(loop_factory=loop_factory()) as runner:
            return runner.run(main())

    with ThreadPoolExecutor(1) as pool:
        found = pool.submit(run)
        try:
            return found.result()
        except KeyboardInterrupt:
            with contextlib.suppress(RuntimeError):  # it has just ended
                begun.result()()
            raise
