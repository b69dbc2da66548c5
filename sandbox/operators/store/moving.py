r"""A mailbox that moves from one store to another: UIDs, UIDVALIDITY and MODSEQ go with it.

So software that followed goes on where it was, and fetches nothing twice (RFC 9051 §2.3.1.1,
RFC 7162 §3.1). What the new store took for the mailbox before it came is numbered after it; folders
that were there meanwhile end, and sessions on them with their numbering. Once a mailbox is packed
nobody writes to it where it was: what was acknowledged before is in the pack, what comes after is
refused.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass

from sandbox.operators.mail import Folder, MessageRow
from sandbox.operators.store.flags import encode
from sandbox.operators.store.folders import (
    folder_of,
    folders_of,
    recent_of,
    subscriptions_of,
)
from sandbox.operators.store.listing import COLUMNS, message_row
from sandbox.operators.store.messages import add_content, content_of
from sandbox.operators.store.schema import StoreError
from sandbox.operators.store.writer import StoreTransaction

__all__ = ["PackedFolder", "PackedMailbox", "pack", "unpack"]


@dataclass(frozen=True, slots=True)
class PackedFolder:
    """A folder on its way.

    Attributes:
        folder: as it was; its id means nothing elsewhere.
        recent_from: lowest UID that nobody has seen as Recent.
        messages: each with its content.
    """

    folder: Folder
    recent_from: int
    messages: tuple[tuple[MessageRow, bytes], ...]


@dataclass(frozen=True, slots=True)
class PackedMailbox:
    """A mailbox on its way: folders by name, names subscribed to."""

    folders: tuple[PackedFolder, ...]
    subscriptions: tuple[str, ...]

    @property
    def mark(self) -> str:
        """What a store remembers it by: a mailbox is made once, and counts its folders on."""
        validities = (f"{each.folder.name}={each.folder.uid_validity}" for each in self.folders)
        return f"moved {' '.join(validities)}"


def pack(transaction: StoreTransaction, address: str) -> PackedMailbox:
    """Return all of a mailbox, and give its folders numbers that no session has.

    Raises:
        StoreError: `missing`.
    """
    connection = transaction.connection
    found = connection.execute("SELECT id FROM mailbox WHERE address = ?", (address,)).fetchall()
    if not found:
        raise StoreError("missing", f"mailbox {address}")
    [(mailbox,)] = found
    folders = folders_of(connection, mailbox)
    packed = PackedMailbox(
        tuple(
            PackedFolder(each, recent_of(connection, each.id), _messages(connection, each.id))
            for each in folders
        ),
        tuple(subscriptions_of(connection, mailbox)),
    )
    connection.execute("PRAGMA defer_foreign_keys=ON")  # of this transaction
    for each in folders:
        was = (-abs(each.id), each.id)
        connection.execute("UPDATE folder SET id = ? WHERE id = ?", was)
        connection.execute("UPDATE message SET folder = ? WHERE folder = ?", was)
        connection.execute("UPDATE accepted SET inbox = ? WHERE inbox = ?", was)
    # Sessions are not told: nothing was expunged, and what they ask from now on is `missing`.
    transaction.changes.gone.append(address)
    return packed


def _messages(connection: sqlite3.Connection, folder: int) -> tuple[tuple[MessageRow, bytes], ...]:
    rows = connection.execute(
        f"SELECT {COLUMNS} FROM message WHERE folder = ? ORDER BY uid", (folder,)
    )
    return tuple((row, content_of(connection, row.message)) for row in map(message_row, rows))


def unpack(
    transaction: StoreTransaction, address: str, mailbox: int, packed: PackedMailbox, now: float
) -> int:
    """Take a mailbox over; return how many messages came.

    One that came already, in a time before a kill, is not taken twice.
    """
    connection = transaction.connection
    inbox = folder_of(connection, mailbox, "INBOX")
    assert inbox is not None
    known = connection.execute(
        "SELECT 1 FROM accepted WHERE key = ? AND inbox = ?", (packed.mark, inbox.id)
    ).fetchall()
    if known:
        return 0
    for each in packed.folders:
        taken = _folder(transaction, mailbox, each)
        if each.folder.name == "INBOX":
            transaction.changes.mailboxes.append((address, mailbox, taken))
            connection.execute(
                "INSERT INTO accepted VALUES(?,?,?,?)", (packed.mark, taken, "", now)
            )
    last = max(each.folder.uid_validity for each in packed.folders)
    connection.execute(
        "UPDATE mailbox SET uid_validity = max(uid_validity, ?) WHERE id = ?", (last, mailbox)
    )
    connection.execute("DELETE FROM subscription WHERE mailbox = ?", (mailbox,))
    connection.executemany(
        "INSERT INTO subscription VALUES(?,?)",
        [(mailbox, name) for name in packed.subscriptions],
    )
    return sum(len(each.messages) for each in packed.folders)


def _folder(transaction: StoreTransaction, mailbox: int, packed: PackedFolder) -> int:
    """Put a folder in the place of the one of its name; return its id."""
    connection, each = transaction.connection, packed.folder
    there = folder_of(connection, mailbox, each.name)
    if there is not None:  # its name is free for the one that comes, until it is empty
        connection.execute("UPDATE folder SET name = '' WHERE id = ?", (there.id,))
    taken = connection.execute(
        "INSERT INTO folder(mailbox, name, special_use, uid_validity, uid_next, highest_modseq,"
        " recent_from) VALUES(?,?,?,?,?,?,?)",
        (mailbox, each.name, each.special_use, each.uid_validity, each.uid_next,
         each.highest_modseq, packed.recent_from),
    ).lastrowid  # fmt: skip
    assert taken is not None
    connection.executemany(
        "INSERT INTO message VALUES(?,?,?,?,?,?,?,?)",
        [
            (taken, row.uid, row.modseq, encode(row.flags), row.internal_date, row.size,
             add_content(transaction, content), row.email_id)
            for row, content in packed.messages
        ],
    )  # fmt: skip
    if there is not None:
        _came_meanwhile(connection, there, taken)
        transaction.changes.folders.add((mailbox, there.id))
    transaction.changes.folders.add((mailbox, taken))
    return taken


def _came_meanwhile(connection: sqlite3.Connection, there: Folder, taken: int) -> None:
    """Number what came before the mailbox did after all of it; the folder that had it ends."""
    moved = connection.execute(
        "UPDATE message SET folder = ?1, uid = uid - 1 + f.uid_next, modseq = f.highest_modseq + 1"
        " FROM (SELECT uid_next, highest_modseq FROM folder WHERE id = ?1) AS f WHERE folder = ?2",
        (taken, there.id),
    )
    if moved.rowcount:
        connection.execute(
            "UPDATE folder SET uid_next = uid_next - 1 + ?, highest_modseq = highest_modseq + 1"
            " WHERE id = ?",
            (there.uid_next, taken),
        )
    connection.execute("UPDATE accepted SET inbox = ? WHERE inbox = ?", (taken, there.id))
    connection.execute("DELETE FROM folder WHERE id = ?", (there.id,))
