"""Two profiles and the settings where implementations of CIBA differ."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Annotated, Any, Literal

from pydantic import Field

from sandbox.psc.refusals import ProfileName
from sandbox.space.errors import UserError
from sandbox.space.reading import STRICT, read_as

__all__ = ["CIBA_GRANT", "PATHS", "RESPONSE_MODES", "SCOPES", "Settings", "settings_for"]

CIBA_GRANT = "urn:openid:params:grant-type:ciba"

# domain.md 4.1 (ANS discovery), plus the two scopes that every Keycloak realm has.
SCOPES = (
    "openid",
    "scope_all",
    "scope_1",
    "scope_2",
    "rpps",
    "referentiel",
    "identity",
    "eidas1",
    "eidas2",
    "interop",
    "offline_access",
    "profile",
    "email",
)

# OAuth 2.0 Multiple Response Types 2.1; OAuth 2.0 Form Post Response Mode.
RESPONSE_MODES = ("query", "fragment", "form_post")

_REALM = "/auth/realms/esante-wallet"
_OIDC = f"{_REALM}/protocol/openid-connect"

# Endpoint -> path. The issuer of a profile is the origin followed by PATHS[profile]["issuer"].
PATHS: dict[ProfileName, dict[str, str]] = {
    "psc": {
        "issuer": _REALM,
        "authorization": f"{_OIDC}/auth",
        "token": f"{_OIDC}/token",
        "introspection": f"{_OIDC}/token/introspect",
        "userinfo": f"{_OIDC}/userinfo",
        "end_session": f"{_OIDC}/logout",
        "jwks": f"{_OIDC}/certs",
        "revocation": f"{_OIDC}/revoke",
        "backchannel": f"{_OIDC}/ext/ciba/auth",
        "par": f"{_OIDC}/ext/par/request",
    },
    "core": {
        "issuer": "",
        "authorization": "/authorize",
        "token": "/token",
        "introspection": "/introspect",
        "userinfo": "/userinfo",
        "end_session": "/logout",
        "jwks": "/jwks",
        "revocation": "/revoke",
        "backchannel": "/backchannel-authentication",
        "par": "/par",
    },
}


Life = Annotated[int, Field(ge=1, le=31_536_000)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How the provider answers. Durations are seconds.

    `psc` defaults are the figures of the ANS's own stub (domain.md 4.2: 120 s, interval 1 s,
    access token 120 s, refresh 350 s); production values are not published. `core` defaults are
    CIBA Core's (interval 5 s).
    """

    __pydantic_config__ = STRICT

    profile: ProfileName
    expires_in: Life = 120
    max_expiry: Life = 600
    interval: Annotated[int, Field(ge=0, le=21_600)] = 5
    # "throttled": the first poll counts from the acknowledgement (anchors.md T13).
    first_poll: Literal["allowed", "throttled"] = "allowed"
    # Network jitter that is forgiven on `interval`.
    poll_tolerance: float = 0.1
    # What slow_down adds to the interval that is enforced, and how many may be earned before the
    # request is closed (T2, T3); 0 = never closed.
    slow_down_step: int = 5
    patience: int = 5
    signed_requests: Literal["optional", "required", "refused"] = "optional"
    # Audience of client assertions: the issuer alone, or also the addresses of the token and
    # backchannel endpoints (CIBA Core 7.1).
    audience: Literal["issuer", "endpoints"] = "endpoints"
    login_hint_only: bool = False
    user_code: bool = True
    fapi: bool = False
    device: Literal["phone", "sms"] = "phone"
    access_token_life: Life = 300
    refresh_token_life: Life = 1800
    id_token_life: int = 300
    code_life: int = 60
    par_life: int = 60
    # The id outlives its expiry so that expired_token can be said (T5).
    retention: int = 600
    max_pending: int = 20_000
    acr: str = "eidas1"
    # Granted whatever was asked, as Keycloak's default client scopes are.
    default_scopes: tuple[str, ...] = ()
    # How long the browser stays logged in; 0: no single sign-on, every login rings.
    sso_session: Annotated[int, Field(ge=0, le=604_800)] = 0

    @property
    def paths(self) -> dict[str, str]:
        """Endpoint name -> path, for this profile."""
        return PATHS[self.profile]

    def granted(self, scope: str) -> str:
        """Return the scope that is granted for an acceptable one: default scopes after `openid`."""
        asked = dict.fromkeys(scope.split())
        first = [name for name in ("openid",) if name in asked]
        return " ".join(dict.fromkeys([*first, *self.default_scopes, *asked]))


_PSC = Settings(
    profile="psc",
    interval=1,
    poll_tolerance=0.0,
    slow_down_step=0,
    patience=0,
    login_hint_only=True,
    user_code=False,
    access_token_life=120,
    refresh_token_life=350,
    id_token_life=120,
    retention=11,
    default_scopes=("profile", "email"),
)
_CORE = Settings(profile="core")


def settings_for(profile: str = "psc", **changes: Any) -> Settings:
    """Return a profile's settings with some of them changed.

    `fapi=True` also sets what FAPI-CIBA fixes: signed requests (F3), unless given.

    Raises:
        UserError: unknown profile, unknown setting, or a value out of bounds.
    """
    if profile not in PATHS:
        raise UserError.expected(f"profile {profile!r}", "psc, core")
    if changes.get("fapi"):
        if profile != "core":
            raise UserError("seulement avec", "only with", where="fapi", then="profile=core")
        changes = {"signed_requests": "required", **changes}
    base = _PSC if profile == "psc" else _CORE
    return read_as(Settings, asdict(base) | changes, profile)
