"""Runs asynchronous servers beside synchronous code: a test, a shell, a notebook."""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Protocol

__all__ = ["Service", "running", "serve_until_interrupted"]


class Service(Protocol):
    """Something that starts and stops on an event loop."""

    async def start(self) -> None:
        """Be ready to answer when this returns."""

    async def stop(self) -> None:
        """Answer no more when this returns."""


async def _start_all(services: Sequence[Service]) -> None:
    started: list[Service] = []
    try:
        for service in services:
            await service.start()
            started.append(service)
    except BaseException:
        for service in reversed(started):
            await service.stop()
        raise


async def _stop_all(services: Sequence[Service]) -> None:
    for service in reversed(services):
        await service.stop()


@contextmanager
def running(*services: Service) -> Iterator[asyncio.AbstractEventLoop]:
    """Run services in a thread of their own for the length of a `with` block.

    Yields:
        Their event loop, for `asyncio.run_coroutine_threadsafe`.

    Raises:
        OSError: an address or a port cannot be had.
    """
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="trust-services", daemon=True)
    thread.start()
    try:
        asyncio.run_coroutine_threadsafe(_start_all(services), loop).result(30)
        try:
            yield loop
        finally:
            asyncio.run_coroutine_threadsafe(_stop_all(services), loop).result(30)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(30)
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
        await _start_all(services)
        announce()
        try:
            await stop.wait()
        finally:
            await _stop_all(services)

    asyncio.run(main())
