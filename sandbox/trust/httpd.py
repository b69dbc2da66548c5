"""A small HTTP/1.1 server on h11 whose answers may come late or not at all.

A general framework cannot drop a connection on purpose; here that is an answer like another.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import h11

from sandbox.space.errors import UserError

__all__ = ["Handler", "HttpServer", "Request", "Response"]

MAX_BODY = 64 * 1024
_MAX_HEAD = 16 * 1024
_IDLE = 15.0
_MAX_CONNECTIONS = 512


@dataclass(frozen=True, kw_only=True)
class Request:
    """What a client asked.

    Attributes:
        method: HTTP method.
        path: Path with its query.
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


@dataclass(kw_only=True)
class HttpServer:
    """One listener.

    Attributes:
        handler: Answers requests; must not block.
        host: Loopback address to listen on.
        port: Port; 0 takes a free one, readable here after `start`.
        context: TLS, or None for plain HTTP.
    """

    handler: Handler
    host: str = "127.0.0.1"
    port: int = 0
    context: ssl.SSLContext | None = None
    _server: asyncio.Server | None = field(default=None, init=False)
    # Oldest first.
    _tasks: dict[asyncio.Task[None], None] = field(default_factory=dict, init=False)

    async def start(self) -> None:
        """Listen."""
        self._server = await asyncio.start_server(
            self._connected, self.host, self.port, ssl=self.context
        )
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Stop listening and cut open connections."""
        if self._server is not None:
            self._server.close()
        tasks = tuple(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._server is not None:
            await self._server.wait_closed()
            self._server = None

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        # The oldest goes, not the newcomer: who opens many and asks nothing keeps nobody out.
        living = [each for each in self._tasks if not each.cancelling()]
        if len(living) >= _MAX_CONNECTIONS:
            living[0].cancel()
        self._tasks[task] = None
        try:
            await self._serve(reader, writer)
        except (TimeoutError, ConnectionError, ssl.SSLError, asyncio.CancelledError):
            writer.transport.abort()
        finally:
            self._tasks.pop(task, None)
            writer.close()
            with contextlib.suppress(TimeoutError, ConnectionError, ssl.SSLError):
                await asyncio.wait_for(writer.wait_closed(), 1)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = h11.Connection(h11.SERVER, max_incomplete_event_size=_MAX_HEAD)
        while True:
            try:
                request = await asyncio.wait_for(_read(connection, reader, writer), _IDLE)
            except h11.RemoteProtocolError as error:
                if connection.our_state in {h11.IDLE, h11.SEND_RESPONSE}:
                    status = error.error_status_hint
                    await _write(connection, writer, Response(status=status), "GET")
                return
            if request is None:
                return
            try:
                response = self.handler(request)
            except UserError as error:
                # A file that someone damaged while the server runs: say so, stay up.
                response = Response(status=500, body=f"{error}\n".encode())
            if response.delay:
                await asyncio.sleep(response.delay)
            if response.drop:
                writer.transport.abort()
                return
            await _write(connection, writer, response, request.method)
            if connection.our_state is not h11.DONE or connection.their_state is not h11.DONE:
                return
            connection.start_next_cycle()


async def _read(
    connection: h11.Connection, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> Request | None:
    """Return the next request, or None when the client has closed."""
    head: h11.Request | None = None
    body = bytearray()
    while True:
        event = connection.next_event()
        if event is h11.NEED_DATA:
            if connection.they_are_waiting_for_100_continue:
                go_on = h11.InformationalResponse(status_code=100, headers=[], reason="Continue")
                writer.write(connection.send(go_on) or b"")
            connection.receive_data(await reader.read(16 * 1024))
        elif isinstance(event, h11.Request):
            head = event
        elif isinstance(event, h11.Data):
            body += event.data
            if len(body) > MAX_BODY:
                raise h11.RemoteProtocolError("body too large", error_status_hint=413)
        elif isinstance(event, h11.EndOfMessage):
            assert head is not None
            return Request(
                method=head.method.decode("ascii"),
                path=head.target.decode("ascii", "replace"),
                headers={k.decode("latin-1"): v.decode("latin-1") for k, v in head.headers},
                body=bytes(body),
                peer=_peer(writer),
            )
        else:
            return None


def _peer(writer: asyncio.StreamWriter) -> bytes | None:
    tls = writer.get_extra_info("ssl_object")
    return tls.getpeercert(binary_form=True) if tls is not None else None


async def _write(
    connection: h11.Connection, writer: asyncio.StreamWriter, response: Response, method: str
) -> None:
    headers: Iterable[tuple[str, str]] = (
        ("content-type", response.content_type),
        ("content-length", str(len(response.body))),
        *response.headers,
    )
    start = h11.Response(status_code=response.status, headers=list(headers))
    data = connection.send(start) or b""
    if method != "HEAD":
        data += connection.send(h11.Data(data=response.body)) or b""
    data += connection.send(h11.EndOfMessage()) or b""
    writer.write(data)
    await writer.drain()
