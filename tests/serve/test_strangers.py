"""Attacks that every door survives: each is tried on each protocol that stands on one."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import dns.message
import pytest
import sansldap

from sandbox.directory import Directory, PopulationSpec
from sandbox.directory.ldap import BASE_DN
from sandbox.directory.ldap.server import LDAP_LIMITS, LdapServer
from sandbox.operators.listener import MAIL_LIMITS
from sandbox.serve import DoorLimits, HttpServer, Pool, client_context, running, server_context
from sandbox.serve.any_certificate import any_certificate_context
from sandbox.serve.http import HTTP_LIMITS
from sandbox.serve.plain import Request, Response, plain_app
from sandbox.trust import Organisation
from sandbox.trust.dns_server import DNS_LIMITS, DnsServer
from sandbox.trust.resolver import Resolver
from sandbox.trust.server_files import TlsFiles, server_files
from sandbox.trust.zone import Host, ZoneSpec
from tests.serve.mail import MailServer

HELLO = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"  # how a TLS handshake begins
GET = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"
POST = b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 90\r\n\r\n"


@dataclass(frozen=True)
class World:
    """What servers are made of."""

    files: TlsFiles
    directory: Directory

    @property
    def context(self) -> ssl.SSLContext:
        return server_context(self.files.chain, self.files.key)

    def reach(self, door: Case, port: int, *, buffer: int = 0) -> socket.socket:
        """Connect as an ordinary client does; `buffer` bytes may wait until it reads them."""
        plain = socket.socket()
        if buffer:
            plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
        plain.settimeout(20)
        plain.connect(("127.0.0.1", port))
        if not door.tls:
            return plain
        client = client_context(self.files.ca).wrap_socket(plain, server_hostname="localhost")
        if door.greets:
            while not client.recv(4_096).endswith(b"\r\n"):
                pass
        return client


@dataclass(frozen=True)
class Case:
    """A door.

    Attributes:
        make: makes the server from a world, its limits and a pool.
        limits: those that it has by default.
        port: tells the port once it runs.
        asks: a whole request.
        enough: requests whose answers are more than kernels keep for who does not read.
        tls: whether TLS comes first.
        greets: whether the server speaks first.
    """

    make: Callable[[World, DoorLimits, Pool | None], Any]
    limits: DoorLimits
    port: Callable[[Any], int]
    asks: bytes
    enough: int
    tls: bool = False
    greets: bool = False


def answer(_: Request) -> Response:
    return Response(body=b"here" * 20_000)


def http(how: str = "") -> Callable[[World, DoorLimits, Pool | None], HttpServer]:
    contexts: dict[str, Callable[[World], ssl.SSLContext | None]] = {
        "": lambda _: None,
        "tls": lambda world: world.context,
        "any certificate": lambda world: any_certificate_context(
            world.files.chain, world.files.key
        ),
    }
    return lambda world, limits, pool: HttpServer(
        app=plain_app(answer), context=contexts[how](world), limits=limits, pool=pool
    )


def ldap(port: int | None, tls_port: int | None) -> Callable[..., LdapServer]:
    return lambda world, limits, pool: LdapServer(
        directory=world.directory, port=port, tls_port=tls_port, context=world.context,
        door_limits=limits, pool=pool,
    )  # fmt: skip


def resolver(_: World, limits: DoorLimits, pool: Pool | None) -> DnsServer:
    addresses = tuple(f"127.0.0.{number}" for number in range(1, 255))
    zone = ZoneSpec(hosts=(Host("mx1.op1.mssante.test", addresses),))
    return DnsServer(resolver=Resolver(zone), limits=limits, pool=pool)


def mail(protocol: str) -> Callable[[World, DoorLimits, Pool | None], MailServer]:
    return lambda world, limits, pool: MailServer(protocol, world.context, limits, pool)


def search() -> bytes:
    client = sansldap.LDAPClient()
    client.search_request(BASE_DN, scope=sansldap.SearchScope.SUBTREE)
    return bytes(client.data_to_send())


def query() -> bytes:
    wire = dns.message.make_query("mx1.op1.mssante.test", "A").to_wire()
    return len(wire).to_bytes(2, "big") + wire


DOORS = {
    "http": Case(http(), HTTP_LIMITS, lambda server: server.port, GET, 150),
    "https": Case(http("tls"), HTTP_LIMITS, lambda server: server.port, GET, 150, tls=True),
    "https, any certificate": Case(
        http("any certificate"), HTTP_LIMITS, lambda server: server.port, GET, 150, tls=True
    ),
    "ldap": Case(ldap(0, None), LDAP_LIMITS, lambda server: server.ports["ldap"], search(), 800),
    "ldaps": Case(
        ldap(None, 0), LDAP_LIMITS, lambda server: server.ports["ldaps"], search(), 800, tls=True
    ),
    "dns over tcp": Case(resolver, DNS_LIMITS, lambda server: server.port, query(), 1_000),
    "imap": Case(
        mail("imap"), MAIL_LIMITS, lambda server: server.port, b"a CAPABILITY\r\n", 1_000,
        tls=True, greets=True,
    ),
    "smtp": Case(
        mail("smtp"), MAIL_LIMITS, lambda server: server.port, b"RSET\r\n", 1_000,
        tls=True, greets=True,
    ),
}  # fmt: skip
# Mail bounds what a stranger asks: tests of its own tell what becomes of who reads nothing.
PATIENT = {name: each for name, each in DOORS.items() if not each.greets}
EVERY_DOOR = pytest.mark.parametrize("door", DOORS.values(), ids=DOORS)
HALVES = {
    "silence": lambda _: b"",
    "half a request": lambda door: door.asks[: len(door.asks) // 2],
    "half a body": lambda door: POST if door.asks is GET else door.asks[:-1],
}
EVERY_HALF = pytest.mark.parametrize("half", HALVES.values(), ids=HALVES)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder: Path = tmp_path_factory.mktemp("doors")
    organisation = Organisation(name="PORTES", department="Paris (75)", finess="119999993")
    files = server_files(folder, organisation, ["localhost"], ["127.0.0.1"])
    with Directory.build(PopulationSpec(people=20)) as directory:
        yield World(files, directory)


@contextlib.contextmanager
def opened(world: World, door: Case, pool: Pool | None = None, **limits: Any) -> Iterator[int]:
    server = door.make(world, replace(door.limits, **limits), pool)
    with running(server):
        yield door.port(server)


def served(world: World, door: Case, port: int) -> bytes:
    """Ask something as an ordinary client does, and return the beginning of the answer."""
    with world.reach(door, port) as client:
        client.sendall(door.asks)
        return client.recv(16)


def ended(client: socket.socket) -> bool:
    """Tell whether the server ends the connection, which pytest's time-out bounds."""
    client.settimeout(None)
    with contextlib.suppress(OSError):
        while client.recv(65_536):
            pass
    return True


@EVERY_DOOR
def test_an_ordinary_client_is_served_again_and_again(world: World, door: Case) -> None:
    with opened(world, door) as port, world.reach(door, port) as client:
        for _ in range(3):
            client.sendall(door.asks)
            assert client.recv(65_536)


@EVERY_DOOR
@EVERY_HALF
def test_who_opens_many_connections_and_asks_nothing_whole_keeps_nobody_out(
    world: World, door: Case, half: Callable[[Case], bytes]
) -> None:
    with opened(world, door, connections=3) as port, contextlib.ExitStack() as crowd:
        strangers = []
        for _ in range(6):
            strangers.append(crowd.enter_context(world.reach(door, port)))
            with contextlib.suppress(OSError):
                strangers[-1].sendall(half(door))
        for _ in range(3):
            assert served(world, door, port)
        assert all(ended(each) for each in strangers[:3])


@EVERY_DOOR
def test_who_begins_handshakes_and_never_ends_them_keeps_nobody_out(
    world: World, door: Case
) -> None:
    if not door.tls:
        pytest.skip("no TLS at this door")
    with (
        opened(world, door, handshakes=2, connections=4) as port,
        contextlib.ExitStack() as crowd,
    ):
        for _ in range(6):
            one = crowd.enter_context(socket.create_connection(("127.0.0.1", port), 20))
            one.sendall(HELLO)
        for _ in range(3):
            assert served(world, door, port)


@EVERY_DOOR
def test_who_speaks_in_clear_where_tls_is_due_is_cut_at_once(world: World, door: Case) -> None:
    if not door.tls:
        pytest.skip("no TLS at this door")
    with (
        opened(world, door, handshake_seconds=1e6) as port,
        socket.create_connection(("127.0.0.1", port)) as client,
    ):
        client.sendall(door.asks)
        assert ended(client)


@EVERY_DOOR
@EVERY_HALF
def test_a_request_that_is_never_whole_has_its_time(
    world: World, door: Case, half: Callable[[Case], bytes]
) -> None:
    with (
        opened(world, door, first_seconds=0.2, handshake_seconds=20.0) as port,
        world.reach(door, port) as client,
    ):
        client.sendall(half(door))
        assert ended(client)


@EVERY_DOOR
@EVERY_HALF
def test_so_has_the_request_after_an_answer(
    world: World, door: Case, half: Callable[[Case], bytes]
) -> None:
    with opened(world, door, idle_seconds=0.5) as port, world.reach(door, port) as client:
        client.sendall(door.asks)
        assert client.recv(65_536)
        client.sendall(half(door))
        assert ended(client)


def say(client: socket.socket, first: bytes, then: bytes) -> None:
    """Say something and then little by little, until the connection is cut."""
    client.sendall(first)
    while True:
        time.sleep(0.02)
        client.sendall(then)


@pytest.mark.parametrize("door", PATIENT.values(), ids=PATIENT)
def test_who_never_reads_an_answer_has_its_time(world: World, door: Case) -> None:
    with (
        opened(world, door, stalled_seconds=0.2) as port,
        world.reach(door, port, buffer=4_096) as client,
        pytest.raises(OSError, match=r"reset|Broken pipe|EOF|violation"),
    ):
        say(client, door.asks * door.enough, door.asks[:1])


@EVERY_DOOR
def test_what_several_doors_share_is_taken_from_whoever_waits_longest(
    world: World, door: Case
) -> None:
    flooded = DOORS["dns over tcp"]
    pool = Pool(3)
    other = flooded.make(world, flooded.limits, pool)
    server = door.make(world, door.limits, pool)
    with running(other, server), contextlib.ExitStack() as crowd:
        for _ in range(5):
            crowd.enter_context(world.reach(flooded, flooded.port(other)))
        assert served(world, flooded, flooded.port(other))  # so all before it have come in
        for _ in range(3):
            assert served(world, door, door.port(server))


@EVERY_DOOR
def test_a_door_that_closes_cuts_who_is_in_and_leaves_nothing(world: World, door: Case) -> None:
    async def work() -> None:
        server = door.make(world, door.limits, None)
        await server.start()
        reader, writer = await asyncio.open_connection("127.0.0.1", door.port(server))
        await asyncio.wait_for(server.stop(), 10)
        with contextlib.suppress(ConnectionError):
            assert await reader.read() == b""
        writer.close()
        assert asyncio.all_tasks() == {asyncio.current_task()}

    asyncio.run(work())
