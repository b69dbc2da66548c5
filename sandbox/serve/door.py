"""A listening socket: bounds what strangers may take, does TLS, hands over to a protocol."""

from __future__ import annotations

import asyncio
import math
import socket
import ssl
import time
from asyncio import sslproto
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

from sandbox.serve.binding import bind
from sandbox.serve.tls import Tls, tls_of
from sandbox.serve.waiting import Pool, Stage

__all__ = ["Door", "DoorLimits", "Visitor"]

# What asyncio reads into, kept by each TLS connection: 256 kB, or 1.3 GB for 5,000 that idle. A TLS
# record has 16 kB.
sslproto.SSLProtocol.max_size = 16_384


_LOOK = 0.05  # s between two looks at who has not gone yet


@dataclass(frozen=True, slots=True, kw_only=True)
class DoorLimits:
    """Bounds of one door. All clients of a laptop share few addresses, hence `per_client`.

    Beyond `connections` and `handshakes`, who has waited longest is cut, so that silent strangers
    keep nobody out; a newcomer is refused only when everyone is at work.

    Attributes:
        connections: open at once.
        per_client: open at once from one address; more are refused.
        handshakes: TLS handshakes under way at once.
        handshake_seconds: for one handshake, and before it for its first byte.
        first_seconds: for the first whole request. A protocol that times its own clients leaves
            this and the next two infinite.
        idle_seconds: from an answer to the next whole request.
        stalled_seconds: for a client to take what it was sent.
        backlog: connections that the system keeps until they are accepted.
    """

    connections: int = 512
    per_client: int = 10_000
    handshakes: int = 512
    handshake_seconds: float = 10.0
    first_seconds: float = math.inf
    idle_seconds: float = math.inf
    stalled_seconds: float = math.inf
    backlog: int = 1_024


class Door:
    """One listening socket.

    Args:
        factory: makes the protocol of a connection; its `connection_made` is called after TLS when
            TLS comes first, else at once.
        host: loopback address.
        port: 0 takes a free one, readable here once started.
        bound: a socket from `bind`, instead of `host` and `port`.
        context: TLS, None for none.
        starttls: TLS comes when the protocol asks (`Visitor.secure`), not first.
        limits: bounds.
        pool: further bounds, shared with other doors on the same event loop.

    Attributes:
        refused: connections and handshakes beyond the bounds, cut.
    """

    def __init__(
        self,
        factory: Callable[[Visitor], asyncio.Protocol],
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        bound: socket.socket | None = None,
        context: ssl.SSLContext | None = None,
        starttls: bool = False,
        limits: DoorLimits | None = None,
        pool: Pool | None = None,
    ) -> None:
        self.host = host
        self.port = port
        self._bound = bound
        self.limits = limits or DoorLimits()
        self.pool = pool
        self.factory = factory
        self.implicit = context is not None and not starttls
        self.refused = 0
        self._context = context
        self._server: asyncio.Server | None = None
        self._open: set[Visitor] = set()
        self._clients: Counter[str] = Counter()
        self._tasks: set[asyncio.Task[None]] = set()
        bounds = self.limits
        self._room = Pool(
            bounds.connections,
            {
                Stage.SILENT: bounds.handshake_seconds,
                Stage.HANDSHAKE: bounds.handshake_seconds,
                Stage.STRANGER: bounds.first_seconds,
                Stage.IDLE: bounds.idle_seconds,
                Stage.STALLED: bounds.stalled_seconds,
            },
        )

    @property
    def connections(self) -> int:
        """How many are open."""
        return len(self._open)

    @property
    def pools(self) -> tuple[Pool, ...]:
        """What bounds a connection here: the door's own room, and what it shares with others."""
        return (self._room,) if self.pool is None else (self._room, self.pool)

    @property
    def listening(self) -> bool:
        """Whether newcomers are accepted."""
        return self._server is not None and self._server.is_serving()

    async def start(self) -> None:
        """Listen; again, after `close`.

        Raises:
            BindError: the address or port cannot be had.
        """
        listening = self._bound or bind(self.host, self.port)
        self.port = listening.getsockname()[1]
        self._server = await asyncio.get_running_loop().create_server(
            lambda: Visitor(self), sock=listening, backlog=self.limits.backlog
        )

    def close(self) -> None:
        """Listen no more; who is in may stay."""
        if self._server is not None:
            self._server.close()

    def cut(self) -> None:
        """Cut all that are in."""
        for visitor in tuple(self._open):
            visitor.cut()

    async def dismiss(self, seconds: float) -> None:
        """Listen no more; have protocols end their connections, and cut what is open after that.

        A protocol that has a `dismiss` says goodbye there and closes; the others are cut.
        """
        self.close()
        for visitor in tuple(self._open):
            visitor.dismiss()
        loop = asyncio.get_running_loop()
        end = loop.time() + seconds
        while self._open and loop.time() < end:
            await asyncio.sleep(_LOOK)
        await self.stop()

    async def stop(self) -> None:
        """Stop listening and cut what is open."""
        self.close()
        for visitor in tuple(self._open):
            visitor.abort()
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._server is not None:
            await self._server.wait_closed()
            self._server = None
        self._room.close()

    def enter(self, visitor: Visitor) -> bool:
        """Count a connection in; False when there is no room for it."""
        entered: list[Pool] = []
        if self._clients[visitor.client] < self.limits.per_client:
            for pool in self.pools:
                if not pool.enter():
                    break
                entered.append(pool)
            else:
                visitor.inside = True
                self._open.add(visitor)
                self._clients[visitor.client] += 1
                return True
        for pool in entered:
            pool.leave()
        self.refused += 1
        return False

    def leave(self, visitor: Visitor) -> None:
        """Count a connection out."""
        if not visitor.inside:
            return
        visitor.inside = False
        self._open.discard(visitor)
        self._clients[visitor.client] -= 1
        if not self._clients[visitor.client]:
            del self._clients[visitor.client]
        for pool in self.pools:
            pool.forget(visitor, visitor.stage)
            pool.leave()

    def run(self, visitor: Visitor) -> None:
        """Have a visitor do its handshake, then be handed over."""
        task = asyncio.get_running_loop().create_task(self._implicit(visitor))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _implicit(self, visitor: Visitor) -> None:
        try:
            # TLS state is made for those who begin a handshake, not for all who connect.
            await visitor.heard()
            secured = await self.handshake(visitor)
        except (OSError, asyncio.CancelledError):
            visitor.abort()
            visitor.connection_lost(None)
            return
        visitor.hand_over(secured)

    async def handshake(self, visitor: Visitor) -> asyncio.Transport:
        """Do a handshake and tell the visitor what came of it."""
        assert self._context is not None
        start = time.perf_counter()
        loop = asyncio.get_running_loop()
        under_way = self._room.waiting(Stage.HANDSHAKE)
        if len(under_way) >= self.limits.handshakes:
            under_way.evict_longest()
        transport, early = visitor.give_up_transport()
        if early:
            # After `start_tls` has set its layer and told it of the connection, one turn later.
            loop.call_soon(loop.call_soon, _feed, transport, early)
        async with asyncio.timeout(None) as bound:
            visitor.shaking = bound
            visitor.become(Stage.HANDSHAKE)
            try:
                secured = await loop.start_tls(
                    transport, visitor, self._context, server_side=True,
                    ssl_handshake_timeout=self.limits.handshake_seconds,
                )  # fmt: skip
            finally:
                visitor.shaking = None
        connection: ssl.SSLObject | None = (
            None if secured is None else secured.get_extra_info("ssl_object")
        )
        if secured is None or connection is None:  # closed meanwhile
            raise ConnectionResetError
        visitor.tls = tls_of(connection)
        visitor.context = connection.context
        visitor.tls_seconds = time.perf_counter() - start
        return secured


def _feed(transport: asyncio.Transport, early: bytes) -> None:
    """Give the TLS layer, which is the transport's protocol now, what came before it was."""
    # uvloop's layer behaves as one without deriving from it.
    layer = cast(asyncio.BufferedProtocol, transport.get_protocol())
    memoryview(layer.get_buffer(len(early)))[: len(early)] = early
    layer.buffer_updated(len(early))


class Visitor(asyncio.Protocol):
    """A connection: stands between transport and protocol, keeps what comes before both are ready.

    A protocol that wants its clients timed and, when there is no room, cut, says when it is
    `working` on a whole request and when it is `waiting` for the next one.

    Attributes:
        client, client_port: where it comes from.
        at: when TCP accepted, seconds since 1970.
        tls: what the handshake settled; None before it.
        context: the TLS context that SNI picked; None before the handshake.
        tls_seconds: length of the handshake; 0 before it.
        stage: what it waits for.
        inside: whether the door counts it.
        aborting: called before the connection is cut, for a protocol that may be answering.
    """

    def __init__(self, door: Door) -> None:
        self._door = door
        self.client = ""
        self.client_port = 0
        self.at = 0.0
        self.tls: Tls | None = None
        self.context: ssl.SSLContext | None = None
        self.tls_seconds = 0.0
        self.stage = Stage.WORKING
        self.inside = False
        self.aborting: Callable[[], None] | None = None
        self.shaking: asyncio.Timeout | None = None
        self._transport: asyncio.Transport | None = None
        self._early = bytearray()
        self._hearing: asyncio.Future[None] | None = None
        self._real: asyncio.Protocol | None = None
        self._ready = False

    # What a protocol calls ----------------------------------------------------------------------

    def working(self) -> None:
        """A whole request has come."""
        self.become(Stage.WORKING)

    def waiting(self) -> None:
        """The answer is given: another request may come."""
        self.become(Stage.IDLE)

    async def secure(self) -> None:
        """Do the handshake of STARTTLS, then call `connection_made` again with the new transport.

        The protocol has sent its go-ahead; what came in clear after the command it must throw away
        (CVE-2011-0411). It receives nothing while this runs.

        Raises:
            OSError: the handshake failed or took too long; the connection is of no more use.
        """
        before = self.stage
        self._ready = False
        try:
            secured = await self._door.handshake(self)
        except (OSError, asyncio.CancelledError) as error:
            # A TLS layer that never came up tells nobody of its end.
            self.abort()
            self.connection_lost(error if isinstance(error, OSError) else None)
            raise
        self.hand_over(secured, before)

    def abort(self) -> None:
        """Cut the connection."""
        if self.aborting is not None:
            self.aborting()
        if self._transport is not None:
            self._transport.abort()

    # What a door calls --------------------------------------------------------------------------

    def become(self, stage: Stage) -> None:
        """Go to another stage, in the door's room and in what it shares."""
        before, self.stage = self.stage, stage
        if not self.inside:
            return
        if before is not stage or stage is not Stage.WORKING:
            for pool in self._door.pools:
                pool.move(self, before, stage)

    def evict(self) -> None:
        """Make room for a newcomer."""
        self._door.refused += 1
        self.cut()

    def dismiss(self) -> None:
        """Have the protocol end the connection, if it can."""
        goodbye = getattr(self._real, "dismiss", None) if self._ready else None
        (goodbye or self.cut)()

    def cut(self) -> None:
        """Cut the connection, also in the middle of a handshake."""
        if self.shaking is not None:
            self.shaking.reschedule(asyncio.get_running_loop().time())
        else:
            self.abort()

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

    def give_up_transport(self) -> tuple[asyncio.Transport, bytes]:
        """Return the transport without TLS, and what came through it of the handshake."""
        assert self._transport is not None
        early, self._early = bytes(self._early), bytearray()
        return self._transport, early

    def hand_over(self, transport: asyncio.Transport, stage: Stage = Stage.STRANGER) -> None:
        """Have the protocol hear this connection, now over `transport`."""
        self._transport = transport
        if self._real is None:
            self._real = self._door.factory(self)
        self._ready = True
        self.become(stage)
        try:
            self._real.connection_made(transport)
        except BaseException:
            self.abort()  # nobody waits for a greeting that will not come
            raise
        if self._early and self._real is not None:
            early, self._early = bytes(self._early), bytearray()
            self._real.data_received(early)

    # asyncio.Protocol ---------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Enter, if there is room."""
        self._transport = cast(asyncio.Transport, transport)
        peer = transport.get_extra_info("peername")
        if peer:
            self.client, self.client_port = peer[:2]
        self.at = time.time()
        if not self._door.enter(self):
            self.abort()
        elif self._door.implicit:
            self.become(Stage.SILENT)
            self._door.run(self)
        else:
            self.hand_over(self._transport)

    def data_received(self, data: bytes) -> None:
        """Pass bytes on, or keep them for later."""
        if self._real is None or not self._ready:
            self._early += data
            self._go_on()
        else:
            self._real.data_received(data)

    def eof_received(self) -> bool | None:
        """Pass it on."""
        return self._real.eof_received() if self._real is not None else None

    def pause_writing(self) -> None:
        """Pass it on: the client does not read its answer."""
        if self.stage is Stage.WORKING:
            self.become(Stage.STALLED)
        if self._real is not None:
            self._real.pause_writing()

    def resume_writing(self) -> None:
        """Pass it on: the client reads again."""
        if self.stage is Stage.STALLED:
            self.become(Stage.WORKING)
        if self._real is not None:
            self._real.resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        """Leave."""
        self._door.leave(self)
        self._go_on()
        real, self._real = self._real, None
        if real is not None:
            real.connection_lost(exc)

    def _go_on(self) -> None:
        if self._hearing is not None and not self._hearing.done():
            self._hearing.set_result(None)
