"""The resolver on sockets: the same port on UDP and TCP, loopback only."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import cast

from sandbox.serve import BindError, Door, DoorLimits, Pool, Visitor, bind
from sandbox.serve.turns import Turns
from sandbox.trust.resolver import Resolver

__all__ = ["DNS_LIMITS", "DnsServer"]

DNS_LIMITS = DoorLimits(
    connections=256, first_seconds=10.0, idle_seconds=10.0, stalled_seconds=10.0
)
_PORT_TRIES = 20


@dataclass(kw_only=True)
class DnsServer:
    """One DNS server; a `Service`.

    Attributes:
        resolver: What answers.
        host: Loopback address.
        port: Port of both transports; 0 takes a free one, readable here after `start`.
        before: Called before each query, for instance to read a file of faults again.
        limits: Bounds on TCP.
        pool: Bounds shared with other doors.
    """

    resolver: Resolver
    host: str = "127.0.0.1"
    port: int = 0
    before: Callable[[], None] = lambda: None
    limits: DoorLimits = DNS_LIMITS
    pool: Pool | None = None
    _udp: asyncio.DatagramTransport | None = field(default=None, init=False)
    _tcp: Door | None = field(default=None, init=False)

    async def start(self) -> None:
        """Listen on both transports.

        Raises:
            BindError: the port cannot be had.
        """
        for attempt in range(_PORT_TRIES):
            tcp = Door(
                lambda visitor: _Tcp(self, visitor), host=self.host, port=self.port,
                limits=self.limits, pool=self.pool,
            )  # fmt: skip
            await tcp.start()
            try:
                datagrams = bind(self.host, tcp.port, socket.SOCK_DGRAM)
            except BindError:
                # A free TCP port may be taken on UDP: only a port chosen by us may change.
                await tcp.stop()
                if self.port or attempt == _PORT_TRIES - 1:
                    raise
            else:
                break
        self._udp, _ = await asyncio.get_running_loop().create_datagram_endpoint(
            lambda: _Udp(self), sock=datagrams
        )
        self._tcp, self.port = tcp, tcp.port

    async def stop(self) -> None:
        """Stop answering and cut open connections."""
        if self._udp is not None:
            self._udp.close()
            self._udp = None
        if self._tcp is not None:
            await self._tcp.stop()
            self._tcp = None


class _Udp(asyncio.DatagramProtocol):
    def __init__(self, server: DnsServer) -> None:
        self._server = server
        self._transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # Python 3.11's transport does not derive from the class that documents it.
        self._transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self._server.before()
        reply = self._server.resolver.answer(data, "udp")
        if reply.data is None:
            return
        if reply.delay:
            loop = asyncio.get_running_loop()
            loop.call_later(reply.delay, self._send, reply.data, addr)
        else:
            self._send(reply.data, addr)

    def _send(self, data: bytes, addr: tuple[str, int]) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.sendto(data, addr)


class _Tcp(Turns):
    """A connection: messages after their length (RFC 1035 §4.2.2), answered each when it is due."""

    def __init__(self, server: DnsServer, visitor: Visitor) -> None:
        super().__init__(visitor)
        self._server = server

    def step(self) -> bool:
        """Answer a query."""
        end = 2 + int.from_bytes(self.received[:2], "big")
        if len(self.received) < max(end, 2):
            return False
        query = bytes(self.received[2:end])
        del self.received[:end]
        self.visitor.working()
        self._server.before()
        reply = self._server.resolver.answer(query, "tcp")
        if reply.data is None:
            self.visitor.waiting()  # silence: until the client gives up, or has had its time
            return True
        framed = len(reply.data).to_bytes(2, "big") + reply.data
        if reply.delay:
            asyncio.get_running_loop().call_later(reply.delay, self._send, framed)
        else:
            self._send(framed)
        return True

    def _send(self, framed: bytes) -> None:
        if self.transport is not None:
            self.transport.write(framed)
            if not self.full:
                self.visitor.waiting()
