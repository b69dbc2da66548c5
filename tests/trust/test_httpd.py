"""The small HTTP server: what strangers may take of it."""

from __future__ import annotations

import asyncio
import contextlib

import pytest

from sandbox.serve import HttpServer
from sandbox.serve.plain import Request, Response, plain_app


def answer(_: Request) -> Response:
    return Response(body=b"here")


async def get(port: int) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
    heard = await reader.read()
    writer.close()
    return heard


def test_who_opens_many_connections_and_asks_nothing_keeps_nobody_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("sandbox.trust.httpd._MAX_CONNECTIONS", 2)

    async def work() -> None:
        server = HttpServer(app=plain_app(answer))
        await server.start()
        try:
            silent = [await asyncio.open_connection("127.0.0.1", server.port) for _ in range(4)]
            for _ in range(3):
                assert (await get(server.port)).endswith(b"here")
            for reader, writer in silent[:2]:
                with contextlib.suppress(ConnectionError):
                    assert await reader.read() == b""
                writer.close()
            for _, writer in silent[2:]:
                writer.close()
        finally:
            await server.stop()

    asyncio.run(work())
