"""What the servers of an operator tell an observer: logins, sessions, deliveries.

The observer turns them into the tables of `sandbox.observations`, the same that a simulation gives.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from sandbox.observations.schema import Cause
from sandbox.operators.listener import MailDoor
from sandbox.operators.model import Channel
from sandbox.space.methods import Method

__all__ = ["DeliveryObserved", "LoginObserved", "Nobody", "Observer", "SessionObserved"]


@dataclass(frozen=True, slots=True, kw_only=True)
class LoginObserved:
    """One attempt to log in, as the server saw it. Durations are seconds.

    Attributes:
        channel: the connection.
        method: what was tried, None where it cannot be told.
        at: start of the connection, seconds since 1970.
        tls: TLS handshake.
        sasl: from the client's first word of login to its end, back ends and person left out.
        backend: Pro Santé Connect, directory, OCSP, SMS gateway.
        person: waiting for the person's own gesture.
        cause: None when accepted.
        reason: name of the reason to refuse, empty when accepted.
    """

    channel: Channel
    method: Method | None
    at: float
    tls: float
    sasl: float
    backend: float
    person: float
    cause: Cause | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionObserved:
    """One connection that ended. `method` is None when nobody logged in; `seconds` its length."""

    channel: Channel
    method: Method | None
    at: float
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryObserved:
    """One message put into one mailbox; `age` is seconds since the first operator accepted it."""

    operator: str
    mailbox: str
    at: float
    age: float
    size: int
    relayed: bool


class Observer(Protocol):
    """Who listens. Called on the event loop: it must be quick and never raise."""

    def watch(self, door: MailDoor) -> None:
        """Take a socket that is about to listen: no connection comes before."""

    def login(self, seen: LoginObserved) -> None:
        """Take one attempt to log in."""

    def session(self, seen: SessionObserved) -> None:
        """Take the end of one connection."""

    def delivery(self, seen: DeliveryObserved) -> None:
        """Take one delivery."""

    def connected(self, channel: Channel, at: float) -> None:
        """Take one new connection."""


class Nobody:
    """An observer that does not look."""

    def watch(self, door: MailDoor) -> None:
        """See nothing."""

    def login(self, seen: LoginObserved) -> None:
        """See nothing."""

    def session(self, seen: SessionObserved) -> None:
        """See nothing."""

    def delivery(self, seen: DeliveryObserved) -> None:
        """See nothing."""

    def connected(self, channel: Channel, at: float) -> None:
        """See nothing."""
