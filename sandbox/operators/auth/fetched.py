"""A document of another server, fetched once for all who ask together, and kept for a while."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

__all__ = ["Fetched"]

T = TypeVar("T")
RETRY_AFTER = 30.0  # seconds that an old document serves on after a refresh that failed


class Fetched(Generic[T]):
    """Wraps a `fetch` that may raise `failure`.

    Args:
        fetch: gets the document.
        failure: what `fetch` raises when the other server is at fault.
        life: seconds before it is fetched again.
        elapsed: a clock in seconds.
    """

    def __init__(
        self,
        fetch: Callable[[], Awaitable[T]],
        failure: type[Exception],
        *,
        life: float,
        elapsed: Callable[[], float],
    ) -> None:
        self._fetch = fetch
        self._failure = failure
        self._life = life
        self._elapsed = elapsed
        self._value: T | None = None
        self._good_until = 0.0
        self._task: asyncio.Task[T] | None = None

    async def get(self, *, fresh: bool = False) -> T:
        """Return the document; `fresh` fetches it even when it is young.

        An aged document serves on while it cannot be fetched again.

        Raises:
            Exception: the `failure`, when there is no document, or a fresh one was asked for.
        """
        if self._value is not None and not fresh and self._elapsed() < self._good_until:
            return self._value
        # One fetch for all who wait: each on its own would wait for the time-outs of the others.
        if self._task is None:
            self._task = asyncio.create_task(self._refresh())
            self._task.add_done_callback(self._done)
        try:
            return await asyncio.shield(self._task)
        except self._failure:
            if self._value is None or fresh:
                raise
            self._good_until = self._elapsed() + RETRY_AFTER
            return self._value

    async def close(self) -> None:
        """Stop a fetch that is under way."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    async def _refresh(self) -> T:
        value = await self._fetch()
        self._value = value
        self._good_until = self._elapsed() + self._life
        return value

    def _done(self, task: asyncio.Task[T]) -> None:
        self._task = None
        if not task.cancelled():
            task.exception()  # read, for the case where nobody waits any more
