"""A provider that does not answer for a while; the sandbox's own pages still do.

As when packets are lost on the way: who asks waits until he gives up, or until the outage is over,
when the connection is cut. Nothing that was asked meanwhile is done.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from starlette.types import ASGIApp, Receive, Scope, Send

__all__ = ["Outages", "Window", "outage_at"]

Window = tuple[float, float]  # begin and end, seconds since 1970 of the provider's clock
WELL_KNOWN = "/.well-known/"


def outage_at(windows: Sequence[Window], now: float) -> float | None:
    """Return when the outage of an instant ends, None when there is none."""
    return max((end for begin, end in windows if begin <= now < end), default=None)


class Outages:
    """Keeps an application's protocol endpoints silent while an outage lasts.

    Args:
        app: what answers otherwise.
        paths: of the protocol; the control API and the pages are none.
        until: when the present outage ends, None outside one.
        now: the provider's clock.
        drop: name of what cuts the connection, in the scope.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        paths: frozenset[str],
        until: Callable[[], float | None],
        now: Callable[[], float],
        drop: str,
    ) -> None:
        self._app = app
        self._paths = paths
        self._until = until
        self._now = now
        self._drop = drop

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or wait in silence and cut the connection."""
        end = self._until() if self._silent(scope) else None
        if end is None:
            await self._app(scope, receive, send)
            return
        gone = asyncio.create_task(_gone(receive))
        try:
            await asyncio.wait({gone}, timeout=max(0.0, end - self._now()))
        finally:
            gone.cancel()
        scope[self._drop]()

    def _silent(self, scope: Scope) -> bool:
        if scope["type"] != "http" or self._drop not in scope:
            return False
        return scope["path"] in self._paths or WELL_KNOWN in scope["path"]


async def _gone(receive: Receive) -> None:
    """Return when the client has left."""
    while (await receive())["type"] != "http.disconnect":
        pass
