"""What enrolment decides: who may enrol, what a secret needs to count, what is revoked."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

import pyotp

from sandbox.operators.auth import refusals
from sandbox.operators.auth.access_control import AccessControl
from sandbox.operators.auth.accounts import GRANTED, Secret, SecretState
from sandbox.operators.auth.certificates import is_card, read_peer
from sandbox.operators.auth.holdings import parse_name
from sandbox.operators.auth.limits import ProofKind
from sandbox.operators.auth.passwords import typed_name
from sandbox.operators.auth.totp import DIGITS
from sandbox.operators.auth.verifier import Account
from sandbox.operators.enrolment.tickets import Ticket, Tickets
from sandbox.operators.model import Accepted, Channel, PasswordCredentials, SaslName
from sandbox.operators.refusals import LoginRefusal
from sandbox.space.methods import Method

__all__ = ["MOST_TELEPHONES", "Enrolment"]

MOST_TELEPHONES = 5
_LONGEST = 255
_LONGEST_NAME = 512


class Enrolment:
    """Enrolment at one operator.

    Args:
        control: its accounts, codes and limits.
        operator: its label.
        host: FQDN of the page.
        port: TCP port of the page.
        clock: seconds since 1970.
    """

    def __init__(
        self,
        control: AccessControl,
        *,
        operator: str,
        host: str,
        port: int,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._control = control
        self.operator = operator
        self.host = host
        self._port = port
        self._clock = clock
        self.tickets = Tickets(clock)

    def channel(self, client: str) -> Channel:
        """Return the channel of a request, for the journal."""
        return Channel(
            operator=self.operator,
            design="",
            endpoint="enrolment",
            host=self.host,
            port=self._port,
            protocol="https",
            methods=(Method.TOTP, Method.CPS),
            mechanisms=(SaslName.PLAIN,),
            client=client,
            tls="TLS",
        )

    # Signing in ----------------------------------------------------------------------------------

    async def sign_in(
        self, user: str, password: str, current: str, client: str
    ) -> Ticket | LoginRefusal:
        """Sign a holder in with her password.

        Args:
            user: login name, as mail software gives it.
            password: her password.
            current: a code of a telephone already enrolled, without which a stolen password would
                enrol a thief's; empty when there is none.
            client: address of the peer.
        """
        clock = asyncio.get_running_loop().time
        start = clock()
        found = await self._proved(user[:_LONGEST_NAME], password[:_LONGEST] + current, client)
        given = self._given(found, client, user)
        if isinstance(given, LoginRefusal):
            # As for mail software: the time taken tells nothing of what was found.
            await asyncio.sleep(max(0.0, start + self._control.policy.refusal_seconds - clock()))
        return given

    async def sign_in_by_card(
        self, der: bytes | None, user: str, client: str
    ) -> Ticket | LoginRefusal:
        """Sign the holder of a card in; `user` names her mailbox, or is empty for her own."""
        attempts = self._control.attempts
        if not attempts.may_try(client, ProofKind.CERTIFICATE):
            return self._given(refusals.TOO_MANY_ATTEMPTS, client, user)
        peer = read_peer(der)
        if not isinstance(peer, LoginRefusal) and not is_card(peer):
            peer = refusals.APPLICATION_NOT_HERE
        if isinstance(peer, LoginRefusal):
            found: Account | LoginRefusal = peer
        else:
            result = await self._control.cards.verify(peer, user[:_LONGEST_NAME])
            if isinstance(result, Accepted):
                actor = result.actor
                found = Account(mailbox=actor.mailbox, identity=actor.identity, name=actor.name)
            else:
                found = result.refusal
        if isinstance(found, LoginRefusal):
            attempts.failed(client, ProofKind.CERTIFICATE)
        return self._given(found, client, user)

    async def _proved(self, user: str, typed: str, client: str) -> Account | LoginRefusal:
        attempts, passwords = self._control.attempts, self._control.passwords
        credentials = PasswordCredentials(mechanism=SaslName.PLAIN, authcid=user, password=typed)
        name = typed_name(credentials)
        if not attempts.may_try(client, ProofKind.PASSWORD, name):
            return refusals.TOO_MANY_ATTEMPTS
        proof = passwords.prove(credentials, client, takes_codes=True)
        account = proof.account
        if account is None or not (proof.head or proof.whole):
            attempts.failed(client, ProofKind.PASSWORD, name)
            return proof.why()
        if not attempts.may_prove(account.key):
            return refusals.TOO_MANY_SECOND_FACTORS
        enrolled = self._control.accounts.secrets(account.mailbox, account.identity)
        if enrolled:
            if proof.match is None:
                return refusals.CODE_MISSING
            if proof.match.refused is not None:
                if proof.match.guessed:
                    attempts.unproved(account.key)
                return proof.match.refused
            await self._control.codes.accept(proof.match)
        elif not proof.whole:
            return refusals.CODE_NOT_ENROLLED
        attempts.succeeded(client, name, account.key)
        return account

    def _given(
        self, found: Account | LoginRefusal, client: str, user: str
    ) -> Ticket | LoginRefusal:
        journal, channel = self._control.journal, self.channel(client)
        if isinstance(found, LoginRefusal):
            shown = user if parse_name(user) is not None else ""
            journal.refused(found.reason, channel, user=shown)
            return found
        journal.note("enrolment-sign-in", channel, **_who(found))
        return self.tickets.give(found)

    # Telephones ----------------------------------------------------------------------------------

    def telephones(self, account: Account) -> list[Secret]:
        """Return the telephones that count, oldest first."""
        return self._control.accounts.secrets(account.mailbox, account.identity)

    def pending(self, account: Account) -> Secret | None:
        """Return the secret that waits for its confirmation."""
        found = self._control.accounts.secrets(
            account.mailbox, account.identity, SecretState.PENDING
        )
        return found[-1] if found else None

    def begin(self, account: Account, label: str, client: str) -> Secret | None:
        """Draw a secret that waits for its confirmation; None when there are telephones enough."""
        if len(self.telephones(account)) >= MOST_TELEPHONES:
            return None
        kept = "".join(letter for letter in label if letter.isprintable())[:40].strip()
        secret = self._control.accounts.enrol(account.mailbox, account.identity, kept)
        self._note("enrolment-begun", account, client, secret)
        return secret

    def shown_code(self, secret: Secret) -> str:
        """Return what the sandbox's own telephone shows now; empty for a telephone of someone."""
        if secret.label != GRANTED:
            return ""
        step = self._control.codes.policy.step_seconds
        return pyotp.TOTP(secret.secret, digits=DIGITS, interval=step).at(int(self._clock()))

    def uri(self, secret: Secret) -> str:
        """Return the `otpauth` URI of a secret, whose parameters are the app's defaults.

        SHA-1, six digits, and a period when it is not 30 s.
        """
        generator = pyotp.TOTP(
            secret.secret, digits=DIGITS, interval=self._control.codes.policy.step_seconds
        )
        return generator.provisioning_uri(
            name=secret.mailbox, issuer_name=f"MSSanté {self.operator} (test)"
        )

    async def confirm(self, account: Account, code: str, client: str) -> LoginRefusal | None:
        """Make the pending secret count, once a code of it was typed, or say why not."""
        channel, attempts = self.channel(client), self._control.attempts
        secret = self.pending(account)
        refused: LoginRefusal | None
        if not attempts.may_prove(account.key):
            refused = refusals.TOO_MANY_SECOND_FACTORS
        elif secret is None or not (len(code) == DIGITS and code.isascii() and code.isdigit()):
            refused = refusals.CODE_WRONG
        else:
            match = self._control.codes.match([secret], code, client)
            refused = match.refused
            if refused is None:
                # The code that confirms is used: it does not log in as well.
                await self._control.codes.accept(match)
                self._control.accounts.become(secret, SecretState.CONFIRMED)
                self._note("enrolment-confirmed", account, client, secret)
                return None
        if refused is not refusals.TOO_MANY_SECOND_FACTORS:
            attempts.unproved(account.key)
        self._control.journal.refused(refused.reason, channel, **_who(account))
        return refused

    def revoke(self, account: Account, number: int, client: str) -> bool:
        """Revoke a telephone of the account, or what is pending; False when it is not hers."""
        states = (SecretState.CONFIRMED, SecretState.PENDING)
        for secret in self._control.accounts.secrets(account.mailbox, account.identity, *states):
            if secret.id == number:
                self._control.accounts.become(secret, SecretState.REVOKED)
                self._note("enrolment-revoked", account, client, secret)
                return True
        return False

    def _note(self, event: str, account: Account, client: str, secret: Secret) -> None:
        self._control.journal.note(
            event, self.channel(client), **_who(account), telephone=secret.id, label=secret.label
        )


def _who(account: Account) -> dict[str, str]:
    return {"mailbox": account.mailbox, "identity": account.identity, "name": account.name}
