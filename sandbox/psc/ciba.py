"""The life of one authentication request, as a pure state machine.

Values in, values out: no socket, no store, no clock. `poll` and `decide` take the instant and
return the request that replaces the one given. Which check comes first differs by profile and is
one table, `POLL_ORDER`; the tests and docs/psc.md read the same table.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from sandbox.psc import refusals_token
from sandbox.psc.refusals import ProfileName, Refusal
from sandbox.psc.settings import Settings

__all__ = ["POLL_ORDER", "AuthRequest", "Decision", "RequestState", "decide", "expire", "poll"]


class RequestState(StrEnum):
    """Where a request stands."""

    PENDING = "pending"
    APPROVED = "approved"
    DENIED = "denied"
    FAILED = "failed"
    EXPIRED = "expired"
    REDEEMED = "redeemed"
    CLOSED = "closed"


class Decision(StrEnum):
    """What the authentication device says; the last two end in a denial."""

    APPROVE = "approve"
    REFUSE = "refuse"
    WRONG_CODE = "wrong_code"
    FAIL = "fail"


# Wrong codes that end a request, as three wrong PINs end a CPS session.
MAX_WRONG_CODES = 3

# Check order at the token endpoint. Keycloak throttles before it looks at the decision, so an
# approved request polled too soon still earns slow_down (anchors.md C3); Core's slow_down is "a
# variant of authorization_pending", so it is only for what is still pending.
POLL_ORDER: dict[ProfileName, tuple[str, ...]] = {
    "psc": ("redeemed", "expired", "throttle", "denied", "pending"),
    "core": ("redeemed", "closed", "expired", "denied", "failed", "throttle", "pending"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthRequest:
    """One backchannel (or browser) authentication request. Instants are epoch seconds."""

    ticket: str  # public handle for people and APIs; the secret id is never shown
    id_hash: str  # SHA-256 of auth_req_id
    client_id: str
    subject: str
    scope: str
    mode: str  # poll, ping, push, browser
    created_at: float
    expires_at: float
    interval: int
    binding_message: str | None = None
    acr_values: str | None = None
    channel: str = "MOBILE"
    # The id itself is kept only where it must be sent again (ping, push).
    auth_req_id: str | None = None
    notification_token: str | None = None
    nonce: str | None = None
    state: RequestState = RequestState.PENDING
    last_poll: float | None = None
    polls: int = 0
    fast_polls: int = 0
    wrong_codes: int = 0
    notified: bool = False
    decided_at: float | None = None
    # What the person's behaviour has planned, so that a restart keeps it.
    planned_at: float | None = None
    planned: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return plain data for the store."""
        return {name: getattr(self, name) for name in self.__slots__}

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> AuthRequest:
        """Build from the store's plain data."""
        return cls(**{**data, "state": RequestState(data["state"])})


def _too_fast(request: AuthRequest, now: float, settings: Settings) -> bool:
    if request.last_poll is None:
        if settings.first_poll == "allowed":
            return False
        since = request.created_at
    else:
        since = request.last_poll
    # A pinged client may come at once (T11): `notified` lifts the throttle, once decided.
    if (
        settings.profile == "core"
        and request.notified
        and request.state is not RequestState.PENDING
    ):
        return False
    return now < since + request.interval - settings.poll_tolerance


def poll(
    request: AuthRequest, now: float, settings: Settings
) -> tuple[AuthRequest, Refusal | None]:
    """Answer one poll: the request as it is afterwards, and the refusal or None for tokens.

    The interval check and its update are one step (T12): callers store the returned request in
    the same transaction as they read the given one.
    """
    seen = replace(request, polls=request.polls + 1)
    for check in POLL_ORDER[settings.profile]:
        match check:
            case "redeemed" if request.state is RequestState.REDEEMED:
                return seen, refusals_token.ID_REDEEMED
            case "closed" if request.state is RequestState.CLOSED:
                return seen, refusals_token.ABUSIVE
            case "expired" if request.state is RequestState.EXPIRED or now >= request.expires_at:
                return seen, refusals_token.EXPIRED
            case "denied" if request.state is RequestState.DENIED:
                return seen, refusals_token.DENIED
            case "failed" if request.state is RequestState.FAILED:
                return seen, refusals_token.TRANSACTION_FAILED
            case "throttle" if _too_fast(request, now, settings):
                return _throttled(seen, now, settings)
            case "pending" if request.state is RequestState.PENDING:
                return replace(seen, last_poll=now), refusals_token.POLL_PENDING
            case _:
                continue
    if request.state is not RequestState.APPROVED:
        # psc has no "closed" or "failed" row: Keycloak knows neither and says denied.
        return seen, refusals_token.DENIED
    return replace(seen, state=RequestState.REDEEMED, last_poll=now), None


def _throttled(
    request: AuthRequest, now: float, settings: Settings
) -> tuple[AuthRequest, Refusal | None]:
    fast = request.fast_polls + 1
    if settings.profile == "psc":
        # Keycloak: a refused poll does not restart the wait.
        return replace(request, fast_polls=fast), refusals_token.SLOW_DOWN
    # A pinged request stays good however often it was polled: its ping is still to come.
    if request.mode == "poll" and settings.patience and fast > settings.patience:
        return replace(request, fast_polls=fast, state=RequestState.CLOSED), refusals_token.ABUSIVE
    wait = request.interval + settings.slow_down_step
    return replace(request, fast_polls=fast, interval=wait, last_poll=now), refusals_token.SLOW_DOWN


def decide(request: AuthRequest, decision: Decision, now: float) -> AuthRequest:
    """Apply what the device says; a request that is no longer pending is returned unchanged."""
    if request.state is not RequestState.PENDING or now >= request.expires_at:
        return request
    match decision:
        case Decision.APPROVE:
            return replace(request, state=RequestState.APPROVED, decided_at=now)
        case Decision.REFUSE:
            return replace(request, state=RequestState.DENIED, decided_at=now)
        case Decision.FAIL:
            return replace(request, state=RequestState.FAILED, decided_at=now)
        case Decision.WRONG_CODE:
            wrong = replace(request, wrong_codes=request.wrong_codes + 1)
            if wrong.wrong_codes >= MAX_WRONG_CODES:
                return replace(wrong, state=RequestState.DENIED, decided_at=now)
            return wrong


def expire(request: AuthRequest, now: float) -> AuthRequest:
    """Mark a pending request whose time is over; anything else is returned unchanged."""
    if request.state is RequestState.PENDING and now >= request.expires_at:
        return replace(request, state=RequestState.EXPIRED, decided_at=now)
    return request
