"""Misbehaviour on demand, as a table: what a client must survive. Each row carries its effect.

Docs and tests read the table; which row strikes when is `fault_rules`' affair.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from sandbox.psc import refusals_request, refusals_token
from sandbox.psc.jose import ASYMMETRIC, half_hash, unpadded
from sandbox.psc.notifications import Notification
from sandbox.psc.refusals import ProfileName, Refusal, Refused
from sandbox.psc.replies import NO_STORE, HttpReply, refusal_reply

__all__ = ["FAULTS", "Fault"]

_ANSWER = ("backchannel", "token", "userinfo", "introspection", "jwks", "discovery")
_ID = ("token", "notification")
_HTML = {"Content-Type": "text/html; charset=utf-8"}
WEEK = 604_800
LONG_INTERVAL = 31

Body = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One way for a provider to misbehave.

    Attributes:
        points: where it can strike; the first is the default.
        text: what it does, for the docs page.
        impose: the answer whatever the state, from the point, the rule's seconds and the profile.
        body: changes a good answer's members.
        delays: the answer comes after the rule's seconds.
        interval: what the acknowledgement says, and enforces.
        claims: changes an ID token's claims in place, before it is signed.
        algorithm: another algorithm than the one registered.
        header: members of the ID token's header.
        signed: changes the signed ID token.
        notify: what becomes of a notification.
        rotates: the keys change just before signing.
        fails: push delivers transaction_failed.
        early: a ping is sent before any decision.
    """

    points: tuple[str, ...]
    text: str
    impose: Callable[[str, float, ProfileName], HttpReply] | None = None
    body: Callable[[Body], Body] | None = None
    delays: bool = False
    interval: int | None = None
    claims: Callable[[Body], None] | None = None
    algorithm: Callable[[str], str] | None = None
    header: tuple[tuple[str, str], ...] = ()
    signed: Callable[[str], str] | None = None
    notify: Callable[[Notification], tuple[Notification, ...]] | None = None
    rotates: bool = False
    fails: bool = False
    early: bool = False


def _error(
    refusal: Refusal, at_backchannel: Refusal | None = None
) -> Callable[[str, float, ProfileName], HttpReply]:
    """Borrow the answer of a refusal."""

    def impose(point: str, _seconds: float, profile: ProfileName) -> HttpReply:
        other = at_backchannel if point == "backchannel" else None
        return refusal_reply(Refused(other or refusal), profile)

    return impose


def _unavailable(_point: str, seconds: float, _profile: ProfileName) -> HttpReply:
    retry = {**NO_STORE, "Retry-After": str(max(1, round(seconds)))}
    return HttpReply(503, {"error": "temporarily_unavailable"}, retry)


def _server_error(_point: str, _seconds: float, _profile: ProfileName) -> HttpReply:
    return HttpReply(500, "<html><body><h1>500 Internal Server Error</h1></body></html>", _HTML)


def _not_json(_point: str, _seconds: float, _profile: ProfileName) -> HttpReply:
    return HttpReply(200, "<!doctype html><p>OK", _HTML)


def _silence(_point: str, seconds: float, _profile: ProfileName) -> HttpReply:
    return HttpReply(503, None, {}, delay=seconds, hang=True)


def _without(member: str) -> Callable[[Body], Body]:
    return lambda body: {name: value for name, value in body.items() if name != member}


def _with(**members: Any) -> Callable[[Body], Body]:
    return lambda body: {**body, **members}


def _dropped(member: str) -> Callable[[Body], None]:
    def change(claims: Body) -> None:
        claims.pop(member, None)

    return change


def _claims(**members: Any) -> Callable[[Body], None]:
    def change(claims: Body) -> None:
        claims.update(members)

    return change


def _untrusted_audience(claims: Body) -> None:
    claims["aud"] = [claims["aud"], "another-client"]


def _wrong_party(claims: Body) -> None:
    claims.update(aud=[claims["aud"]], azp="another-client")


def _expired(claims: Body) -> None:
    claims["exp"] = claims.get("iat", WEEK + 1) - WEEK


def _old(claims: Body) -> None:
    claims["iat"] = claims.get("iat", WEEK) - WEEK


def _wrong_request(claims: Body) -> None:
    claims["urn:openid:params:jwt:claim:auth_req_id"] = "another-auth-req-id"


def _other_algorithm(alg: str) -> str:
    return next(other for other in reversed(ASYMMETRIC) if other != alg)


def _unsigned(token: str) -> str:
    header = unpadded(b'{"alg":"none"}')
    return f"{header}.{token.split('.')[1]}."


def _damaged(token: str) -> str:
    tail = "B" * 8 if token.endswith("A" * 8) else "A" * 8
    return token[:-8] + tail


def _bearer(value: str | None) -> Callable[[Notification], tuple[Notification, ...]]:
    return lambda one: (replace(one, bearer=value),)


def _ping_body(**members: str) -> Callable[[Notification], tuple[Notification, ...]]:
    return lambda one: (replace(one, body={**one.body, **members}),)


def _id(text: str, **effect: Any) -> Fault:
    return Fault(points=_ID, text=text, **effect)


def _at(point: str, text: str, **effect: Any) -> Fault:
    return Fault(points=(point,), text=text, **effect)


def _both(text: str, **effect: Any) -> Fault:
    return Fault(points=("backchannel", "token"), text=text, **effect)


def _answer(text: str, **effect: Any) -> Fault:
    return Fault(points=_ANSWER, text=text, **effect)


FAULTS: dict[str, Fault] = {
    "missing_auth_req_id": _at(
        "backchannel", "the acknowledgement lacks auth_req_id (K3)", body=_without("auth_req_id")
    ),
    "missing_expires_in": _at(
        "backchannel", "the acknowledgement lacks expires_in (K3)", body=_without("expires_in")
    ),
    "missing_interval": _at(
        "backchannel", "no interval: the client must assume 5 s (K1)", body=_without("interval")
    ),
    "long_interval": _at(
        "backchannel", f"interval is {LONG_INTERVAL} s and is enforced (K1)", interval=LONG_INTERVAL
    ),
    "unknown_members": _both(
        "members that the client must ignore (K3)",
        body=_with(x_unknown={"nested": [1, None]}, interval_ms="5000"),
    ),
    "invalid_request": _both(
        "400 invalid_request",
        impose=_error(refusals_token.ID_MISSING, at_backchannel=refusals_request.HINT_MISSING),
    ),
    "access_denied": _both(
        "access_denied whatever the user said (T4)",
        impose=_error(refusals_token.DENIED, at_backchannel=refusals_request.POLICY_REFUSED),
    ),
    "slow_down": _at(
        "token",
        "400 slow_down though the client was patient (T2)",
        impose=_error(refusals_token.SLOW_DOWN),
    ),
    "authorization_pending": _at(
        "token",
        "400 authorization_pending though the user decided (T1)",
        impose=_error(refusals_token.POLL_PENDING),
    ),
    "expired_token": _at(
        "token", "400 expired_token before the time (T5)", impose=_error(refusals_token.EXPIRED)
    ),
    "transaction_failed": _at("notification", "push delivers transaction_failed (P4)", fails=True),
    "unavailable": _answer("503 with Retry-After (T9)", impose=_unavailable),
    "server_error": _answer("500 with an HTML body", impose=_server_error),
    "not_json": _answer("200 with a body that is not JSON", impose=_not_json),
    "slow": _answer("the answer comes after `seconds`", delays=True),
    "silence": _answer("no answer for `seconds`, then the connection closes", impose=_silence),
    "missing_access_token": _at(
        "token", "the token response lacks access_token", body=_without("access_token")
    ),
    "missing_token_type": _at(
        "token", "the token response lacks token_type", body=_without("token_type")
    ),
    "missing_id_token": _id("the token response lacks id_token", body=_without("id_token")),
    "id_missing_iss": _id("the ID token lacks iss", claims=_dropped("iss")),
    "id_wrong_iss": _id(
        "the ID token has another iss", claims=_claims(iss="https://psc.invalid.mssante.test")
    ),
    "id_missing_aud": _id("the ID token lacks aud", claims=_dropped("aud")),
    "id_wrong_aud": _id("the ID token is for another client", claims=_claims(aud="another-client")),
    "id_untrusted_aud": _id("aud lists this client and a stranger", claims=_untrusted_audience),
    "id_wrong_azp": _id("azp names another client", claims=_wrong_party),
    "id_missing_sub": _id("the ID token lacks sub", claims=_dropped("sub")),
    "id_missing_exp": _id("the ID token lacks exp", claims=_dropped("exp")),
    "id_expired": _id("exp is past", claims=_expired),
    "id_missing_iat": _id("the ID token lacks iat", claims=_dropped("iat")),
    "id_old_iat": _id("iat is a week old", claims=_old),
    "id_missing_acr": _id("the ID token lacks acr", claims=_dropped("acr")),
    "id_wrong_acr": _id("acr is not the level that was asked (F6)", claims=_claims(acr="eidas0")),
    "id_wrong_at_hash": _id(
        "at_hash does not match (P3)", claims=_claims(at_hash=half_hash("another token"))
    ),
    "id_wrong_auth_req_id": _id("the auth_req_id claim is another one (P3)", claims=_wrong_request),
    "id_wrong_nonce": _at(
        "token", "nonce differs (browser flow)", claims=_claims(nonce="another-nonce")
    ),
    "id_alg_none": _id("the ID token is unsigned, alg none (F5)", signed=_unsigned),
    "id_wrong_alg": _id(
        "the ID token is signed with another algorithm than registered", algorithm=_other_algorithm
    ),
    "id_bad_signature": _id("the signature is damaged", signed=_damaged),
    "id_unknown_kid": _id("kid is in no JWKS", header=(("kid", "never-published"),)),
    "rotate_keys": _id(
        "the keys change and the old ones leave the JWKS just before signing", rotates=True
    ),
    "stale_jwks": _at("jwks", "the JWKS is empty", body=lambda _: {"keys": []}),
    "wrong_issuer": _at(
        "discovery",
        "discovery names another issuer",
        body=_with(issuer="https://psc.invalid.mssante.test"),
    ),
    "wrong_bearer": _at(
        "notification",
        "the notification carries another token (P1)",
        notify=_bearer("a-token-that-this-client-never-gave"),
    ),
    "missing_bearer": _at(
        "notification", "the notification has no Authorization (P1)", notify=_bearer(None)
    ),
    "double_ping": _at(
        "notification", "the notification is sent twice (P2)", notify=lambda one: (one, one)
    ),
    "no_ping": _at(
        "notification", "no notification: the client must poll (P2)", notify=lambda _: ()
    ),
    "early_ping": _at(
        "notification", "the ping comes, but the token endpoint is still pending", early=True
    ),
    "unknown_ping_id": _at(
        "notification",
        "the notification carries an auth_req_id never issued",
        notify=_ping_body(auth_req_id="an-auth-req-id-never-issued"),
    ),
    "ping_extra_members": _at(
        "notification",
        "the ping body has more than auth_req_id (P1)",
        notify=_ping_body(status="ok", sub="someone"),
    ),
}
