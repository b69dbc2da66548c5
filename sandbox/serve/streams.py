"""Event streams: what a page or a script listens to, so many at once."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing

from starlette.responses import JSONResponse, Response, StreamingResponse

__all__ = ["MOST_STREAMS", "Streams"]

MOST_STREAMS = 64  # pages and scripts that listen at once: each holds a connection of the door
_FULL = {"fr": "trop de pages ouvertes ; en fermer", "en": "too many pages; close some"}


class Streams:
    """Those of one server that are open."""

    def __init__(self) -> None:
        self._open = 0

    def answer(self, events: AsyncGenerator[str, None]) -> Response:
        """Answer with a stream of events, or with 503 while as many listen as may."""
        if self._open >= MOST_STREAMS:
            return JSONResponse({"error": _FULL}, 503)
        headers = {"Cache-Control": "no-store"}
        return StreamingResponse(self._counted(events), 200, headers, "text/event-stream")

    async def _counted(self, events: AsyncGenerator[str, None]) -> AsyncGenerator[str, None]:
        self._open += 1
        try:
            async with aclosing(events):
                async for event in events:
                    yield event
        finally:
            self._open -= 1
