"""One question: who is this? Hands credentials to the method that they are for."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

from sandbox.operators.auth import refusals
from sandbox.operators.auth.certificat import ApplicationLogin
from sandbox.operators.auth.certificates import is_card, read_peer
from sandbox.operators.auth.cps import CardLogin
from sandbox.operators.auth.holdings import parse_name
from sandbox.operators.auth.limits import Attempts, ProofKind
from sandbox.operators.auth.passwords import PasswordLogin
from sandbox.operators.auth.verifier import Admit, TokenVerifier
from sandbox.operators.journal import Journal
from sandbox.operators.model import (
    Accepted,
    Actor,
    CertificateCredentials,
    Channel,
    Credentials,
    PasswordCredentials,
    Rejected,
    TokenCredentials,
)
from sandbox.operators.refusals import LoginAnswer, LoginRefusal
from sandbox.space.methods import Method

__all__ = ["Authenticator"]

# Refusals that say something of the peer: these count against its address.
_COUNTED = (LoginAnswer.CREDENTIALS, LoginAnswer.NOT_AUTHORIZED)


class Authenticator:
    """The logins of one operator.

    Args:
        passwords: PLAIN, LOGIN: `totp` and the held methods.
        cards: `cps`.
        applications: `certificat`.
        admit: which mailbox a person who proved her identity may open, for `tokens`.
        attempts: counters.
        journal: told of every login and every refusal, once.
        tokens: XOAUTH2, OAUTHBEARER; None where they are not in service.
        refusal_seconds: a password is refused no sooner after it was given, so that the time
            taken tells nothing of what was found.
    """

    def __init__(
        self,
        *,
        passwords: PasswordLogin,
        cards: CardLogin,
        applications: ApplicationLogin,
        admit: Admit,
        attempts: Attempts,
        journal: Journal,
        tokens: TokenVerifier | None = None,
        refusal_seconds: float = 0.1,
    ) -> None:
        self._passwords = passwords
        self._cards = cards
        self._applications = applications
        self._admit = admit
        self._attempts = attempts
        self._journal = journal
        self._tokens = tokens
        self._refusal_seconds = refusal_seconds

    async def authenticate(self, credentials: Credentials, channel: Channel) -> Accepted | Rejected:
        """Judge credentials; may take minutes where a telephone is asked.

        Cancelling cancels what is pending elsewhere. Refusals are journaled here. It never raises
        for a peer's fault.

        Raises:
            sqlite3.Error: this operator's own files failed; nobody is let in.
        """
        clock = asyncio.get_running_loop().time
        start = clock()
        try:
            result = await self._judge(credentials, channel)
        except asyncio.CancelledError:
            gone = refusals.CLIENT_GAVE_UP.reason
            mechanism, user = credentials.mechanism, _shown(credentials)
            self._journal.refused(gone, channel, mechanism=mechanism, user=user)
            raise
        if isinstance(result, Accepted):
            self._journal.note(
                "login",
                channel,
                mechanism=credentials.mechanism,
                method=result.actor.method,
                mailbox=result.actor.mailbox,
                identity=result.actor.identity,
                name=result.actor.name,
                **_spent(result),
                **_reached(channel),
            )
            return result
        self._journal.refused(
            result.refusal.reason,
            channel,
            mechanism=credentials.mechanism,
            method=result.method,
            user=_shown(credentials),
            **_spent(result),
            **_reached(channel),
        )
        if isinstance(credentials, PasswordCredentials):
            await asyncio.sleep(max(0.0, start + self._refusal_seconds - clock()))
        return result

    async def again(
        self, actor: Actor, credentials: Credentials, channel: Channel
    ) -> LoginRefusal | None:
        """Tell why a login that was accepted would be refused now; None when it would not.

        Whether the mailbox is still theirs comes first, as that asks nobody elsewhere; then a
        certificate is judged anew. What cannot be told (no evidence of revocation) refuses nobody
        who is in.
        """
        by_application = actor.method == Method.CERTIFICATE
        allowed = self._applications.mailbox if by_application else self._admit
        found = allowed(actor.identity, actor.mailbox)
        if isinstance(found, LoginRefusal):
            return found
        if not isinstance(credentials, CertificateCredentials):
            return None
        verdict = await self._certificate(replace(credentials, authzid=actor.mailbox), channel)
        if isinstance(verdict, Accepted) or verdict.refusal.answer is LoginAnswer.UNAVAILABLE:
            return None
        return verdict.refusal

    async def _judge(self, credentials: Credentials, channel: Channel) -> Accepted | Rejected:
        if not channel.tls:
            return Rejected(refusal=refusals.TLS_NEEDED)
        if not channel.takes(credentials.mechanism):
            return Rejected(refusal=refusals.MECHANISM_NOT_HERE)
        if isinstance(credentials, PasswordCredentials):
            return await self._passwords.verify(credentials, channel)
        by_token = isinstance(credentials, TokenCredentials)
        means = ProofKind.TOKEN if by_token else ProofKind.CERTIFICATE
        if not self._attempts.may_try(channel.client, means):
            return Rejected(refusal=refusals.TOO_MANY_ATTEMPTS)
        if isinstance(credentials, TokenCredentials):
            result = await self._token(credentials, channel)
        else:
            result = await self._certificate(credentials, channel)
        # A certificate alone that does not say which mailbox is no attempt at another's.
        unnamed = isinstance(result, Rejected) and result.refusal is refusals.MAILBOX_NOT_NAMED
        if isinstance(result, Rejected) and result.refusal.answer in _COUNTED and not unnamed:
            self._attempts.failed(channel.client, means)
        return result

    async def _token(self, credentials: TokenCredentials, channel: Channel) -> Accepted | Rejected:
        if Method.ECPS not in channel.methods:
            return Rejected(refusal=refusals.MECHANISM_NOT_HERE)
        if self._tokens is None:
            return Rejected(refusal=refusals.METHOD_NOT_INSTALLED, method=Method.ECPS)
        return await self._tokens.verify(credentials, channel, self._admit)

    async def _certificate(
        self, credentials: CertificateCredentials, channel: Channel
    ) -> Accepted | Rejected:
        certificate = read_peer(channel.certificate)
        if isinstance(certificate, LoginRefusal):
            return Rejected(refusal=certificate)
        if is_card(certificate):
            if Method.CPS not in channel.methods:
                return Rejected(refusal=refusals.CARD_NOT_HERE, method=Method.CPS)
            return await self._cards.verify(certificate, credentials.authzid)
        if Method.CERTIFICATE not in channel.methods:
            return Rejected(refusal=refusals.APPLICATION_NOT_HERE, method=Method.CERTIFICATE)
        return await self._applications.verify(certificate, credentials.authzid)


def _reached(channel: Channel) -> dict[str, Any]:
    """Return when the connection was accepted, and how long its handshake took."""
    if not channel.connected:
        return {}
    return {"connected": round(channel.connected, 6), "handshake": round(channel.tls_seconds, 6)}


def _spent(result: Accepted | Rejected) -> dict[str, float]:
    """Return for the journal the seconds that back ends and the person took, where any did."""
    spent = {"backend": round(result.backend, 6), "person": round(result.person, 6)}
    return {name: seconds for name, seconds in spent.items() if seconds}


def _shown(credentials: Credentials) -> str:
    """Return the user name for the journal; not what is no name, a password typed in its place."""
    if isinstance(credentials, PasswordCredentials):
        names = [credentials.authcid, credentials.authzid]
    elif isinstance(credentials, TokenCredentials):
        names = [credentials.user]
    else:
        names = [credentials.authzid]
    return " ".join(name for name in names if name and parse_name(name) is not None)
