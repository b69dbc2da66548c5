"""The authentication request, checked in the order of the profile (CIBA Core 7.1; anchors.md R).

Pure: form in, `CheckedRequest` out, or the first rule that refuses. `ORDER` is the table of checks.
"""

from __future__ import annotations

import hmac
import math
import re
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from sandbox.psc import refusals_request
from sandbox.psc.clients import Client
from sandbox.psc.jose import SECURE, BadTokenError, read_jwt
from sandbox.psc.people import EndUser, People
from sandbox.psc.refusals import ProfileName, Refused
from sandbox.psc.settings import SCOPES, Settings

__all__ = ["ORDER", "CheckedRequest", "RequestContext", "check_request"]

KEYCLOAK_BINDING = re.compile(r"[a-zA-Z0-9._+/!?#-]{1,50}", re.ASCII)
MAX_BINDING = 64
BEARER = re.compile(r"[A-Za-z0-9._~+/-]+=*", re.ASCII)
MAX_NOTIFICATION_TOKEN = 1024
# 128 bits need 22 base64url characters. Entropy cannot be measured on one sample: length times the
# log of the distinct characters is a floor that 22 random characters pass and "aaaa…" does not.
MIN_TOKEN_LENGTH = 22
MIN_MEASURED_BITS = 75
FAPI_WINDOW = 3_600.0
SKEW = 10.0
# What may stay outside of a signed request: the client's own authentication.
OUTSIDE = frozenset(
    {"request", "client_id", "client_secret", "client_assertion", "client_assertion_type"}
)
_JWT_ONLY = frozenset({"iss", "aud", "exp", "iat", "nbf", "jti"})


@dataclass(frozen=True, slots=True)
class RequestContext:
    """What the checks know."""

    settings: Settings
    client: Client
    people: People
    now: float
    issuer: str
    first_use: Callable[[str, float], bool]
    read_id_token: Callable[[str], dict[str, Any]]


@dataclass(slots=True)
class CheckedRequest:
    """What an acceptable request asks for; filled check by check."""

    form: Mapping[str, str]
    person: EndUser | None = None
    scope: str = ""
    binding_message: str | None = None
    notification_token: str | None = None
    requested_expiry: int | None = None
    channel: str = "MOBILE"
    acr_values: str | None = None
    warnings: list[str] = field(default_factory=list)


def check_request(form: Mapping[str, str], context: RequestContext) -> CheckedRequest:
    """Run the checks of the profile in order.

    Raises:
        Refused: the first rule that is broken.
    """
    # Core and RFC 6749 3.1: a parameter without a value is as if omitted. Keycloak sees it.
    if context.settings.profile == "core":
        form = {name: value for name, value in form.items() if value != ""}
    wanted = CheckedRequest(form=form, acr_values=form.get("acr_values"))
    for check in ORDER[context.settings.profile]:
        check(wanted, context)
    wanted.acr_values = wanted.form.get("acr_values")
    return wanted


def _allowed(wanted: CheckedRequest, context: RequestContext) -> None:
    del wanted
    if context.client.delivery_mode is None:
        raise Refused(refusals_request.NOT_CIBA)
    if context.client.delivery_mode == "push" and context.settings.fapi:
        raise Refused(refusals_request.PUSH_IN_FAPI)


def _signed(wanted: CheckedRequest, context: RequestContext) -> None:
    settings, client = context.settings, context.client
    token = wanted.form.get("request")
    if token is None:
        if settings.signed_requests == "required":
            raise Refused(refusals_request.SIGNED_REQUIRED)
        if settings.profile == "core" and client.request_signing_alg is not None:
            raise Refused(
                refusals_request.SIGNED_REQUIRED, "the client registered a signing algorithm"
            )
        return
    if settings.signed_requests == "refused" or client.request_signing_alg is None:
        raise Refused(refusals_request.SIGNED_REFUSED, "no signing algorithm is registered")
    outside = set(wanted.form) - OUTSIDE
    if outside and settings.profile == "core":
        raise Refused(refusals_request.SIGNED_OUTSIDE, f"outside: {sorted(outside)[0][:40]}")
    keys = client.keys
    if keys is None:
        raise Refused(refusals_request.SIGNED_INVALID, "the client has no registered key")
    if settings.fapi and client.request_signing_alg not in SECURE:
        raise Refused(refusals_request.SIGNED_INVALID, "PS256 or ES256 is required")
    try:
        _, claims = read_jwt(token, keys, (client.request_signing_alg,))
    except BadTokenError as error:
        raise Refused(refusals_request.SIGNED_INVALID, str(error)) from None
    if settings.profile == "core":
        problem = _request_problem(claims, context)
        if problem:
            raise Refused(refusals_request.SIGNED_INVALID, problem)
    wanted.form = {
        name: value if isinstance(value, str) else str(value)
        for name, value in claims.items()
        if name not in _JWT_ONLY
        and isinstance(value, str | int)
        and not isinstance(value, bool)
        and value != ""
    }


def _request_problem(claims: dict[str, Any], context: RequestContext) -> str | None:
    now = context.now
    if claims.get("iss") != context.client.client_id:
        return "iss must be the client_id"
    audience = claims.get("aud")
    given = [audience] if isinstance(audience, str) else audience
    if not isinstance(given, list) or context.issuer not in given:
        return "aud must contain the issuer"
    for member in ("exp", "iat", "nbf"):
        value = claims.get(member)
        if isinstance(value, bool) or not isinstance(value, int | float):
            return f"{member} must be a number"
        if not math.isfinite(value):
            return f"{member} must be a number"
    if claims["exp"] <= now - SKEW:
        return "exp is past"
    if claims["nbf"] > now + SKEW or claims["iat"] > now + SKEW:
        return "nbf or iat is in the future"
    if context.settings.fapi and (
        claims["exp"] - claims["nbf"] > FAPI_WINDOW or claims["nbf"] < now - FAPI_WINDOW
    ):
        return "the window from nbf to exp exceeds 60 minutes"
    jti = claims.get("jti")
    if not isinstance(jti, str) or not jti or len(jti) > 255:
        return "jti is missing"
    key = f"request\n{context.client.client_id}\n{jti}"
    if not context.first_use(key, float(claims["exp"]) + SKEW):
        return "jti was already used"
    return None


def _scope(wanted: CheckedRequest, context: RequestContext) -> None:
    scope = wanted.form.get("scope")
    if scope is None:
        raise Refused(refusals_request.SCOPE_MISSING)
    asked = scope.split(" ")
    if context.settings.profile == "core" and "openid" not in asked:
        raise Refused(refusals_request.SCOPE_OPENID)
    unknown = [item for item in asked if item not in SCOPES]
    if unknown:
        raise Refused(refusals_request.SCOPE_INVALID, f"unknown: {unknown[0][:40]}")
    wanted.scope = context.settings.granted(scope)


def _hints(wanted: CheckedRequest) -> list[str]:
    names = ("login_hint", "login_hint_token", "id_token_hint")
    return [name for name in names if name in wanted.form]


def _hint_count(wanted: CheckedRequest, context: RequestContext) -> None:
    del context
    given = _hints(wanted)
    if not given:
        raise Refused(refusals_request.HINT_MISSING)
    if len(given) > 1:
        raise Refused(refusals_request.HINT_MANY, ", ".join(given))


def _hint(wanted: CheckedRequest, context: RequestContext) -> None:
    form = wanted.form
    if context.settings.login_hint_only:
        if "login_hint" not in form:
            raise Refused(refusals_request.HINT_MISSING)
        if len(_hints(wanted)) > 1:
            wanted.warnings.append("Keycloak ignores the other hints; Core refuses them (R4).")
        national_id = form["login_hint"]
    elif "login_hint" in form:
        national_id = form["login_hint"]
    elif "login_hint_token" in form:
        national_id = _from_hint_token(form["login_hint_token"], context)
    else:
        try:
            subject = context.read_id_token(form["id_token_hint"]).get("sub")
        except BadTokenError as error:
            raise Refused(refusals_request.HINT_INVALID, str(error)) from None
        national_id = str(subject).split(":", 2)[-1]
    person = context.people.find(national_id)
    if person is None or not person.enabled:
        raise Refused(refusals_request.UNKNOWN_USER)
    wanted.person = person


def _from_hint_token(token: str, context: RequestContext) -> str:
    """Read a login_hint_token: a JWT signed by the client, `sub` = national id (our convention)."""
    keys = context.client.keys
    if keys is None:
        raise Refused(refusals_request.HINT_INVALID, "the client has no registered key")
    try:
        _, claims = read_jwt(token, keys, ("ES256", "PS256", "RS256"))
    except BadTokenError as error:
        raise Refused(refusals_request.HINT_INVALID, str(error)) from None
    expiry = claims.get("exp")
    if expiry is not None:
        if isinstance(expiry, bool) or not isinstance(expiry, int | float):
            raise Refused(refusals_request.HINT_INVALID, "exp must be a number")
        if expiry <= context.now:
            raise Refused(refusals_request.HINT_EXPIRED)
    subject = claims.get("sub")
    if not isinstance(subject, str):
        raise Refused(refusals_request.HINT_INVALID, "sub is missing")
    return subject


def _binding(wanted: CheckedRequest, context: RequestContext) -> None:
    message = wanted.form.get("binding_message")
    if message is None:
        if context.settings.fapi:
            raise Refused(refusals_request.BINDING_REQUIRED)
        return
    if context.settings.profile == "psc":
        good = KEYCLOAK_BINDING.fullmatch(message) is not None
    else:
        good = len(message) <= MAX_BINDING and not any(
            unicodedata.category(char)[0] == "C" for char in message
        )
    if not good:
        raise Refused(refusals_request.BINDING_MESSAGE)
    wanted.binding_message = message


def _notification(wanted: CheckedRequest, context: RequestContext) -> None:
    token = wanted.form.get("client_notification_token")
    if context.client.delivery_mode == "poll":
        if token is not None and context.settings.profile == "psc":
            raise Refused(refusals_request.NOTIFICATION_REFUSED)
        return
    if token is None:
        raise Refused(refusals_request.NOTIFICATION_MISSING)
    if len(token) > MAX_NOTIFICATION_TOKEN:
        raise Refused(refusals_request.NOTIFICATION_LONG)
    if context.settings.profile == "core":
        bits = len(token) * math.log2(len(set(token)))
        weak = len(token) < MIN_TOKEN_LENGTH or bits < MIN_MEASURED_BITS
        if weak or BEARER.fullmatch(token) is None:
            raise Refused(refusals_request.NOTIFICATION_WEAK)
    wanted.notification_token = token


def _user_code(wanted: CheckedRequest, context: RequestContext) -> None:
    code = wanted.form.get("user_code")
    if not context.settings.user_code:
        if code is not None:
            raise Refused(refusals_request.USER_CODE_REFUSED)
        return
    if not context.client.user_code_parameter:
        if code is not None:
            raise Refused(refusals_request.USER_CODE_REFUSED)
        return
    expected = wanted.person.user_code if wanted.person else None
    if expected is None:
        return
    if code is None:
        raise Refused(refusals_request.USER_CODE_MISSING)
    if not hmac.compare_digest(code.encode(), expected.encode()):
        raise Refused(refusals_request.USER_CODE_WRONG)


def _expiry(wanted: CheckedRequest, context: RequestContext) -> None:
    text = wanted.form.get("requested_expiry")
    if text is None:
        return
    if context.settings.profile == "psc":
        # Keycloak parses an integer, accepts 0 and negatives, and then ignores it.
        if re.fullmatch(r"[+-]?[0-9]{1,10}", text, re.ASCII) is None:
            raise Refused(refusals_request.EXPIRY_INVALID)
        wanted.warnings.append("Keycloak ignores requested_expiry; Core honours it (R10).")
        return
    if re.fullmatch(r"[0-9]{1,9}", text, re.ASCII) is None or int(text) == 0:
        raise Refused(refusals_request.EXPIRY_INVALID)
    wanted.requested_expiry = int(text)


def _channel(wanted: CheckedRequest, context: RequestContext) -> None:
    del context
    channel = wanted.form.get("channel", "MOBILE")
    if channel not in ("CARD", "MOBILE"):
        raise Refused(refusals_request.CHANNEL_INVALID)
    wanted.channel = channel


def _policy(wanted: CheckedRequest, context: RequestContext) -> None:
    del context
    if wanted.person is not None and wanted.person.blocked:
        raise Refused(refusals_request.POLICY_REFUSED)


Check = Callable[[CheckedRequest, RequestContext], None]
ORDER: dict[ProfileName, tuple[Check, ...]] = {
    # As Keycloak 26.7 answers: client, CIBA flag, signed request, hint, user, scope, message,
    # notification token, user code.
    "psc": (
        _allowed,
        _signed,
        _expiry,
        _hint,
        _scope,
        _binding,
        _notification,
        _user_code,
        _channel,
        _policy,
    ),
    "core": (
        _allowed,
        _signed,
        _scope,
        _hint_count,
        _notification,
        _binding,
        _expiry,
        _channel,
        _hint,
        _user_code,
        _policy,
    ),
}
