"""Listings of folders, kept and brought up to date: every IMAP session asks after every change."""

from __future__ import annotations

import sqlite3
from bisect import bisect_left
from collections import OrderedDict
from typing import TypeAlias

from sandbox.operators.mail import MessageRow
from sandbox.operators.store.flags import decode
from sandbox.operators.store.schema import StoreError

__all__ = ["COLUMNS", "Columns", "Listings", "message_row"]

COLUMNS = "uid, modseq, flags, internal_date, size, content, email_id"
Columns: TypeAlias = tuple[int, int, str, float, int, int, str]

# A row takes some 350 bytes.
KEPT_ROWS = 100_000


def message_row(row: Columns) -> MessageRow:
    """Return what COLUMNS selected."""
    return MessageRow(
        uid=row[0], modseq=row[1], flags=decode(row[2]), internal_date=row[3], size=row[4],
        message=row[5], email_id=row[6],
    )  # fmt: skip


class Listings:
    """Folders' messages, read once and then by what changed since (RFC 7162's own idea).

    Args:
        reader: connection of the thread that asks.
    """

    def __init__(self, reader: sqlite3.Connection) -> None:
        self._reader = reader
        self._kept: OrderedDict[int, tuple[int, list[MessageRow]]] = OrderedDict()
        self._count = 0

    def rows(self, folder: int) -> list[MessageRow]:
        """Return a folder's messages by rising UID, in a list of the caller's own.

        Raises:
            StoreError: `missing`, no such folder.
        """
        # One snapshot: a commit between two statements would be half seen.
        self._reader.execute("BEGIN")
        try:
            return list(self._current(folder))
        finally:
            self._reader.execute("COMMIT")

    def _current(self, folder: int) -> list[MessageRow]:
        known, rows = self._forget(folder)
        found = self._reader.execute(
            "SELECT highest_modseq FROM folder WHERE id = ?", (folder,)
        ).fetchall()
        if not found:
            raise StoreError("missing", f"folder {folder}")
        modseq = found[0][0]
        if modseq != known:
            rows = self._updated(folder, known, rows)
        self._keep(folder, modseq, rows)
        return rows

    def _updated(self, folder: int, known: int, rows: list[MessageRow]) -> list[MessageRow]:
        for columns in self._reader.execute(
            f"SELECT {COLUMNS} FROM message WHERE folder = ? AND modseq > ? ORDER BY uid",
            (folder, known),
        ):
            row = message_row(columns)
            if not rows or row.uid > rows[-1].uid:
                rows.append(row)
            else:
                rows[bisect_left(rows, row.uid, key=_uid)] = row
        left = self._reader.execute(
            "SELECT count(*) FROM message WHERE folder = ?", (folder,)
        ).fetchone()[0]
        if left != len(rows):
            there = self._reader.execute("SELECT uid FROM message WHERE folder = ?", (folder,))
            uids = {uid for (uid,) in there}
            rows = [row for row in rows if row.uid in uids]
        return rows

    def _forget(self, folder: int) -> tuple[int, list[MessageRow]]:
        kept = self._kept.pop(folder, (0, []))
        self._count -= len(kept[1])
        return kept

    def _keep(self, folder: int, modseq: int, rows: list[MessageRow]) -> None:
        self._kept[folder] = (modseq, rows)
        self._count += len(rows)
        while self._count > KEPT_ROWS and self._kept:
            self._forget(next(iter(self._kept)))


def _uid(row: MessageRow) -> int:
    return row.uid
