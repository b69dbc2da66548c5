"""What became of a recipient: the plain value between runner and notification."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from sandbox.operators.mail import Recipient

__all__ = ["Action", "Outcome"]


class Action(StrEnum):
    """What became of a recipient (RFC 3464 §2.3.3)."""

    FAILED = "failed"
    DELAYED = "delayed"
    DELIVERED = "delivered"
    RELAYED = "relayed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of one recipient. Instants are seconds since 1970.

    Attributes:
        recipient: who.
        action: what.
        status: enhanced status code (RFC 3463).
        french, english: what happened, in a plain sentence.
        reply: what the other server said, empty when it said nothing.
        remote: host that was talked to, empty when none was.
        at: last attempt.
        retry_until: end of the attempts, for a delay.
    """

    recipient: Recipient
    action: Action
    status: str
    french: str = ""
    english: str = ""
    reply: str = ""
    remote: str = ""
    at: float | None = None
    retry_until: float | None = None
