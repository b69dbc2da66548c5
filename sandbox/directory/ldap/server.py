"""The sockets of the LDAP view: LDAP with StartTLS, and LDAPS, on asyncio."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import ssl
from dataclasses import dataclass, field
from typing import Self

from sandbox.directory.directory import Directory
from sandbox.directory.ldap.backend import SearchBackend
from sandbox.directory.ldap.session import LdapLimits, LdapSession, Wish

__all__ = ["LdapServer"]

_CHUNK = 65_536
_IDLE_SECONDS = 300.0
_HANDSHAKE_SECONDS = 10.0
_MOST_CONNECTIONS = 512


@dataclass
class LdapServer:
    """An LDAP server; an asynchronous context manager.

    Attributes:
        directory: What it serves.
        host: Loopback address to bind.
        port: Port of LDAP with StartTLS, 0 for any, None for none.
        tls_port: Port of LDAPS, 0 for any, None for none.
        context: TLS context of StartTLS and LDAPS, None for neither.
        limits: Bounds on requests.
        idle: Seconds without a request before a connection is closed.
        ports: Ports in use once started: `ldap` and `ldaps`.
    """

    directory: Directory
    host: str = "127.0.0.1"
    port: int | None = 0
    tls_port: int | None = None
    context: ssl.SSLContext | None = None
    limits: LdapLimits = field(default_factory=LdapLimits)
    idle: float = _IDLE_SECONDS
    ports: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._backend = SearchBackend(self.directory)
        self._secret = secrets.token_bytes(32)
        self._servers: list[asyncio.Server] = []
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        try:
            if self.port is not None:
                await self._listen("ldap", self.port, None)
            if self.tls_port is not None:
                assert self.context is not None, "LDAPS needs a TLS context"
                await self._listen("ldaps", self.tls_port, self.context)
        except OSError:
            await self.close()
            raise
        return self

    async def __aexit__(self, *unused: object) -> None:
        await self.close()

    async def _listen(self, name: str, port: int, context: ssl.SSLContext | None) -> None:
        async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.current_task()
            assert task is not None
            if len(self._tasks) >= _MOST_CONNECTIONS:
                writer.close()
                return
            self._tasks.add(task)
            try:
                await self._serve(reader, writer, tls=context is not None)
            except (OSError, ssl.SSLError, TimeoutError, asyncio.CancelledError):
                # The client left, was silent for too long, or the server stops.
                pass
            finally:
                self._tasks.discard(task)
                writer.close()
                with contextlib.suppress(OSError, ssl.SSLError, asyncio.CancelledError):
                    await writer.wait_closed()

        handshake = {"ssl_handshake_timeout": _HANDSHAKE_SECONDS} if context else {}
        server = await asyncio.start_server(
            accept,
            self.host,
            port,
            ssl=context,
            **handshake,  # type: ignore[arg-type]
        )
        self._servers.append(server)
        self.ports[name] = server.sockets[0].getsockname()[1]

    async def _serve(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, tls: bool
    ) -> None:
        session = LdapSession(
            self._backend,
            self.limits,
            tls=tls,
            can_start_tls=self.context is not None,
            secret=self._secret,
        )
        while data := await asyncio.wait_for(reader.read(_CHUNK), self.idle):
            for answer in session.receive(data):
                if answer is Wish.CLOSE:
                    await writer.drain()
                    return
                if answer is Wish.START_TLS:
                    await writer.drain()
                    assert self.context is not None
                    await writer.start_tls(self.context, ssl_handshake_timeout=_HANDSHAKE_SECONDS)
                    session.tls_started()
                    continue
                assert isinstance(answer, bytes)
                writer.write(answer)
            # A client that does not read stops here: what waits is at most one page.
            await writer.drain()

    async def close(self) -> None:
        """Stop listening and close every connection."""
        for server in self._servers:
            server.close()
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for server in self._servers:
            await server.wait_closed()
        self._servers.clear()
