"""XOAUTH2 and OAUTHBEARER: an access token of Pro Santé Connect opens its person's mailboxes.

How long may the session last? ECO.1.2.6 wants it closed when the refresh token is no longer valid.
The operator never sees that token: an access token, or its introspection, gives `exp`, minutes
away, at which no client means to be cut. But both tokens are issued together, so `iat` is also the
birth of the refresh token, whose life is Pro Santé Connect's setting
(`policies.psc_session_seconds`). Hence: iat + that life, and never before `exp`. A client that
refreshes meanwhile opens its next session on a younger token (ECO.1.2.7).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Literal

from sandbox.operators.auth import refusals_ciba
from sandbox.operators.auth.openid_tokens import (
    AccessExpectation,
    access_problem,
    identity_of,
    instant,
)
from sandbox.operators.auth.psc_client import PscClient, PscError, Timing
from sandbox.operators.auth.psc_http import UnreadableTokenError
from sandbox.operators.auth.verifier import Account, Admit
from sandbox.operators.journal import Journal
from sandbox.operators.model import Accepted, Channel, Rejected, SaslName, TokenCredentials
from sandbox.operators.refusals import LoginAnswer, LoginRefusal
from sandbox.space.methods import Method

__all__ = ["TokenLogin", "TokenPolicy", "challenge"]


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenPolicy:
    """How an operator judges access tokens.

    Attributes:
        check: `introspection` asks Pro Santé Connect about each token and sees revocation at once;
            `jwks` verifies signature and claims here, and needs nobody.
        session_seconds: life of a refresh token, from its issue.
        clients: client ids whose tokens are admitted; None admits all of the issuer.
    """

    check: Literal["introspection", "jwks"]
    session_seconds: float
    clients: frozenset[str] | None = None


def challenge(mechanism: SaslName, configuration: str, scope: str) -> bytes:
    """Return what a refused token is answered before the refusal (JSON, not yet base64).

    XOAUTH2's is what a French operator was seen to send; OAUTHBEARER's is RFC 7628 §3.2.2. `scope`
    is one that Pro Santé Connect gives: a client asks for it next.
    """
    said: dict[str, str] = {"status": "401", "schemes": "bearer", "scope": scope}
    if mechanism is SaslName.OAUTHBEARER:
        said = {"status": "invalid_token", "scope": scope, "openid-configuration": configuration}
    return json.dumps(said, separators=(",", ":")).encode("ascii")


class TokenLogin:
    """A `TokenVerifier` over Pro Santé Connect."""

    def __init__(
        self,
        client: PscClient,
        policy: TokenPolicy,
        journal: Journal,
        *,
        timing: Timing | None = None,
    ) -> None:
        self._client = client
        self._policy = policy
        self._journal = journal
        self._timing = timing or Timing()
        ours = client.registration
        self._expected = AccessExpectation(
            issuer=ours.issuer, audience=ours.client_id, clients=policy.clients, acr=ours.acr
        )

    async def verify(
        self, credentials: TokenCredentials, channel: Channel, admit: Admit
    ) -> Accepted | Rejected:
        """Verify the token, then whether its person may open what `user` names."""
        began = self._timing.elapsed()
        try:
            claims = await self._claims(credentials.token)
        except PscError as error:
            self._journal.note(
                "psc-failed", channel, reason=error.refusal.name, detail=error.detail
            )
            return self._rejected(error.refusal, credentials, began)
        except UnreadableTokenError as error:
            self._journal.note("token-unreadable", channel, detail=str(error))
            return self._rejected(refusals_ciba.TOKEN_UNREADABLE, credentials, began)
        now = self._timing.now()
        if claims.get("active") is False:
            return self._rejected(refusals_ciba.TOKEN_INACTIVE, credentials, began)
        problem = access_problem(claims, self._expected, channel.certificate, now)
        if problem is not None:
            return self._rejected(problem, credentials, began)
        identity = identity_of(claims)
        assert identity is not None  # access_problem says so
        account = admit(identity, credentials.user)
        if not isinstance(account, Account):
            return self._rejected(account, credentials, began)
        actor = account.actor(Method.ECPS, self._session_end(claims))
        return Accepted(actor=actor, backend=self._timing.elapsed() - began)

    async def _claims(self, token: str) -> dict[str, Any]:
        if self._policy.check == "introspection":
            return await self._client.introspect(token)
        algorithms = self._client.registration.access_token_algorithms
        return await self._client.signed_claims(token, algorithms)

    def _session_end(self, claims: dict[str, Any]) -> float:
        """Return when the session has to end, by our clock; see the module."""
        end = float(claims["exp"])
        issued = instant(claims, "iat")
        if issued is not None:
            # A date of issue in the future would lengthen the session.
            end = max(end, min(issued, self._timing.now()) + self._policy.session_seconds)
        return end - self._timing.ahead()

    def _rejected(
        self, refusal: LoginRefusal, credentials: TokenCredentials, began: float
    ) -> Rejected:
        # A token that may well be good is not to be thrown away: no challenge, try again later.
        said = b""
        if refusal.answer is not LoginAnswer.UNAVAILABLE:
            known = self._client.registration
            said = challenge(credentials.mechanism, known.configuration, known.scope)
        backend = self._timing.elapsed() - began
        return Rejected(refusal=refusal, method=Method.ECPS, challenge=said, backend=backend)
