"""PLAIN, LOGIN: a password, alone or followed by six digits, and what that means where it is said.

Followed by six digits where codes are taken: `totp`. Alone where a held method is served: that
method, the account's own where there are two. Names that do not exist are treated as names that do.
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Mapping
from dataclasses import dataclass

from sandbox.operators.auth import refusals
from sandbox.operators.auth.accounts import Access, Accounts, digest_of
from sandbox.operators.auth.holdings import Holdings, parse_name
from sandbox.operators.auth.limits import Attempts, ProofKind
from sandbox.operators.auth.totp import DIGITS, CodeJudge, Match
from sandbox.operators.auth.verifier import Account, HeldVerifier
from sandbox.operators.model import Accepted, Channel, PasswordCredentials, Rejected
from sandbox.operators.refusals import LoginRefusal
from sandbox.space.methods import Method

__all__ = ["PasswordLogin", "Proof", "typed_name"]

_HELD = (Method.ECPS, Method.SMS)


def typed_name(credentials: PasswordCredentials) -> str:
    """Return the name that attempts are counted by: what is to be opened, as it was typed."""
    name = parse_name(credentials.authzid or credentials.authcid)
    return "" if name is None else name.mailbox or name.holder


@dataclass(frozen=True, slots=True)
class Proof:
    """What a password showed.

    Attributes:
        account: whose it would be, None when the name means none.
        refusal: why the name means none.
        access: what is kept of the account, None when it has no password.
        whole: the text is the password.
        head: the text without its six digits is the password.
        match: what the six digits are; None when there are none, or they are not asked for.
    """

    account: Account | None
    refusal: LoginRefusal | None
    access: Access | None
    whole: bool
    head: bool
    match: Match | None

    def why(self) -> LoginRefusal:
        """Return the refusal for the journal; the wire hears the same of all of them."""
        if self.refusal is not None:
            return refusals.unproved(self.refusal)
        if self.access is None:
            return refusals.NO_PASSWORD
        return refusals.CODE_NOT_HERE if self.head else refusals.WRONG_PASSWORD


class PasswordLogin:
    """Judges passwords and what follows them.

    Args:
        holdings: whose access a name means.
        accounts: passwords and TOTP secrets.
        codes: judges the six digits.
        attempts: counters.
        held: verifiers of the held methods that are in service.
    """

    def __init__(
        self,
        holdings: Holdings,
        accounts: Accounts,
        codes: CodeJudge,
        attempts: Attempts,
        held: Mapping[Method, HeldVerifier],
    ) -> None:
        self._holdings = holdings
        self._accounts = accounts
        self._codes = codes
        self._attempts = attempts
        self._held = held
        # No password has this digest: names that mean nobody are compared with it.
        self._nobody = (secrets.token_bytes(16), secrets.token_bytes(32))

    async def verify(
        self, credentials: PasswordCredentials, channel: Channel
    ) -> Accepted | Rejected:
        """Judge a name and a password. See `Authenticator.authenticate`."""
        held = tuple(method for method in _HELD if method in channel.methods)
        takes_codes = Method.TOTP in channel.methods
        if not (held or takes_codes):
            return Rejected(refusal=refusals.MECHANISM_NOT_HERE)
        name = typed_name(credentials)
        if not self._attempts.may_try(channel.client, ProofKind.PASSWORD, name):
            return Rejected(refusal=refusals.TOO_MANY_ATTEMPTS)
        proof = self.prove(credentials, channel.client, takes_codes=takes_codes)
        account = proof.account
        if account is not None and proof.head and proof.match is not None:
            return await self._code(account, proof.match, channel.client, name)
        if account is not None and proof.whole and held:
            method = account.held if account.held in held else held[0]
            return await self._ask(method, account, credentials, channel, name)
        guessed = Method.TOTP if proof.match is not None or not held else held[0]
        if account is not None and proof.whole:
            return Rejected(refusal=refusals.CODE_MISSING, method=guessed)
        self._attempts.failed(channel.client, ProofKind.PASSWORD, name)
        return Rejected(refusal=proof.why(), method=guessed)

    def prove(self, credentials: PasswordCredentials, client: str, *, takes_codes: bool) -> Proof:
        """Compare, always as much: with and without six digits, whether the name exists or not."""
        found = self._holdings.login(credentials.authcid, credentials.authzid)
        account = found if isinstance(found, Account) else None
        access = self._accounts.access(account.mailbox, account.identity) if account else None
        salt, digest = (access.salt, access.digest) if access else self._nobody
        password = credentials.password
        head, code = password[:-DIGITS], password[-DIGITS:]
        whole_right = hmac.compare_digest(digest_of(password, salt), digest)
        head_right = hmac.compare_digest(digest_of(head, salt), digest)
        digits = bool(head) and code.isascii() and code.isdigit()
        match = None
        if takes_codes and digits:
            known = self._accounts.secrets(account.mailbox, account.identity) if account else []
            match = self._codes.match(known, code, client)
        return Proof(
            account=account,
            refusal=found if isinstance(found, LoginRefusal) else None,
            access=access,
            whole=whole_right,
            head=head_right and digits,
            match=match,
        )

    async def _code(
        self, account: Account, match: Match, client: str, name: str
    ) -> Accepted | Rejected:
        if not self._attempts.may_prove(account.key):
            return Rejected(refusal=refusals.TOO_MANY_SECOND_FACTORS, method=Method.TOTP)
        if match.refused is not None:
            if match.guessed:
                self._attempts.unproved(account.key)
            return Rejected(refusal=match.refused, method=Method.TOTP)
        await self._codes.accept(match)
        self._attempts.succeeded(client, name, account.key)
        return Accepted(actor=account.actor(Method.TOTP))

    async def _ask(
        self,
        method: Method,
        account: Account,
        credentials: PasswordCredentials,
        channel: Channel,
        name: str,
    ) -> Accepted | Rejected:
        verifier = self._held.get(method)
        if verifier is None:
            return Rejected(refusal=refusals.METHOD_NOT_INSTALLED, method=method)
        if not self._attempts.may_prove(account.key):
            return Rejected(refusal=refusals.TOO_MANY_SECOND_FACTORS, method=method)
        self._attempts.asked(account.key)
        result = await verifier.verify(credentials, channel, account)
        if isinstance(result, Accepted):
            self._attempts.succeeded(channel.client, name, account.key)
        return result
