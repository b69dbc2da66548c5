"""What indicators count: one row a fact, written in the transaction that makes it true.

So a kill leaves a message with its facts, or neither: figures equal a recount, message by message.
The events: `submitted` (a message of a user here), `sent` (one for each recipient of it),
`received` (one for each INBOX here), `relayed` and `failed` (what became of one recipient
elsewhere). `mailbox` is the sender's for the first two and the last two, empty for a notification;
`peer` is the domain at the other end, empty where nobody is: the sender of a notification.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

from sandbox.operators.mail import About, Envelope
from sandbox.operators.store.writer import StoreTransaction

__all__ = ["TrafficRow", "accepted", "last_uses", "read_traffic", "settled"]

_INSERT = (
    "INSERT INTO traffic(at, event, queue_id, mailbox, peer, document, ins, software, octets) "
)
_SELECT = (
    "SELECT at, event, queue_id, mailbox, peer, document, ins, software, octets FROM traffic "
    "WHERE at >= ? AND at < ? ORDER BY at, id"
)


class TrafficRow(NamedTuple):
    """One fact. `at` in seconds since 1970, `octets` of the message where it was accepted."""

    at: float
    event: str
    queue_id: str
    mailbox: str
    peer: str
    document: str
    ins: str
    software: str
    octets: int


def accepted(
    transaction: StoreTransaction, envelope: Envelope, about: About, *, queue_id: str,
    octets: int, now: float, inboxes: Iterable[int], submitted: bool,
) -> None:  # fmt: skip
    """Note a message that was taken."""
    connection, sender = transaction.connection, envelope.reverse_path.lower()
    said = (about.document, about.ins, about.software, octets)
    if submitted:
        distinct = dict.fromkeys(each.address.lower() for each in envelope.recipients)
        peers = [each.rpartition("@")[2] for each in distinct]
        rows = [("submitted", ""), *(("sent", peer) for peer in peers)]
        connection.executemany(
            f"{_INSERT} VALUES(?,?,?,?,?,?,?,?,?)",
            [(now, event, queue_id, sender, peer, *said) for event, peer in rows],
        )
    connection.executemany(
        f"{_INSERT} SELECT ?,'received',?,b.address,?,?,?,?,? FROM folder f "
        "JOIN mailbox b ON b.id = f.mailbox WHERE f.id = ?",
        [(now, queue_id, sender.rpartition("@")[2], *said, inbox) for inbox in inboxes],
    )


def settled(
    transaction: StoreTransaction, event: str, queue_id: str, sender: str, recipient: str,
    now: float,
) -> None:  # fmt: skip
    """Note what became of a recipient elsewhere."""
    transaction.connection.execute(
        f"{_INSERT} VALUES(?,?,?,?,?,'','','',0)",
        (now, event, queue_id, sender.lower(), recipient.rpartition("@")[2]),
    )


def last_uses(path: Path) -> tuple[dict[str, float], dict[str, float]]:
    """Return when each mailbox last sent something, and when each domain last carried something.

    Raises:
        sqlite3.DatabaseError: it is no store of this version.
    """
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA query_only=ON")
        sent = connection.execute(
            "SELECT mailbox, max(at) FROM traffic WHERE event = 'submitted' GROUP BY mailbox"
        )
        mailboxes = dict(sent.fetchall())
        carried = connection.execute(
            "SELECT substr(mailbox, instr(mailbox, '@') + 1) AS domain, max(at) FROM traffic "
            "WHERE mailbox <> '' GROUP BY domain"
        )
        return mailboxes, dict(carried.fetchall())


def read_traffic(path: Path, begin: float, end: float) -> Iterator[TrafficRow]:
    """Yield the facts of a store from `begin` on and before `end`, whether it is in use or not.

    Raises:
        sqlite3.DatabaseError: it is no store of this version.
    """
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA query_only=ON")
        for row in connection.execute(_SELECT, (begin, end)):
            yield TrafficRow(*row)
