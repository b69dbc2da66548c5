"""The questions of the requirement tables, put to Keycloak and to the psc profile alike.

A question is a dialogue: it drives a `Side` and returns the answers that are compared.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, Protocol

from joserfc import jwt
from joserfc.jwk import ECKey

from tests.psc.conftest import CIBA, DOCTOR, NOTIFICATION_TOKEN, SECRET

__all__ = ["DIFFERENCES", "KEY", "QUESTIONS", "Side", "realm"]

KEY = ECKey.generate_key("P-256", {"kid": "lps", "alg": "ES256", "use": "sig"})
DISABLED = "899700000042"
ASKED = {"scope": "openid", "login_hint": DOCTOR, "binding_message": "42"}
FORM = "application/x-www-form-urlencoded"


class Side(Protocol):
    """One of the two providers."""

    issuer: str

    def post(self, endpoint: str, form: Any, client: str | None = "basic", **kw: Any) -> Any: ...
    def decide(self, decision: str) -> None: ...
    def wait(self, seconds: float) -> None: ...
    def now(self) -> float: ...


def audience(name: str) -> dict[str, Any]:
    """Put the client in its tokens' audience: Keycloak introspects no other token since 26.x."""
    config = {
        "included.client.audience": name,
        "access.token.claim": "true",
        "introspection.token.claim": "true",
    }
    return {
        "name": "audience",
        "protocol": "openid-connect",
        "protocolMapper": "oidc-audience-mapper",
        "config": config,
    }


def realm() -> dict[str, Any]:
    """Return Keycloak's realm: the same people and clients as the emulator's."""

    def client(name: str, **attributes: str) -> dict[str, Any]:
        return {
            "clientId": name,
            "secret": SECRET,
            "protocol": "openid-connect",
            "redirectUris": ["https://localhost/callback"],
            "attributes": attributes,
            "protocolMappers": [audience(name)],
        }

    ciba = {"oidc.ciba.grant.enabled": "true", "ciba.backchannel.token.delivery.mode": "poll"}
    ping = {
        "oidc.ciba.grant.enabled": "true",
        "ciba.backchannel.token.delivery.mode": "ping",
        "ciba.backchannel.client.notification.endpoint": "https://localhost:1/ping",
    }
    signing = {
        **ciba,
        "use.jwks.string": "true",
        "jwks.string": json.dumps({"keys": [KEY.as_dict(private=False)]}),
        "token.endpoint.auth.signing.alg": "ES256",
        "ciba.backchannel.auth.request.signing.alg": "ES256",
    }
    user = {"enabled": True, "firstName": "C", "lastName": "T", "email": "c@mssante.test"}
    return {
        "realm": "esante-wallet",
        "enabled": True,
        "sslRequired": "none",
        "accessTokenLifespan": 120,
        "ssoSessionIdleTimeout": 350,
        "attributes": {
            "cibaBackchannelTokenDeliveryMode": "poll",
            "cibaExpiresIn": "120",
            "cibaInterval": "1",
            "cibaAuthRequestedUserHint": "login_hint",
        },
        "users": [
            {**user, "username": DOCTOR},
            {**user, "username": DISABLED, "enabled": False, "email": "d@mssante.test"},
        ],
        "clients": [
            client("basic", **ciba),
            client("other", **ciba),
            client("no-ciba"),
            client("ping", **ping),
            {**client("signed", **signing), "clientAuthenticatorType": "client-jwt"},
        ],
    }


def ask(client: str | None = "basic", **changes: Any) -> Callable[[Side], list[Any]]:
    """An authentication request with some parameters changed (None drops one)."""

    def question(side: Side) -> list[Any]:
        form = {k: v for k, v in {**ASKED, **changes}.items() if v is not None}
        return [side.post("backchannel", form, client)]

    return question


def at_token(client: str | None = "basic", **form: str) -> Callable[[Side], list[Any]]:
    return lambda side: [side.post("token", form, client)]


def start(side: Side, **changes: Any) -> dict[str, str]:
    answer = side.post("backchannel", {**ASKED, **changes})
    return {"grant_type": CIBA, "auth_req_id": answer.json()["auth_req_id"]}


def tokens(side: Side) -> dict[str, str]:
    poll = start(side)
    side.decide("approve")
    return side.post("token", poll).json()


def pending(side: Side) -> list[Any]:
    return [side.post("token", start(side))]


def slow(side: Side) -> list[Any]:
    poll = start(side)
    side.post("token", poll)
    return [side.post("token", poll), side.post("token", poll)]


def patient(side: Side) -> list[Any]:
    poll = start(side)
    side.post("token", poll)
    side.wait(1.1)
    return [side.post("token", poll)]


def approved_too_fast(side: Side) -> list[Any]:
    poll = start(side)
    side.post("token", poll)
    side.decide("approve")
    fast = side.post("token", poll)
    side.wait(1.1)
    return [fast, side.post("token", poll)]


def denied(side: Side) -> list[Any]:
    poll = start(side)
    side.decide("refuse")
    first = side.post("token", poll)
    side.wait(1.1)
    return [first, side.post("token", poll)]


def redeemed(side: Side) -> list[Any]:
    poll = start(side)
    side.decide("approve")
    first = side.post("token", poll)
    side.wait(1.1)
    return [first, side.post("token", poll)]


def foreign(side: Side) -> list[Any]:
    return [side.post("token", start(side), "other")]


def short_expiry(side: Side) -> list[Any]:
    poll = start(side, requested_expiry="1")
    side.wait(1.6)
    return [side.post("token", poll)]


def assertion(side: Side, key: Any = KEY, **changes: Any) -> dict[str, str]:
    now = int(side.now())
    claims = {
        "iss": "signed",
        "sub": "signed",
        "aud": side.issuer,
        "iat": now,
        "exp": now + 50,
        "jti": f"{now}-{id(changes)}-{changes}",
        **changes,
    }
    return {
        "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
        "client_assertion": jwt.encode(
            {"alg": "ES256", "kid": "lps"}, claims, key, algorithms=["ES256"]
        ),
    }


def by_assertion(**changes: Any) -> Callable[[Side], list[Any]]:
    return lambda side: [side.post("backchannel", {**ASKED, **assertion(side, **changes)}, None)]


def replayed(side: Side) -> list[Any]:
    form = {**ASKED, **assertion(side)}
    return [side.post("backchannel", form, None), side.post("backchannel", form, None)]


def stranger(side: Side) -> list[Any]:
    other = ECKey.generate_key("P-256", {"kid": "lps"})
    return [side.post("backchannel", {**ASKED, **assertion(side, other)}, None)]


def signed(side: Side, outside: dict[str, str] | None = None, **changes: Any) -> list[Any]:
    now = int(side.now())
    claims = {**ASKED, "iss": "signed", "aud": side.issuer, "iat": now, "nbf": now}
    claims |= {"exp": now + 60, "jti": str(now), **changes}
    request = jwt.encode({"alg": "ES256", "kid": "lps"}, claims, KEY, algorithms=["ES256"])
    form = {"request": request, **assertion(side), **(outside or {})}
    return [side.post("backchannel", form, None)]


def signed_none(side: Side) -> list[Any]:
    form = {"request": "eyJhbGciOiJub25lIn0.eyJzY29wZSI6Im9wZW5pZCJ9.", **assertion(side)}
    return [side.post("backchannel", form, None)]


def introspected(kind: str) -> Callable[[Side], list[Any]]:
    return lambda side: [side.post("introspection", {"token": tokens(side)[kind]})]


def refreshed(side: Side) -> list[Any]:
    form = {"grant_type": "refresh_token", "refresh_token": tokens(side)["refresh_token"]}
    return [side.post("token", form), side.post("token", form), side.post("token", form, "other")]


def revoked(side: Side) -> list[Any]:
    form = {"token": tokens(side)["refresh_token"]}
    return [side.post("revocation", form), side.post("revocation", form)]


def logged_out(side: Side) -> list[Any]:
    return [side.post("end_session", {"refresh_token": tokens(side)["refresh_token"]})]


PAR = {"response_type": "code", "redirect_uri": "https://localhost/callback", "scope": "openid"}

# name -> (rows, question)
QUESTIONS: dict[str, tuple[str, Callable[[Side], list[Any]]]] = {
    "a good request": ("K1", ask()),
    "no client authentication": ("R2", ask(None)),
    "unknown client": ("R2", ask("nobody")),
    "wrong secret": ("R2", ask("basic:wrong")),
    "the secret in the header and in the form": (
        "R2",
        ask(client_id="basic", client_secret=SECRET),
    ),
    "good assertion": ("R2", by_assertion()),
    "assertion for another audience": ("R2", by_assertion(aud="https://elsewhere.mssante.test")),
    "assertion expired": ("R2", by_assertion(exp=1)),
    "assertion replayed": ("R2", replayed),
    "assertion signed by a stranger": ("R2", stranger),
    "scope absent": ("R3", ask(scope=None)),
    "scope without openid": ("R3", ask(scope="profile")),
    "scope unknown": ("R3", ask(scope="openid nope")),
    "no hint": ("R4", ask(login_hint=None)),
    "two hints": ("R4", ask(id_token_hint="x")),
    "id_token_hint alone": ("R4", ask(login_hint=None, id_token_hint="x")),
    "login_hint_token alone": ("R4", ask(login_hint=None, login_hint_token="x")),
    "unknown user": ("R5", ask(login_hint="1")),
    "disabled user": ("R5", ask(login_hint=DISABLED)),
    "client without CIBA": ("R6", ask("no-ciba")),
    "ping without notification token": ("R7", ask("ping")),
    "ping with notification token": (
        "R7",
        ask("ping", client_notification_token=NOTIFICATION_TOKEN),
    ),
    "notification token of 1025 characters": (
        "R7",
        ask("ping", client_notification_token="x" * 1025),
    ),
    "notification token in poll mode": ("R7", ask(client_notification_token=NOTIFICATION_TOKEN)),
    "binding message with a space": ("R8", ask(binding_message="a b")),
    "binding message of 51 characters": ("R8", ask(binding_message="a" * 51)),
    "binding message of 50 characters": ("R8", ask(binding_message="a" * 50)),
    "binding message empty": ("R8", ask(binding_message="")),
    "user_code": ("R9", ask(user_code="1")),
    "requested_expiry 10": ("R10", ask(requested_expiry="10")),
    "requested_expiry 0": ("R10", ask(requested_expiry="0")),
    "requested_expiry -1": ("R10", ask(requested_expiry="-1")),
    "requested_expiry abc": ("R10", ask(requested_expiry="abc")),
    "requested_expiry over": ("R10", short_expiry),
    "repeated parameter": (
        "R11",
        lambda side: [
            side.post("backchannel", f"scope=openid&scope=openid&login_hint={DOCTOR}".encode())
        ],
    ),
    "JSON body": ("R1", lambda s: [s.post("backchannel", b"{}", media="application/json")]),
    "invalid UTF-8": (
        "R1",
        lambda s: [s.post("backchannel", b"scope=openid&login_hint=%ff%fe")],
    ),
    "empty body": ("R1", lambda side: [side.post("backchannel", b"")]),
    "signed request": ("R12", signed),
    "signed request, parameters outside too": ("R12", lambda s: signed(s, dict(ASKED))),
    "signed request expired": ("R12", lambda side: signed(side, exp=1)),
    "signed request for another audience": (
        "R12",
        lambda side: signed(side, aud="https://elsewhere.mssante.test"),
    ),
    "signed request of another issuer": ("R12", lambda side: signed(side, iss="basic")),
    "signed request with alg none": ("R12", signed_none),
    "request that is no JWT": ("R12", ask(request="xx")),
    "channel CARD": ("ANS", ask(channel="CARD")),
    "channel unknown": ("ANS", ask(channel="FAX")),
    "no grant_type": ("T6", at_token(x="1")),
    "no grant_type, no client": ("T6", at_token(None, x="1")),
    "unknown grant_type": ("T7", at_token(grant_type="zz")),
    "no auth_req_id": ("T6", at_token(grant_type=CIBA)),
    "unknown auth_req_id": ("T6", at_token(grant_type=CIBA, auth_req_id="x")),
    "pending": ("T1", pending),
    "polled too fast, twice": ("T2", slow),
    "polled in time": ("T13", patient),
    "approved, polled too fast, then in time": ("T11", approved_too_fast),
    "denied, twice": ("T4", denied),
    "redeemed twice": ("T6 T10", redeemed),
    "auth_req_id of another client": ("T6", foreign),
    "client without CIBA at the token endpoint": (
        "T7",
        at_token("no-ciba", grant_type=CIBA, auth_req_id="x"),
    ),
    "no client authentication at the token endpoint": (
        "T8",
        at_token(None, grant_type=CIBA, auth_req_id="x"),
    ),
    "wrong secret at the token endpoint": (
        "T8",
        at_token("basic:wrong", grant_type=CIBA, auth_req_id="x"),
    ),
    "refresh twice, then by another client": ("token", refreshed),
    "refresh with an unknown token": (
        "token",
        at_token(grant_type="refresh_token", refresh_token="x"),
    ),
    "refresh without a token": ("token", at_token(grant_type="refresh_token")),
    "unknown code": (
        "token",
        at_token(grant_type="authorization_code", code="x", redirect_uri=PAR["redirect_uri"]),
    ),
    "no code": ("token", at_token(grant_type="authorization_code")),
    "introspection of an access token": ("token", introspected("access_token")),
    "introspection of a refresh token": ("token", introspected("refresh_token")),
    "introspection of nothing": ("token", lambda s: [s.post("introspection", {"x": "1"})]),
    "introspection of an unknown token": (
        "token",
        lambda s: [s.post("introspection", {"token": "x"})],
    ),
    "introspection without a client": (
        "token",
        lambda s: [s.post("introspection", {"token": "x"}, None)],
    ),
    "revocation, twice": ("token", revoked),
    "revocation of nothing": ("token", lambda side: [side.post("revocation", {"x": "1"})]),
    "logout": ("token", logged_out),
    "pushed request": ("PAR", lambda side: [side.post("par", PAR)]),
    "pushed request to a stranger": (
        "PAR",
        lambda side: [side.post("par", {**PAR, "redirect_uri": "https://evil.mssante.test/"})],
    ),
    "pushed request without a client": ("PAR", lambda side: [side.post("par", PAR, None)]),
    "pushed request with request_uri": (
        "PAR",
        lambda side: [side.post("par", {"request_uri": "urn:x"})],
    ),
}

# Question -> why the answers differ on purpose. Anything else that differs fails the test.
DIFFERENCES: dict[str, str] = {
    "repeated parameter": (
        "Keycloak takes the first value. The emulator refuses, as Core does: a client that repeats "
        "a parameter has a bug that another provider will not forgive."
    ),
    "channel unknown": (
        "`channel` is PSC's own parameter; a plain Keycloak hands any value to its device. The "
        "emulator knows CARD and MOBILE."
    ),
    "introspection of an access token": (
        "Members: PSC adds SubjectNameID (its documentation) and its session_state; Keycloak adds "
        "what its default scopes and our audience mapper put in. Without that mapper Keycloak "
        "26.7 answers inactive to every client that is not in the token's audience."
    ),
    "introspection of a refresh token": (
        "PSC documents introspection of access and refresh tokens. Keycloak 26.7 answers inactive, "
        "a refresh token's audience being the realm and not the client."
    ),
}
