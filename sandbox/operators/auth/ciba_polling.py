"""How a client waits for a CIBA answer, as a pure state machine (CIBA Core §7.3, §10.1, §11).

Answers and instants in, the next poll or the end out: no HTTP, no clock, no sleeping.

=================  ==========================================================================
answer             what follows
=================  ==========================================================================
pending            the next poll one interval after this answer came
slow down          the interval grows by 5 s, for good (§11)
overloaded         the same poll after Retry-After, and never sooner than an interval
lost               the same poll later and later: interval × 2, × 4; the third in a row ends it
tokens             approved
anything else      ended by one of `refusals_ciba`
=================  ==========================================================================
A poll that would come after the request's expiry, or after the operator's own limit, is never made.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

from sandbox.operators.auth import refusals_ciba
from sandbox.operators.refusals import LoginRefusal

__all__ = [
    "AnswerKind",
    "Approved",
    "Ended",
    "PollAnswer",
    "Polling",
    "read_answer",
    "start",
    "unanswered",
]

DEFAULT_INTERVAL = 5.0  # CIBA Core §7.3
SLOW_DOWN_STEP = 5.0  # CIBA Core §11
MOST_LOST = 3


class AnswerKind(StrEnum):
    """What a token endpoint answers to a poll."""

    TOKENS = "tokens"
    PENDING = "pending"
    SLOW_DOWN = "slow down"
    OVERLOADED = "overloaded"
    LOST = "lost"  # no answer, or none that can be read
    REFUSED = "refused"  # as `refusal` says


@dataclass(frozen=True, slots=True, kw_only=True)
class PollAnswer:
    """One answer. `retry_after` is seconds, 0 when not said; `tokens` the token response."""

    kind: AnswerKind
    refusal: LoginRefusal | None = None
    detail: str = ""
    retry_after: float = 0.0
    tokens: Mapping[str, Any] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class Approved:
    """The person approved. `tokens` is the token response, not verified yet."""

    tokens: Mapping[str, Any] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Ended:
    """Nothing more will be asked, because of `refusal`."""

    refusal: LoginRefusal
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Polling:
    """Where the wait stands. Instants and durations are seconds of one clock.

    Attributes:
        next_at: when the next poll is due.
        interval: least time between an answer and the next poll.
        expires_at: when the request expires at Pro Santé Connect.
        until: when the operator gives up.
        lost: answers lost in a row.
    """

    next_at: float
    interval: float
    expires_at: float
    until: float
    lost: int = 0

    def after(self, answer: PollAnswer, now: float) -> Polling | Approved | Ended:
        """Return what to do after an answer that came at `now`."""
        match answer.kind:
            case AnswerKind.TOKENS:
                return Approved(answer.tokens)
            case AnswerKind.PENDING:
                return _wait(self, now)
            case AnswerKind.SLOW_DOWN:
                slower = replace(self, interval=self.interval + SLOW_DOWN_STEP)
                return _wait(slower, now)
            case AnswerKind.OVERLOADED:
                return _retry(self, now, max(self.interval, answer.retry_after), answer.detail)
            case AnswerKind.LOST:
                return _retry(self, now, self.interval * 2 ** (self.lost + 1), answer.detail)
            case AnswerKind.REFUSED:
                assert answer.refusal is not None
                return Ended(answer.refusal, answer.detail)


def _wait(polling: Polling, now: float) -> Polling | Ended:
    due = now + polling.interval
    if due < min(polling.expires_at, polling.until):
        return replace(polling, next_at=due, lost=0)
    return unanswered(polling)


def unanswered(polling: Polling) -> Ended:
    """Return the end of a request that nobody answered in time."""
    expired = polling.expires_at <= polling.until
    return Ended(refusals_ciba.CIBA_NO_ANSWER if expired else refusals_ciba.CIBA_HELD_TOO_LONG)


def _retry(polling: Polling, now: float, wait: float, detail: str) -> Polling | Ended:
    lost = polling.lost + 1
    if lost < MOST_LOST and now + wait < min(polling.expires_at, polling.until):
        return replace(polling, next_at=now + wait, lost=lost)
    return Ended(refusals_ciba.PSC_UNREACHABLE, detail)


def start(now: float, *, expires_in: float, interval: float | None, hold: float) -> Polling:
    """Return the wait for a request acknowledged at `now`; the first poll is an interval away.

    Some providers throttle a first poll that comes sooner, and nobody answers in no time.
    `hold` is how long, from now, the operator holds a login.
    """
    pace = DEFAULT_INTERVAL if interval is None else interval
    return Polling(
        next_at=now + min(pace, expires_in / 2, hold / 2), interval=pace,
        expires_at=now + expires_in, until=now + hold,
    )  # fmt: skip


_ERRORS = {
    "authorization_pending": PollAnswer(kind=AnswerKind.PENDING),
    "slow_down": PollAnswer(kind=AnswerKind.SLOW_DOWN),
    "access_denied": PollAnswer(kind=AnswerKind.REFUSED, refusal=refusals_ciba.CIBA_REFUSED),
    "expired_token": PollAnswer(kind=AnswerKind.REFUSED, refusal=refusals_ciba.CIBA_NO_ANSWER),
    "invalid_client": PollAnswer(kind=AnswerKind.REFUSED, refusal=refusals_ciba.PSC_REGISTRATION),
    "unauthorized_client": PollAnswer(
        kind=AnswerKind.REFUSED, refusal=refusals_ciba.PSC_REGISTRATION
    ),
}
_MEMBERS = ("access_token", "token_type", "id_token")


def read_answer(
    status: int, body: Mapping[str, Any] | None, retry_after: float = 0.0
) -> PollAnswer:
    """Return what a token endpoint's HTTP answer means; `body` None: not a JSON object."""
    if status in (429, 502, 503, 504):
        # Retry-After comes from a stranger: what is not finite is as if it were not said.
        wait = retry_after if math.isfinite(retry_after) and retry_after > 0 else 0.0
        return PollAnswer(kind=AnswerKind.OVERLOADED, retry_after=wait, detail=f"HTTP {status}")
    if body is None or status >= 500:
        return PollAnswer(kind=AnswerKind.LOST, detail=f"HTTP {status}")
    if status == 200:
        missing = [name for name in _MEMBERS if not isinstance(body.get(name), str)]
        if missing:
            detail = f"the token response lacks {missing[0]}"
            return PollAnswer(
                kind=AnswerKind.REFUSED, refusal=refusals_ciba.PSC_MISBEHAVES, detail=detail
            )
        if body["token_type"].lower() != "bearer":
            detail = "the token type is not Bearer"
            return PollAnswer(
                kind=AnswerKind.REFUSED, refusal=refusals_ciba.PSC_MISBEHAVES, detail=detail
            )
        return PollAnswer(kind=AnswerKind.TOKENS, tokens=body)
    error = body.get("error")
    known = _ERRORS.get(error) if isinstance(error, str) else None
    if known is not None:
        return known
    detail = f"HTTP {status} {str(error)[:40]!r}"
    return PollAnswer(kind=AnswerKind.REFUSED, refusal=refusals_ciba.PSC_MISBEHAVES, detail=detail)
