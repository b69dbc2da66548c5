"""HTTP/1.1 as a protocol of a `Door`: an application served, with our bounds and our TLS.

An application finds in its scope the client's certificate that TLS verified (`PEER_CERTIFICATE`,
DER or None), the one that nobody has judged (`SHOWN_CERTIFICATE`, where TLS takes any), and how to
cut the connection without a byte (`DROP`).
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from dataclasses import dataclass, field
from typing import Any, cast

from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.config import Config
from uvicorn.server import ServerState

from sandbox.serve.door import Door, DoorLimits
from sandbox.serve.http_protocol import (
    DROP,
    PEER_CERTIFICATE,
    SHOWN_CERTIFICATE,
    Call,
    Direct,
    HttpAnswer,
    HttpProtocol,
    names_us,
)
from sandbox.serve.waiting import Pool

__all__ = [
    "DROP",
    "HTTP_LIMITS",
    "PEER_CERTIFICATE",
    "SHOWN_CERTIFICATE",
    "Call",
    "Direct",
    "HttpAnswer",
    "HttpServer",
    "LoopbackOnly",
]

_GRACE = 0.3  # s that answers under way have when a server stops
HTTP_LIMITS = DoorLimits(
    connections=512, first_seconds=10.0, idle_seconds=15.0, stalled_seconds=30.0
)


class LoopbackOnly:
    """Refuses a Host that is not this machine's: a page elsewhere cannot rebind its name to us.

    No name under .test or .localhost is anybody's (RFC 6761). HTTP/1.0 needs no Host, and no
    browser leaves it out.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or answer 421."""
        if scope["type"] == "http" and not _is_ours(scope):
            refusal = Response("421 Misdirected Request", 421, media_type="text/plain")
            await refusal(scope, receive, send)
            return
        await self._app(scope, receive, send)


def _is_ours(scope: Scope) -> bool:
    host = next((value for name, value in scope["headers"] if name == b"host"), None)
    return bool(scope["http_version"] == "1.0") if host is None else names_us(host)


@dataclass(kw_only=True)
class HttpServer:
    """An ASGI application on a loopback address; HTTPS with a context. A `Service`.

    Attributes:
        app: what answers those who name this machine (`LoopbackOnly`).
        direct: answers that are given without it, to ordinary requests.
        host: loopback address.
        port: 0 takes a free one, readable here once started.
        bound: a socket from `bind`, instead of `host` and `port`.
        context: TLS, None for none.
        limits: bounds.
        pool: bounds shared with other doors.
    """

    app: ASGIApp
    direct: Direct | None = None
    host: str = "127.0.0.1"
    port: int = 0
    bound: socket.socket | None = None
    context: ssl.SSLContext | None = None
    limits: DoorLimits = HTTP_LIMITS
    pool: Pool | None = None
    _door: Door | None = field(default=None, init=False)
    _state: ServerState = field(default_factory=ServerState, init=False)

    async def start(self) -> None:
        """Answer when this returns.

        Raises:
            BindError: the address or port cannot be had.
        """
        config = Config(
            cast(Any, LoopbackOnly(self.app)),
            interface="asgi3",
            http=HttpProtocol,
            ws="none",
            lifespan="off",
            log_config=None,
            log_level="error",
            access_log=False,
            proxy_headers=False,
            timeout_keep_alive=round(self.limits.idle_seconds),
        )
        config.load()
        self._door = Door(
            lambda visitor: HttpProtocol(config, self._state, visitor, self.direct),
            host=self.host,
            port=self.port,
            bound=self.bound,
            context=self.context,
            limits=self.limits,
            pool=self.pool,
        )
        await self._door.start()
        self.port = self._door.port

    async def stop(self) -> None:
        """Answer no more: what is under way has a moment, then everything is cut."""
        if self._door is None:
            if self.bound is not None:
                self.bound.close()
            return
        self._door.close()
        if self._state.tasks:
            await asyncio.wait(set(self._state.tasks), timeout=_GRACE)
        await self._door.stop()
        if self._state.tasks:  # a stream ends by itself once it hears that nobody is there
            await asyncio.wait(set(self._state.tasks), timeout=_GRACE)
        for task in tuple(self._state.tasks):
            task.cancel()
        await asyncio.gather(*self._state.tasks, return_exceptions=True)
        self._door = None
