"""What the authenticator and the methods give each other."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from sandbox.operators.model import (
    Accepted,
    Actor,
    Channel,
    PasswordCredentials,
    Rejected,
    TokenCredentials,
)
from sandbox.operators.refusals import LoginRefusal
from sandbox.space.methods import Method

__all__ = ["Account", "Admit", "HeldVerifier", "TokenVerifier"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """The access of one holder to one mailbox.

    Attributes:
        mailbox: address, lower case.
        identity: national identifier of the holder (`8`+RPPS...), or OU of the legal person.
        name: of the holder, as the journal shows it.
        held: what a password alone starts where an endpoint serves both: `ecps` or
            `ciba-operateur`.
    """

    mailbox: str
    identity: str
    name: str
    held: Method = Method.ECPS

    @property
    def key(self) -> str:
        """What counters go by."""
        return f"{self.mailbox} {self.identity}"

    def actor(self, method: Method, expires_at: float | None = None) -> Actor:
        """Return who acts once `method` has proved it."""
        return Actor(
            mailbox=self.mailbox,
            identity=self.identity,
            name=self.name,
            method=method,
            expires_at=expires_at,
        )


# (national identifier that was proved, login name or mailbox that was asked for, empty for the
# person's own) -> the account, or why not.
Admit = Callable[[str, str], Account | LoginRefusal]


class HeldVerifier(Protocol):
    """A login that is held until the person has answered elsewhere (`ecps`, `ciba-operateur`)."""

    async def verify(
        self, credentials: PasswordCredentials, channel: Channel, account: Account
    ) -> Accepted | Rejected:
        """Ask the holder of `account`, whose password was found right.

        A refusal is journaled by the authenticator, not here. Cancelling cancels what is pending.
        """


class TokenVerifier(Protocol):
    """A login with an access token of Pro Santé Connect (XOAUTH2, OAUTHBEARER)."""

    async def verify(
        self, credentials: TokenCredentials, channel: Channel, admit: Admit
    ) -> Accepted | Rejected:
        """Verify the token, then ask `admit` whether its person may open what `user` names.

        What `admit` refuses is refused. It is journaled by the authenticator.
        """
