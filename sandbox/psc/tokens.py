"""Tokens: issued, refreshed, read back, revoked.

Access tokens are JWTs as PSC's are, but what counts is the record in the store: a token is
good while its record is there. The same holds of refresh tokens: handles, JWTs in `psc`.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import Any

from sandbox.psc.clients import Client
from sandbox.psc.fault_rules import FaultRule
from sandbox.psc.jose import KeyRing, half_hash
from sandbox.psc.people import EndUser, claims
from sandbox.psc.settings import Settings
from sandbox.psc.store import ProviderStore, fingerprint

__all__ = ["TokenGrant", "TokenService"]

OFFLINE_LIFE = 2_592_000


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenGrant:
    """What tokens are issued for. `thumbprint` is the certificate they are bound to (F8)."""

    client: Client
    person: EndUser
    scope: str
    auth_time: float
    sid: str
    nonce: str | None = None
    acr_values: str | None = None
    thumbprint: str | None = None
    # Set in push mode: the ID token then carries the urn claims (P3).
    auth_req_id: str | None = None


class TokenService:
    """Issues and reads tokens; everything it knows is in the store."""

    def __init__(
        self, settings: Settings, issuer: str, store: ProviderStore, ring: KeyRing
    ) -> None:
        self.settings = settings
        self.issuer = issuer
        self.store = store
        self.ring = ring

    def issue(
        self, grant: TokenGrant, now: float, faults: tuple[FaultRule, ...] = ()
    ) -> dict[str, Any]:
        """Issue the token response of a grant and record its tokens."""
        settings, client = self.settings, grant.client
        iat = int(now)
        access_claims: dict[str, Any] = {
            "exp": iat + settings.access_token_life,
            "iat": iat,
            "auth_time": int(grant.auth_time),
            "jti": secrets.token_urlsafe(16),
            "iss": self.issuer,
            "sub": grant.person.subject,
            "typ": "Bearer",
            "azp": client.client_id,
            **self._session(grant),
            "acr": settings.acr,
            "scope": grant.scope,
            "preferred_username": grant.person.national_id,
        }
        if grant.thumbprint:
            access_claims["cnf"] = {"x5t#S256": grant.thumbprint}
        # RS256 as Keycloak does; in core the cheaper ES256, which no client needs to read.
        access = self.ring.sign(access_claims, "RS256" if settings.profile == "psc" else "ES256")
        record = {
            "client_id": client.client_id,
            "national_id": grant.person.national_id,
            "scope": grant.scope,
            "auth_time": grant.auth_time,
            "sid": grant.sid,
            "thumbprint": grant.thumbprint,
            "nonce": grant.nonce,
            "acr_values": grant.acr_values,
            "iat": iat,
            "exp": iat + settings.access_token_life,
            "jti": access_claims["jti"],
        }
        self.store.put("access", fingerprint(access), record, expires=record["exp"], tag=grant.sid)
        offline = "offline_access" in grant.scope.split()
        refresh_life = OFFLINE_LIFE if offline else settings.refresh_token_life
        refresh = self._refresh(grant, iat, iat + refresh_life, offline=offline)
        refresh_record = {**record, "exp": iat + refresh_life}
        self.store.put(
            "refresh",
            fingerprint(refresh),
            refresh_record,
            expires=iat + refresh_life,
            tag=grant.sid,
        )
        body: dict[str, Any] = {
            "access_token": access,
            "expires_in": settings.access_token_life,
            "refresh_expires_in": refresh_life,
            "refresh_token": refresh,
            "token_type": "Bearer",
            "not-before-policy": 0,
            "session_state": grant.sid,
            "scope": grant.scope,
        }
        if settings.profile == "core":
            for member in ("refresh_expires_in", "not-before-policy", "session_state"):
                del body[member]
        if "openid" in grant.scope.split():
            body["id_token"] = self._id_token(grant, now, access, refresh, faults)
        return body

    def _session(self, grant: TokenGrant) -> dict[str, Any]:
        """Return how tokens name session and person: as ANS shows them, in `psc`."""
        if self.settings.profile == "core":
            return {"sid": grant.sid}
        return {
            "sid": grant.sid,
            "session_state": grant.sid,
            "SubjectNameID": grant.person.national_id,
        }

    def _refresh(self, grant: TokenGrant, iat: int, exp: int, *, offline: bool) -> str:
        """Return a refresh token: a handle, or Keycloak's JWT that only it can read."""
        handle = secrets.token_urlsafe(32)
        if self.settings.profile == "core":
            return handle
        return self.ring.mark(
            {
                "exp": exp,
                "iat": iat,
                "jti": handle,
                "iss": self.issuer,
                "aud": self.issuer,
                "sub": grant.person.subject,
                "typ": "Offline" if offline else "Refresh",
                "azp": grant.client.client_id,
                "session_state": grant.sid,
                "scope": grant.scope,
                "sid": grant.sid,
            }
        )

    def _id_token(
        self,
        grant: TokenGrant,
        now: float,
        access: str,
        refresh: str,
        faults: tuple[FaultRule, ...],
    ) -> str:
        iat, client = int(now), grant.client
        body: dict[str, Any] = {
            "exp": iat + self.settings.id_token_life,
            "iat": iat,
            "auth_time": int(grant.auth_time),
            "jti": secrets.token_urlsafe(16),
            "iss": self.issuer,
            "aud": client.client_id,
            "sub": grant.person.subject,
            "typ": "ID",
            "azp": client.client_id,
            **self._session(grant),
            "at_hash": half_hash(access),
            "acr": self.settings.acr,
            "preferred_username": grant.person.national_id,
        }
        if grant.nonce is not None:
            body["nonce"] = grant.nonce
        if grant.auth_req_id is not None:
            body["urn:openid:params:jwt:claim:auth_req_id"] = grant.auth_req_id
            body["urn:openid:params:jwt:claim:rt_hash"] = half_hash(refresh)
        alg = client.id_token_signed_response_alg
        header: dict[str, str] = {}
        for rule in faults:
            effect = rule.effect
            if effect.claims is not None:
                effect.claims(body)
            if effect.algorithm is not None:
                alg = effect.algorithm(alg)
            header.update(effect.header)
        signed = self.ring.sign(body, alg, **header)
        for rule in faults:
            if rule.effect.signed is not None:
                signed = rule.effect.signed(signed)
        return signed

    def read(self, kind: str, token: str, now: float) -> dict[str, Any] | None:
        """Return the record of a live `access` or `refresh` token, or None."""
        record = self.store.get(kind, fingerprint(token))
        return record if record is not None and now < record["exp"] else None

    def revoke(self, token: str, now: float) -> dict[str, Any] | None:
        """Forget a token; a refresh token takes its session's tokens along (RFC 7009 2.1)."""
        for kind in ("refresh", "access"):
            record = self.read(kind, token, now)
            if record is None:
                continue
            if kind == "refresh":
                self.end_session(record["sid"])
            else:
                self.store.delete("access", fingerprint(token))
            return record
        return None

    def end_session(self, sid: str) -> None:
        """Forget every token of a session."""
        with self.store.transaction():
            self.store.delete_tag("access", sid)
            self.store.delete_tag("refresh", sid)

    def introspect(self, token: str, person: EndUser | None, now: float) -> dict[str, Any]:
        """Return the introspection answer (RFC 7662; SubjectNameID only for access tokens)."""
        for kind in ("access", "refresh"):
            record = self.read(kind, token, now)
            if record is None or person is None:
                continue
            body = {
                "active": True,
                "exp": record["exp"],
                "iat": record["iat"],
                "auth_time": int(record["auth_time"]),
                "jti": record["jti"],
                "iss": self.issuer,
                "sub": person.subject,
                "typ": "Bearer" if kind == "access" else "Refresh",
                "azp": record["client_id"],
                "client_id": record["client_id"],
                "username": person.national_id,
                "sid": record["sid"],
                "session_state": record["sid"],
                "acr": self.settings.acr,
                "scope": record["scope"],
                "token_type": "Bearer",
            }
            if record.get("nonce"):
                body["nonce"] = record["nonce"]
            if record.get("thumbprint"):
                body["cnf"] = {"x5t#S256": record["thumbprint"]}
            if kind == "access":
                body["SubjectNameID"] = person.national_id
                body["preferred_username"] = person.national_id
            return body
        return {"active": False}

    @staticmethod
    def userinfo(person: EndUser, scope: str) -> dict[str, Any]:
        """Return the claims that a scope opens: all with scope_all, else the identity alone."""
        full = claims(person)
        asked = set(scope.split())
        if asked & {"scope_all", "referentiel", "scope_1", "scope_2"}:
            return full
        kept = ["sub"]
        if asked & {"identity", "profile", "rpps"}:
            kept += ["preferred_username", "given_name", "family_name", "name", "SubjectNameID"]
        return {name: full[name] for name in kept}
