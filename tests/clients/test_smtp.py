"""The submission client with a server that we did not write: aiosmtpd."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword

from sandbox.clients.imap import RefusedError
from sandbox.clients.plan import ServerSettings
from sandbox.clients.smtp import Smtp
from sandbox.clients.wire import LostError, Wire
from sandbox.space.methods import Mechanism
from tests.clients.test_letters import CONTENT

PASSWORD = b"secret"


@dataclass
class Post:
    """Keeps what it is given; knows one password."""

    taken: list[Any] = field(default_factory=list)

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802 - aiosmtpd's name
        self.taken.append((envelope.mail_from, envelope.rcpt_tos, envelope.content))
        return "250 taken"

    def judged(self, _server: SMTP, _session: Any, _envelope: Any, _how: str, data: Any) -> Any:
        good = isinstance(data, LoginPassword) and data.password == PASSWORD
        return AuthResult(success=good, handled=False)


@pytest.fixture
def post() -> Iterator[tuple[Post, ServerSettings]]:
    kept = Post()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    controller = Controller(
        kept, hostname="127.0.0.1", port=port, authenticator=kept.judged, auth_require_tls=False,
    )  # fmt: skip
    controller.start()
    yield kept, ServerSettings(endpoint="smtp", host="x.test", address="127.0.0.1", port=port,
                     tls="implicit", mechanism=Mechanism.PLAIN)  # fmt: skip
    controller.stop()


async def _send(door: ServerSettings, password: bytes) -> None:
    wire = await Wire.open(door, 20.0)
    try:
        smtp = Smtp(wire)
        await smtp.greeted()
        await smtp.hello()
        await smtp.authenticate("PLAIN", b"\0me\0" + password, at_once=True)
        await smtp.send("me@x.test", ("a@x.test", "b@x.test"), CONTENT)
        await smtp.quit()
    finally:
        wire.close()
        await asyncio.sleep(0)


def test_a_message_arrives_as_it_was(post: tuple[Post, ServerSettings]) -> None:
    kept, door = post
    asyncio.run(_send(door, PASSWORD))
    assert kept.taken == [("me@x.test", ["a@x.test", "b@x.test"], CONTENT)]


def test_a_refusal_is_told_with_its_code(post: tuple[Post, ServerSettings]) -> None:
    kept, door = post
    with pytest.raises(RefusedError) as refused:
        asyncio.run(_send(door, b"wrong"))
    assert refused.value.code == "535 5.7.8"
    assert kept.taken == []


def test_a_port_where_nobody_listens_is_a_lost_connection(
    post: tuple[Post, ServerSettings],
) -> None:
    _, door = post

    async def open_closed() -> None:
        server = await asyncio.start_server(lambda _r, _w: None, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        server.close()
        await server.wait_closed()
        closed = ServerSettings(endpoint="smtp", host="x.test", address="127.0.0.1", port=port,
                      tls="implicit", mechanism=Mechanism.PLAIN)  # fmt: skip
        await Wire.open(closed, 20.0)

    with pytest.raises(LostError):
        asyncio.run(open_closed())
    assert door.port
