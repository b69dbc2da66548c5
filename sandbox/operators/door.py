"""A listening socket: bounds what strangers may take, does TLS, hands over to a protocol."""

from __future__ import annotations

import asyncio
import secrets
import socket
import ssl
import time
from asyncio import sslproto
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import cast

from sandbox.operators.listener import Listener, Tls, route_by_name, tls_of
from sandbox.operators.model import Channel

__all__ = ["Arrival", "Door", "DoorLimits"]

# What asyncio reads into, kept by each TLS connection: 256 kB, or 1.3 GB for 5,000 that idle. A TLS
# record has 16 kB.
sslproto.SSLProtocol.max_size = 16_384


@dataclass(frozen=True, slots=True, kw_only=True)
class DoorLimits:
    """Bounds of one socket. All clients of a laptop share few addresses, hence `per_client`.

    Attributes:
        connections: open at once.
        per_client: open at once from one address.
        handshakes: TLS handshakes under way at once; beyond, the one that lasts longest is cut, so
            that silent strangers cannot keep others out.
        handshake_seconds: for one handshake, and before it for its first byte.
        backlog: connections that the system keeps until they are accepted.
    """

    connections: int = 10_000
    per_client: int = 10_000
    handshakes: int = 512
    handshake_seconds: float = 10.0
    backlog: int = 1024


@dataclass(slots=True, kw_only=True)
class Arrival:
    """A connection as it is handed over. After STARTTLS, `secure` has updated it.

    Attributes:
        door: where it came in.
        inbound: what stands between transport and protocol.
        listener: the endpoint (by SNI, where several share a socket).
        channel: what authentication may know.
        at: when TCP accepted, seconds since 1970.
        tls_seconds: length of the handshake; 0 before TLS.
    """

    door: Door
    inbound: _Inbound
    listener: Listener
    channel: Channel
    at: float
    tls_seconds: float = 0.0

    async def secure(self) -> None:
        """Do the handshake of STARTTLS, then call `connection_made` again with the new transport.

        The caller has sent its go-ahead; what came in clear after the command it must throw away
        (CVE-2011-0411). Nothing is received while this runs.

        Raises:
            OSError: the handshake failed or took too long; the connection is of no more use.
        """
        await self.inbound.secure(self)


class Door:
    """One socket.

    Args:
        listeners: one endpoint, or several that SNI tells apart; same address, port and TLS mode.
        factory: makes the protocol of a connection; its `connection_made` is called after implicit
            TLS, at once with STARTTLS.
        limits: bounds.
        clock: seconds since 1970.
    """

    def __init__(
        self,
        listeners: Sequence[Listener],
        factory: Callable[[Arrival], asyncio.Protocol],
        limits: DoorLimits | None = None,
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.listeners = tuple(listeners)
        self.limits = limits or DoorLimits()
        self.port = listeners[0].port
        self.clock = clock
        self.refused = 0  # connections and handshakes beyond the bounds, cut
        self._factory = factory
        self._context = route_by_name(self.listeners)
        self._by_context = {id(each.context): each for each in self.listeners}
        self._server: asyncio.Server | None = None
        self._open: set[_Inbound] = set()
        self._clients: Counter[str] = Counter()
        self._handshakes: dict[asyncio.Timeout, None] = {}  # the longest first
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def connections(self) -> int:
        """How many are open."""
        return len(self._open)

    async def start(self) -> None:
        """Listen.

        Raises:
            OSError: the address or port cannot be had.
        """
        loop = asyncio.get_running_loop()
        first = self.listeners[0]
        # With the protocol named, asyncio turns Nagle off.
        listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        try:
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listening.bind((first.address, self.port))
        except OSError as error:
            listening.close()
            where = f"{first.address}:{self.port}"
            raise OSError(error.errno, f"{where}: {error.strerror}") from None
        self._server = await loop.create_server(
            lambda: _Inbound(self), sock=listening, backlog=self.limits.backlog
        )
        self.port = listening.getsockname()[1]

    async def stop(self) -> None:
        """Stop listening and cut what is open."""
        if self._server is not None:
            self._server.close()
        for inbound in tuple(self._open):
            inbound.abort()
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._server is not None:
            await self._server.wait_closed()
            self._server = None

    def enter(self, inbound: _Inbound, client: str) -> bool:
        """Count a connection in; False when it is one too many."""
        if (
            len(self._open) >= self.limits.connections
            or self._clients[client] >= self.limits.per_client
        ):
            self.refused += 1
            return False
        self._open.add(inbound)
        self._clients[client] += 1
        return True

    def leave(self, inbound: _Inbound, client: str) -> None:
        """Count a connection out."""
        if inbound in self._open:
            self._open.discard(inbound)
            self._clients[client] -= 1
            if not self._clients[client]:
                del self._clients[client]

    def greet(self, inbound: _Inbound, transport: asyncio.Transport, client: str) -> None:
        """Hand a new connection to its protocol, after TLS where TLS comes first."""
        first = self.listeners[0]
        arrival = Arrival(
            door=self,
            inbound=inbound,
            listener=first,
            channel=replace(
                first.channel(client, self.port),
                client_port=inbound.client_port,
                session=secrets.token_hex(4),
            ),
            at=self.clock(),
        )
        if first.tls == "starttls":
            inbound.hand_over(transport, self._factory(arrival))
            return
        task = asyncio.get_running_loop().create_task(self._implicit(inbound, transport, arrival))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _implicit(
        self, inbound: _Inbound, transport: asyncio.Transport, arrival: Arrival
    ) -> None:
        try:
            # TLS state is made for those who begin a handshake, not for all who connect.
            async with asyncio.timeout(self.limits.handshake_seconds):
                await inbound.heard()
            secured = await self.handshake(arrival, transport)
        except (OSError, asyncio.CancelledError):
            transport.abort()
            inbound.connection_lost(None)
            return
        inbound.hand_over(secured, self._factory(arrival))

    async def handshake(self, arrival: Arrival, transport: asyncio.Transport) -> asyncio.Transport:
        """Do a handshake and tell the arrival what came of it; see `Arrival.secure`."""
        start = time.perf_counter()
        loop = asyncio.get_running_loop()
        if len(self._handshakes) >= self.limits.handshakes:
            longest = next(iter(self._handshakes))
            del self._handshakes[longest]
            longest.reschedule(loop.time())
            self.refused += 1
        early = arrival.inbound.take_early()
        if early:
            # After `start_tls` has set its layer and told it of the connection, one turn later.
            loop.call_soon(loop.call_soon, _feed, transport, early)
        async with asyncio.timeout(None) as bound:
            self._handshakes[bound] = None
            try:
                secured = await loop.start_tls(
                    transport,
                    arrival.inbound,
                    self._context,
                    server_side=True,
                    ssl_handshake_timeout=self.limits.handshake_seconds,
                )
            finally:
                self._handshakes.pop(bound, None)
        connection: ssl.SSLObject | None = (
            None if secured is None else secured.get_extra_info("ssl_object")
        )
        if secured is None or connection is None:  # closed meanwhile
            raise ConnectionResetError
        settled: Tls = tls_of(connection)
        arrival.tls_seconds = time.perf_counter() - start
        arrival.listener = self._by_context[id(connection.context)]
        plain = arrival.listener.channel(arrival.channel.client, self.port)
        arrival.channel = replace(
            plain,
            client_port=arrival.channel.client_port,
            session=arrival.channel.session,
            tls=settled.version,
            resumed=settled.resumed,
            certificate=settled.certificate,
        )
        return secured


def _feed(transport: asyncio.Transport, early: bytes) -> None:
    """Give the TLS layer, which is the transport's protocol now, what came before it was."""
    # uvloop's layer behaves as one without deriving from it.
    layer = cast(asyncio.BufferedProtocol, transport.get_protocol())
    memoryview(layer.get_buffer(len(early)))[: len(early)] = early
    layer.buffer_updated(len(early))


class _Inbound(asyncio.Protocol):
    """Stands between transport and protocol: keeps what comes before the protocol is ready."""

    def __init__(self, door: Door) -> None:
        self._door = door
        self._client = ""
        self.client_port = 0
        self._transport: asyncio.Transport | None = None
        self._early = bytearray()
        self._hearing: asyncio.Future[None] | None = None
        self._real: asyncio.Protocol | None = None
        self._ready = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        peer = transport.get_extra_info("peername")
        if peer:
            self._client, self.client_port = peer[:2]
        if not self._door.enter(self, self._client):
            self._transport.abort()
            return
        self._door.greet(self, self._transport, self._client)

    def hand_over(self, transport: asyncio.Transport, protocol: asyncio.Protocol) -> None:
        """Make `protocol` the one that hears this connection, now over `transport`."""
        self._transport = transport
        self._real = protocol
        self._ready = True
        protocol.connection_made(transport)
        if self._early:
            early, self._early = bytes(self._early), bytearray()
            protocol.data_received(early)

    async def heard(self) -> None:
        """Return when the client has said something, with reading paused.

        Raises:
            ConnectionResetError: it has gone instead.
        """
        assert self._transport is not None
        if not self._early:
            self._hearing = asyncio.get_running_loop().create_future()
            await self._hearing
        if self._transport.is_closing():
            raise ConnectionResetError
        self._transport.pause_reading()

    def take_early(self) -> bytes:
        """Return what came before TLS was there, which is the beginning of its handshake."""
        early, self._early = bytes(self._early), bytearray()
        return early

    async def secure(self, arrival: Arrival) -> None:
        """Do the handshake of STARTTLS."""
        assert self._transport is not None
        assert self._real is not None
        self._ready = False
        try:
            secured = await self._door.handshake(arrival, self._transport)
        except (OSError, asyncio.CancelledError) as error:
            # A TLS layer that never came up tells nobody of its end.
            self._transport.abort()
            self.connection_lost(error if isinstance(error, OSError) else None)
            raise
        self.hand_over(secured, self._real)

    def data_received(self, data: bytes) -> None:
        if self._real is None or not self._ready:
            self._early += data
            self._go_on()
        else:
            self._real.data_received(data)

    def eof_received(self) -> bool | None:
        return self._real.eof_received() if self._real is not None else None

    def pause_writing(self) -> None:
        if self._real is not None:
            self._real.pause_writing()

    def resume_writing(self) -> None:
        if self._real is not None:
            self._real.resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        self._door.leave(self, self._client)
        self._go_on()
        real, self._real = self._real, None
        if real is not None:
            real.connection_lost(exc)

    def _go_on(self) -> None:
        if self._hearing is not None and not self._hearing.done():
            self._hearing.set_result(None)

    def abort(self) -> None:
        """Cut the connection."""
        if self._transport is not None:
            self._transport.abort()
