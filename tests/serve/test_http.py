"""HTTP answers on the wire: whole ones in one piece, pieces of a stream as they come."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from starlette.responses import StreamingResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from sandbox.serve import HttpServer
from sandbox.serve.http import Call, Direct, HttpAnswer
from sandbox.serve.http_protocol import HttpProtocol

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
    made = HttpProtocol.connection_made

    def spied(http: HttpProtocol, transport: asyncio.Transport) -> None:
        made(http, transport)
        write = http._out._transport.write

        class Spy:
            def __getattr__(self, name: str) -> object:
                return getattr(transport, name)

            def write(self, data: bytes) -> None:
                pieces.append(data)
                write(data)

        http._out._transport = Spy()  # type: ignore[assignment]

    monkeypatch.setattr(HttpProtocol, "connection_made", spied)

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


def test_a_stream_that_is_open_when_a_server_stops_ends_without_a_word(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Who stops a space with a page open reads no traceback."""

    async def without_end() -> AsyncIterator[bytes]:
        while True:
            yield b"."
            await asyncio.sleep(0.01)

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await StreamingResponse(without_end())(scope, receive, send)

    async def stop_meanwhile() -> None:
        server = HttpServer(app=app)
        await server.start()
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(HEAD + b"\r\n")
        await reader.readuntil(b".")
        await server.stop()
        writer.close()

    asyncio.run(stop_meanwhile())
    assert caplog.records == []


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


def served_directly(call: Call) -> HttpAnswer | None:
    """Echo the body of what is direct; leave to the application what asks for it."""
    if call.body == b"fail":
        raise RuntimeError
    if call.body == b"application":
        return None
    return HttpAnswer(200, b"x-by: direct\r\n", call.method.encode() + b" %d" % len(call.body))


async def application(_scope: Scope, receive: Receive, send: Send) -> None:
    body = (await receive())["body"]
    await begin(send, (b"content-length", b"%d" % len(body)), (b"x-by", b"application"))
    await piece(send, body)


DIRECT = Direct(lambda url: url == b"/direct", served_directly)
LONG = 70_000


def posted(body: bytes, url: bytes = b"/direct", headers: bytes = b"") -> bytes:
    size = b"Content-Length: %d\r\n" % len(body)
    return b"POST " + url + b" HTTP/1.1\r\nHost: localhost\r\n" + headers + size + b"\r\n" + body


async def answers(requests: bytes, count: int) -> list[tuple[int, str, bytes]]:
    """Send requests at once; return status, who answered, and body of each answer in turn."""
    server = HttpServer(app=application, direct=DIRECT)
    await server.start()
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(requests)
    found = []
    for _ in range(count):
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        if head.startswith(b"http/1.1 100 "):
            head = (await reader.readuntil(b"\r\n\r\n")).lower()
        size = int(head.partition(b"content-length: ")[2].partition(b"\r\n")[0])
        body = b"" if requests.startswith(b"HEAD") else await reader.readexactly(size)
        by = "direct" if b"x-by: direct" in head else "application"
        found.append((int(head.split()[1]), by, body))
    writer.close()
    await server.stop()
    return found


@pytest.mark.parametrize(
    ("request_", "answer"),
    [
        (posted(b"abc"), (200, "direct", b"POST 3")),
        (posted(b""), (200, "direct", b"POST 0")),
        (posted(b"x" * LONG), (200, "application", b"x" * LONG)),
        (b"HEAD /direct HTTP/1.1\r\nHost: localhost\r\n\r\n", (200, "direct", b"")),
        (posted(b"abc", b"/direct?a"), (200, "application", b"abc")),
        (posted(b"abc", b"/other"), (200, "application", b"abc")),
        (posted(b"application"), (200, "application", b"application")),
        (posted(b"abc", headers=b"Expect: 100-continue\r\n"), (200, "application", b"abc")),
        (posted(b"abc", headers=b"Connection: close\r\n"), (200, "application", b"abc")),
    ],
    ids=[
        "a form", "nothing", "beyond the limit by one byte", "head", "a query", "elsewhere",
        "what direct leaves", "who waits for leave", "who closes",
    ],
)  # fmt: skip
def test_ordinary_requests_are_answered_directly_and_others_by_the_application(
    request_: bytes, answer: tuple[int, str, bytes]
) -> None:
    assert asyncio.run(answers(request_, 1)) == [answer]


def test_what_is_asked_ahead_is_answered_in_its_turn_by_whichever_answers() -> None:
    bodies = [b"1", b"application", b"2", b"3", b"application", b"4"]
    found = asyncio.run(answers(b"".join(map(posted, bodies)), len(bodies)))
    for body, (status, by, said) in zip(bodies, found, strict=True):
        assert status == 200
        assert said == (body if by == "application" else b"POST %d" % len(body))
    assert {found[1][1], found[4][1]} == {"application"}


def test_a_name_that_is_not_this_machines_is_refused_directly_too() -> None:
    elsewhere = posted(b"abc").replace(b"Host: localhost", b"Host: example.org")
    assert [status for status, _, _ in asyncio.run(answers(elsewhere, 1))] == [421]


def test_a_direct_answer_that_fails_is_a_500_and_the_next_request_is_answered() -> None:
    found = asyncio.run(answers(posted(b"fail") + posted(b"abc"), 2))
    assert [status for status, _, _ in found] == [500, 200]


def test_who_never_reads_direct_answers_is_heard_no_more() -> None:
    async def asked() -> int:
        calls = 0

        def answer(_: Call) -> HttpAnswer:
            nonlocal calls
            calls += 1
            return HttpAnswer(200, b"", b"x" * 60_000)

        server = HttpServer(app=application, direct=Direct(lambda _: True, answer))
        await server.start()
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port, limit=1_000)
        sending = asyncio.create_task(flood(writer))
        before = -1
        while calls != before:  # until it asks no more of us
            before = calls
            await asyncio.sleep(0.2)
        sending.cancel()
        writer.transport.abort()
        del reader
        await server.stop()
        return calls

    assert 0 < asyncio.run(asked()) < 5_000


async def flood(writer: asyncio.StreamWriter) -> None:
    while True:
        writer.write(posted(b"abc") * 100)
        await writer.drain()
