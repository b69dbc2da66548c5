"""What is sent: health messages that say who they are, so that what arrives can be checked."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from sandbox.clients.plan import PlannedMessage
from sandbox.messages.stock import stock_document, stock_letter

__all__ = ["Ledger", "content_of", "read_letter"]

_HEAD = re.compile(rb"\r\nX-Sandbox-Letter: (\S+) (\d+) ([0-9a-f]{64})\r\n")


def content_of(run: str, sender: str, letter: PlannedMessage, at: float) -> bytes:
    """Return a health message that carries its run, number and the hash of its body."""
    digest = stock_document(letter.document).digest
    domain = sender.rpartition("@")[2]
    return stock_letter(
        letter.document, sender=sender, recipients=letter.recipients,
        message_id=f"<{run}.{letter.number}@{domain}>", at=datetime.fromtimestamp(int(at), UTC),
        more=f"X-Sandbox-Letter: {run} {letter.number} {digest}\r\n".encode(),
    )  # fmt: skip


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
