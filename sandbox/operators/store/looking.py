r"""Reading an operator's mail from beside: for whoever runs the space, in any process.

Each look opens the file read-only and sees what was committed; it takes no lock that a writer waits
for (WAL), sets no flag and claims no `\\Recent`.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

from sandbox.operators.mail import Folder, MessageRow
from sandbox.operators.store import folders, messages
from sandbox.operators.store.listing import COLUMNS, message_row
from sandbox.operators.store.schema import StoreError

__all__ = ["StoreSnapshot", "looking"]


class StoreSnapshot:
    """One moment of a store.

    Args:
        connection: read-only.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._boxes = {address: key for address, key, _ in folders.boxes(connection)}

    @property
    def mailboxes(self) -> list[str]:
        """All addresses."""
        return sorted(self._boxes)

    def folders(self, mailbox: str) -> list[Folder]:
        """Return a mailbox's folders by name; see `MailStore.folders`."""
        if mailbox not in self._boxes:
            raise StoreError("missing", f"mailbox {mailbox}")
        return folders.folders_of(self._connection, self._boxes[mailbox])

    def newest(self, folder: int, limit: int) -> list[MessageRow]:
        """Return a folder's newest messages, the newest first."""
        rows = self._connection.execute(
            f"SELECT {COLUMNS} FROM message WHERE folder = ? ORDER BY uid DESC LIMIT ?",
            (folder, limit),
        )
        return [message_row(row) for row in rows]

    def message(self, folder: int, uid: int) -> MessageRow | None:
        """Return one message of a folder, or None."""
        rows = self._connection.execute(
            f"SELECT {COLUMNS} FROM message WHERE folder = ? AND uid = ?", (folder, uid)
        )
        return next((message_row(row) for row in rows), None)

    def counts(self) -> dict[str, tuple[int, int]]:
        """Return how many messages an INBOX has, and how many of them nobody has read."""
        counted = self._connection.execute(
            "SELECT b.address, count(m.uid), "
            "sum(m.uid IS NOT NULL AND instr(m.flags, 'Seen') = 0) FROM mailbox b "
            "JOIN folder f ON f.mailbox = b.id AND f.name = 'INBOX' "
            "LEFT JOIN message m ON m.folder = f.id GROUP BY b.address"
        )
        return {address: (count, unread) for address, count, unread in counted}

    def head(self, message: int, size: int) -> bytes:
        """Return the first bytes of a message."""
        rows = self._connection.execute(
            "SELECT substr(data, 1, ?) FROM content WHERE id = ?", (size, message)
        )
        return next((bytes(data) for (data,) in rows), b"")

    def content(self, message: int) -> bytes:
        """Return a message's bytes; see `MailStore.content`."""
        return messages.content_of(self._connection, message)


@contextlib.contextmanager
def looking(path: Path) -> Iterator[StoreSnapshot]:
    """Look into a store for the length of a `with` block.

    Raises:
        StoreError: it cannot be read.
    """
    try:
        connection = sqlite3.connect(
            f"file:{quote(str(path))}?mode=ro", uri=True, isolation_level=None
        )
        with contextlib.closing(connection):
            connection.execute("BEGIN")  # one moment, whatever is committed meanwhile
            yield StoreSnapshot(connection)
    except sqlite3.Error as error:
        raise StoreError("failed", str(error)) from error
