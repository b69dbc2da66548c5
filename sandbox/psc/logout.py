"""Logging out in the browser, as a client asks for it (OpenID Connect RP-Initiated Logout 1.0)."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlencode

from sandbox.psc import refusals_request, refusals_token
from sandbox.psc.browser import HtmlPage, Outcome, Redirect
from sandbox.psc.clients import Client
from sandbox.psc.jose import BadTokenError
from sandbox.psc.provider import Provider
from sandbox.psc.refusals import Refused
from sandbox.psc.store import fingerprint

__all__ = ["end_session"]

_ASKED = ("post_logout_redirect_uri", "state", "client_id")


def end_session(provider: Provider, query: Mapping[str, str], cookie: str = "") -> Outcome:
    """Log out; a token of the session proves the wish, without one the person is asked."""
    try:
        client, sid = _who(provider, query)
        target = _target(client, query)
    except Refused as refused:
        provider.refuse(refused)
        return HtmlPage("error", {"reason": refused.refusal.reason}, 400)
    key = fingerprint(cookie)
    session = provider.store.get("session", key) if cookie else None
    if session is not None and sid is None and query.get("confirmed") != "yes":
        asked = {name: query[name] for name in _ASKED if name in query}
        return HtmlPage(
            "leave", {"action": provider.settings.paths["end_session"], "fields": asked}
        )
    if session is not None and sid in (None, session["sid"]):
        sid = session["sid"]
    if sid is not None:
        provider.tokens.end_session(sid)
        provider.store.delete_tag("session", sid)
    gone = "" if session is not None else None
    if target is None:
        return HtmlPage("bye", {}, session=gone)
    state = {"state": query["state"]} if "state" in query else {}
    joined = f"{'&' if '?' in target else '?'}{urlencode(state)}" if state else ""
    return Redirect(f"{target}{joined}", session=gone)


def _who(provider: Provider, query: Mapping[str, str]) -> tuple[Client | None, str | None]:
    """Return the client that asks and the session that its hint names.

    Raises:
        Refused: a hint that is none of ours, or of another client than `client_id`.
    """
    named, hint = query.get("client_id"), query.get("id_token_hint")
    if not hint:
        return provider.clients.get(named or ""), None
    try:
        claims = provider.read_own_id_token(hint)
    except BadTokenError as error:
        raise Refused(refusals_request.HINT_INVALID, str(error)) from None
    if named not in (None, claims.get("azp")):
        raise Refused(refusals_token.LOGOUT_CLIENT)
    return provider.clients.get(str(claims.get("azp", ""))), str(claims.get("sid", ""))


def _target(client: Client | None, query: Mapping[str, str]) -> str | None:
    """Return where the browser goes afterwards.

    Raises:
        Refused: an address that this client did not register.
    """
    target = query.get("post_logout_redirect_uri")
    if target is None:
        return None
    if client is None or target not in client.post_logout_redirect_uris:
        raise Refused(refusals_token.LOGOUT_REDIRECT)
    return target
