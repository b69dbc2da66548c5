"""Client authentication: the five methods of the discovery document, one function each.

Pure but for the replay check, which is given as a function.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from urllib.parse import unquote_plus

from cryptography import x509
from joserfc.jwk import OctKey

from sandbox.psc import refusals_request
from sandbox.psc.clients import Client
from sandbox.psc.jose import (
    ASYMMETRIC,
    SECURE,
    BadTokenError,
    read_jwt,
    unpadded,
    unverified_claims,
)
from sandbox.psc.refusals import Refused
from sandbox.psc.settings import Settings

__all__ = ["Credentials", "authenticate", "certificate_thumbprint"]

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
MAX_ASSERTION_LIFE = 3_600.0
SKEW = 10.0
_SECRET_METHODS = ("client_secret_basic", "client_secret_post")


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a request carries: the Authorization header, the form, the peer certificate (DER)."""

    authorization: str
    form: Mapping[str, str]
    certificate: bytes | None = None


def certificate_thumbprint(certificate: bytes) -> str:
    """Return `x5t#S256` of a DER certificate (RFC 8705 3.1)."""
    return unpadded(hashlib.sha256(certificate).digest())


@lru_cache(maxsize=256)  # a client says the same at each call
def _basic(authorization: str) -> tuple[str, str]:
    """Decode HTTP Basic, whose halves are form-encoded (RFC 6749 2.3.1)."""
    try:
        decoded = base64.b64decode(authorization[6:].strip(), validate=True).decode("utf-8")
        name, colon, secret = decoded.partition(":")
        if not colon:
            raise Refused(refusals_request.CLIENT_MISSING)
        return unquote_plus(name, errors="strict"), unquote_plus(secret, errors="strict")
    except (binascii.Error, UnicodeDecodeError):
        raise Refused(refusals_request.CLIENT_MISSING) from None


def authenticate(
    credentials: Credentials,
    clients: Mapping[str, Client],
    settings: Settings,
    audiences: frozenset[str],
    now: float,
    first_use: Callable[[str, float], bool],
) -> Client:
    """Return the client that made a request.

    `audiences` are the assertion audiences accepted (F7); `first_use(jti, expires)` records an
    assertion and says whether it is new.

    Raises:
        Refused: one of the client_* refusals.
    """
    form = credentials.form
    has_basic = credentials.authorization[:6].lower() == "basic "
    has_assertion = "client_assertion" in form or "client_assertion_type" in form
    has_post = "client_secret" in form
    # Keycloak hears a secret that is said twice alike, as some clients do to be sure.
    may_repeat = settings.profile == "psc" and has_basic and has_post
    if has_basic + has_assertion + has_post > 1 + may_repeat:
        raise Refused(refusals_request.CLIENT_TWICE)
    if has_basic:
        name, secret = _basic(credentials.authorization)
        if form.get("client_id", name) != name or form.get("client_secret", secret) != secret:
            raise Refused(refusals_request.CLIENT_TWICE)
        client = _by_secret(clients, name, secret, "client_secret_basic", settings)
    elif has_post:
        name = form.get("client_id", "")
        client = _by_secret(clients, name, form["client_secret"], "client_secret_post", settings)
    elif has_assertion:
        client = _by_assertion(form, clients, settings, audiences, now, first_use)
    elif "client_id" in form:
        client = _by_certificate(clients, form["client_id"], credentials.certificate)
    else:
        raise Refused(refusals_request.CLIENT_MISSING)
    if settings.fapi and client.auth_method not in ("private_key_jwt", "tls_client_auth"):
        raise Refused(refusals_request.FAPI_CLIENT, f"method={client.auth_method}")
    return client


def _by_secret(
    clients: Mapping[str, Client], name: str, secret: str, method: str, settings: Settings
) -> Client:
    client = clients.get(name)
    # The comparison is made whether the client exists or not, in constant time.
    expected = (client.client_secret if client else None) or "\0"
    good = hmac.compare_digest(
        expected.encode("utf-8", "surrogatepass"), secret.encode("utf-8", "surrogatepass")
    )
    if client is None:
        raise Refused(refusals_request.CLIENT_UNKNOWN)
    # Keycloak takes the secret of a client either way.
    either = settings.profile == "psc" and client.auth_method in _SECRET_METHODS
    if client.auth_method != method and not either:
        raise Refused(
            refusals_request.CLIENT_METHOD, f"registered={client.auth_method} used={method}"
        )
    if not good:
        raise Refused(refusals_request.CLIENT_SECRET, f"client_id={name}")
    return client


def _by_certificate(clients: Mapping[str, Client], name: str, certificate: bytes | None) -> Client:
    client = clients.get(name)
    if client is None:
        raise Refused(refusals_request.CLIENT_UNKNOWN)
    if client.auth_method != "tls_client_auth":
        raise Refused(refusals_request.CLIENT_MISSING, f"registered={client.auth_method}")
    if certificate is None:
        raise Refused(refusals_request.CLIENT_CERTIFICATE, "no certificate in the TLS session")
    try:
        subject = x509.load_der_x509_certificate(certificate).subject
        expected = x509.Name.from_rfc4514_string(client.tls_client_auth_subject_dn or "")
    except ValueError:
        raise Refused(refusals_request.CLIENT_CERTIFICATE, "a subject cannot be read") from None
    if _dn(subject) != _dn(expected):
        raise Refused(refusals_request.CLIENT_CERTIFICATE, f"subject={subject.rfc4514_string()}")
    return client


def _dn(name: x509.Name) -> list[frozenset[tuple[str, str]]]:
    return [
        frozenset((item.oid.dotted_string, str(item.value)) for item in rdn) for rdn in name.rdns
    ]


def _by_assertion(
    form: Mapping[str, str],
    clients: Mapping[str, Client],
    settings: Settings,
    audiences: frozenset[str],
    now: float,
    first_use: Callable[[str, float], bool],
) -> Client:
    wrong = refusals_request.CLIENT_ASSERTION
    if form.get("client_assertion_type") != ASSERTION_TYPE:
        raise Refused(wrong, "client_assertion_type")
    assertion = form.get("client_assertion", "")
    try:  # nothing else of the assertion is used before its key is known
        name = str(unverified_claims(assertion).get("sub", ""))
    except BadTokenError as error:
        raise Refused(wrong, str(error)) from None
    if form.get("client_id", name) != name:
        raise Refused(wrong, "client_id differs from sub")
    client = clients.get(name)
    if client is None:
        raise Refused(refusals_request.CLIENT_UNKNOWN)
    try:
        if client.auth_method == "client_secret_jwt":
            key = OctKey.import_key(client.client_secret or "")
            _, claims = read_jwt(assertion, key, ("HS256",))
        elif client.auth_method == "private_key_jwt" and client.keys is not None:
            _, claims = read_jwt(assertion, client.keys, SECURE if settings.fapi else ASYMMETRIC)
        else:
            raise Refused(refusals_request.CLIENT_METHOD, f"registered={client.auth_method}")
    except BadTokenError as error:
        raise Refused(wrong, str(error)) from None
    problem = _claims_problem(claims, name, settings, audiences, now)
    if problem:
        raise Refused(wrong, problem)
    if not first_use(f"{name}\n{claims['jti']}", float(claims["exp"]) + SKEW):
        raise Refused(wrong, "jti was already used")
    return client


def _claims_problem(
    claims: dict[str, Any], name: str, settings: Settings, audiences: frozenset[str], now: float
) -> str | None:
    if claims.get("iss") != name or claims.get("sub") != name:
        return "iss and sub must be the client_id"
    audience = claims.get("aud")
    given = [audience] if isinstance(audience, str) else audience
    if not isinstance(given, list) or not all(isinstance(item, str) for item in given):
        return "aud is missing"
    if settings.audience == "issuer" and len(given) != 1:
        return "aud must be the issuer alone"
    if audiences.isdisjoint(given):
        return "aud is not this provider"
    for member in ("exp", "iat", "nbf"):
        value = claims.get(member, 0 if member != "exp" else None)
        if isinstance(value, bool) or not isinstance(value, int | float):
            return f"{member} must be a number"
    if not now - SKEW < claims["exp"] <= now + MAX_ASSERTION_LIFE:
        return "exp is past, or too far"
    if claims.get("nbf", 0) > now + SKEW or claims.get("iat", 0) > now + SKEW:
        return "nbf or iat is in the future"
    jti = claims.get("jti")
    if not isinstance(jti, str) or not jti or len(jti) > 255:
        return "jti is missing"
    return None
