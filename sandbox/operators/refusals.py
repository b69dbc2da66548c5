"""Refusals of an operator: a reason for the journal, and an answer for the wire that says no more.

A package keeps its refusals in one module, one constant each. A login is refused by its kind
(`LoginAnswer`): an attacker learns that, never the reason.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from sandbox.observations.schema import Cause, Reason, Words

__all__ = ["LoginAnswer", "LoginRefusal", "MailRefusal", "login_refusal", "mail_refusal"]


class LoginAnswer(Enum):
    """What the wire tells of a login: (IMAP code, SMTP reply, enhanced status, text).

    Codes are those of RFC 5530 (IMAP), RFC 4954 §6 (SMTP), RFC 3463 and RFC 5248 (statuses).
    """

    CREDENTIALS = ("AUTHENTICATIONFAILED", 535, "5.7.8", "Authentication failed")
    NOT_AUTHORIZED = ("AUTHORIZATIONFAILED", 535, "5.7.8", "Authentication failed")
    EXPIRED = ("EXPIRED", 535, "5.7.8", "Authentication expired")
    UNAVAILABLE = ("UNAVAILABLE", 454, "4.7.0", "Temporary authentication failure")
    LIMITED = ("LIMIT", 421, "4.7.0", "Too many attempts, try again later")
    TLS_NEEDED = ("PRIVACYREQUIRED", 538, "5.7.11", "Encryption required")
    MECHANISM = ("CANNOT", 504, "5.5.4", "Mechanism not offered here")
    MALFORMED = ("CLIENTBUG", 501, "5.5.2", "Response is not what the mechanism asks for")
    CANCELLED = ("CLIENTBUG", 501, "5.7.0", "Authentication cancelled")

    @property
    def imap_code(self) -> str:
        """Response code of a tagged NO (RFC 5530)."""
        return self.value[0]

    @property
    def smtp_code(self) -> int:
        """Reply code."""
        return self.value[1]

    @property
    def status(self) -> str:
        """Enhanced status code."""
        return self.value[2]

    @property
    def text(self) -> str:
        """Text of the reply, the same whatever the reason."""
        return self.value[3]


@dataclass(frozen=True, slots=True)
class LoginRefusal:
    """A login is refused: why, what the wire says, and the cause that observations count."""

    reason: Reason
    answer: LoginAnswer
    cause: Cause

    @property
    def name(self) -> str:
        """The reason's."""
        return self.reason.name


@dataclass(frozen=True, slots=True)
class MailRefusal:
    """A command or a message is refused: why, and the SMTP reply; `close` ends the connection."""

    reason: Reason
    code: int
    status: str
    text: str
    close: bool = False

    @property
    def name(self) -> str:
        """The reason's."""
        return self.reason.name


def login_refusal(
    name: str, answer: LoginAnswer, cause: Cause, clause: str,
    what: tuple[str, str], remedy: tuple[str, str],
) -> LoginRefusal:  # fmt: skip
    """Write a row: `what` and `remedy` in French, then English."""
    return LoginRefusal(Reason(name, clause, Words(*what), Words(*remedy)), answer, cause)


def mail_refusal(
    name: str, wire: tuple[int, str, str], clause: str,
    what: tuple[str, str], remedy: tuple[str, str], *, close: bool = False,
) -> MailRefusal:  # fmt: skip
    """Write a row: `wire` is code, enhanced status, text; words in French, then English."""
    return MailRefusal(Reason(name, clause, Words(*what), Words(*remedy)), *wire, close=close)
