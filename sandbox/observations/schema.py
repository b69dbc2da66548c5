"""The words of what is observed, in virtual time or on sockets: phases, causes, reasons."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import NamedTuple

__all__ = ["SIMULATED", "Cause", "Phase", "Protocol", "Reason", "Words"]


class Protocol(IntEnum):
    """The protocol whose login is observed."""

    IMAP = 0
    SMTP = 1


class Phase(IntEnum):
    """Where the time of a login goes."""

    NETWORK = 0  # name look-up and TCP connection
    SLOT = 1  # waiting for a connection slot
    TLS = 2  # handshake: round trips, processor, queue of the endpoint's processor
    SASL = 3  # round trips of the mail protocol's login
    BACKEND = 4  # Pro Santé Connect, SMS, directory, polling interval
    PERSON = 5  # card, code, telephone


class Cause(IntEnum):
    """Why an attempt failed; who cannot connect at all is in `space.compatibility`."""

    SLOTS_EXHAUSTED = 0  # the backlog of the endpoint was full
    SLOT_TIMEOUT = 1  # no slot came before the client's time-out
    CLIENT_TIMEOUT = 2  # the client gave up while the login was held
    NO_ANSWER = 3  # the telephone was never answered before the request expired
    REFUSED = 4  # the person refused
    CODE_REUSED = 5  # a TOTP code was presented twice
    CODE_MISTYPED = 6  # a wrong code was typed
    SMS_LOST = 7  # the SMS never came
    BACKEND_DOWN = 8  # Pro Santé Connect did not answer
    PERSON_NEEDED = 9  # a background poll met an expired session and no person to renew it
    USER_LIMIT = 10  # the mailbox has as many connections from this address as one may have
    ADDRESS_LIMIT = 11  # the client's address (a hospital's) has as many as one may have
    # From here on seen on sockets only: in virtual time nobody cheats.
    CREDENTIALS = 12  # a wrong password, or no such account
    CERTIFICATE_REFUSED = 13  # the client's certificate is not good, or not for this
    TOKEN_REFUSED = 14  # the access token is not good, or another person's
    NOT_AUTHORIZED = 15  # who it is was proved, but the mailbox is another's
    LIMITED = 16  # too many attempts
    MECHANISM = 17  # a mechanism that the endpoint does not offer
    CONNECTION_LOST = 18  # refused or cut: nobody listens there, or no longer


SIMULATED = tuple(cause for cause in Cause if cause <= Cause.ADDRESS_LIMIT)


class Words(NamedTuple):
    """One sentence in both languages of the space."""

    french: str
    english: str


@dataclass(frozen=True, slots=True)
class Reason:
    """One reason to refuse.

    Attributes:
        name: unique, kebab-case; the journal's key.
        clause: where it is written (RFC section, référentiel requirement).
        what: what happened, in a plain sentence.
        remedy: what would have worked.
    """

    name: str
    clause: str
    what: Words
    remedy: Words

    def journaled(self) -> dict[str, str]:
        """Return what a journal keeps of it."""
        return {
            "reason": self.name, "fr": self.what.french, "en": self.what.english,
            "clause": self.clause, "remedy_fr": self.remedy.french,
            "remedy_en": self.remedy.english,
        }  # fmt: skip
