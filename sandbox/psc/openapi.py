"""The OpenAPI description, made from the same tables as the answers; the fuzz tests read it."""

from __future__ import annotations

from typing import Any

from sandbox.psc.settings import CIBA_GRANT, SCOPES, Settings

__all__ = ["openapi"]

_ERROR = {
    "type": "object",
    "required": ["error"],
    "properties": {
        "error": {"type": "string", "pattern": "^[ !#-\\[\\]-~]*$"},
        "error_description": {"type": "string", "pattern": "^[ !#-\\[\\]-~]*$"},
    },
}
_TEXT = {"type": "string", "maxLength": 2000}


def _form(required: list[str], **properties: Any) -> dict[str, Any]:
    common = {"client_id": _TEXT, "client_secret": _TEXT}
    schema = {
        "type": "object",
        "required": required,
        "properties": {**common, **properties},
    }
    return {
        "required": True,
        "content": {"application/x-www-form-urlencoded": {"schema": schema}},
    }


def _operation(name: str, body: dict[str, Any] | None, *ok: str) -> dict[str, Any]:
    content = {"application/json": {"schema": _ERROR}}
    responses: dict[str, Any] = {status: {"description": "done"} for status in ok}
    for status, text in (
        ("400", "refused"),
        ("401", "client authentication failed"),
        ("403", "refused by policy"),
        ("413", "too large"),
        ("503", "overloaded"),
    ):
        responses[status] = {"description": text, "content": content}
    responses["421"] = {"description": "a Host outside of the sandbox"}
    operation: dict[str, Any] = {"operationId": name, "responses": responses}
    if body is not None:
        operation["requestBody"] = body
    return operation


def openapi(settings: Settings, origin: str) -> dict[str, Any]:
    """Return the OpenAPI 3.1 document of the protocol endpoints."""
    paths = settings.paths
    scope = {"type": "string", "examples": ["openid scope_all"], "enum": [*SCOPES, "openid rpps"]}
    grant = {"type": "string", "enum": [CIBA_GRANT, "authorization_code", "refresh_token"]}
    backchannel = _form(
        ["scope"],
        scope=scope,
        login_hint=_TEXT,
        login_hint_token=_TEXT,
        id_token_hint=_TEXT,
        binding_message=_TEXT,
        user_code=_TEXT,
        requested_expiry=_TEXT,
        acr_values=_TEXT,
        client_notification_token=_TEXT,
        channel={"type": "string", "enum": ["CARD", "MOBILE"]},
        request=_TEXT,
    )
    token = _form(
        ["grant_type"],
        grant_type=grant,
        auth_req_id=_TEXT,
        code=_TEXT,
        redirect_uri=_TEXT,
        code_verifier=_TEXT,
        refresh_token=_TEXT,
        scope=scope,
    )
    par = _form(
        ["response_type"], response_type=_TEXT, redirect_uri=_TEXT, scope=scope, state=_TEXT
    )
    document_paths: dict[str, Any] = {
        paths["backchannel"]: {"post": _operation("backchannelAuthentication", backchannel, "200")},
        paths["token"]: {"post": _operation("token", token, "200")},
        paths["introspection"]: {
            "post": _operation("introspect", _form(["token"], token=_TEXT), "200")
        },
        paths["revocation"]: {"post": _operation("revoke", _form(["token"], token=_TEXT), "200")},
        paths["par"]: {"post": _operation("pushedAuthorization", par, "201")},
        paths["end_session"]: {
            "post": _operation("logout", _form(["refresh_token"], refresh_token=_TEXT), "204")
        },
        paths["userinfo"]: {"get": _operation("userinfo", None, "200")},
        paths["jwks"]: {"get": _operation("jwks", None, "200")},
    }
    return {
        "openapi": "3.1.0",
        "info": {"title": "Pro Santé Connect emulator", "version": "1"},
        "servers": [{"url": origin}],
        "components": {
            "securitySchemes": {"client": {"type": "http", "scheme": "basic"}},
        },
        "security": [{}, {"client": []}],
        "paths": document_paths,
    }
