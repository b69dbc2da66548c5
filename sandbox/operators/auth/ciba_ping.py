"""Where Pro Santé Connect tells an operator that a person has answered (CIBA Core §10.2, ping).

A notification decides nothing: it carries the token that the operator drew for the request, and
wakes the login that waits, which then asks the token endpoint.
"""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import Iterator
from contextlib import contextmanager

from starlette.types import ASGIApp, Receive, Scope, Send

__all__ = ["PATH", "Pings", "with_pings"]

PATH = "/ciba/notification"
_LARGEST = 16_384  # octets; Pro Santé Connect's ids have some 700


class Pings:
    """The requests of one operator that wait for a ping. For one event loop."""

    def __init__(self) -> None:
        self._waiting: dict[str, asyncio.Event] = {}

    @contextmanager
    def awaited(self) -> Iterator[tuple[str, asyncio.Event]]:
        """Return a notification token for one request, and what its ping sets."""
        token, event = secrets.token_urlsafe(32), asyncio.Event()
        self._waiting[token] = event
        try:
            yield token, event
        finally:
            del self._waiting[token]

    def notified(self, authorization: str, body: bytes) -> int:
        """Take a notification and return the HTTP status that answers it (§10.2)."""
        scheme, _, token = authorization.partition(" ")
        event = self._waiting.get(token) if scheme.lower() == "bearer" else None
        if event is None:
            return 401
        try:
            told = json.loads(body)
        except (ValueError, RecursionError):
            return 400
        if not isinstance(told, dict) or not isinstance(told.get("auth_req_id"), str):
            return 400
        event.set()
        return 204


def with_pings(app: ASGIApp, pings: Pings) -> ASGIApp:
    """Return an application that also takes notifications, at `PATH`."""

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] != PATH:
            await app(scope, receive, send)
            return
        status = 405
        if scope["method"] == "POST":
            headers = dict(scope["headers"])
            body = await _body(receive)
            given = headers.get(b"authorization", b"").decode("latin-1")
            status = 413 if body is None else pings.notified(given, body)
        await send({"type": "http.response.start", "status": status, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    return answer


async def _body(receive: Receive) -> bytes | None:
    """Return a body, None when it is too large."""
    body = bytearray()
    while True:
        message = await receive()
        body += message.get("body", b"")
        if len(body) > _LARGEST:
            return None
        if not message.get("more_body", False):
            return bytes(body)
