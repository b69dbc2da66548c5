"""From facts to the indicators of one operator and one month: one count, whoever made the facts."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

from sandbox.indicators.month import Month

__all__ = [
    "CountedLogin",
    "CountedMailbox",
    "Fact",
    "Indicators",
    "LoginKey",
    "MailboxCount",
    "MailboxKey",
    "MessageKey",
    "Volume",
    "count",
]


class Fact(NamedTuple):
    """Something that happened to a message; see `operators.store.traffic` for events.

    Attributes:
        event: submitted, sent, received, relayed or failed.
        mailbox: of this operator; empty for a notification on its way out.
        peer: domain at the other end.
        document, ins, software: of its header, empty where it says nothing.
        octets: of the message, 0 where it was not weighed.
        times: how often just this happened.
    """

    event: str
    mailbox: str
    peer: str = ""
    document: str = ""
    ins: str = ""
    software: str = ""
    octets: int = 0
    times: int = 1


class CountedLogin(NamedTuple):
    """A login; `cause` is the reason of a refusal, empty for one that was accepted."""

    mailbox: str
    protocol: str
    method: str
    cause: str = ""
    times: int = 1


class CountedMailbox(NamedTuple):
    """A mailbox as the directory has it; instants in seconds since 1970, `deleted` 0: it lives."""

    address: str
    type: str
    profession: str
    finess: str
    created: float
    deleted: float = 0.0


class MailboxKey(NamedTuple):
    """What mailboxes are counted by."""

    domain: str
    type: str
    profession: str
    finess: str


class MessageKey(NamedTuple):
    """What events are counted by; `type` of the mailbox here, empty where there is none."""

    domain: str
    type: str
    event: str
    peer: str
    ins: str
    document: str
    software: str


class LoginKey(NamedTuple):
    """What logins are counted by."""

    protocol: str
    method: str
    cause: str


@dataclass(slots=True)
class MailboxCount:
    """Mailboxes: open at the end of the month, opened and closed in it, used in it."""

    open: int = 0
    opened: int = 0
    closed: int = 0
    active: int = 0


class Volume(NamedTuple):
    """How many, and how many octets."""

    number: int
    octets: int


@dataclass(frozen=True, slots=True)
class Indicators:
    """What one operator says of one month.

    Attributes:
        operator: its label.
        month: which.
        domains: that it serves, or served in the month.
        mailboxes, messages, logins: counts by what they are counted by; none is zero.
    """

    operator: str
    month: Month
    domains: tuple[str, ...]
    mailboxes: dict[MailboxKey, MailboxCount]
    messages: dict[MessageKey, Volume]
    logins: dict[LoginKey, int]

    def total(self, event: str, *, peer: str | None = None) -> int:
        """Return how often an event happened to a message of somebody, with one peer or all.

        Notifications have no sender, and are left out.
        """
        return sum(
            volume.number
            for key, volume in self.messages.items()
            if key.event == event and (key.peer == peer if peer is not None else True)
            and (key.peer if event == "received" else key.domain)
        )  # fmt: skip

    @property
    def peers(self) -> frozenset[str]:
        """Domains with which it exchanged something."""
        return frozenset(key.peer for key in self.messages if key.peer)


def count(
    operator: str, month: Month, domains: Iterable[str],
    boxes: Iterable[CountedMailbox], facts: Iterable[Fact], logins: Iterable[CountedLogin],
) -> Indicators:  # fmt: skip
    """Count a month.

    A mailbox is active when somebody logged in to it or sent from it in the month.

    Args:
        operator: whose month.
        month: which.
        domains: that it serves, or served in the month.
        boxes: mailboxes that were there at any time of the month or before.
        facts, logins: of the month, and of it alone.
    """
    known = {box.address: box for box in boxes}
    messages: dict[MessageKey, list[int]] = defaultdict(lambda: [0, 0])
    active: set[str] = set()
    for fact in facts:
        box = known.get(fact.mailbox)
        cell = messages[MessageKey(
            fact.mailbox.rpartition("@")[2], box.type if box else "", fact.event, fact.peer,
            fact.ins, fact.document, fact.software,
        )]  # fmt: skip
        cell[0] += fact.times
        cell[1] += fact.octets * fact.times
        if fact.event == "submitted":
            active.add(fact.mailbox)
    counted: Counter[LoginKey] = Counter()
    for login in logins:
        counted[LoginKey(login.protocol, login.method, login.cause)] += login.times
        if not login.cause:
            active.add(login.mailbox)
    mailboxes: dict[MailboxKey, MailboxCount] = defaultdict(MailboxCount)
    for box in known.values():
        if box.created >= month.end or (box.deleted and box.deleted < month.begin):
            continue
        here = mailboxes[MailboxKey(
            box.address.rpartition("@")[2], box.type, box.profession, box.finess
        )]  # fmt: skip
        here.open += not box.deleted or box.deleted >= month.end
        here.opened += box.created >= month.begin
        here.closed += bool(box.deleted) and box.deleted < month.end
        here.active += box.address in active
    return Indicators(
        operator, month, tuple(sorted(domains)),
        dict(sorted(mailboxes.items())),
        {key: Volume(*cell) for key, cell in sorted(messages.items())},
        dict(sorted(counted.items())),
    )  # fmt: skip
