"""What an operator decides about its relay."""

from __future__ import annotations

from dataclasses import dataclass, field

from sandbox.operators.relay.backoff import Backoff
from sandbox.operators.relay.connection import Timeouts

__all__ = ["RelaySettings"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RelaySettings:
    """How an operator relays.

    Attributes:
        host: name of its relay: EHLO, and the MX that is itself.
        port: where relays listen; MX records carry none.
        per_domain: connections at once for one domain.
        connections: connections at once.
        per_connection: messages on one connection.
        per_transaction: recipients in one transaction; RFC 5321 §4.5.3.1.8 promises 100.
        keep: seconds that a connection stays open without work.
        backoff: when to try again.
        timeouts: how long to wait for the other side.
        recovery: when to try again what failed here: a full disk, a fault of ours.
    """

    host: str
    port: int = 25
    per_domain: int = 4
    connections: int = 64
    per_connection: int = 1000
    per_transaction: int = 100
    keep: float = 5.0
    backoff: Backoff = field(default_factory=Backoff)
    timeouts: Timeouts = field(default_factory=Timeouts)
    recovery: Backoff = field(default_factory=lambda: Backoff(first=1.0, ceiling=60.0))
