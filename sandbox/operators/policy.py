"""All that an operator is told of its policies, in one value."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from sandbox.operators.auth.access_control import AccessPolicy
from sandbox.operators.auth.ecps_proxy import HoldPolicy
from sandbox.operators.auth.ecps_token import TokenPolicy
from sandbox.operators.listener import MAIL_LIMITS, Listener
from sandbox.serve import DoorLimits

__all__ = ["OperatorPolicy"]


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorPolicy:
    """What an operator asks and allows. Durations are seconds.

    Attributes:
        hold: logins that wait for a telephone.
        tokens: access tokens.
        psc_timeout: before it gives up on an answer of Pro Santé Connect.
        pinged: told by Pro Santé Connect that a person answered (CIBA ping), instead of polling it.
        login_seconds: before a connection that has not logged in is cut.
        keepalive: between lines that keep a held IMAP login's connection alive.
        access: codes, attempts, revocation.
        traffic_months: before the running one, for which indicators can be counted.
        doors: bounds of every socket.
    """

    hold: HoldPolicy
    tokens: TokenPolicy
    psc_timeout: float
    pinged: bool
    login_seconds: float
    keepalive: float
    access: AccessPolicy
    traffic_months: int
    doors: DoorLimits = MAIL_LIMITS

    def bounds(self, listeners: Sequence[Listener]) -> DoorLimits:
        """Return the bounds of a socket; endpoints that share one draw on one pool."""
        slots = listeners[0].place.slots
        return replace(self.doors, connections=slots) if slots else self.doors
