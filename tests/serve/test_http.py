"""HTTP answers on the wire: whole ones in one piece, pieces of a stream as they come."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from starlette.types import ASGIApp, Receive, Scope, Send

from sandbox.serve import HttpServer
from sandbox.serve.http import _Http

Judge = Callable[[asyncio.StreamReader], Awaitable[None]]
HEAD = b"GET / HTTP/1.1\r\nHost: localhost\r\n"


async def ask(app: ASGIApp, request: bytes, judge: Judge) -> None:
    """Serve an application, ask it once, and have what comes judged."""
    server = HttpServer(app=app)
    await server.start()
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(request)
    await judge(reader)
    writer.close()
    await server.stop()


async def begin(send: Send, *headers: tuple[bytes, bytes]) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": list(headers)})


async def piece(send: Send, body: bytes, *, more: bool = False) -> None:
    await send({"type": "http.response.body", "body": body, "more_body": more})


def test_head_and_body_of_an_answer_leave_in_one_piece(monkeypatch: pytest.MonkeyPatch) -> None:
    pieces: list[bytes] = []
    made = _Http.connection_made

    def spied(http: _Http, transport: asyncio.Transport) -> None:
        made(http, transport)
        write = http._out._transport.write

        class Spy:
            def __getattr__(self, name: str) -> object:
                return getattr(transport, name)

            def write(self, data: bytes) -> None:
                pieces.append(data)
                write(data)

        http._out._transport = Spy()  # type: ignore[assignment]

    monkeypatch.setattr(_Http, "connection_made", spied)

    async def app(_scope: Scope, _receive: Receive, send: Send) -> None:
        await begin(send, (b"content-length", b"2"))
        await piece(send, b"ok")

    async def judge(reader: asyncio.StreamReader) -> None:
        assert (await reader.read()).endswith(b"\r\n\r\nok")

    asyncio.run(ask(app, HEAD + b"Connection: close\r\n\r\n", judge))
    assert len(pieces) == 1


def test_a_piece_of_a_stream_leaves_before_the_next_is_made() -> None:
    read = asyncio.Event()

    async def app(_scope: Scope, _receive: Receive, send: Send) -> None:
        await begin(send)
        await piece(send, b"first", more=True)
        await read.wait()
        await piece(send, b"last")

    async def judge(reader: asyncio.StreamReader) -> None:
        await reader.readuntil(b"first\r\n")
        read.set()
        await reader.readuntil(b"last\r\n0\r\n\r\n")

    asyncio.run(ask(app, HEAD + b"\r\n", judge))


def test_a_stream_that_never_rests_waits_for_a_client_that_does_not_read() -> None:
    sent = 0

    async def app(_scope: Scope, _receive: Receive, send: Send) -> None:
        nonlocal sent
        await begin(send)
        for _ in range(10_000):
            await piece(send, b"x" * 10_000, more=True)
            sent += 1
        await piece(send, b"")

    async def judge(reader: asyncio.StreamReader) -> None:
        reader._transport.pause_reading()  # type: ignore[attr-defined]
        before = -1
        while sent != before:
            before = sent
            await asyncio.sleep(0.05)
        assert sent < 10_000
        reader._transport.resume_reading()  # type: ignore[attr-defined]
        while await reader.read(1_000_000) and sent < 10_000:
            pass

    asyncio.run(ask(app, HEAD + b"\r\n", judge))
