"""The life of one authentication request, as a pure state machine.

Values in, values out: no socket, no store, no clock. `poll` and `decide` take the instant and
return the request that replaces the one given. Which check comes first differs by profile and is
one table, `POLL_ORDER`; the tests and docs/psc.md read the same table.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from operator import attrgetter
from typing import Any

from sandbox.psc import refusals_token
from sandbox.psc.refusals import ProfileName, Refusal
from sandbox.psc.settings import Settings

__all__ = [
    "POLL_ORDER",
    "AuthRequest",
    "DeviceDecision",
    "RequestState",
    "decide",
    "expire",
    "poll",
]


class RequestState(StrEnum):
    """Where a request stands."""

    PENDING = "pending"
    APPROVED = "approved"
    DENIED = "denied"
    FAILED = "failed"
    EXPIRED = "expired"
    REDEEMED = "redeemed"
    CLOSED = "closed"


class DeviceDecision(StrEnum):
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
        return dict(zip(self.__slots__, _VALUES(self), strict=True))

    def but(self, **changes: Any) -> AuthRequest:
        """Return it with other values; `dataclasses.replace`, which every poll would wait for."""
        return AuthRequest(**{**self.to_dict(), **changes})

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> AuthRequest:
        """Build from the store's plain data."""
        return cls(**{**data, "state": RequestState(data["state"])})


_VALUES = attrgetter(*AuthRequest.__slots__)


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
    refusal, changes = _polled(request, now, settings)
    return request.but(polls=request.polls + 1, **changes), refusal


_Polled = tuple[Refusal | None, dict[str, Any]]


def _polled(request: AuthRequest, now: float, settings: Settings) -> _Polled:
    """Return the refusal of a poll, None for tokens, and what changes but its count."""
    state = request.state
    for check in POLL_ORDER[settings.profile]:
        match check:
            case "redeemed" if state is RequestState.REDEEMED:
                return refusals_token.ID_REDEEMED, {}
            case "closed" if state is RequestState.CLOSED:
                return refusals_token.ABUSIVE, {}
            case "expired" if state is RequestState.EXPIRED or now >= request.expires_at:
                return refusals_token.EXPIRED, {}
            case "denied" if state is RequestState.DENIED:
                return refusals_token.DENIED, {}
            case "failed" if state is RequestState.FAILED:
                return refusals_token.TRANSACTION_FAILED, {}
            case "throttle" if _too_fast(request, now, settings):
                return _throttled(request, now, settings)
            case "pending" if state is RequestState.PENDING:
                return refusals_token.POLL_PENDING, {"last_poll": now}
            case _:
                continue
    if state is not RequestState.APPROVED:
        # psc has no "closed" or "failed" row: Keycloak knows neither and says denied.
        return refusals_token.DENIED, {}
    return None, {"state": RequestState.REDEEMED, "last_poll": now}


def _throttled(request: AuthRequest, now: float, settings: Settings) -> _Polled:
    fast = request.fast_polls + 1
    if settings.profile == "psc":
        # Keycloak: a refused poll does not restart the wait.
        return refusals_token.SLOW_DOWN, {"fast_polls": fast}
    # A pinged request stays good however often it was polled: its ping is still to come.
    if request.mode == "poll" and settings.patience and fast > settings.patience:
        return refusals_token.ABUSIVE, {"fast_polls": fast, "state": RequestState.CLOSED}
    wait = request.interval + settings.slow_down_step
    return refusals_token.SLOW_DOWN, {"fast_polls": fast, "interval": wait, "last_poll": now}


def decide(request: AuthRequest, decision: DeviceDecision, now: float) -> AuthRequest:
    """Apply what the device says; a request that is no longer pending is returned unchanged."""
    if request.state is not RequestState.PENDING or now >= request.expires_at:
        return request
    match decision:
        case DeviceDecision.APPROVE:
            return request.but(state=RequestState.APPROVED, decided_at=now)
        case DeviceDecision.REFUSE:
            return request.but(state=RequestState.DENIED, decided_at=now)
        case DeviceDecision.FAIL:
            return request.but(state=RequestState.FAILED, decided_at=now)
        case DeviceDecision.WRONG_CODE:
            wrong = request.but(wrong_codes=request.wrong_codes + 1)
            if wrong.wrong_codes >= MAX_WRONG_CODES:
                return wrong.but(state=RequestState.DENIED, decided_at=now)
            return wrong


def expire(request: AuthRequest, now: float) -> AuthRequest:
    """Mark a pending request whose time is over; anything else is returned unchanged."""
    if request.state is RequestState.PENDING and now >= request.expires_at:
        return request.but(state=RequestState.EXPIRED, decided_at=now)
    return request
