"""Event streams: what a page or a script listens to, so many at once."""

from __future__ import annotations

from collections.abc import AsyncGenerator

from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.types import Receive, Scope, Send

__all__ = ["MOST_STREAMS", "Streams"]

MOST_STREAMS = 64  # pages and scripts that listen at once: each holds a connection of the door
_FULL = {"fr": "trop de pages ouvertes ; en fermer", "en": "too many pages; close some"}


class Streams:
    """Those of one server that are open."""

    def __init__(self) -> None:
        self._open = 0

    def answer(self, events: AsyncGenerator[str, None]) -> Response:
        """Answer with a stream of events, or with 503 while as many listen as may."""
        return _Stream(self, events)

    def enter(self) -> bool:
        """Count one more; whether there is room for it."""
        if self._open >= MOST_STREAMS:
            return False
        self._open += 1
        return True

    def leave(self) -> None:
        """Count one less."""
        self._open -= 1


class _Stream(StreamingResponse):
    """A stream that is counted from the moment when it is let in, however it ends."""

    def __init__(self, streams: Streams, events: AsyncGenerator[str, None]) -> None:
        super().__init__(events, 200, {"Cache-Control": "no-store"}, "text/event-stream")
        self._streams, self._events = streams, events

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if not self._streams.enter():
            await self._events.aclose()
            await JSONResponse({"error": _FULL}, 503)(scope, receive, send)
            return
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._streams.leave()
            await self._events.aclose()
