"""What is sent: messages that say who they are, so that what arrives can be checked."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from email.utils import formatdate

from sandbox.clients.plan import PlannedMessage

__all__ = ["Ledger", "content_of", "read_letter"]

SIZE = 10_000  # bytes, as in the benchmarks of operators
_HEAD = re.compile(rb"\r\nX-Sandbox-Letter: (\S+) (\d+) ([0-9a-f]{64})\r\n")


def _body(run: str, number: int) -> bytes:
    """Return text that no other message has."""
    seed = hashlib.sha256(f"{run}\x1f{number}".encode()).hexdigest()
    lines = []
    for _ in range(SIZE // 66):
        lines.append(seed)
        seed = hashlib.sha256(seed.encode()).hexdigest()
    return "".join(f"{line}\r\n" for line in lines).encode()


def content_of(run: str, sender: str, letter: PlannedMessage, at: float) -> bytes:
    """Return a message of some 10 kB that carries its run, number and hash."""
    body = _body(run, letter.number)
    digest = hashlib.sha256(body).hexdigest()
    domain = sender.rpartition("@")[2]
    head = (
        f"From: <{sender}>\r\nTo: {', '.join(f'<{each}>' for each in letter.recipients)}\r\n"
        f"Subject: Message {letter.number}\r\nDate: {formatdate(at)}\r\n"
        f"Message-ID: <{run}.{letter.number}@{domain}>\r\n"
        f"X-Sandbox-Letter: {run} {letter.number} {digest}\r\n\r\n"
    )
    return head.encode() + body


def read_letter(content: bytes) -> tuple[str, int, bool] | None:
    """Return (run, number, whether its text is whole) of a message; None: none of ours."""
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
