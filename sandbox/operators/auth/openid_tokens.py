"""What a token must say before it is believed. Claims in, the first thing that is wrong out.

Signatures are checked before (`psc_client`); nothing here reads a token's bytes.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sandbox.operators.auth import refusals_ciba
from sandbox.operators.refusals import LoginRefusal
from sandbox.psc.client_auth import certificate_thumbprint
from sandbox.psc.jose import half_hash

__all__ = ["AccessExpectation", "Asked", "access_problem", "id_token_problem", "identity_of",
           "instant"]  # fmt: skip

LEEWAY = 10.0  # seconds that two clocks may differ
LAST_INSTANT = 1e15
MAX_IDENTITY = 255
AUTH_REQ_ID = "urn:openid:params:jwt:claim:auth_req_id"
_CONFIRMATION = "x5t#S256"


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """The CIBA request that an ID token has to answer. `at` is seconds since 1970."""

    issuer: str
    client_id: str
    national_id: str
    auth_req_id: str
    acr: str
    at: float


def id_token_problem(
    claims: Mapping[str, Any], asked: Asked, access_token: str, now: float
) -> str | None:
    """Return what is wrong with an ID token that answers a request, or None.

    OpenID Connect Core §3.1.3.7 (and §3.1.3.8, at_hash); the subject is whom we asked.
    """
    expiry, issued = instant(claims, "exp"), instant(claims, "iat")
    authorised = claims.get("azp")
    hashed = claims.get("at_hash")
    if claims.get("iss") != asked.issuer:
        return "iss is not the issuer that was asked"
    if _audience(claims) != [asked.client_id]:
        return "aud is not this client alone"
    if authorised is not None and authorised != asked.client_id:
        return "azp is another client"
    if expiry is None or expiry <= now - LEEWAY:
        return "exp is missing or past"
    if issued is None or not asked.at - LEEWAY <= issued <= now + LEEWAY:
        return "iat is missing, or not since the request"
    if claims.get("acr") != asked.acr:
        return f"acr is not {asked.acr}"
    if hashed is not None and not _same(hashed, half_hash(access_token)):
        return "at_hash is of another access token"
    if claims.get(AUTH_REQ_ID, asked.auth_req_id) != asked.auth_req_id:
        return "auth_req_id is another request's"
    if not isinstance(claims.get("sub"), str) or identity_of(claims) != asked.national_id:
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
    expiry, start = instant(claims, "exp"), instant(claims, "nbf")
    if claims.get("iss") != expected.issuer:
        return refusals_ciba.TOKEN_ISSUER
    if claims.get("typ", "Bearer") != "Bearer":
        return refusals_ciba.TOKEN_TYPE
    if expiry is None or expiry <= now or ("nbf" in claims and start is None):
        return refusals_ciba.TOKEN_EXPIRED
    if start is not None and start > now + LEEWAY:
        return refusals_ciba.TOKEN_EXPIRED
    admitted = expected.clients
    authorised = claims.get("azp", claims.get("client_id"))
    if admitted is not None and not (isinstance(authorised, str) and authorised in admitted):
        return refusals_ciba.TOKEN_AUDIENCE
    if "aud" in claims and expected.audience not in _audience(claims):
        return refusals_ciba.TOKEN_AUDIENCE
    if claims.get("acr") != expected.acr:
        return refusals_ciba.TOKEN_ACR
    if "cnf" in claims and not _bound(claims["cnf"], certificate):
        return refusals_ciba.TOKEN_BINDING
    if identity_of(claims) is None:
        return refusals_ciba.TOKEN_IDENTITY
    return None


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


def _audience(claims: Mapping[str, Any]) -> list[Any]:
    value = claims.get("aud")
    return value if isinstance(value, list) else [value]


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


def _bound(confirmation: Any, certificate: bytes | None) -> bool:
    if not isinstance(confirmation, dict) or certificate is None:
        return False
    return _same(confirmation.get(_CONFIRMATION), certificate_thumbprint(certificate))
