"""When to try again, when to tell the sender that it takes long, when to give up.

Everything follows from the queue's row and the clock, so a restart changes nothing.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from sandbox.operators.mail import Queued

__all__ = ["Backoff", "RetryDecision"]

HOUR = 3600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryDecision:
    """What becomes of a message that could not be delivered for now.

    Attributes:
        next_attempt: seconds since 1970; None gives up.
        warn: the sender has waited long enough to be told, and has not been told yet.
    """

    next_attempt: float | None
    warn: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Backoff:
    """The schedule of retries (RFC 5321 §4.5.4.1). All values are seconds, but `factor`.

    Attributes:
        first: between the first attempt and the second.
        factor: each pause is so many times the one before.
        ceiling: longest pause.
        spread: pauses vary by this share to either side, so that a peer that comes back is not
            met by all at once; drawn from the queue id, the same at each run.
        lifetime: from acceptance to giving up; four to five days are usual.
        warn_after: from acceptance to the one warning of delay.
    """

    first: float = 60.0
    factor: float = 2.0
    ceiling: float = 2 * HOUR
    spread: float = 0.2
    lifetime: float = 5 * 24 * HOUR
    warn_after: float = 4 * HOUR

    def pause(self, attempts: int, queue_id: str) -> float:
        """Return the pause after so many attempts (1 or more)."""
        # Beyond 64 doublings any first pause is past any ceiling.
        plain = min(self.first * self.factor ** min(attempts - 1, 64), self.ceiling)
        drawn = hashlib.blake2b(f"{queue_id} {attempts}".encode(), digest_size=8).digest()
        share = int.from_bytes(drawn, "big") / 2**64
        return plain * (1 + self.spread * (2 * share - 1))

    def verdict(self, item: Queued, now: float) -> RetryDecision:
        """Judge a row after an attempt that failed for now; `item` is as it was read before it.

        An attempt is always scheduled at the instant of the warning, so the one attempt that was
        planned before that instant and made after it is the one that warns.
        """
        expiry = item.accepted_at + self.lifetime
        if now >= expiry:
            return RetryDecision(next_attempt=None)
        warning = item.accepted_at + self.warn_after
        following = now + self.pause(item.attempts + 1, item.queue_id)
        if now < warning:
            following = min(following, warning)
        warn = now >= warning >= item.next_attempt
        return RetryDecision(next_attempt=min(following, expiry), warn=warn)
