"""Envelopes, folders and what a queue holds: the plain values between protocols and store."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

__all__ = [
    "NOTHING_SAID",
    "About",
    "Action",
    "Addressed",
    "Envelope",
    "Folder",
    "MessageRow",
    "Outcome",
    "Queued",
    "Recipient",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipient:
    """A forward-path and what RCPT said of it (RFC 3461).

    Attributes:
        address: lower-case domain; local part as given.
        notify: NOTIFY values in upper case (`NEVER`, or of `SUCCESS`, `FAILURE`, `DELAY`); empty
            when not given.
        orcpt: ORCPT as given (`rfc822;...`), empty when not given.
    """

    address: str
    notify: tuple[str, ...] = ()
    orcpt: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Envelope:
    """What MAIL and RCPT said.

    Attributes:
        reverse_path: sender; empty for a notification (`MAIL FROM:<>`).
        recipients: at least one.
        body: 7BIT or 8BITMIME.
        smtputf8: SMTPUTF8 was given (RFC 6531).
        ret: RET (`FULL`, `HDRS`), empty when not given (RFC 3461).
        envid: ENVID as given (xtext), empty when not given.
    """

    reverse_path: str
    recipients: tuple[Recipient, ...]
    body: str = "7BIT"
    smtputf8: bool = False
    ret: str = ""
    envid: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """What the header of a message says for the indicators, empty where it says nothing.

    Attributes:
        document: X-MSS-CODECDA, codes of the documents (ECO.2.4.1).
        ins: X-MSS-INS, `O` or `N` (ECO.2.4.2).
        software: X-MSS-NIL, the product that wrote it (ECO.2.4.3).
    """

    document: str = ""
    ins: str = ""
    software: str = ""


NOTHING_SAID = About()


class Addressed(NamedTuple):
    """A message and where it goes: mailboxes here, recipients elsewhere, each once."""

    envelope: Envelope
    content: bytes
    local: list[str]
    remote: list[Recipient]


@dataclass(frozen=True, slots=True, kw_only=True)
class Queued:
    """One message on its way to one recipient elsewhere. Instants are seconds since 1970.

    Attributes:
        id: row of the queue.
        queue_id: identifier of the accepted message, as replies and `Received` show it.
        message: key of the content in the store.
        envelope: with this recipient only.
        accepted_at: when 250 was said.
        attempts: how many have been made.
        next_attempt: when the next is due.
    """

    id: int
    queue_id: str
    message: int
    envelope: Envelope
    accepted_at: float
    attempts: int
    next_attempt: float

    @property
    def recipient(self) -> Recipient:
        """The recipient."""
        return self.envelope.recipients[0]


class Action(StrEnum):
    """What became of a recipient (RFC 3464 §2.3.3)."""

    FAILED = "failed"
    DELAYED = "delayed"
    DELIVERED = "delivered"
    RELAYED = "relayed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of one recipient. Instants are seconds since 1970.

    Attributes:
        recipient: who.
        action: what.
        status: enhanced status code (RFC 3463).
        french, english: what happened, in a plain sentence.
        reply: what the other server said, empty when it said nothing.
        remote: host that was talked to, empty when none was.
        at: last attempt.
        retry_until: end of the attempts, for a delay.
    """

    recipient: Recipient
    action: Action
    status: str
    french: str = ""
    english: str = ""
    reply: str = ""
    remote: str = ""
    at: float | None = None
    retry_until: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Folder:
    r"""A folder of a mailbox (RFC 9051).

    Attributes:
        id: row in the store.
        mailbox: address of the mailbox, lower case.
        name: levels separated by `/`; `INBOX` in upper case.
        special_use: `\Sent`, `\Trash`... (RFC 6154), empty for none.
        subscribed: as LSUB shows it.
        uid_validity: never changes while the folder lives.
        uid_next: the next message's UID.
        highest_modseq: last modification sequence (RFC 7162).
    """

    id: int
    mailbox: str
    name: str
    special_use: str
    subscribed: bool
    uid_validity: int
    uid_next: int
    highest_modseq: int


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageRow:
    r"""A message in a folder, without its content.

    Attributes:
        uid: strictly rising in the folder, never used again.
        modseq: of its last change.
        flags: system flags in their usual case (`\Seen`), keywords as given; never `\Recent`.
        internal_date: seconds since 1970.
        size: bytes.
        message: key of the content in the store.
        email_id: of the content, equal for copies (RFC 8474).
    """

    uid: int
    modseq: int
    flags: frozenset[str]
    internal_date: float
    size: int
    message: int
    email_id: str
