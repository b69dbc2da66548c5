"""The resolver on sockets: the same port on UDP and TCP, loopback only."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import cast

from sandbox.trust.resolver import Resolver

__all__ = ["DnsServer"]

_IDLE = 10.0
_MAX_CONNECTIONS = 256
_PORT_TRIES = 20


class _Udp(asyncio.DatagramProtocol):
    def __init__(self, resolver: Resolver, before: Callable[[], None]) -> None:
        self._resolver = resolver
        self._before = before
        self._transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # Python 3.11's transport does not derive from the class that documents it.
        self._transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        assert self._transport is not None
        self._before()
        reply = self._resolver.answer(data, "udp")
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


@dataclass(kw_only=True)
class DnsServer:
    """One DNS server.

    Attributes:
        resolver: What answers.
        host: Loopback address.
        port: Port of both transports; 0 takes a free one, readable here after `start`.
        before: Called before each query, for instance to read a file of faults again.
    """

    resolver: Resolver
    host: str = "127.0.0.1"
    port: int = 0
    before: Callable[[], None] = lambda: None
    _udp: asyncio.DatagramTransport | None = field(default=None, init=False)
    _tcp: asyncio.Server | None = field(default=None, init=False)
    _tasks: set[asyncio.Task[None]] = field(default_factory=set, init=False)

    async def start(self) -> None:
        """Listen on both transports.

        Raises:
            OSError: the port cannot be had.
        """
        loop = asyncio.get_running_loop()
        for attempt in range(_PORT_TRIES):
            self._tcp = await asyncio.start_server(self._connected, self.host, self.port)
            port = self._tcp.sockets[0].getsockname()[1]
            try:
                self._udp, _ = await loop.create_datagram_endpoint(
                    lambda: _Udp(self.resolver, self.before), local_addr=(self.host, port)
                )
            except OSError:
                # A free TCP port may be taken on UDP: only a port chosen by us may change.
                self._tcp.close()
                if self.port or attempt == _PORT_TRIES - 1:
                    raise
            else:
                self.port = port
                return

    async def stop(self) -> None:
        """Stop answering and cut open connections."""
        if self._udp is not None:
            self._udp.close()
            self._udp = None
        if self._tcp is not None:
            self._tcp.close()
        tasks = tuple(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._tcp is not None:
            await self._tcp.wait_closed()
            self._tcp = None

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        if len(self._tasks) >= _MAX_CONNECTIONS:
            writer.transport.abort()
            return
        self._tasks.add(task)
        try:
            await self._serve(reader, writer)
        except (TimeoutError, ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            writer.transport.abort()
        finally:
            self._tasks.discard(task)
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            head = await asyncio.wait_for(reader.readexactly(2), _IDLE)
            data = await asyncio.wait_for(reader.readexactly(int.from_bytes(head, "big")), _IDLE)
            self.before()
            reply = self.resolver.answer(data, "tcp")
            if reply.data is None:
                # Silence on TCP: the connection stays open until the client gives up.
                await asyncio.wait_for(reader.read(1), _IDLE)
                return
            await asyncio.sleep(reply.delay)
            writer.write(len(reply.data).to_bytes(2, "big") + reply.data)
            await writer.drain()
