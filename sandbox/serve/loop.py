"""Event loops for code that has none: in a thread, or until Ctrl-C; uvloop where there is one."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import threading
from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import AsyncExitStack, contextmanager
from typing import Any, Protocol, TypeVar

__all__ = [
    "Loop",
    "Service",
    "loop_factory",
    "running",
    "serve_until_interrupted",
    "stopped_by_sigterm",
]


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


T = TypeVar("T")
_SECONDS = 30.0  # to start services, and to stop them


class Service(Protocol):
    """Something that starts and stops on an event loop."""

    async def start(self) -> None:
        """Be ready to answer when this returns."""

    async def stop(self) -> None:
        """Answer no more when this returns."""


def loop_factory() -> Callable[[], asyncio.AbstractEventLoop]:
    """Return what makes event loops here."""
    try:
        import uvloop
    except ImportError:  # not on Windows
        return asyncio.new_event_loop
    made: Callable[[], asyncio.AbstractEventLoop] = uvloop.new_event_loop
    return made


class Loop:
    """Runs coroutines in a thread of its own, named `name`."""

    def __init__(self, name: str) -> None:
        self._runner = asyncio.Runner(loop_factory=loop_factory())
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

    def call(self, act: Callable[[], T], timeout: float | None = None) -> T:
        """Call a function there, where nothing else runs meanwhile; return what it gives.

        Raises:
            TimeoutError: its turn did not come in time.
        """

        async def called() -> T:
            return act()

        return self.run(called(), timeout)

    def close(self) -> None:
        """Cancel what still runs, stop the thread, close the loop."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(_SECONDS)
        self._runner.close()


async def _started(services: Sequence[Service]) -> AsyncExitStack:
    """Start services in turn; what is returned stops them, the last first."""
    async with AsyncExitStack() as stack:
        for service in services:
            await service.start()
            stack.push_async_callback(service.stop)
        return stack.pop_all()


@contextmanager
def running(*services: Service, name: str = "services") -> Iterator[Loop]:
    """Run services in a thread for the length of a `with` block.

    Raises:
        UserError: an address or a port cannot be had; then none of them runs.
    """
    loop = Loop(name)
    try:
        stack = loop.run(_started(services), _SECONDS)
        try:
            yield loop
        finally:
            loop.run(stack.aclose(), _SECONDS)
    finally:
        loop.close()


def serve_until_interrupted(services: Sequence[Service], announce: Callable[[], None]) -> None:
    """Serve until Ctrl-C or SIGTERM, which is a clean end.

    Args:
        services: What to run.
        announce: Called without arguments once all listen.
    """

    async def main() -> None:
        loop = asyncio.get_running_loop()
        stop = asyncio.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, stop.set)
        async with await _started(services):
            announce()
            await stop.wait()

    with asyncio.Runner(loop_factory=loop_factory()) as runner:
        runner.run(main())
