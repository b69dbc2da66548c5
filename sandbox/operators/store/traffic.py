"""What indicators count: one row a fact, written in the transaction that makes it true.

So a kill leaves a message with its facts, or neither: figures equal a recount, message by message.
The events: `submitted` (a message of a user here), `sent` (one for each recipient of it),
`received` (one for each INBOX here), `relayed` and `failed` (what became of one recipient
elsewhere). `mailbox` is the sender's for the first two and the last two, empty for a notification;
`peer` is the domain at the other end, empty where nobody is: the sender of a notification, or who
controls a relay from a domain whose operator sends nothing.

Facts are forgotten whole months at a time, the oldest first. What outlives them is when a mailbox
last sent and when a domain last carried something (`last_use`), and from when on all is there.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from sandbox.operators.mail import About, Envelope
from sandbox.operators.store.writer import StoreTransaction
from sandbox.space.addresses import CONTROLLER

__all__ = [
    "ForgottenError",
    "TrafficRow",
    "accepted",
    "first_kept",
    "forget",
    "last_uses",
    "read_traffic",
    "settled",
]

_INSERT = (
    "INSERT INTO traffic(at, event, queue_id, mailbox, peer, document, ins, software, octets) "
)
_SELECT = (
    "SELECT at, event, queue_id, mailbox, peer, document, ins, software, octets FROM traffic "
    "WHERE at >= ? AND at < ? ORDER BY at, id"
)


AT_ONCE = 5_000  # facts forgotten in a transaction: others wait some hundredths of a second

# What each mailbox sent, what each domain carried; of the facts, or of those about to be forgotten.
_USES = (
    ("mailbox", "mailbox", "event = 'submitted'"),
    ("domain", "substr(mailbox, instr(mailbox, '@') + 1)", "mailbox <> ''"),
)


class ForgottenError(ValueError):
    """Facts of that time are no longer kept. `before`: the instant from which on they are."""

    def __init__(self, before: float) -> None:
        super().__init__(f"facts before {before} are no longer kept")
        self.before = before


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
    local, _, origin = sender.rpartition("@")
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
        [(now, queue_id, "" if local == CONTROLLER else origin, *said, inbox) for inbox in inboxes],
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


def first_kept(now: float, months: int) -> float:
    """Return the first instant of the month that lies some months before that of `now`."""
    there = datetime.fromtimestamp(now, UTC)
    count = there.year * 12 + there.month - 1 - months
    return datetime(count // 12, count % 12 + 1, 1, tzinfo=UTC).timestamp()


def forget(transaction: StoreTransaction, before: float) -> int:
    """Forget the oldest facts before an instant, `AT_ONCE` at most; return how many.

    The first call says that nothing before the instant is whole any more: a kill between two calls
    leaves no month that counts wrongly.
    """
    connection = transaction.connection
    oldest = connection.execute(
        "SELECT id FROM traffic WHERE at < ? ORDER BY at LIMIT ?", (before, AT_ONCE)
    ).fetchall()
    if not oldest:
        return 0
    connection.execute("DELETE FROM forgotten WHERE before <= ?", (before,))
    connection.execute(
        "INSERT INTO forgotten SELECT ? WHERE NOT EXISTS (SELECT 1 FROM forgotten)", (before,)
    )
    connection.execute("CREATE TEMP TABLE IF NOT EXISTS oldest(id INTEGER PRIMARY KEY)")
    connection.execute("DELETE FROM oldest")
    connection.executemany("INSERT INTO oldest VALUES(?)", oldest)
    for kind, name, which in _USES:
        connection.execute(
            f"INSERT INTO last_use SELECT '{kind}', {name} AS used, max(at) FROM traffic "
            f"WHERE id IN (SELECT id FROM oldest) AND {which} GROUP BY used "
            "ON CONFLICT(kind, name) DO UPDATE SET at = max(at, excluded.at)"
        )
    connection.execute("DELETE FROM traffic WHERE id IN (SELECT id FROM oldest)")
    return len(oldest)


def last_uses(path: Path) -> tuple[dict[str, float], dict[str, float]]:
    """Return when each mailbox last sent something, and when each domain last carried something.

    Raises:
        sqlite3.DatabaseError: it is no store of this version.
    """
    found = []
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA query_only=ON")
        for kind, name, which in _USES:
            rows = connection.execute(
                f"SELECT used, max(at) FROM (SELECT {name} AS used, at FROM traffic WHERE {which} "
                "UNION ALL SELECT name, at FROM last_use WHERE kind = ?) GROUP BY used",
                (kind,),
            )
            found.append(dict(rows.fetchall()))
    return found[0], found[1]


def read_traffic(path: Path, begin: float, end: float) -> Iterator[TrafficRow]:
    """Yield the facts of a store from `begin` on and before `end`, whether it is in use or not.

    Raises:
        ForgottenError: not all of them are kept.
        sqlite3.DatabaseError: it is no store of this version.
    """
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA query_only=ON")
        connection.execute("BEGIN")  # nothing is forgotten while it is read
        for (before,) in connection.execute("SELECT before FROM forgotten WHERE before > ?",
                                            (begin,)):  # fmt: skip
            raise ForgottenError(before)
        for row in connection.execute(_SELECT, (begin, end)):
            yield TrafficRow(*row)
