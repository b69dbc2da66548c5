"""HTTP without a framework: a request as a value in, a response as a value out."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from starlette import responses
from starlette.types import ASGIApp, Receive, Scope, Send

from sandbox.serve.http import DROP, PEER_CERTIFICATE
from sandbox.space.errors import UserError

__all__ = ["MAX_BODY", "Handler", "Request", "Response", "plain_app"]

MAX_BODY = 64 * 1024


@dataclass(frozen=True, kw_only=True)
class Request:
    """What a client asked.

    Attributes:
        method: HTTP method.
        path: Path with its query, as it was sent.
        headers: Names in lower case; the last of several wins.
        body: The whole body.
        peer: The client's certificate (DER) when TLS asked for one and it was trusted.
    """

    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    peer: bytes | None = None


@dataclass(frozen=True, kw_only=True)
class Response:
    """What to answer.

    Attributes:
        status: HTTP status.
        body: The whole body; a HEAD request gets its length only.
        content_type: Its media type.
        headers: Other headers.
        delay: Seconds to wait before the first byte.
        drop: Close the connection without a byte instead.
    """

    status: int = 200
    body: bytes = b""
    content_type: str = "text/plain; charset=utf-8"
    headers: tuple[tuple[str, str], ...] = ()
    delay: float = 0.0
    drop: bool = False


Handler = Callable[[Request], Response]


def plain_app(handler: Handler) -> ASGIApp:
    """Return the ASGI application of a handler, which must not block."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        request = await _read(scope, receive)
        if request is None:
            answer = Response(status=413)
        else:
            try:
                answer = handler(request)
            except UserError as error:
                # A file that someone damaged while the server runs: say so, stay up.
                answer = Response(status=500, body=f"{error}\n".encode())
        if answer.delay:
            await asyncio.sleep(answer.delay)
        if answer.drop:
            scope[DROP]()
            return
        headers = {"content-type": answer.content_type, **dict(answer.headers)}
        await responses.Response(answer.body, answer.status, headers)(scope, receive, send)

    return app


async def _read(scope: Scope, receive: Receive) -> Request | None:
    """Return the request; None when its body is too long, or its client gone."""
    body = bytearray()
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        body += message.get("body", b"")
        if len(body) > MAX_BODY:
            return None
        more = message.get("more_body", False)
    query = scope["query_string"]
    return Request(
        method=scope["method"],
        path=(scope["raw_path"] + (b"?" + query if query else b"")).decode("ascii"),
        headers={k.decode("latin-1"): v.decode("latin-1") for k, v in scope["headers"]},
        body=bytes(body),
        peer=scope.get(PEER_CERTIFICATE),
    )
