"""LDAP as a protocol of doors: one with StartTLS, one with TLS first (LDAPS)."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import ssl
from collections.abc import Iterator
from dataclasses import dataclass, field

from sandbox.directory.directory import Directory
from sandbox.directory.ldap.backend import SearchBackend
from sandbox.directory.ldap.session import LdapLimits, LdapSession, Wish
from sandbox.serve import Door, DoorLimits, Pool, Visitor
from sandbox.serve.turns import Turns

__all__ = ["LDAP_LIMITS", "LdapServer"]

LDAP_LIMITS = DoorLimits(
    connections=512, first_seconds=10.0, idle_seconds=300.0, stalled_seconds=30.0
)


@dataclass(kw_only=True)
class LdapServer:
    """An LDAP server; a `Service`.

    Attributes:
        directory: What it serves.
        host: Loopback address to bind.
        port: Port of LDAP with StartTLS, 0 for any, None for none.
        tls_port: Port of LDAPS, 0 for any, None for none.
        context: TLS context of StartTLS and LDAPS, None for neither.
        limits: Bounds on requests.
        door_limits: Bounds on the connections of each port.
        pool: Bounds shared with other doors.
        ports: Ports in use once started: `ldap` and `ldaps`.
    """

    directory: Directory
    host: str = "127.0.0.1"
    port: int | None = 0
    tls_port: int | None = None
    context: ssl.SSLContext | None = None
    limits: LdapLimits = field(default_factory=LdapLimits)
    door_limits: DoorLimits = LDAP_LIMITS
    pool: Pool | None = None
    ports: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.backend = SearchBackend(self.directory)
        # Seals the cookies of paged searches, which another connection may go on with.
        self.secret = secrets.token_bytes(32)
        self._doors: list[Door] = []

    async def start(self) -> None:
        """Listen.

        Raises:
            BindError: a port cannot be had.
        """
        try:
            for name, port in (("ldap", self.port), ("ldaps", self.tls_port)):
                if port is not None:
                    door = Door(
                        lambda visitor: _Connection(self, visitor), host=self.host, port=port,
                        context=self.context, starttls=name == "ldap", limits=self.door_limits,
                        pool=self.pool,
                    )  # fmt: skip
                    await door.start()
                    self._doors.append(door)
                    self.ports[name] = door.port
        except BaseException:
            await self.stop()
            raise

    async def stop(self) -> None:
        """Stop listening and close every connection."""
        for door in self._doors:
            await door.stop()
        self._doors.clear()


class _Connection(Turns):
    """One connection: hands bytes to its session, and sends what that says."""

    def __init__(self, server: LdapServer, visitor: Visitor) -> None:
        super().__init__(visitor)
        self._session = LdapSession(
            server.backend,
            server.limits,
            tls=visitor.tls is not None,
            can_start_tls=server.context is not None,
            secret=server.secret,
        )
        self._answers: Iterator[bytes | Wish] = iter(())
        self._busy = False
        self._securing: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin; after StartTLS, go on over TLS."""
        super().connection_made(transport)
        if self._securing is not None:
            self._securing = None
            self._session.tls_started()
            self._rest()

    def step(self) -> bool:
        """Send the next piece of an answer."""
        assert self.transport is not None
        if self._securing is not None:
            return False
        answer = next(self._answers, None)
        if answer is None:
            if not self.received:
                self._rest()
                return False
            data, self.received = bytes(self.received), bytearray()
            self._answers = self._session.receive(data)
        elif isinstance(answer, bytes):
            if not self._busy:
                self._busy = True
                self.visitor.working()
            self.transport.write(answer)
        elif answer is Wish.START_TLS:
            self.received.clear()
            self._securing = asyncio.get_running_loop().create_task(self._secure())
            return False
        else:
            self.transport.close()
            return False
        return True

    def _rest(self) -> None:
        if self._busy:
            self._busy = False
            self.visitor.waiting()

    async def _secure(self) -> None:
        # When it fails, `connection_lost` has been called.
        with contextlib.suppress(OSError):
            await self.visitor.secure()
