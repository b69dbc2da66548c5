"""The token endpoint and its neighbours: introspection, userinfo, revocation, logout."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import wraps
from typing import Any

from sandbox.psc import refusals_token
from sandbox.psc.ciba import AuthRequest, RequestState, poll
from sandbox.psc.client_auth import Credentials, certificate_thumbprint
from sandbox.psc.clients import Client
from sandbox.psc.fault_rules import FaultRule, imposed, spoiled
from sandbox.psc.jose import unpadded
from sandbox.psc.people import EndUser
from sandbox.psc.provider import Provider
from sandbox.psc.refusals import Refusal, Refused
from sandbox.psc.replies import NO_STORE, HttpReply, refusal_reply
from sandbox.psc.requests import ticket_of
from sandbox.psc.settings import CIBA_GRANT
from sandbox.psc.store import fingerprint
from sandbox.psc.tokens import TokenGrant

__all__ = ["introspect", "logout", "revoke", "token", "userinfo"]


@dataclass(frozen=True, slots=True)
class _Turn:
    """One call of the token endpoint."""

    provider: Provider
    client: Client
    credentials: Credentials
    now: float

    def thumbprint(self) -> str | None:
        """Return the certificate to bind to.

        Raises:
            Refused: bound tokens asked for, and no certificate (F8).
        """
        certificate = self.credentials.certificate
        if certificate is not None:
            return certificate_thumbprint(certificate)
        if self.client.certificate_bound_tokens:
            raise Refused(refusals_token.CERTIFICATE_MISSING)
        return None

    def person_of(self, national_id: str, refusal: Refusal) -> Any:
        """Return a person who may still authenticate.

        Raises:
            Refused: with `refusal`, when the person is gone or disabled.
        """
        person = self.provider.people.find(national_id)
        if person is None or not person.enabled:
            raise Refused(refusal)
        return person


Endpoint = Callable[[Provider, Credentials], HttpReply]


def _refusing(endpoint: Endpoint) -> Endpoint:
    """Have what is refused answered as the standard says, and owned up to in the log."""

    @wraps(endpoint)
    def answer(provider: Provider, credentials: Credentials) -> HttpReply:
        try:
            return endpoint(provider, credentials)
        except Refused as refused:
            return provider.refuse(refused, credentials)

    return answer


def _required(credentials: Credentials, name: str, missing: Refusal) -> str:
    value = credentials.form.get(name)
    if not value:
        raise Refused(missing)
    return value


@_refusing
def token(provider: Provider, credentials: Credentials) -> HttpReply:
    """Answer the token endpoint (RFC 6749 3.2, CIBA Core 10.1)."""
    grant_type = credentials.form.get("grant_type")
    # Keycloak looks at grant_type before the client; the standard says nothing.
    if provider.settings.profile == "psc":
        _known(grant_type)
    client = provider.authenticate(credentials)
    handler = _known(grant_type)
    with provider.lock:
        provider.tick()
        return handler(_Turn(provider, client, credentials, provider.now()))


def _known(grant_type: str | None) -> Callable[[_Turn], HttpReply]:
    if not grant_type:
        raise Refused(refusals_token.GRANT_MISSING)
    if grant_type not in _GRANTS:
        raise Refused(refusals_token.GRANT_UNSUPPORTED)
    return _GRANTS[grant_type]


def _issue(
    turn: _Turn, grant: TokenGrant, faults: tuple[FaultRule, ...], ticket: str | None = None
) -> HttpReply:
    provider = turn.provider
    body = provider.tokens.issue(grant, turn.now, faults)
    provider.events.add(
        turn.now, "tokens", f"Jetons pour {grant.person.national_id}.",
        f"Tokens for {grant.person.national_id}.", turn.client.client_id, ticket,
    )  # fmt: skip
    return spoiled(HttpReply(200, body, NO_STORE), faults)


def _ciba(turn: _Turn) -> HttpReply:
    provider, client = turn.provider, turn.client
    if client.delivery_mode is None:
        raise Refused(refusals_token.GRANT_NOT_CIBA)
    if client.delivery_mode == "push":
        raise Refused(refusals_token.GRANT_PUSH)
    auth_req_id = _required(turn.credentials, "auth_req_id", refusals_token.ID_MISSING)
    id_hash = fingerprint(auth_req_id)
    struck: tuple[FaultRule, ...] = ()
    verdict: Refusal | None
    with provider.store.transaction():
        request = provider.requests.find(ticket_of(auth_req_id))
        known = request is not None and hmac.compare_digest(request.id_hash, id_hash)
        if request is None or not known or request.mode == "browser":
            raise Refused(refusals_token.ID_UNKNOWN)
        if request.client_id != client.client_id:
            raise Refused(refusals_token.ID_FOREIGN)
        struck = provider.strike("token", client.client_id, request.ticket, request.subject)
        forced = imposed(struck, provider.settings.profile)
        if forced is not None:
            return forced
        thumbprint = turn.thumbprint()
        after, verdict = poll(request, turn.now, provider.settings)
        if verdict is None:
            person = turn.person_of(after.subject, refusals_token.ID_UNKNOWN)
        provider.requests.save(after)
        if request.state is RequestState.PENDING and after.state is RequestState.CLOSED:
            provider.requests.closed()
        if verdict is None:
            grant = provider.requests.grant(client, person, after, turn.now, thumbprint)
            return _issue(turn, grant, struck, after.ticket)
    return _refused_poll(turn, request, verdict, struck)


def _refused_poll(
    turn: _Turn, request: AuthRequest, verdict: Refusal, struck: tuple[FaultRule, ...]
) -> HttpReply:
    refused = Refused(verdict, f"poll {request.polls + 1}, interval {request.interval} s")
    provider = turn.provider
    if verdict is not refusals_token.POLL_PENDING:
        return spoiled(provider.refuse(refused, turn.credentials, request.ticket), struck)
    # To wait is what the standard asks of a poll: nothing was refused.
    provider.events.add(
        turn.now, "poll", *verdict.reason.what, turn.client.client_id, request.ticket,
        reason=verdict.name, detail=refused.detail,
    )  # fmt: skip
    return spoiled(refusal_reply(refused, provider.settings.profile), struck)


def _authorization_code(turn: _Turn) -> HttpReply:
    provider, client, form = turn.provider, turn.client, turn.credentials.form
    code = _required(turn.credentials, "code", refusals_token.CODE_MISSING)
    key = fingerprint(code)
    person_id = _whose(provider.store.get("code", key))
    struck = provider.strike("token", client.client_id, "code", person_id)
    forced = imposed(struck, provider.settings.profile)
    if forced is not None:
        return forced
    thumbprint = turn.thumbprint()
    with provider.store.transaction():
        record = provider.store.get("code", key)
        if record is None or turn.now >= record["exp"] or record["client_id"] != client.client_id:
            raise Refused(refusals_token.CODE_INVALID)
        replayed = record["spent"]
        if replayed:  # what the first use gave is taken back (RFC 6749 4.1.2)
            provider.tokens.end_session(record["sid"])
        else:
            _check_code(record, form)
            person = turn.person_of(record["national_id"], refusals_token.CODE_INVALID)
            grant = TokenGrant(
                client=client,
                person=person,
                scope=record["scope"],
                auth_time=record["auth_time"],
                sid=record["sid"],
                nonce=record["nonce"],
                acr_values=record["acr_values"],
                thumbprint=thumbprint,
            )
            reply = _issue(turn, grant, struck)
            spent = {**record, "spent": True}
            provider.store.put("code", key, spent, expires=record["exp"])
    if replayed:
        raise Refused(refusals_token.CODE_INVALID, "the code was already used")
    return reply


def _check_code(record: dict[str, Any], form: Any) -> None:
    if form.get("redirect_uri") != record["redirect_uri"]:
        raise Refused(refusals_token.REDIRECT_MISMATCH)
    challenge = record["code_challenge"]
    verifier = form.get("code_verifier", "")
    if challenge is not None:
        digest = hashlib.sha256(verifier.encode("utf-8", "surrogatepass")).digest()
        if not hmac.compare_digest(unpadded(digest), challenge):
            raise Refused(refusals_token.PKCE)
    elif verifier:
        raise Refused(refusals_token.PKCE, "no code_challenge was sent")


def _refresh(turn: _Turn) -> HttpReply:
    provider, client, form = turn.provider, turn.client, turn.credentials.form
    refresh = _required(turn.credentials, "refresh_token", refusals_token.REFRESH_MISSING)
    person_id = _whose(provider.tokens.read("refresh", refresh, turn.now))
    struck = provider.strike("token", client.client_id, "refresh", person_id)
    forced = imposed(struck, provider.settings.profile)
    if forced is not None:
        return forced
    with provider.store.transaction():
        record = provider.tokens.read("refresh", refresh, turn.now)
        if record is None:
            raise Refused(refusals_token.REFRESH_INVALID)
        if record["client_id"] != client.client_id:
            raise Refused(refusals_token.REFRESH_FOREIGN)
        thumbprint = turn.thumbprint()
        if record["thumbprint"] and thumbprint != record["thumbprint"]:
            raise Refused(refusals_token.CERTIFICATE_MISSING, "bound to another certificate")
        scope = form.get("scope") or record["scope"]
        if set(scope.split()) - set(record["scope"].split()):
            raise Refused(refusals_token.SCOPE_WIDER)
        person = turn.person_of(record["national_id"], refusals_token.REFRESH_INVALID)
        if provider.settings.profile == "core":
            # Rotation; Keycloak's default leaves the old refresh token good.
            provider.store.delete("refresh", fingerprint(refresh))
        grant = TokenGrant(
            client=client,
            person=person,
            scope=scope,
            auth_time=record["auth_time"],
            sid=record["sid"],
            acr_values=record["acr_values"],
            thumbprint=record["thumbprint"] or thumbprint,
        )
        return _issue(turn, grant, struck)


_GRANTS: dict[str, Callable[[_Turn], HttpReply]] = {
    CIBA_GRANT: _ciba,
    "authorization_code": _authorization_code,
    "refresh_token": _refresh,
}


@_refusing
def introspect(provider: Provider, credentials: Credentials) -> HttpReply:
    """Answer RFC 7662."""
    client = provider.authenticate(credentials)
    value = _required(credentials, "token", refusals_token.TOKEN_MISSING)
    now = provider.now()
    record = provider.tokens.read("access", value, now) or provider.tokens.read(
        "refresh", value, now
    )
    struck = provider.strike("introspection", client.client_id, person=_whose(record))
    forced = imposed(struck, provider.settings.profile)
    if forced is not None:
        return forced
    person = _person(provider, record)
    return spoiled(HttpReply(200, provider.tokens.introspect(value, person, now), NO_STORE), struck)


def _whose(record: Mapping[str, Any] | None) -> str:
    """Return the national identifier of whom a code or a token was made for, empty for none."""
    return str(record["national_id"]) if record else ""


def _person(provider: Provider, record: Mapping[str, Any] | None) -> EndUser | None:
    """Return whose token it is; None where he may authenticate no more: it is worth nothing then.

    So does Keycloak: introspection says inactive, userinfo 401, of a user that is disabled.
    """
    person = provider.people.find(record["national_id"]) if record else None
    return person if person is not None and person.enabled else None


@_refusing
def revoke(provider: Provider, credentials: Credentials) -> HttpReply:
    """Answer RFC 7009: 200 also for a token that is unknown or of another client."""
    client = provider.authenticate(credentials)
    value = _required(credentials, "token", refusals_token.REVOKE_MISSING)
    now = provider.now()
    record = provider.tokens.read("refresh", value, now) or provider.tokens.read(
        "access", value, now
    )
    if record is not None and record["client_id"] == client.client_id:
        provider.tokens.revoke(value, now)
        return HttpReply(200, None, NO_STORE)
    if provider.settings.profile == "psc":
        # Keycloak says so, with status 200 all the same.
        body = {"error": "invalid_token", "error_description": "Invalid token"}
        return HttpReply(200, body, NO_STORE)
    return HttpReply(200, None, NO_STORE)


def userinfo(
    provider: Provider, authorization: str, form: Mapping[str, str], certificate: bytes | None
) -> HttpReply:
    """Answer OpenID Connect Core 5.3, with PSC's claims; a form may hold the token (RFC 6750 2)."""
    if authorization and "access_token" in form:
        return provider.refuse(Refused(refusals_token.BEARER_TWICE))
    if "access_token" in form:
        authorization = f"Bearer {form['access_token']}"
    realm = "esante-wallet" if provider.settings.profile == "psc" else "psc"
    scheme, _, value = authorization.partition(" ")
    if scheme.lower() != "bearer" or not value.strip():
        provider.events.refusal(provider.now(), Refused(refusals_token.BEARER_MISSING))
        return HttpReply(401, None, {**NO_STORE, "WWW-Authenticate": f'Bearer realm="{realm}"'})
    record = provider.tokens.read("access", value.strip(), provider.now())
    person = _person(provider, record)
    bound = record["thumbprint"] if record else None
    held = certificate_thumbprint(certificate) if certificate else None
    if record is None or person is None or (bound is not None and bound != held):
        detail = "certificate" if record and person else ""
        refused = Refused(refusals_token.BEARER_INVALID, detail)
        answer = refused.refusal.answer(provider.settings.profile)
        provider.events.refusal(provider.now(), refused)
        challenge = (
            f'Bearer realm="{realm}", error="{answer.error}", '
            f'error_description="{answer.description}"'
        )
        return HttpReply(401, None, {**NO_STORE, "WWW-Authenticate": challenge})
    struck = provider.strike("userinfo", record["client_id"], person=_whose(record))
    forced = imposed(struck, provider.settings.profile)
    if forced is not None:
        return forced
    body = provider.tokens.userinfo(person, record["scope"])
    return spoiled(HttpReply(200, body, NO_STORE), struck)


@_refusing
def logout(provider: Provider, credentials: Credentials) -> HttpReply:
    """End a session by its refresh token (Keycloak's back-channel form); 204."""
    client = provider.authenticate(credentials)
    value = _required(credentials, "refresh_token", refusals_token.REFRESH_MISSING)
    record = provider.tokens.read("refresh", value, provider.now())
    if record is not None:
        if record["client_id"] != client.client_id:
            raise Refused(refusals_token.REFRESH_FOREIGN)
        provider.tokens.end_session(record["sid"])
    return HttpReply(204, None, NO_STORE)
