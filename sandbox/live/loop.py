"""An event loop in a thread of its own, on uvloop where there is one."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

__all__ = ["Loop"]

T = TypeVar("T")
_STOP_SECONDS = 10.0


def _factory() -> Callable[[], asyncio.AbstractEventLoop]:
    try:
        import uvloop
    except ImportError:  # not on Windows
        return asyncio.new_event_loop
    made: Callable[[], asyncio.AbstractEventLoop] = uvloop.new_event_loop
    return made


class Loop:
    """Runs coroutines for code that has no loop.

    Args:
        name: of the thread.
    """

    def __init__(self, name: str) -> None:
        self._runner = asyncio.Runner(loop_factory=_factory())
        self._loop = self._runner.get_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name=name, daemon=True)
        self._thread.start()

    def run(self, work: Coroutine[Any, Any, T], timeout: float | None = None) -> T:
        """Run a coroutine there and wait for what it gives.

        Raises:
            TimeoutError: not done in time; the coroutine is cancelled.
        """
        future = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            return future.result(timeout)
        except BaseException:
            future.cancel()
            raise

    def close(self) -> None:
        """Cancel what still runs, stop the thread, close the loop."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(_STOP_SECONDS)
        self._runner.close()
