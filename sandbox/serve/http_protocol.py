"""How a request is read and its answer written: uvicorn's parser and ASGI cycle, our bounds.

An ordinary request can be answered straight from the parser (`Direct`); every other goes to the
application, which finds in its scope what this server knows of the client.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from email.utils import formatdate
from functools import lru_cache
from ipaddress import ip_address
from typing import Any, cast

from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import (
    STATUS_LINE,
    HttpToolsProtocol,
    RequestResponseCycle,
)
from uvicorn.server import ServerState

from sandbox.serve.door import Visitor

__all__ = [
    "DROP",
    "PEER_CERTIFICATE",
    "SHOWN_CERTIFICATE",
    "Call",
    "Direct",
    "HttpAnswer",
    "HttpProtocol",
    "names_us",
]

PEER_CERTIFICATE = "sandbox.serve.certificate"
SHOWN_CERTIFICATE = "sandbox.serve.shown"
DROP = "sandbox.serve.drop"
_MAX_HEAD = 16 * 1024
_MAX_HELD = 64 * 1024  # bytes of an answer that wait for its end
_MAX_AHEAD = 1_000  # requests that a client may send before it has read the first answer
_MAX_DIRECT = 64 * 1024  # bytes of a body that is answered directly


@lru_cache(maxsize=1_024)
def names_us(value: bytes) -> bool:
    """Whether a Host is this machine's."""
    host, _, port = value.decode("latin-1").rpartition(":")
    if not port.isdigit():
        host = value.decode("latin-1")
    host = host.lower().rstrip(".")
    if host == "localhost" or host.endswith((".test", ".localhost")):
        return True
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


@dataclass(frozen=True, slots=True)
class Call:
    """A request, read whole; of headers that come twice, the last.

    `url` is as it was sent; `body` is whole.
    """

    method: str
    url: bytes
    headers: Mapping[bytes, bytes]
    body: bytes
    certificate: bytes | None

    def header(self, name: bytes) -> str:
        """Return a header, empty when absent."""
        return self.headers.get(name, b"").decode("latin-1")


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """A whole answer: status, header lines (each ends in CRLF), body."""

    status: int
    lines: bytes
    body: bytes


@dataclass(frozen=True, slots=True)
class Direct:
    """Answers that wait for nothing: no task, no ASGI in between.

    Attributes:
        serves: whether a URL as it was sent is of these.
        answer: answers a call, which is not done twice; None leaves it to the application.
    """

    serves: Callable[[bytes], bool]
    answer: Callable[[Call], HttpAnswer | None]

    def __or__(self, other: Direct) -> Direct:
        """Return what serves both, this first."""
        return Direct(
            lambda url: self.serves(url) or other.serves(url),
            lambda call: (self if self.serves(call.url) else other).answer(call),
        )


class _Together:
    """A transport that sends head and body of an answer in one go, where uvicorn writes two.

    Each write would be a call of the system (and a TLS record that its client wakes up for).
    """

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._held: list[bytes] = []
        self._size = 0
        self.is_closing = transport.is_closing
        self.get_extra_info = transport.get_extra_info
        self.pause_reading = transport.pause_reading
        self.resume_reading = transport.resume_reading

    def write(self, data: bytes) -> None:
        """Send data at the end of the answer, in the next turn of the loop, or when it is much."""
        if not self._held:
            asyncio.get_running_loop().call_soon(self.flush)
        self._held.append(data)
        self._size += len(data)
        if self._size > _MAX_HELD:
            self.flush()

    def send(self, data: bytes) -> None:
        """Send data that is whole, after what is held."""
        self.flush()
        self._transport.write(data)

    def flush(self) -> None:
        """Send what is held."""
        if self._held:
            held, self._held, self._size = self._held, [], 0
            if not self._transport.is_closing():
                self._transport.write(b"".join(held))

    def close(self) -> None:
        """Send what is held, then close."""
        self.flush()
        self._transport.close()


class HttpProtocol(HttpToolsProtocol):
    """uvicorn's protocol, which tells the door what it is at, and bounds heads."""

    def __init__(
        self, config: Config, state: ServerState, visitor: Visitor, direct: Direct | None
    ) -> None:
        super().__init__(config, state, {})
        self._visitor = visitor
        self._direct = direct
        self._whole: bytearray | None = None  # the body of a call that `direct` serves
        self._head = 0
        self._in_body = False
        self._dated = 0
        self._unanswered: deque[RequestResponseCycle] = deque()
        visitor.aborting = self._forget

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin; what is written goes out together."""
        self._out = _Together(cast(asyncio.Transport, transport))
        super().connection_made(cast(asyncio.Transport, self._out))

    def data_received(self, data: bytes) -> None:
        """Take bytes; a head has its limit."""
        if not self._in_body:
            self._head += len(data)
        super().data_received(data)
        if not self._in_body and self._head > _MAX_HEAD and not self.transport.is_closing():
            self.transport.write(
                b"HTTP/1.1 431 Request Header Fields Too Large\r\n"
                b"content-length: 0\r\nconnection: close\r\n\r\n"
            )
            self.transport.close()

    def on_message_begin(self) -> None:
        """A request begins: what it says is kept, for either way to answer."""
        self.url = b""
        self.headers = []
        self.expect_100_continue = False
        now = int(time.time())
        if now != self._dated:
            self._dated = now
            date = formatdate(now, usegmt=True).encode("ascii")
            self.server_state.default_headers[:] = [(b"date", date)]

    def on_headers_complete(self) -> None:
        """What follows is a body."""
        self._in_body = True
        if self._ordinary():
            self._whole = bytearray()
        else:
            self._ask_application()

    def on_body(self, body: bytes) -> None:
        """Keep a piece of the body; a long one is the application's to refuse."""
        if self._whole is not None:
            if len(self._whole) + len(body) <= _MAX_DIRECT:
                self._whole += body
                return
            body, self._whole = bytes(self._whole) + body, None
            self._ask_application()
        super().on_body(body)

    def on_message_complete(self) -> None:
        """The request is whole."""
        self._in_body = False
        self._head = 0
        if self._whole is not None:
            body, self._whole = bytes(self._whole), None
            if self._answered(body):
                return
            self._ask_application()
            super().on_body(body)
        if not self.cycle.response_complete:
            self._visitor.working()
        super().on_message_complete()

    def _ordinary(self) -> bool:
        """Whether this may be answered directly: in its turn, and with nothing to look into."""
        return (
            self._direct is not None
            and not self._unanswered
            and not self.expect_100_continue
            and self.parser.get_http_version() == "1.1"
            and self.parser.should_keep_alive()
            and not self.parser.should_upgrade()
            and (self._visitor.tls is None or self._visitor.tls.shown is None)
            and self._direct.serves(self.url)
        )

    def _answered(self, body: bytes) -> bool:
        """Answer directly, if that can be."""
        assert self._direct is not None
        headers = dict(self.headers)
        host = headers.get(b"host")
        if host is None or not names_us(host) or self.transport.is_closing():
            return False
        tls = self._visitor.tls
        certificate = None if tls is None else tls.certificate
        call = Call(self.parser.get_method().decode("ascii"), self.url, headers, body, certificate)
        try:
            answer = self._direct.answer(call)
        except Exception:  # a bug of ours: whoever asked has an answer, the others are served
            logging.getLogger(__name__).exception("%s", self.url)
            answer = HttpAnswer(500, b"", b"")
        if answer is None:
            return False
        ((_, date),) = self.server_state.default_headers
        head = b"%sdate: %s\r\n%s" % (STATUS_LINE[answer.status], date, answer.lines)
        size = b"" if answer.status == 204 else b"content-length: %d\r\n" % len(answer.body)
        self._out.send(head + size + b"\r\n" + (b"" if call.method == "HEAD" else answer.body))
        self._visitor.waiting()
        if self.flow.write_paused:  # who does not read what he asked for is not heard either
            self.flow.pause_reading()
        return True

    def resume_writing(self) -> None:
        """The client reads again, so that it is heard again."""
        super().resume_writing()
        self.flow.resume_reading()

    def _ask_application(self) -> None:
        """Give the request to the application, with what this server knows of the client."""
        url, headers, expects = self.url, self.headers, self.expect_100_continue
        super().on_message_begin()
        self.url, self.headers, self.expect_100_continue = url, headers, expects
        # Starlette ignores keys that it does not know.
        scope = cast(dict[str, Any], self.scope)
        scope["headers"] = headers
        tls = self._visitor.tls
        scope[PEER_CERTIFICATE] = None if tls is None else tls.certificate
        scope[SHOWN_CERTIFICATE] = None if tls is None else tls.shown
        scope[DROP] = self._visitor.abort
        super().on_headers_complete()
        self._unanswered.append(self.cycle)
        if len(self._unanswered) > _MAX_AHEAD:
            self._visitor.abort()

    def on_response_complete(self) -> None:
        """The next request may come, or has."""
        self._out.flush()
        if self._unanswered:
            self._unanswered.popleft()
        super().on_response_complete()
        if self.cycle.response_complete:
            self._visitor.waiting()

    def connection_lost(self, exc: Exception | None) -> None:
        """Nobody is there to be answered."""
        self._forget()
        super().connection_lost(exc)

    def _forget(self) -> None:
        # uvicorn tells the last request only; the others would write to what is closed.
        for cycle in self._unanswered:
            cycle.disconnected = True
            cycle.message_event.set()
        self._unanswered.clear()
