"""What is sent: health messages that say who they are, so that what arrives can be checked."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from sandbox.clients.plan import PlannedMessage
from sandbox.messages.receipts import Disposition, make_receipt
from sandbox.messages.stock import stock_document, stock_letter

__all__ = ["Ledger", "content_of", "read_letter"]

_HEAD = re.compile(rb"\r\nX-Sandbox-Letter: (\S+) (\d+) ([0-9a-f]{64})\r\n")


def content_of(run: str, sender: str, letter: PlannedMessage, at: float) -> bytes:
    """Return a health message or a receipt with its run, number and the hash of its body."""
    message_id, when = _message_id(run, letter.number, sender), datetime.fromtimestamp(int(at), UTC)
    if letter.answers is not None:
        return _receipt(run, sender, letter, message_id, when)
    return stock_letter(
        letter.document, sender=sender, recipients=letter.recipients, message_id=message_id,
        at=when, receipt=letter.receipt,
        more=_mark(run, letter.number, stock_document(letter.document).digest),
    )  # fmt: skip


def _receipt(
    run: str, sender: str, letter: PlannedMessage, message_id: str, at: datetime
) -> bytes:  # fmt: skip
    """Return the receipt for a message: of its reading, or of what an application made of it."""
    (to,) = letter.recipients
    original = _message_id(run, letter.answers or f"before-{letter.number}", to)
    if letter.integration is None:  # it returns the header alone
        head = f"From: {to}\r\nTo: {sender}\r\nMessage-ID: {original}\r\n".encode()
        content = head + stock_document(letter.document).fields + b"\r\n"
        told = make_receipt(content, mailbox=sender, to=to, at=at, message_id=message_id)
    else:
        content = stock_letter(
            letter.document, sender=to, recipients=(sender,), message_id=original, at=at,
            receipt=True,
        )  # fmt: skip
        told = make_receipt(
            content, mailbox=sender, to=to, at=at, message_id=message_id,
            disposition=Disposition.PROCESSED, code=letter.integration,
        )  # fmt: skip
    fields, _, body = told.partition(b"\r\n\r\n")
    mark = _mark(run, letter.number, hashlib.sha256(body).hexdigest())
    return b"".join((fields, b"\r\n", mark, b"\r\n", body))


def _message_id(run: str, number: object, sender: str) -> str:
    return f"<{run}.{number}@{sender.rpartition('@')[2]}>"


def _mark(run: str, number: int, digest: str) -> bytes:
    return f"X-Sandbox-Letter: {run} {number} {digest}\r\n".encode()


def read_letter(content: bytes) -> tuple[str, int, bool] | None:
    """Return (run, number, whether its body is whole) of a message; None: none of ours."""
    head, _, body = content.partition(b"\r\n\r\n")
    found = _HEAD.search(head + b"\r\n")
    if found is None:
        return None
    whole = hashlib.sha256(body).hexdigest().encode() == found[3]
    return found[1].decode(), int(found[2]), whole


@dataclass(slots=True)
class Ledger:
    """What was accepted and what came of it.

    Attributes:
        run: whose messages count.
        accepted: recipients by number of message.
        seen: how often each message is in each mailbox.
        spoiled: messages whose text is not what was sent.
        strangers: in a mailbox that they were not for.
    """

    run: str
    accepted: Mapping[int, tuple[str, ...]]
    seen: Counter[tuple[int, str]] = field(default_factory=Counter)
    spoiled: int = 0
    strangers: int = 0

    def found(self, mailbox: str, contents: Iterable[bytes]) -> None:
        """Take all that a mailbox holds, once."""
        for content in contents:
            read = read_letter(content)
            if read is None or read[0] != self.run:
                continue
            _, number, whole = read
            self.spoiled += not whole
            self.seen[number, mailbox] += 1
            self.strangers += number in self.accepted and mailbox not in self.accepted[number]

    @property
    def missing(self) -> list[tuple[int, str]]:
        """Messages that were accepted and are not in a recipient's mailbox."""
        return [
            (number, mailbox)
            for number, mailboxes in self.accepted.items()
            for mailbox in mailboxes
            if not self.seen[number, mailbox]
        ]

    @property
    def duplicated(self) -> int:
        """Messages that are in a mailbox once more than once."""
        return sum(count - 1 for count in self.seen.values() if count > 1)
