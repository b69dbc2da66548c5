"""An operator as client of Pro Santé Connect: discovery, CIBA by polling, introspection, keys.

The only module of `auth` that speaks HTTP. TLS is verified against the sandbox's bundle, nothing
is read from the environment, redirects are not followed, answers are bounded in size and time.
"""

from __future__ import annotations

import asyncio
import json
import secrets
import ssl
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote_plus

import httpx
from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from sandbox.operators.auth.ciba_polling import (
    Answer,
    Approved,
    Ended,
    Kind,
    Polling,
    read_answer,
    start,
)
from sandbox.operators.auth.fetched import Fetched
from sandbox.operators.auth.openid_tokens import Asked, id_token_problem, instant
from sandbox.operators.auth.rules_ciba import RULES
from sandbox.operators.rules import Rule
from sandbox.psc.clients import is_local
from sandbox.psc.jose import BadTokenError, key_set, read_jwt
from sandbox.psc.settings import CIBA_GRANT

__all__ = ["Approval", "CibaRequest", "Marks", "PscClient", "PscError", "Registration", "Timing",
           "trust_context"]  # fmt: skip

MAX_BODY = 262_144
METADATA_LIFE = 3_600.0
KEYS_LIFE = 3_600.0
# After a refresh that did not bring the key that a stranger's token names.
UNKNOWN_KEY_PAUSE = 5.0
MOST_PATIENCE = 5.0  # longest Retry-After that is worth holding a client for


@dataclass(frozen=True, slots=True, kw_only=True)
class Registration:
    """How the operator is registered at a provider.

    Attributes:
        issuer: the provider's issuer identifier, exactly.
        client_id: of the operator.
        client_secret: for client_secret_basic.
        scope: what is asked for.
        acr: level that is asked for, and required in every token.
        channel: the authenticator that Pro Santé Connect rings (its own parameter): MOBILE, CARD.
        id_token_algorithm: `id_token_signed_response_alg` of the registration.
        access_token_algorithms: accepted on access tokens.
        discovery: where the metadata is, from the issuer (Pro Santé Connect's path is its own).
    """

    issuer: str
    client_id: str
    client_secret: str = field(repr=False)
    scope: str = "openid scope_all"
    acr: str = "eidas1"
    channel: str = "MOBILE"
    id_token_algorithm: str = "RS256"  # noqa: S105 - an algorithm
    access_token_algorithms: tuple[str, ...] = ("RS256", "PS256", "ES256")
    discovery: str = "/.well-known/wallet-openid-configuration"

    @property
    def configuration(self) -> str:
        """URL of the metadata."""
        return f"{self.issuer}{self.discovery}"


@dataclass(frozen=True, slots=True)
class Timing:
    """Clocks and sleep, which a test replaces: seconds since 1970, seconds of any origin, wait."""

    now: Callable[[], float] = time.time
    elapsed: Callable[[], float] = time.monotonic
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep


@dataclass(frozen=True, slots=True)
class Marks:
    """When the telephone was rung and when the person's time ended (`Timing.elapsed`)."""

    rung: float
    decided: float


class PscError(Exception):
    """No tokens, or no answer: `rule` says why; `marks` is None when no telephone was rung."""

    def __init__(self, rule: Rule, detail: str = "", marks: Marks | None = None) -> None:
        super().__init__(f"{rule.name} {detail}".strip())
        self.rule = rule
        self.detail = detail
        self.marks = marks


@dataclass(frozen=True, slots=True, kw_only=True)
class CibaRequest:
    """A request that the provider acknowledged (CIBA Core §7.3); its id is a secret."""

    auth_req_id: str = field(repr=False)
    national_id: str
    binding_message: str
    expires_in: float
    interval: float | None


@dataclass(frozen=True, slots=True)
class Approval:
    """The person approved, and the ID token said so. No token is kept."""

    national_id: str
    marks: Marks


@dataclass(frozen=True, slots=True)
class _Reply:
    status: int
    body: dict[str, Any] | None  # None: not a JSON object
    retry_after: float


def trust_context(bundle: Path) -> ssl.SSLContext:
    """Return a client context that trusts the sandbox's bundle alone."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_verify_locations(bundle)
    return context


class PscClient:
    """A provider (Pro Santé Connect, or the operator's own CIBA) as one operator uses it.

    Args:
        registration: who we are there.
        trust: TLS context of a client.
        timeout: longest time, in seconds, for one answer, however slowly it comes
            (`backends.psc.timeout`).
        timing: clocks.
    """

    def __init__(
        self,
        registration: Registration,
        trust: ssl.SSLContext,
        *,
        timeout: float,
        timing: Timing | None = None,
    ) -> None:
        self.registration = registration
        self._timing = timing or Timing()
        self._timeout = timeout
        self._http = httpx.AsyncClient(
            verify=trust,
            trust_env=False,
            follow_redirects=False,
            timeout=timeout,
            limits=httpx.Limits(max_connections=64, max_keepalive_connections=64),
        )
        self._basic = httpx.BasicAuth(
            quote_plus(registration.client_id), quote_plus(registration.client_secret)
        )
        elapsed = self._timing.elapsed
        self._metadata = Fetched(self._discover, PscError, life=METADATA_LIFE, elapsed=elapsed)
        self._keys = Fetched(self._fetch_keys, PscError, life=KEYS_LIFE, elapsed=elapsed)
        self._no_refresh_before = 0.0

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close every connection."""
        await self._metadata.close()
        await self._keys.close()
        await self._http.aclose()

    # --- CIBA --------------------------------------------------------------------------------

    async def approval(
        self,
        national_id: str,
        *,
        hold: float,
        binding_message: str = "",
        asked: Callable[[CibaRequest], None] = lambda _: None,
    ) -> Approval:
        """Ring a person's telephone and poll until the answer; cancelling stops the polls.

        Args:
            national_id: who is asked (login_hint).
            hold: seconds, from now, after which the operator makes no further poll.
            binding_message: shown on the telephone; two digits are drawn when empty.
            asked: told once the request is acknowledged.

        Raises:
            PscError: refused, not answered in time, or the provider is at fault.
        """
        elapsed = self._timing.elapsed
        began, at = elapsed(), self._timing.now()
        message = binding_message or f"{secrets.randbelow(100):02d}"
        request = await self._ask(national_id, message)
        rung = elapsed()
        asked(request)
        polling = start(
            rung, expires_in=request.expires_in, interval=request.interval,
            hold=max(0.0, began + hold - rung),
        )  # fmt: skip
        pending_at = rung
        while True:
            await self._timing.sleep(max(0.0, polling.next_at - elapsed()))
            sent = elapsed()
            answer = await self._poll(request)
            step = polling.after(answer, elapsed())
            match step:
                case Polling():
                    polling = step
                    if answer.kind is Kind.PENDING:
                        pending_at = sent
                case Ended():
                    raise PscError(step.rule, step.detail, Marks(rung, elapsed()))
                case Approved():
                    tokens = step.tokens
                    break
        marks = Marks(rung, sent)
        try:
            claims = await self._verified(request, tokens, at)
        except PscError as error:
            error.marks = marks
            raise
        # The decision came between two polls; auth_time (whole seconds) says when, more finely.
        authenticated = instant(claims, "auth_time")
        if authenticated is not None:
            seen = authenticated + 0.5 - self._timing.now() + elapsed()
            marks = Marks(rung, min(max(seen, pending_at), sent))
        return Approval(national_id, marks)

    async def _ask(self, national_id: str, message: str) -> CibaRequest:
        wanted = self.registration
        form = {
            "scope": wanted.scope,
            "acr_values": wanted.acr,
            "login_hint": national_id,
            "binding_message": message,
            "channel": wanted.channel,
        }
        reply = await self._patient_post("backchannel_authentication_endpoint", form)
        body = reply.body
        if reply.status != 200 or body is None:
            raise PscError(*_refused_request(reply))
        auth_req_id, expires_in = body.get("auth_req_id"), _positive(body.get("expires_in"))
        interval = _positive(body["interval"]) if "interval" in body else None
        if not isinstance(auth_req_id, str) or not auth_req_id or expires_in is None:
            raise PscError(RULES["psc-misbehaves"], "the acknowledgement lacks a member")
        if "interval" in body and interval is None:
            raise PscError(RULES["psc-misbehaves"], "interval is not a positive number")
        return CibaRequest(
            auth_req_id=auth_req_id, national_id=national_id, binding_message=message,
            expires_in=expires_in, interval=interval,
        )  # fmt: skip

    async def _poll(self, request: CibaRequest) -> Answer:
        form = {"grant_type": CIBA_GRANT, "auth_req_id": request.auth_req_id}
        try:
            reply = await self._post("token_endpoint", form)
        except PscError as error:
            return Answer(kind=Kind.LOST, detail=error.detail)
        return read_answer(reply.status, reply.body, reply.retry_after)

    async def _verified(
        self, request: CibaRequest, tokens: Mapping[str, Any], at: float
    ) -> dict[str, Any]:
        ours = self.registration
        try:
            claims = await self.signed_claims(tokens["id_token"], (ours.id_token_algorithm,))
        except BadTokenError as error:
            raise PscError(RULES["ciba-id-token"], str(error)) from None
        asked = Asked(
            issuer=ours.issuer, client_id=ours.client_id, national_id=request.national_id,
            auth_req_id=request.auth_req_id, acr=ours.acr, at=at,
        )  # fmt: skip
        problem = id_token_problem(claims, asked, tokens["access_token"], self._timing.now())
        if problem is not None:
            raise PscError(RULES["ciba-id-token"], problem)
        return claims

    # --- tokens of others --------------------------------------------------------------------

    async def introspect(self, token: str) -> dict[str, Any]:
        """Ask the provider about a token (RFC 7662); `active` is a boolean in the answer.

        Raises:
            PscError: the provider does not answer, or not as it should.
        """
        form = {"token": token, "token_type_hint": "access_token"}
        reply = await self._patient_post("introspection_endpoint", form)
        if reply.status in (400, 401, 403):
            raise PscError(RULES["psc-registration"], f"HTTP {reply.status}")
        if reply.status != 200:
            raise PscError(RULES["psc-unreachable"], f"HTTP {reply.status}")
        if reply.body is None or not isinstance(reply.body.get("active"), bool):
            raise PscError(RULES["psc-misbehaves"], "no introspection answer")
        return reply.body

    async def signed_claims(self, token: str, algorithms: tuple[str, ...]) -> dict[str, Any]:
        """Return the claims of a JWT whose signature one of the provider's keys made.

        Raises:
            BadTokenError: no such signature, or an algorithm outside of `algorithms`.
            PscError: the keys cannot be fetched.
        """
        kid = _key_id(token)
        keys = await self._keys.get()
        if not _has(keys, kid) and self._timing.elapsed() >= self._no_refresh_before:
            keys = await self._refreshed_keys(kid)
        if not _has(keys, kid):
            raise BadTokenError("JWT: kid is in no JWKS")
        return read_jwt(token, keys, algorithms)[1]

    async def _refreshed_keys(self, kid: str | None) -> KeySet:
        """Fetch the keys again for an unknown kid; a vain attempt makes the next one wait."""
        found = False
        try:
            keys = await self._keys.get(fresh=True)
            found = _has(keys, kid)
        finally:
            if not found:
                self._no_refresh_before = self._timing.elapsed() + UNKNOWN_KEY_PAUSE
        return keys

    # --- HTTP --------------------------------------------------------------------------------

    async def _discover(self) -> dict[str, str]:
        reply = await self._call("GET", self.registration.configuration)
        document = _document(reply)
        if document.get("issuer") != self.registration.issuer:
            raise PscError(RULES["psc-misbehaves"], "discovery names another issuer")
        return {
            name: value
            for name, value in document.items()
            if isinstance(value, str) and value.startswith("https://") and is_local(value)
        }

    async def _fetch_keys(self) -> KeySet:
        document = _document(await self._call("GET", await self._endpoint("jwks_uri")))
        try:
            return key_set(document)
        except BadTokenError as error:
            raise PscError(RULES["psc-misbehaves"], str(error)) from None

    async def _endpoint(self, name: str) -> str:
        metadata = await self._metadata.get()
        if name not in metadata:
            raise PscError(RULES["psc-misbehaves"], f"discovery lacks {name}")
        return metadata[name]

    async def _patient_post(self, endpoint: str, form: Mapping[str, str]) -> _Reply:
        """Post, and once more when asked to come back soon (RFC 9110 §10.2.3)."""
        reply = await self._post(endpoint, form)
        if reply.status == 503 and 0 < reply.retry_after <= MOST_PATIENCE:
            await self._timing.sleep(reply.retry_after)
            reply = await self._post(endpoint, form)
        return reply

    async def _post(self, endpoint: str, form: Mapping[str, str]) -> _Reply:
        return await self._call("POST", await self._endpoint(endpoint), form)

    async def _call(self, method: str, url: str, form: Mapping[str, str] | None = None) -> _Reply:
        auth = None if form is None else self._basic
        body = bytearray()
        try:
            # httpx bounds each read; this bounds them all together.
            async with (
                asyncio.timeout(self._timeout),
                self._http.stream(method, url, data=form, auth=auth) as response,
            ):
                async for chunk in response.aiter_bytes():
                    body += chunk
                    if len(body) > MAX_BODY:
                        raise PscError(RULES["psc-misbehaves"], "the answer is too large")
        except (httpx.HTTPError, TimeoutError) as error:
            raise PscError(RULES["psc-unreachable"], type(error).__name__) from None
        return _Reply(
            response.status_code, _json_object(bytes(body)),
            _seconds(response.headers.get("Retry-After", "")),
        )  # fmt: skip


def _refused_request(reply: _Reply) -> tuple[Rule, str]:
    """Return why an authentication request was not acknowledged (CIBA Core §13)."""
    said = reply.body or {}
    error, text = said.get("error"), str(said.get("error_description", ""))
    detail = f"HTTP {reply.status} {str(error)[:40]!r}"
    if reply.status >= 500 or reply.status == 429:
        return RULES["psc-unreachable"], detail
    if reply.body is None:
        return RULES["psc-misbehaves"], f"HTTP {reply.status} without JSON"
    # Keycloak says invalid_request for a user that it does not know.
    if error == "unknown_user_id" or text.replace("_", " ").lower() == "invalid user":
        return RULES["ciba-unknown-person"], detail
    if error == "access_denied":
        return RULES["ciba-policy"], detail
    return RULES["psc-registration"], detail


def _document(reply: _Reply) -> dict[str, Any]:
    if reply.status != 200:
        raise PscError(RULES["psc-unreachable"], f"HTTP {reply.status}")
    if reply.body is None:
        raise PscError(RULES["psc-misbehaves"], "not JSON")
    return reply.body


def _json_object(body: bytes) -> dict[str, Any] | None:
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _positive(value: Any) -> float | None:
    """Return a number of seconds, or None for what is none (within a year)."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if 0 < value <= 31_536_000 else None


def _seconds(text: str) -> float:
    # Retry-After may also be a date (RFC 9110 §10.2.3); then our own pace serves.
    return float(text) if text.isascii() and text.isdigit() and len(text) < 9 else 0.0


def _key_id(token: str) -> str | None:
    try:
        kid = jws.extract_compact(token.encode("ascii")).headers().get("kid")
    except (JoseError, ValueError, TypeError, KeyError, AttributeError, RecursionError):
        raise BadTokenError("JWT: cannot be read") from None
    return kid if isinstance(kid, str) else None


def _has(keys: KeySet, kid: str | None) -> bool:
    return kid is None or any(key.kid == kid for key in keys.keys)
