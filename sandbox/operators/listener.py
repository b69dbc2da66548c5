"""Listeners: one endpoint of one operator under one design, and the TLS that it asks for."""

from __future__ import annotations

import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from sandbox.operators.model import Channel, SaslName
from sandbox.space.methods import Method
from sandbox.trust import tls

__all__ = ["Listener", "Tls", "route_by_name", "server_context", "tls_of"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Listener:
    """One endpoint that listens.

    Attributes:
        operator, design, endpoint, host, protocol, methods, mechanisms: as in `Channel`.
        address: loopback address.
        port: TCP port, 0 for any free one.
        tls: implicit or starttls.
        context: its own TLS context, so that its session tickets are its own.
        client_certificate: none, optional (asked for) or required (refused in words without one).
    """

    operator: str
    design: str
    endpoint: str
    host: str
    protocol: str
    methods: tuple[Method, ...]
    mechanisms: tuple[SaslName, ...]
    address: str
    port: int
    tls: str
    context: ssl.SSLContext
    client_certificate: str

    def channel(self, client: str, port: int) -> Channel:
        """Return the channel of a new connection, before TLS; `port` is the one listened on."""
        return Channel(
            operator=self.operator,
            design=self.design,
            endpoint=self.endpoint,
            host=self.host,
            port=port,
            protocol=self.protocol,
            methods=self.methods,
            mechanisms=self.mechanisms,
            client=client,
        )


@dataclass(frozen=True, slots=True)
class Tls:
    """What a handshake settled: version, whether it resumed a session, the peer's certificate."""

    version: str
    resumed: bool
    certificate: bytes | None


def server_context(
    chain: Path,
    key: Path,
    bundle: str,
    *,
    client_certificate: str,
    tls13: bool = True,
    tickets: bool = True,
) -> ssl.SSLContext:
    """Return the TLS context of an endpoint: TLS 1.2 or later.

    A certificate is asked for unless `client_certificate` is none, and never required by TLS
    itself: who has none is told so in the words of the protocol.

    Args:
        chain: PEM of the certificate and its intermediates.
        key: PEM of its private key.
        bundle: PEM of the authorities that client certificates chain to.
        client_certificate: none, optional or required.
        tls13: offered beside TLS 1.2.
        tickets: given, so that sessions are resumed.
    """
    context = tls.server_context(chain, key)
    if not tls13:
        context.maximum_version = ssl.TLSVersion.TLSv1_2
    if not tickets:
        context.options |= ssl.OP_NO_TICKET
        context.num_tickets = 0
    if client_certificate != "none":
        context.load_verify_locations(cadata=bundle)
        context.verify_mode = ssl.CERT_OPTIONAL
    return context


def route_by_name(listeners: Sequence[Listener]) -> ssl.SSLContext:
    """Return the context of a socket that several endpoints share: SNI picks the endpoint's own.

    A client without SNI, or with another name, gets the first.
    """
    first = listeners[0].context
    if len(listeners) == 1:
        return first
    contexts = {listener.host.lower(): listener.context for listener in listeners}

    def choose(socket: ssl.SSLObject, name: str | None, _: ssl.SSLContext) -> None:
        chosen = contexts.get((name or "").lower().rstrip("."))
        if chosen is not None:
            socket.context = chosen

    first.sni_callback = choose
    return first


def tls_of(connection: ssl.SSLObject) -> Tls:
    """Return what a finished handshake settled."""
    return Tls(
        connection.version() or "",
        bool(connection.session_reused),
        connection.getpeercert(binary_form=True),
    )
