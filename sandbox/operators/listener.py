"""Listeners: one endpoint of one operator under one design; the doors at which they listen."""

from __future__ import annotations

import asyncio
import secrets
import ssl
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from sandbox.operators.model import Channel, SaslName
from sandbox.serve import Door, DoorLimits, Pool, Visitor, server_context
from sandbox.serve.tls import Tls, route_by_name
from sandbox.space.places import Place

__all__ = ["MAIL_LIMITS", "Inbound", "Listener", "MailDoor", "endpoint_context"]

# The protocols time their clients themselves. A card asks its holder for the PIN within the
# handshake, which nginx, before many mail servers, gives 60 s (`ssl_handshake_timeout`).
MAIL_LIMITS = DoorLimits(connections=10_000, handshake_seconds=60.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Listener:
    """One endpoint that listens.

    Attributes:
        place: what it is and where.
        mechanisms: offered once TLS protects the connection.
        context: its own TLS context, so that its session tickets are its own.
    """

    place: Place
    mechanisms: tuple[SaslName, ...]
    context: ssl.SSLContext

    def channel(
        self, client: str, port: int, *, client_port: int = 0, session: str = "",
        connected: float = 0.0, tls: Tls | None = None, tls_seconds: float = 0.0,
    ) -> Channel:  # fmt: skip
        """Return the channel of a connection, as it is now; `port` is the one listened on."""
        place = self.place
        return Channel(
            operator=place.operator,
            design=place.design,
            endpoint=place.name,
            host=place.host,
            port=port,
            protocol=place.protocol,
            methods=place.methods,
            mechanisms=self.mechanisms,
            client=client,
            client_port=client_port,
            session=session,
            tls="" if tls is None else tls.version,
            resumed=tls is not None and tls.resumed,
            certificate=None if tls is None else tls.certificate,
            connected=connected,
            tls_seconds=tls_seconds,
        )


def endpoint_context(
    chain: Path,
    key: Path,
    authorities: str,
    *,
    client_certificate: str,
    tls13: bool = True,
    tickets: bool = True,
) -> ssl.SSLContext:
    """Return the TLS context of an endpoint.

    A certificate is asked for unless `client_certificate` is none, and never required by TLS
    itself: who has none is told so in the words of the protocol.
    """
    asks = "none" if client_certificate == "none" else "optional"
    return server_context(
        chain, key, authorities=authorities, client_certificate=asks, tls13=tls13, tickets=tickets
    )


class Inbound:
    """A connection as its protocol knows it.

    Args:
        door: where it came in.
        visitor: the connection there.
    """

    __slots__ = ("_channel", "_listener", "_session", "_tls", "door", "visitor")

    def __init__(self, door: MailDoor, visitor: Visitor) -> None:
        self.door = door
        self.visitor = visitor
        self._session = secrets.token_hex(4)
        self._tls: Tls | None = visitor.tls
        self._listener = self._picked()
        self._channel = self._described()

    @property
    def at(self) -> float:
        """When TCP accepted, seconds since 1970."""
        return self.visitor.at

    @property
    def tls_seconds(self) -> float:
        """Length of the handshake; 0 before TLS."""
        return self.visitor.tls_seconds

    @property
    def listener(self) -> Listener:
        """The endpoint: the one of the name asked for, where several share a socket."""
        self._settle()
        return self._listener

    @property
    def channel(self) -> Channel:
        """What authentication may know, TLS as it is now."""
        self._settle()
        return self._channel

    def working(self) -> None:
        """Note that the client is no silent stranger: it is not cut to make room for others."""
        self.visitor.working()

    async def secure(self) -> None:
        """Do the handshake of STARTTLS; see `Visitor.secure`."""
        await self.visitor.secure()

    def _settle(self) -> None:
        tls = self.visitor.tls
        if tls is self._tls or tls is None:
            return
        self._tls = tls
        self._listener = self._picked()
        self._channel = self._described()

    def _picked(self) -> Listener:
        """Return the endpoint of the name that was asked for; before TLS, the first."""
        if self._tls is None:
            return self.door.listeners[0]
        return self.door.listener(self.visitor.context)

    def _described(self) -> Channel:
        visitor = self.visitor
        return self._listener.channel(
            visitor.client, self.door.port, client_port=visitor.client_port, session=self._session,
            connected=visitor.at, tls=self._tls, tls_seconds=visitor.tls_seconds,
        )  # fmt: skip


class MailDoor(Door):
    """A door of IMAP, SMTP or the relay.

    Args:
        listeners: one endpoint, or several that SNI tells apart; same address, port and TLS mode.
        protocol: makes the protocol of a connection.
        limits: bounds.
        pool: bounds shared with other doors.
    """

    def __init__(
        self,
        listeners: Sequence[Listener],
        protocol: Callable[[Inbound], asyncio.Protocol],
        limits: DoorLimits | None = None,
        *,
        pool: Pool | None = None,
    ) -> None:
        first = listeners[0].place
        self.listeners = tuple(listeners)
        self._by_context = {id(each.context): each for each in listeners}
        super().__init__(
            lambda visitor: protocol(Inbound(self, visitor)),
            host=first.address,
            port=first.port,
            context=route_by_name({each.place.host: each.context for each in listeners}),
            starttls=first.tls == "starttls",
            limits=limits or MAIL_LIMITS,
            pool=pool,
        )

    def listener(self, context: ssl.SSLContext | None) -> Listener:
        """Return the endpoint whose context a handshake picked."""
        return self._by_context[id(context)]
