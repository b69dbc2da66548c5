"""The door: TLS at once or on demand, names told apart, strangers bounded, nothing lost between."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import weakref
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import ClassVar, cast

import pytest
import uvloop

from sandbox.operators.listener import Inbound, Listener, MailDoor, endpoint_context
from sandbox.operators.model import SaslName
from sandbox.serve import DoorLimits
from sandbox.trust import KeyKind, Organisation, TestCA
from tests.operators.listening import a_listener

HOSTS = ("one.op1.mssante.test", "two.op1.mssante.test")


class Echo(asyncio.Protocol):
    """Greets with the endpoint and TLS version, echoes, starts TLS when asked."""

    here: ClassVar[weakref.WeakSet[Echo]] = weakref.WeakSet()

    def __init__(self, arrival: Inbound) -> None:
        self.arrival = arrival
        self.here.add(self)
        self.tasks: set[asyncio.Task[None]] = set()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        transport = cast(asyncio.Transport, transport)
        self.transport = transport
        channel = self.arrival.channel
        who = "card" if channel.certificate else "nobody"
        transport.write(f"{channel.endpoint} {channel.tls or 'clear'} {who}\n".encode())

    def data_received(self, data: bytes) -> None:
        if data == b"STARTTLS\n":
            self.transport.write(b"go\n")
            self.tasks.add(asyncio.ensure_future(self.arrival.secure()))
        else:
            self.transport.write(data)


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> tuple[TestCA, Path]:
    folder = tmp_path_factory.mktemp("door")
    ca = TestCA(key_kind=KeyKind.P256)
    operator = Organisation(name="OPERATEUR 1", department="Paris (75)", finess="750000018")
    for name in HOSTS:
        ca.endpoint_server(operator, [name]).save(folder / name)
    ca.org_client(operator, "appli").save(folder / "client")
    (folder / "bundle.pem").write_bytes(ca.bundle_pem())
    return ca, folder


def listener(folder: Path, host: str, tls: str, certificate: str = "optional") -> Listener:
    context = endpoint_context(
        folder / host / "chain.pem",
        folder / host / "key.pem",
        (folder / "bundle.pem").read_text(),
        client_certificate=certificate,
    )
    return a_listener(
        context, name=host.partition(".")[0], host=host, mechanisms=(SaslName.PLAIN,), tls=tls,
        client_certificate=certificate,
    )  # fmt: skip


@contextlib.asynccontextmanager
async def door(*listeners: Listener, limits: DoorLimits | None = None) -> AsyncIterator[MailDoor]:
    opened = MailDoor(listeners, Echo, limits)
    await opened.start()
    try:
        yield opened
    finally:
        await opened.stop()


def client_context(folder: Path, *, card: bool = False) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=str(folder / "bundle.pem"))
    if card:
        context.load_cert_chain(folder / "client" / "chain.pem", folder / "client" / "key.pem")
    return context


def run(
    work: Callable[[], Awaitable[None]],
    loop: Callable[[], asyncio.AbstractEventLoop] = asyncio.new_event_loop,
) -> None:
    with asyncio.Runner(loop_factory=loop) as runner:
        runner.run(asyncio.wait_for(work(), 20))  # type: ignore[arg-type]


async def greeting(opened: MailDoor, host: str, context: ssl.SSLContext) -> str:
    reader, writer = await asyncio.open_connection(
        "127.0.0.1", opened.port, ssl=context, server_hostname=host
    )
    line = (await reader.readline()).decode()
    writer.close()
    return line


async def test_the_name_that_a_client_asks_for_picks_the_endpoint(
    authority: tuple[TestCA, Path],
) -> None:
    _, folder = authority

    async with door(*(listener(folder, host, "implicit") for host in HOSTS)) as opened:
        context = client_context(folder)
        assert await greeting(opened, HOSTS[0], context) == "one TLSv1.3 nobody\n"
        assert await greeting(opened, HOSTS[1], context) == "two TLSv1.3 nobody\n"


@pytest.mark.parametrize("loop", [asyncio.new_event_loop, uvloop.new_event_loop])
def test_a_handshake_that_begins_before_we_are_ready_is_not_lost(
    authority: tuple[TestCA, Path], loop: Callable[[], asyncio.AbstractEventLoop]
) -> None:
    _, folder = authority

    async def work() -> None:
        async with door(listener(folder, HOSTS[0], "implicit")) as opened:
            context = client_context(folder)
            for _ in range(20):
                assert await greeting(opened, HOSTS[0], context) != ""

    run(work, loop)


async def test_a_client_certificate_reaches_the_channel(authority: tuple[TestCA, Path]) -> None:
    _, folder = authority

    async with door(listener(folder, HOSTS[0], "implicit", "required")) as opened:
        with_card = await greeting(opened, HOSTS[0], client_context(folder, card=True))
        assert with_card == "one TLSv1.3 card\n"


async def test_starttls_keeps_the_connection_and_greets_again_over_tls(
    authority: tuple[TestCA, Path],
) -> None:
    _, folder = authority

    async with door(listener(folder, HOSTS[0], "starttls")) as opened:
        reader, writer = await asyncio.open_connection("127.0.0.1", opened.port)
        assert await reader.readline() == b"one clear nobody\n"
        writer.write(b"STARTTLS\n")
        assert await reader.readline() == b"go\n"
        await writer.start_tls(client_context(folder), server_hostname=HOSTS[0])
        writer.write(b"hello\n")
        assert await reader.readline() == b"one TLSv1.3 nobody\n"
        assert await reader.readline() == b"hello\n"
        writer.close()


async def test_who_is_at_work_is_not_cut_for_a_newcomer(
    authority: tuple[TestCA, Path],
) -> None:
    _, folder = authority

    limits = DoorLimits(connections=2)
    async with door(listener(folder, HOSTS[0], "starttls"), limits=limits) as opened:
        kept = [await asyncio.open_connection("127.0.0.1", opened.port) for _ in range(2)]
        for reader, _ in kept:
            await reader.readline()
        for echo in Echo.here:
            echo.arrival.working()
        reader, writer = await asyncio.open_connection("127.0.0.1", opened.port)
        with contextlib.suppress(ConnectionError):
            assert await reader.read() == b""
        writer.close()
        kept[0][1].write(b"still here\n")
        assert await kept[0][0].readline() == b"still here\n"
        for _, each in kept:
            each.close()


async def test_a_handshake_that_never_ends_is_cut(authority: tuple[TestCA, Path]) -> None:
    _, folder = authority

    limits = DoorLimits(handshake_seconds=0.2)
    async with door(listener(folder, HOSTS[0], "implicit"), limits=limits) as opened:
        reader, writer = await asyncio.open_connection("127.0.0.1", opened.port)
        with contextlib.suppress(ConnectionError):
            assert await reader.read() == b""
        writer.close()
        assert await greeting(opened, HOSTS[0], client_context(folder)) != ""
        while opened.connections:
            await asyncio.sleep(0.01)


RECORD = b"\x16\x03\x01"  # what a TLS handshake begins with


@pytest.mark.parametrize("loop", [asyncio.new_event_loop, uvloop.new_event_loop])
def test_strangers_who_never_finish_a_handshake_keep_nobody_out(
    authority: tuple[TestCA, Path], loop: Callable[[], asyncio.AbstractEventLoop]
) -> None:
    _, folder = authority

    async def work() -> None:
        limits = DoorLimits(handshakes=2)
        async with door(listener(folder, HOSTS[0], "implicit"), limits=limits) as opened:
            halves = [await asyncio.open_connection("127.0.0.1", opened.port) for _ in range(4)]
            for _, writer in halves:
                writer.write(RECORD)
            while opened.connections != 2:
                await asyncio.sleep(0.01)
            assert await greeting(opened, HOSTS[0], client_context(folder)) != ""
            assert opened.refused == 3
            for reader, writer in halves[:2]:
                with contextlib.suppress(ConnectionError):
                    assert await reader.read() == b""
                writer.close()
            for _, writer in halves[2:]:
                writer.close()
            while opened.connections:
                await asyncio.sleep(0.01)

    run(work, loop)


@pytest.mark.parametrize("loop", [asyncio.new_event_loop, uvloop.new_event_loop])
def test_who_says_nothing_is_no_handshake(
    authority: tuple[TestCA, Path], loop: Callable[[], asyncio.AbstractEventLoop]
) -> None:
    _, folder = authority

    async def work() -> None:
        limits = DoorLimits(handshakes=1)
        async with door(listener(folder, HOSTS[0], "implicit"), limits=limits) as opened:
            silent = [await asyncio.open_connection("127.0.0.1", opened.port) for _ in range(3)]
            assert await greeting(opened, HOSTS[0], client_context(folder)) != ""
            assert opened.refused == 0
            for _, writer in silent:
                writer.close()
            while opened.connections:
                await asyncio.sleep(0.01)

    run(work, loop)
