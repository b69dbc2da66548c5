"""The browser flow that the deck keeps optional: code with PKCE, PAR, front-channel logout."""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from sandbox.psc.ciba import State
from sandbox.psc.client_auth import Credentials
from sandbox.psc.clients import Client
from sandbox.psc.jose import BadTokenError
from sandbox.psc.provider import Provider
from sandbox.psc.refusals import Answer, Refused
from sandbox.psc.replies import NO_STORE, Reply
from sandbox.psc.requests import Opening
from sandbox.psc.rules_token import RULES
from sandbox.psc.settings import SCOPES
from sandbox.psc.store import fingerprint

__all__ = ["Page", "Redirect", "end_session", "push_request", "show", "start"]

CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}", re.ASCII)
LOGIN_LIFE = 300


@dataclass(frozen=True, slots=True)
class Redirect:
    """Send the browser to a URL."""

    url: str


@dataclass(frozen=True, slots=True)
class Page:
    """Show a page: `login` asks who it is, `wait` waits for the phone, `error`, `bye`."""

    name: str
    values: dict[str, Any]
    status: int = 200


def push_request(provider: Provider, credentials: Credentials) -> Reply:
    """Answer RFC 9126."""
    try:
        client = provider.authenticate(credentials)
    except Refused as refused:
        if provider.settings.profile == "psc" and refused.rule.answer("psc").status == 401:
            # Keycloak's own words at this endpoint.
            provider.refuse(refused, credentials)
            answer = Answer(401, "invalid_request", "Authentication failed.")
            body = {"error": answer.error, "error_description": answer.description}
            return Reply(answer.status, body, NO_STORE)
        return provider.refuse(refused, credentials)
    form = {
        name: value
        for name, value in credentials.form.items()
        if name not in ("client_secret", "client_assertion", "client_assertion_type")
    }
    try:
        if "request_uri" in form:
            raise Refused(RULES["par_request_uri"])
        form["client_id"] = client.client_id
        _redirect_uri(client, form)
        _check(provider, client, form)
    except Refused as refused:
        return provider.refuse(refused, credentials)
    life = provider.settings.par_life
    uri = f"urn:ietf:params:oauth:request_uri:{secrets.token_urlsafe(24)}"
    until = provider.now() + life
    record = {"form": form, "client_id": client.client_id, "exp": until}
    provider.store.put("par", fingerprint(uri), record, expires=until)
    return Reply(201, {"request_uri": uri, "expires_in": life}, NO_STORE)


def start(provider: Provider, query: Mapping[str, str]) -> Page | Redirect:
    """Answer the authorization endpoint (RFC 6749 4.1.1)."""
    form = dict(query)
    try:
        client = provider.clients.get(form.get("client_id", ""))
        if client is None:
            raise Refused(RULES["client_unknown"])
        if "request_uri" in form:
            form = _pushed(provider, form["request_uri"], client)
        redirect_uri = _redirect_uri(client, form)
    except Refused as refused:
        # Nobody to send the error back to: it is shown (RFC 6749 4.1.2.1).
        provider.refuse(refused)
        return Page("error", {"rule": refused.rule}, 400)
    try:
        _check(provider, client, form)
        if form.get("prompt") == "none":
            raise Refused(RULES["login_required"])
    except Refused as refused:
        provider.refuse(refused)
        return Redirect(_error_url(provider, redirect_uri, form, refused))
    handle = secrets.token_urlsafe(24)
    until = provider.now() + LOGIN_LIFE
    record = {
        "client_id": client.client_id,
        "redirect_uri": redirect_uri,
        "scope": form["scope"],
        "state": form.get("state"),
        "nonce": form.get("nonce"),
        "code_challenge": form.get("code_challenge"),
        "acr_values": form.get("acr_values"),
        "exp": until,
        "ticket": None,
    }
    provider.store.put("login", fingerprint(handle), record, expires=until)
    hint = form.get("login_hint")
    if hint:
        return show(provider, handle, national_id=hint)
    return Page("login", {"handle": handle, "client": client.client_id, "error": None})


def _pushed(provider: Provider, uri: str, client: Client) -> dict[str, str]:
    record = provider.store.get("par", fingerprint(uri))
    if record is None or provider.now() >= record["exp"]:
        raise Refused(RULES["request_uri_invalid"])
    if record["client_id"] != client.client_id:
        raise Refused(RULES["request_uri_invalid"], "pushed by another client")
    provider.store.delete("par", fingerprint(uri))
    return dict(record["form"])


def _redirect_uri(client: Client, form: Mapping[str, str]) -> str:
    """Return the registered redirect_uri, compared as a plain string (RFC 9700 2.1).

    A loopback address may take any port (RFC 8252 7.3).
    """
    given = form.get("redirect_uri", "")
    loopback = re.fullmatch(r"http://127\.0\.0\.1(:[0-9]{1,5})?(/.*)", given)
    if given in client.redirect_uris:
        return given
    if loopback and f"http://127.0.0.1{loopback[2]}" in client.redirect_uris:
        return given
    raise Refused(RULES["redirect_invalid"])


def _check(provider: Provider, client: Client, form: Mapping[str, str]) -> None:
    if form.get("response_type") != "code":
        raise Refused(RULES["response_type"])
    asked = form.get("scope", "").split()
    if "openid" not in asked:
        raise Refused(RULES["scope_openid"])
    if set(asked) - set(SCOPES):
        raise Refused(RULES["scope_invalid"])
    challenge = form.get("code_challenge")
    if challenge is None:
        if client.require_pkce and provider.settings.profile == "core":
            raise Refused(RULES["challenge_invalid"])
    elif form.get("code_challenge_method") != "S256" or CHALLENGE.fullmatch(challenge) is None:
        raise Refused(RULES["challenge_invalid"])


def _with(url: str, parameters: dict[str, str | None]) -> str:
    kept = {name: value for name, value in parameters.items() if value is not None}
    return f"{url}{'&' if '?' in url else '?'}{urlencode(kept)}"


def _error_url(
    provider: Provider, redirect_uri: str, form: Mapping[str, Any], refused: Refused
) -> str:
    answer = refused.rule.answer(provider.settings.profile)
    return _with(
        redirect_uri,
        {
            "error": answer.error,
            "error_description": answer.description,
            "state": form.get("state"),
            "iss": provider.issuer,
        },
    )


def show(
    provider: Provider, handle: str, *, national_id: str | None = None, channel: str = "MOBILE"
) -> Page | Redirect:
    """Continue a login: open the request on the phone, wait, or go back with a code."""
    key = fingerprint(handle)
    record = provider.store.get("login", key)
    if record is None or provider.now() >= record["exp"]:
        return Page("error", {"rule": RULES["request_uri_invalid"]}, 400)
    client = provider.clients.get(record["client_id"])
    if client is None:
        return Page("error", {"rule": RULES["client_unknown"]}, 400)
    if record["ticket"] is None:
        if national_id is None:
            return Page("login", {"handle": handle, "client": client.client_id, "error": None})
        person = provider.people.find(national_id.strip())
        if person is None or not person.enabled or person.blocked:
            provider.refuse(Refused(RULES["unknown_user"]))
            values = {"handle": handle, "client": client.client_id, "error": RULES["unknown_user"]}
            return Page("login", values, 200)
        code = f"{secrets.randbelow(100):02d}"
        opening = Opening(
            client=client,
            person=person,
            scope=record["scope"],
            mode="browser",
            life=provider.settings.expires_in,
            binding_message=code,
            channel=channel if channel in ("CARD", "MOBILE") else "MOBILE",
            nonce=record["nonce"],
            acr_values=record["acr_values"],
        )
        _, request = provider.requests.open(opening)
        record = {**record, "ticket": request.ticket, "code": code, "national_id": national_id}
        provider.store.put("login", key, record, expires=record["exp"])
    provider.tick()
    decided = provider.requests.find(record["ticket"])
    if decided is None or decided.state in (State.DENIED, State.EXPIRED, State.FAILED):
        provider.store.delete("login", key)
        refused = Refused(RULES["browser_denied"])
        provider.refuse(refused)
        return Redirect(_error_url(provider, record["redirect_uri"], record, refused))
    if decided.state is not State.APPROVED:
        return Page("wait", {"handle": handle, "code": record["code"], "request": decided})
    provider.store.delete("login", key)
    code = secrets.token_urlsafe(32)
    until = provider.now() + provider.settings.code_life
    granted = {
        **{name: record[name] for name in ("client_id", "redirect_uri", "scope", "nonce")},
        **{name: record[name] for name in ("code_challenge", "acr_values")},
        "national_id": decided.subject,
        "auth_time": decided.decided_at,
        "exp": until,
    }
    provider.store.put("code", fingerprint(code), granted, expires=until)
    parameters = {"code": code, "state": record["state"], "iss": provider.issuer}
    return Redirect(_with(record["redirect_uri"], parameters))


def end_session(provider: Provider, query: Mapping[str, str]) -> Page | Redirect:
    """Log out in the browser (OpenID Connect RP-Initiated Logout 1.0)."""
    client: Client | None = None
    hint = query.get("id_token_hint")
    if hint:
        try:
            claims = provider.read_own_id_token(hint)
        except BadTokenError:
            return Page("error", {"rule": RULES["hint_invalid"]}, 400)
        provider.tokens.end_session(str(claims.get("sid", "")))
        client = provider.clients.get(str(claims.get("azp", "")))
    target = query.get("post_logout_redirect_uri")
    if target is None:
        return Page("bye", {})
    if client is None or target not in client.redirect_uris:
        return Page("error", {"rule": RULES["redirect_invalid"]}, 400)
    return Redirect(_with(target, {"state": query.get("state")}))
