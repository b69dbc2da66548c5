"""What the core hands to the web layer: a reply in values, and what misbehaviour does to it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from sandbox.psc.faults import FaultRule
from sandbox.psc.refusals import ProfileName, Refused
from sandbox.psc.rules_token import RULES

__all__ = ["NO_STORE", "Reply", "refusal_reply", "spoil", "wire_error"]

NO_STORE = {"Cache-Control": "no-store", "Pragma": "no-cache"}


@dataclass(frozen=True, slots=True)
class Reply:
    """Status, JSON (or text) body, headers; `delay` seconds before it; `hang`: never answered."""

    status: int = 200
    body: dict[str, Any] | str | None = None
    headers: dict[str, str] = field(default_factory=dict)
    delay: float = 0.0
    hang: bool = False


def refusal_reply(refused: Refused, profile: ProfileName, basic: bool = False) -> Reply:
    """Return the standard's error answer, and nothing beyond it (R14)."""
    answer = refused.rule.answer(profile)
    headers = {**NO_STORE, **dict(refused.headers)}
    if answer.status == 401 and basic:
        headers["WWW-Authenticate"] = 'Basic realm="psc"'
    body = {"error": answer.error, "error_description": answer.description}
    return Reply(answer.status, body, headers)


# Faults that answer with an error of the protocol, and the rule whose answer they borrow.
_BORROWED = {
    "slow_down": "slow_down",
    "authorization_pending": "pending",
    "expired_token": "expired",
    "access_denied": "denied",
    "invalid_request": "id_missing",
}


def wire_error(rules: tuple[FaultRule, ...], profile: ProfileName) -> Reply | None:
    """Return the error that a fault imposes whatever the state, or None."""
    for rule in rules:
        if rule.fault in _BORROWED:
            key = _BORROWED[rule.fault]
            if rule.point == "backchannel" and rule.fault == "access_denied":
                key = "policy_refused"
            if rule.point == "backchannel" and rule.fault == "invalid_request":
                key = "hint_missing"
            return refusal_reply(Refused(RULES[key]), profile)
        if rule.fault == "unavailable":
            retry = {**NO_STORE, "Retry-After": str(max(1, round(rule.seconds)))}
            return Reply(503, {"error": "temporarily_unavailable"}, retry)
        if rule.fault == "server_error":
            html = "<html><body><h1>500 Internal Server Error</h1></body></html>"
            return Reply(500, html, {"Content-Type": "text/html; charset=utf-8"})
        if rule.fault == "not_json":
            return Reply(200, "<!doctype html><p>OK", {"Content-Type": "text/html; charset=utf-8"})
        if rule.fault == "silence":
            return Reply(503, None, {}, delay=rule.seconds, hang=True)
    return None


_DROPPED = {
    "missing_auth_req_id": "auth_req_id",
    "missing_expires_in": "expires_in",
    "missing_interval": "interval",
    "missing_access_token": "access_token",
    "missing_token_type": "token_type",
    "missing_id_token": "id_token",
}


def spoil(reply: Reply, rules: tuple[FaultRule, ...]) -> Reply:
    """Apply the faults that change an answer: members dropped or added, delay."""
    for rule in rules:
        if rule.fault == "slow":
            reply = replace(reply, delay=reply.delay + rule.seconds)
        if not isinstance(reply.body, dict) or reply.status >= 300:
            continue
        body = dict(reply.body)
        if rule.fault in _DROPPED:
            body.pop(_DROPPED[rule.fault], None)
        elif rule.fault == "unknown_members":
            body.update({"x_unknown": {"nested": [1, None]}, "interval_ms": "5000"})
        elif rule.fault == "stale_jwks":
            body = {"keys": []}
        elif rule.fault == "wrong_issuer":
            body["issuer"] = "https://psc.invalid.mssante.test"
        reply = replace(reply, body=body)
    return reply
