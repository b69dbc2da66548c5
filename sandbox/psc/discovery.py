"""The discovery document (M1 to M7): it says only what is done."""

from __future__ import annotations

from typing import Any

from sandbox.psc.clients import AUTH_METHODS
from sandbox.psc.jose import ASYMMETRIC, SECURE
from sandbox.psc.settings import CIBA_GRANT, RESPONSE_MODES, SCOPES, Settings

__all__ = ["discovery"]

# Endpoint -> metadata name (OpenID Connect Discovery 3, CIBA Core 4, RFC 8414, RFC 9126).
NAMES = {
    "authorization": "authorization_endpoint",
    "token": "token_endpoint",
    "introspection": "introspection_endpoint",
    "userinfo": "userinfo_endpoint",
    "end_session": "end_session_endpoint",
    "jwks": "jwks_uri",
    "revocation": "revocation_endpoint",
    "backchannel": "backchannel_authentication_endpoint",
    "par": "pushed_authorization_request_endpoint",
}
BROWSED = ("authorization", "end_session")
ALIASED = ("token", "introspection", "userinfo", "revocation", "backchannel", "par")


def discovery(
    settings: Settings, origin: str, mtls_origin: str | None, wallet_origin: str | None = None
) -> dict[str, Any]:
    """Return the metadata of a provider; `wallet_origin` is where browsers are sent."""
    algs = list(SECURE if settings.fapi else ASYMMETRIC)
    methods = [m for m in AUTH_METHODS if mtls_origin is not None or m != "tls_client_auth"]
    if settings.fapi:
        methods = [m for m in methods if m in ("private_key_jwt", "tls_client_auth")]
    modes = ["poll", "ping"]
    if settings.profile == "core" and not settings.fapi:
        modes.append("push")
    document: dict[str, Any] = {
        "issuer": origin + settings.paths["issuer"],
        **{
            name: (wallet_origin or origin if endpoint in BROWSED else origin)
            + settings.paths[endpoint]
            for endpoint, name in NAMES.items()
        },
        "grant_types_supported": ["authorization_code", "refresh_token", CIBA_GRANT],
        "response_types_supported": ["code"],
        "response_modes_supported": list(RESPONSE_MODES),
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": list(ASYMMETRIC),
        "scopes_supported": list(SCOPES),
        "acr_values_supported": [settings.acr],
        "code_challenge_methods_supported": ["S256"],
        "token_endpoint_auth_methods_supported": methods,
        "token_endpoint_auth_signing_alg_values_supported": [*algs]
        if settings.fapi
        else [*algs, "HS256"],
        "claims_supported": [
            "iss",
            "aud",
            "exp",
            "iat",
            "auth_time",
            "sub",
            "acr",
            "azp",
            "nonce",
            "preferred_username",
            "given_name",
            "family_name",
            "name",
            "sid",
            "session_state",
            "SubjectNameID",
            "SubjectRole",
            "SubjectOrganization",
            "SubjectRefPro",
            "otherIds",
        ],
        "claim_types_supported": ["normal"],
        "claims_parameter_supported": False,
        "prompt_values_supported": ["none", "login"],
        "authorization_response_iss_parameter_supported": True,
        "request_parameter_supported": False,
        "request_uri_parameter_supported": False,
        "require_pushed_authorization_requests": False,
        "tls_client_certificate_bound_access_tokens": mtls_origin is not None,
        "backchannel_token_delivery_modes_supported": modes,
        "backchannel_user_code_parameter_supported": settings.user_code,
        "introspection_endpoint_auth_methods_supported": methods,
        "revocation_endpoint_auth_methods_supported": methods,
    }
    if settings.signed_requests != "refused":
        document["backchannel_authentication_request_signing_alg_values_supported"] = algs
    if not settings.login_hint_only:
        # M7: a JWT signed by the client (our convention: `sub` is the national id).
        document["backchannel_endpoint_login_hint_token_types_supported"] = ["jwt"]
    if mtls_origin is not None:
        document["mtls_endpoint_aliases"] = {
            NAMES[endpoint]: mtls_origin + settings.paths[endpoint] for endpoint in ALIASED
        }
    return document
