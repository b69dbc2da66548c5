"""What a token must say before it is believed. Claims in, the first thing that is wrong out.

Signatures are checked before (`psc_client`); nothing here reads a token's bytes.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from joserfc.errors import ClaimError
from joserfc.jwt import ClaimsOption, JWTClaimsRegistry

from sandbox.operators.auth import refusals_ciba
from sandbox.operators.refusals import LoginRefusal

__all__ = ["AccessExpectation", "SentRequest", "access_problem", "half_hash", "id_token_problem",
           "identity_of", "instant"]  # fmt: skip

LEEWAY = 10  # seconds that two clocks may differ
LAST_INSTANT = 1e15
MAX_IDENTITY = 255
AUTH_REQ_ID = "urn:openid:params:jwt:claim:auth_req_id"
_CONFIRMATION = "x5t#S256"


@dataclass(frozen=True, slots=True, kw_only=True)
class SentRequest:
    """The CIBA request that an ID token has to answer. `at` is seconds since 1970."""

    issuer: str
    client_id: str
    national_id: str
    auth_req_id: str
    acr: str
    at: float


def id_token_problem(
    claims: Mapping[str, Any], asked: SentRequest, access_token: str, now: float
) -> str | None:
    """Return what is wrong with an ID token that answers a request, or None.

    OpenID Connect Core §3.1.3.7 (and §3.1.3.8, at_hash); the subject is whom we asked.
    """
    options: dict[str, ClaimsOption] = {
        "iss": {"essential": True, "value": asked.issuer},
        "aud": {"essential": True, "value": asked.client_id},
        "azp": {"value": asked.client_id},
        "sub": {"essential": True},
        "exp": {"essential": True},
        "iat": {"essential": True},
        "acr": {"essential": True, "value": asked.acr},
        "at_hash": {"value": half_hash(access_token)},
        AUTH_REQ_ID: {"value": asked.auth_req_id},
    }
    try:
        JWTClaimsRegistry(now=int(now), leeway=LEEWAY, **options).validate(dict(claims))
    except ClaimError as error:
        return f"{error.claim} is missing, or is not this request's"
    if claims["aud"] not in (asked.client_id, [asked.client_id]):
        return "aud is not this client alone"
    if claims["iat"] < asked.at - LEEWAY:
        return "iat is before the request"
    if identity_of(claims) != asked.national_id:
        return "the subject is not who was asked"
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessExpectation:
    """What an operator accepts as an access token.

    Attributes:
        issuer: the only issuer.
        audience: how a token names the operator in `aud`.
        clients: client ids whose tokens are admitted (`azp`); None admits every client of the
            issuer: the list of editors is Pro Santé Connect's business.
        acr: the only level of authentication.
    """

    issuer: str
    audience: str
    clients: frozenset[str] | None
    acr: str


def access_problem(
    claims: Mapping[str, Any], expected: AccessExpectation, certificate: bytes | None, now: float
) -> LoginRefusal | None:
    """Return why an access token's claims are refused, or None.

    Takes the claims of a JWT (RFC 9068) or an introspection answer (RFC 7662 §2.2). `certificate`
    is the connection's (DER), for tokens bound to one (RFC 8705).
    """
    options: dict[str, ClaimsOption] = {
        "iss": {"essential": True, "value": expected.issuer},
        "typ": {"value": "Bearer"},
        "exp": {"essential": True},
        "acr": {"essential": True, "value": expected.acr},
        "aud": {"value": expected.audience},
    }
    try:
        _AccessClaims(now=int(now), leeway=0, **options).validate(dict(claims))
    except ClaimError as error:
        named = error.claim.split(",")
        return next(refusal for name, refusal in _BY_CLAIM if name in named)
    if instant(claims, "exp") is None:
        return refusals_ciba.TOKEN_EXPIRED
    admitted = expected.clients
    authorised = claims.get("azp", claims.get("client_id"))
    if admitted is not None and not (isinstance(authorised, str) and authorised in admitted):
        return refusals_ciba.TOKEN_AUDIENCE
    if "cnf" in claims and not _bound(claims["cnf"], certificate):
        return refusals_ciba.TOKEN_BINDING
    if identity_of(claims) is None:
        return refusals_ciba.TOKEN_IDENTITY
    return None


class _AccessClaims(JWTClaimsRegistry):
    """An access token lives to the second; only its start may be of a clock that is ahead."""

    def validate_nbf(self, value: object) -> None:
        """Forgive `LEEWAY`."""
        JWTClaimsRegistry(now=self.now, leeway=LEEWAY).validate_nbf(value)

    def validate_iat(self, value: object) -> None:
        """Leave it to who counts from it: it may be missing, or of another clock."""


# Which claim is wrong, and the refusal; of several, the first one here is told.
_BY_CLAIM = (
    ("iss", refusals_ciba.TOKEN_ISSUER),
    ("typ", refusals_ciba.TOKEN_TYPE),
    ("exp", refusals_ciba.TOKEN_EXPIRED),
    ("nbf", refusals_ciba.TOKEN_EXPIRED),
    ("aud", refusals_ciba.TOKEN_AUDIENCE),
    ("acr", refusals_ciba.TOKEN_ACR),
    ("sub", refusals_ciba.TOKEN_IDENTITY),
    ("jti", refusals_ciba.TOKEN_IDENTITY),
)


def identity_of(claims: Mapping[str, Any]) -> str | None:
    """Return the national identifier that claims agree on, or None.

    Pro Santé Connect says it up to three times: `SubjectNameID` (introspection),
    `preferred_username`, and the end of `sub` = `f:<uuid>:<national id>`.
    """
    found: set[str] = {claims[name] for name in ("SubjectNameID", "preferred_username")
             if isinstance(claims.get(name), str)}  # fmt: skip
    subject = claims.get("sub")
    if isinstance(subject, str) and subject.startswith("f:"):
        found.add(subject.split(":", 2)[-1])
    identity = found.pop() if len(found) == 1 else None
    if identity is None or not identity.isascii() or not 0 < len(identity) <= MAX_IDENTITY:
        return None
    return identity


def instant(claims: Mapping[str, Any], name: str) -> float | None:
    """Return a NumericDate (RFC 7519 §2), or None when it is missing or none."""
    value = claims.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    # An integer of a stranger may be too large for a float; and NaN is below nothing.
    return float(value) if abs(value) < LAST_INSTANT else None


def _same(given: Any, expected: str) -> bool:
    if not isinstance(given, str) or not given.isascii():
        return False
    return hmac.compare_digest(given, expected)


def half_hash(value: str) -> str:
    """Return at_hash for a SHA-256 algorithm (OpenID Connect Core §3.1.3.6)."""
    return _unpadded(hashlib.sha256(value.encode()).digest()[:16])


def _unpadded(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _bound(confirmation: Any, certificate: bytes | None) -> bool:
    if not isinstance(confirmation, dict) or certificate is None:
        return False
    return _same(confirmation.get(_CONFIRMATION), _unpadded(hashlib.sha256(certificate).digest()))
