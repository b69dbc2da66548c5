"""HTTP to a provider: metadata, keys, posts of an authenticated client; bounded in size and time.

The only module of `auth` that speaks HTTP to a provider. TLS is verified against the sandbox's
bundle, nothing is read from the environment, redirects are not followed.
"""

from __future__ import annotations

import asyncio
import json
import ssl
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, cast
from urllib.parse import quote_plus

import httpx
from joserfc import jws, jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet, KeySetSerialization

from sandbox.operators.auth import refusals_ciba
from sandbox.operators.auth.fetched import Fetched
from sandbox.operators.refusals import LoginRefusal
from sandbox.psc.clients import is_local

__all__ = ["Marks", "ProviderReply", "PscError", "PscHttp", "Registration", "Timing"]

MAX_BODY = 262_144
MAX_TOKEN = 16_384
_UNREADABLE = (JoseError, ValueError, TypeError, KeyError, AttributeError, RecursionError)
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
    """Clocks and sleep, which a test or a sandbox replaces.

    Attributes:
        now: the provider's time, which its tokens tell, seconds since 1970.
        elapsed: seconds of any origin.
        sleep: wait.
        ahead: by how much the provider's time is ahead of the operator's own clock, s.
    """

    now: Callable[[], float] = time.time
    elapsed: Callable[[], float] = time.monotonic
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    ahead: Callable[[], float] = lambda: 0.0


@dataclass(frozen=True, slots=True)
class Marks:
    """When the telephone was rung and when the person's time ended (`Timing.elapsed`)."""

    rung: float
    decided: float


class UnreadableTokenError(Exception):
    """A JWT that no key of the provider signed; its text says why, and quotes nothing of it."""


class PscError(Exception):
    """No tokens, or no answer: `refusal` says why; `marks` is None when no telephone was rung."""

    def __init__(self, refusal: LoginRefusal, detail: str = "", marks: Marks | None = None) -> None:
        super().__init__(f"{refusal.name} {detail}".strip())
        self.refusal = refusal
        self.detail = detail
        self.marks = marks


@dataclass(frozen=True, slots=True)
class ProviderReply:
    """An HTTP answer; `retry_after` is seconds, 0 when not said."""

    status: int
    body: dict[str, Any] | None  # None: not a JSON object
    retry_after: float


class PscHttp:
    """A provider's endpoints, found by discovery. See `PscClient` for the arguments."""

    def __init__(
        self,
        registration: Registration,
        trust: ssl.SSLContext,
        *,
        timeout: float,
        timing: Timing,
    ) -> None:
        self.registration = registration
        self._timing = timing
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

    async def close(self) -> None:
        """Close every connection."""
        await self._metadata.close()
        await self._keys.close()
        await self._http.aclose()

    async def signed_claims(self, token: str, algorithms: tuple[str, ...]) -> dict[str, Any]:
        """Return the claims of a JWT whose signature one of the provider's keys made.

        Raises:
            UnreadableTokenError: no such signature, or an algorithm outside of `algorithms`.
            PscError: the keys cannot be fetched.
        """
        if len(token) > MAX_TOKEN:
            raise UnreadableTokenError("JWT: too large")
        kid = _key_id(token)
        keys = await self._keys.get()
        if not _has(keys, kid) and self._timing.elapsed() >= self._no_refresh_before:
            keys = await self._refreshed_keys(kid)
        if not _has(keys, kid):
            raise UnreadableTokenError("JWT: kid is in no JWKS")
        try:
            return dict(jwt.decode(token, keys, algorithms=list(algorithms)).claims)
        except _UNREADABLE as error:
            raise UnreadableTokenError(f"JWT: {type(error).__name__}") from None

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

    async def _discover(self) -> dict[str, str]:
        reply = await self._call("GET", self.registration.configuration)
        document = _document(reply)
        if document.get("issuer") != self.registration.issuer:
            raise PscError(refusals_ciba.PSC_MISBEHAVES, "discovery names another issuer")
        return {
            name: value
            for name, value in document.items()
            if isinstance(value, str) and value.startswith("https://") and is_local(value)
        }

    async def _fetch_keys(self) -> KeySet:
        document = _document(await self._call("GET", await self._endpoint("jwks_uri")))
        try:
            return KeySet.import_key_set(cast(KeySetSerialization, document))
        except _UNREADABLE as error:
            raise PscError(refusals_ciba.PSC_MISBEHAVES, f"JWKS: {type(error).__name__}") from None

    async def _endpoint(self, name: str) -> str:
        metadata = await self._metadata.get()
        if name not in metadata:
            raise PscError(refusals_ciba.PSC_MISBEHAVES, f"discovery lacks {name}")
        return metadata[name]

    async def patient_post(self, endpoint: str, form: Mapping[str, str]) -> ProviderReply:
        """Post, and once more when asked to come back soon (RFC 9110 §10.2.3); see `post`."""
        reply = await self.post(endpoint, form)
        if reply.status == 503 and 0 < reply.retry_after <= MOST_PATIENCE:
            await self._timing.sleep(reply.retry_after)
            reply = await self.post(endpoint, form)
        return reply

    async def post(self, endpoint: str, form: Mapping[str, str]) -> ProviderReply:
        """Post a form as the registered client to an endpoint of the metadata.

        Raises:
            PscError: no answer within the time-out, or none that can be used.
        """
        return await self._call("POST", await self._endpoint(endpoint), form)

    async def _call(
        self, method: str, url: str, form: Mapping[str, str] | None = None
    ) -> ProviderReply:
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
                        raise PscError(refusals_ciba.PSC_MISBEHAVES, "the answer is too large")
        except (httpx.HTTPError, TimeoutError) as error:
            raise PscError(refusals_ciba.PSC_UNREACHABLE, type(error).__name__) from None
        return ProviderReply(
            response.status_code, _json_object(bytes(body)),
            _seconds(response.headers.get("Retry-After", "")),
        )  # fmt: skip


def _document(reply: ProviderReply) -> dict[str, Any]:
    if reply.status != 200:
        raise PscError(refusals_ciba.PSC_UNREACHABLE, f"HTTP {reply.status}")
    if reply.body is None:
        raise PscError(refusals_ciba.PSC_MISBEHAVES, "not JSON")
    return reply.body


def _json_object(body: bytes) -> dict[str, Any] | None:
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _seconds(text: str) -> float:
    # Retry-After may also be a date (RFC 9110 §10.2.3); then our own pace serves.
    return float(text) if text.isascii() and text.isdigit() and len(text) < 9 else 0.0


def _key_id(token: str) -> str | None:
    try:
        kid = jws.extract_compact(token.encode("ascii")).headers().get("kid")
    except _UNREADABLE:
        raise UnreadableTokenError("JWT: cannot be read") from None
    return kid if isinstance(kid, str) else None


def _has(keys: KeySet, kid: str | None) -> bool:
    return kid is None or any(key.kid == kid for key in keys.keys)
