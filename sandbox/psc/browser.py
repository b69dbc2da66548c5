"""The browser flow that the deck keeps optional: code with PKCE, PAR, single sign-on on demand."""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlencode

from sandbox.psc import refusals_request, refusals_token
from sandbox.psc.ciba import AuthRequest, RequestState
from sandbox.psc.client_auth import Credentials
from sandbox.psc.clients import Client
from sandbox.psc.jose import BadTokenError
from sandbox.psc.provider import Provider
from sandbox.psc.refusals import Refused, WireError
from sandbox.psc.replies import NO_STORE, HttpReply
from sandbox.psc.requests import Opening
from sandbox.psc.settings import RESPONSE_MODES, SCOPES
from sandbox.psc.store import fingerprint

__all__ = ["HtmlPage", "Outcome", "Redirect", "push_request", "show", "start"]

CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}", re.ASCII)
LOGIN_LIFE = 300
PUSHED = "urn:ietf:params:oauth:request_uri:"
_GRANTED = ("nonce", "code_challenge", "acr_values")
_KEPT = ("state", "response_mode", *_GRANTED)


@dataclass(frozen=True, slots=True)
class Redirect:
    """Send the browser to a URL. `session` is its new session's cookie; empty ends it."""

    url: str
    session: str | None = None


@dataclass(frozen=True, slots=True)
class HtmlPage:
    """Show a page: `login` asks who it is, `wait` waits for the phone, `form_post` sends on..."""

    name: str
    values: dict[str, Any]
    status: int = 200
    session: str | None = None


Outcome = HtmlPage | Redirect


def push_request(provider: Provider, credentials: Credentials) -> HttpReply:
    """Answer RFC 9126."""
    try:
        client = provider.authenticate(credentials)
    except Refused as refused:
        if provider.settings.profile == "psc" and refused.refusal.answer("psc").status == 401:
            # Keycloak's own words at this endpoint.
            provider.refuse(refused, credentials)
            answer = WireError(401, "invalid_request", "Authentication failed.")
            body = {"error": answer.error, "error_description": answer.description}
            return HttpReply(answer.status, body, NO_STORE)
        return provider.refuse(refused, credentials)
    form = {
        name: value
        for name, value in credentials.form.items()
        if name not in ("client_secret", "client_assertion", "client_assertion_type")
    }
    try:
        if "request_uri" in form:
            raise Refused(refusals_token.PAR_REQUEST_URI)
        form["client_id"] = client.client_id
        _redirect_uri(client, form)
        _check(provider, client, form)
    except Refused as refused:
        return provider.refuse(refused, credentials)
    life = provider.settings.par_life
    uri = f"{PUSHED}{secrets.token_urlsafe(24)}"
    until = provider.now() + life
    record = {"form": form, "client_id": client.client_id, "exp": until}
    provider.store.put("par", fingerprint(uri), record, expires=until)
    return HttpReply(201, {"request_uri": uri, "expires_in": life}, NO_STORE)


def start(provider: Provider, query: Mapping[str, str], cookie: str = "") -> Outcome:
    """Answer the authorization endpoint (RFC 6749 4.1.1); `cookie` names a browser's session."""
    form = dict(query)
    try:
        client = provider.clients.get(form.get("client_id", ""))
        if client is None:
            raise Refused(refusals_request.CLIENT_UNKNOWN)
        pushed = form.get("request_uri", "")
        if pushed.startswith(PUSHED):
            form = _pushed(provider, pushed, client)
        redirect_uri = _redirect_uri(client, form)
    except Refused as refused:
        # Nobody to send the error back to: it is shown (RFC 6749 4.1.2.1).
        provider.refuse(refused)
        return HtmlPage("error", {"reason": refused.refusal.reason}, 400)
    record: dict[str, Any] = {
        "client_id": client.client_id,
        "redirect_uri": redirect_uri,
        "scope": provider.settings.granted(form.get("scope", "")),
        **{name: form.get(name) for name in _KEPT},
    }
    try:
        _check(provider, client, form)
        hinted = _hinted(provider, form)
        session = _usable_session(provider, form, cookie, hinted)
        if session is None and form.get("prompt") == "none":
            raise Refused(refusals_token.LOGIN_REQUIRED)
    except Refused as refused:
        provider.refuse(refused)
        return _error(provider, record, refused)
    if session is not None:
        return _code(provider, record, session)
    handle = secrets.token_urlsafe(24)
    until = provider.now() + LOGIN_LIFE
    record = {**record, "exp": until, "ticket": None}
    provider.store.put("login", fingerprint(handle), record, expires=until)
    hint = hinted or form.get("login_hint")
    if hint:
        return show(provider, handle, national_id=hint)
    return HtmlPage("login", {"handle": handle, "client": client.client_id, "error": None})


def _hinted(provider: Provider, form: Mapping[str, str]) -> str | None:
    """Return whom an id_token_hint names."""
    hint = form.get("id_token_hint")
    if hint is None:
        return None
    try:
        claims = provider.read_own_id_token(hint)
    except BadTokenError as error:
        raise Refused(refusals_request.HINT_INVALID, str(error)) from None
    return str(claims.get("sub")).split(":", 2)[-1]


def _usable_session(
    provider: Provider, form: Mapping[str, str], cookie: str, hinted: str | None
) -> dict[str, Any] | None:
    """Return the browser's session where it spares a new login (OpenID Connect Core 3.1.2.3)."""
    prompt = form.get("prompt", "").split()
    if "none" in prompt and len(prompt) > 1:
        raise Refused(refusals_token.PROMPT_INVALID)
    age = form.get("max_age")
    if age is not None and re.fullmatch(r"[0-9]{1,9}", age, re.ASCII) is None:
        raise Refused(refusals_token.MAX_AGE_INVALID)
    session = provider.store.get("session", fingerprint(cookie)) if cookie else None
    if session is None or provider.now() >= session["exp"]:
        return None
    if {"login", "select_account"} & set(prompt) or hinted not in (None, session["national_id"]):
        return None
    if age is not None and provider.now() - session["auth_time"] > int(age):
        return None
    return session


def _pushed(provider: Provider, uri: str, client: Client) -> dict[str, str]:
    record = provider.store.get("par", fingerprint(uri))
    if record is None or provider.now() >= record["exp"]:
        raise Refused(refusals_token.REQUEST_URI_INVALID)
    if record["client_id"] != client.client_id:
        raise Refused(refusals_token.REQUEST_URI_INVALID, "pushed by another client")
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
    raise Refused(refusals_token.REDIRECT_INVALID)


def _check(provider: Provider, client: Client, form: Mapping[str, str]) -> None:
    if form.get("response_mode", "query") not in RESPONSE_MODES:
        raise Refused(refusals_token.RESPONSE_MODE)
    if "request" in form:
        raise Refused(refusals_token.REQUEST_OBJECT)
    if "request_uri" in form:
        raise Refused(refusals_token.REQUEST_URI_ELSEWHERE)
    if form.get("response_type") != "code":
        raise Refused(refusals_token.RESPONSE_TYPE)
    asked = form.get("scope", "").split()
    if "openid" not in asked:
        raise Refused(refusals_request.SCOPE_OPENID)
    if set(asked) - set(SCOPES):
        raise Refused(refusals_request.SCOPE_INVALID)
    challenge = form.get("code_challenge")
    if challenge is None:
        if client.require_pkce and provider.settings.profile == "core":
            raise Refused(refusals_token.CHALLENGE_INVALID)
    elif form.get("code_challenge_method") != "S256" or CHALLENGE.fullmatch(challenge) is None:
        raise Refused(refusals_token.CHALLENGE_INVALID)


def _answer(provider: Provider, record: Mapping[str, Any], parameters: dict[str, Any]) -> Outcome:
    """Send parameters to the client, the way that it asked for."""
    kept = {name: value for name, value in parameters.items() if value is not None}
    kept |= {"state": record["state"]} if record["state"] is not None else {}
    kept["iss"] = provider.issuer
    url = record["redirect_uri"]
    match record["response_mode"]:
        case "form_post":
            return HtmlPage("form_post", {"action": url, "fields": kept})
        case "fragment":
            return Redirect(f"{url}#{urlencode(kept)}")
        case _:
            return Redirect(f"{url}{'&' if '?' in url else '?'}{urlencode(kept)}")


def _error(provider: Provider, record: Mapping[str, Any], refused: Refused) -> Outcome:
    if record["response_mode"] not in (None, *RESPONSE_MODES):
        record = {**record, "response_mode": None}
    answer = refused.refusal.answer(provider.settings.profile)
    return _answer(
        provider, record, {"error": answer.error, "error_description": answer.description}
    )


def _code(provider: Provider, record: Mapping[str, Any], session: Mapping[str, Any]) -> Outcome:
    """Answer with a code for a session's person."""
    code = secrets.token_urlsafe(32)
    until = provider.now() + provider.settings.code_life
    granted = {
        **{name: record[name] for name in ("client_id", "redirect_uri", "scope", *_GRANTED)},
        **{name: session[name] for name in ("national_id", "auth_time", "sid")},
        "spent": False,
        "exp": until,
    }
    provider.store.put("code", fingerprint(code), granted, expires=until)
    return _answer(provider, record, {"code": code})


def _open_session(provider: Provider, decided: AuthRequest) -> tuple[dict[str, Any], str | None]:
    """Return the session of a login, and its cookie where sessions are kept."""
    life = provider.settings.sso_session
    until = provider.now() + life
    session: dict[str, Any] = {
        "national_id": decided.subject,
        "auth_time": decided.decided_at,
        "sid": secrets.token_urlsafe(18),
        "exp": until,
    }
    if not life:
        return session, None
    cookie = secrets.token_urlsafe(32)
    key = fingerprint(cookie)
    provider.store.put("session", key, session, expires=until, tag=session["sid"])
    return session, cookie


def show(
    provider: Provider, handle: str, *, national_id: str | None = None, channel: str = "MOBILE"
) -> Outcome:
    """Continue a login: open the request on the phone, wait, or go back with a code."""
    key = fingerprint(handle)
    record = provider.store.get("login", key)
    if record is None or provider.now() >= record["exp"]:
        return HtmlPage("error", {"reason": refusals_token.REQUEST_URI_INVALID.reason}, 400)
    client = provider.clients.get(record["client_id"])
    if client is None:
        return HtmlPage("error", {"reason": refusals_request.CLIENT_UNKNOWN.reason}, 400)
    if record["ticket"] is None:
        if national_id is None:
            return HtmlPage("login", {"handle": handle, "client": client.client_id, "error": None})
        person = provider.people.find(national_id.strip())
        if person is None or not person.enabled or person.blocked:
            provider.refuse(Refused(refusals_request.UNKNOWN_USER))
            values = {
                "handle": handle,
                "client": client.client_id,
                "error": refusals_request.UNKNOWN_USER.reason,
            }
            return HtmlPage("login", values, 200)
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
    if decided is None or decided.state in (
        RequestState.DENIED,
        RequestState.EXPIRED,
        RequestState.FAILED,
    ):
        provider.store.delete("login", key)
        refused = Refused(refusals_token.BROWSER_DENIED)
        provider.refuse(refused)
        return _error(provider, record, refused)
    if decided.state is not RequestState.APPROVED:
        return HtmlPage("wait", {"handle": handle, "code": record["code"], "request": decided})
    provider.store.delete("login", key)
    session, cookie = _open_session(provider, decided)
    return replace(_code(provider, record, session), session=cookie)
