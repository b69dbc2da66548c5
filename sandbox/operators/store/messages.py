"""Messages and their contents: operations of a transaction, and reads."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections import defaultdict
from collections.abc import Iterable, Sequence

from sandbox.operators.mail import MessageRow
from sandbox.operators.store.flags import DELETED, canonical, combine, decode, encode
from sandbox.operators.store.listing import COLUMNS, Columns, message_row
from sandbox.operators.store.schema import StoreError
from sandbox.operators.store.writer import StoreTransaction

__all__ = [
    "add_content",
    "append",
    "change_flags",
    "clear",
    "content_of",
    "copy",
    "expunge",
    "insert",
    "move",
    "move_all",
    "sweep",
]

# A folder may grow by COPY as long as it holds fewer messages.
MAX_COPIED = 100_000
_AMONG = "uid IN (SELECT value FROM json_each(?))"


def add_content(transaction: StoreTransaction, data: bytes) -> int:
    """Store a content, once for all who are to get it; return its key."""
    key = transaction.connection.execute("INSERT INTO content(data) VALUES(?)", (data,)).lastrowid
    assert key is not None
    return key


def email_id(data: bytes) -> str:
    """Return the identifier of a content (RFC 8474): equal for equal bytes, telling nothing."""
    return "M" + hashlib.blake2b(data, digest_size=16).hexdigest()


def insert(
    transaction: StoreTransaction, folder: int, content: int, size: int, identifier: str,
    flags: frozenset[str], internal_date: float,
) -> int:  # fmt: skip
    """Put a stored content into a folder; return its UID.

    Raises:
        StoreError: `missing`, no such folder.
    """
    uid, modseq = _advance(transaction, folder, 1)
    transaction.connection.execute(
        "INSERT INTO message VALUES(?,?,?,?,?,?,?,?)",
        (folder, uid, modseq, encode(flags), internal_date, size, content, identifier),
    )
    return uid


def append(
    transaction: StoreTransaction,
    folder: int,
    data: bytes,
    flags: frozenset[str],
    internal_date: float,
) -> int:
    """Add a message to a folder (RFC 9051 §6.3.12); return its UID.

    Raises:
        StoreError: `missing`, no such folder; `cannot`, `limit` for flags.
    """
    content = add_content(transaction, data)
    kept = canonical(flags)
    return insert(transaction, folder, content, len(data), email_id(data), kept, internal_date)


def change_flags(
    transaction: StoreTransaction, folder: int, uids: Sequence[int], action: str,
    flags: frozenset[str], unchanged_since: int | None,
) -> tuple[list[MessageRow], list[int]]:  # fmt: skip
    """Add, remove or replace flags; what differs gets the folder's next modification sequence.

    Returns:
        The messages asked for, as they are now, whether they differ or not, and the UIDs that
        UNCHANGEDSINCE spared (RFC 7162 §3.1.3); both by rising UID. UIDs that are not there are
        passed over.

    Raises:
        StoreError: `missing`, no such folder; `cannot`, `limit` for flags.
    """
    connection = transaction.connection
    given = canonical(flags)
    modseq = _modseq(connection, folder) + 1
    kept: list[Columns] = []
    spared: list[int] = []
    changed: dict[str, list[int]] = defaultdict(list)
    for row in connection.execute(
        f"SELECT {COLUMNS} FROM message WHERE folder = ? AND {_AMONG} ORDER BY uid",
        (folder, json.dumps(list(uids))),
    ):
        if unchanged_since is not None and row[1] > unchanged_since:
            spared.append(row[0])
            continue
        new = encode(combine(decode(row[2]), action, given))
        if new != row[2]:
            changed[new].append(row[0])
            row = (row[0], modseq, new, *row[3:])
        kept.append(row)
    for text, among in changed.items():
        connection.execute(
            f"UPDATE message SET flags = ?, modseq = ? WHERE folder = ? AND {_AMONG}",
            (text, modseq, folder, json.dumps(among)),
        )
    if changed:
        _advance(transaction, folder, 0)
    return [message_row(row) for row in kept], spared


def expunge(transaction: StoreTransaction, folder: int, uids: Sequence[int] | None) -> list[int]:
    r"""Remove the messages that are `\Deleted`, among some UIDs where given; return their UIDs.

    Raises:
        StoreError: `missing`, no such folder.
    """
    _modseq(transaction.connection, folder)
    among, values = ("", ()) if uids is None else (f" AND {_AMONG}", (json.dumps(list(uids)),))
    found = transaction.connection.execute(
        f"SELECT uid, content FROM message WHERE folder = ? AND instr(flags, ?){among} "
        "ORDER BY uid",
        (folder, DELETED, *values),
    ).fetchall()
    _remove(transaction, folder, found)
    return [uid for uid, _ in found]


def copy(
    transaction: StoreTransaction, folder: int, uids: Sequence[int], target: int
) -> list[tuple[int, int]]:
    """Copy messages with flags and date (RFC 9051 §6.4.7); return pairs of UIDs, old and new.

    Raises:
        StoreError: `missing`, no such folder or target; `limit`, more than the target may hold:
            a folder copied to itself doubles each time.
    """
    (there,) = transaction.connection.execute(
        "SELECT count(*) FROM message WHERE folder = ?", (target,)
    ).fetchone()
    if there + len(uids) > MAX_COPIED:
        raise StoreError("limit", "messages of a folder")
    return _copy(transaction, folder, _found(transaction, folder, uids), target)


def move(
    transaction: StoreTransaction, folder: int, uids: Sequence[int], target: int
) -> list[tuple[int, int]]:
    """Move messages (RFC 6851); return pairs of UIDs, old and new.

    Raises:
        StoreError: `missing`, no such folder or target.
    """
    found = _found(transaction, folder, uids)
    pairs = _copy(transaction, folder, found, target)
    _remove(transaction, folder, found)
    return pairs


def move_all(transaction: StoreTransaction, folder: int, target: int) -> None:
    """Move every message of a folder."""
    found = _all(transaction, folder)
    _copy(transaction, folder, found, target)
    _remove(transaction, folder, found)


def clear(transaction: StoreTransaction, folder: int) -> None:
    """Remove every message of a folder, deleted or not."""
    _remove(transaction, folder, _all(transaction, folder))


def sweep(transaction: StoreTransaction, contents: Iterable[int]) -> None:
    """Remove those contents that no folder and no queue row refers to any more."""
    transaction.connection.execute(
        "DELETE FROM content WHERE id IN (SELECT value FROM json_each(?)) "
        "AND NOT EXISTS (SELECT 1 FROM message WHERE message.content = content.id) "
        "AND NOT EXISTS (SELECT 1 FROM queue WHERE queue.content = content.id)",
        (json.dumps(sorted(set(contents))),),
    )


def content_of(connection: sqlite3.Connection, key: int) -> bytes:
    """Return a content.

    Raises:
        StoreError: `missing`.
    """
    for (data,) in connection.execute("SELECT data FROM content WHERE id = ?", (key,)):
        return bytes(data)
    raise StoreError("missing", f"message {key}")


def _advance(transaction: StoreTransaction, folder: int, count: int) -> tuple[int, int]:
    """Take UIDs and a modification sequence; return the first of the UIDs, and the sequence."""
    taken = transaction.connection.execute(
        "UPDATE folder SET uid_next = uid_next + ?, highest_modseq = highest_modseq + 1 "
        "WHERE id = ? RETURNING uid_next, highest_modseq, mailbox",
        (count, folder),
    ).fetchall()
    if not taken:
        raise StoreError("missing", f"folder {folder}")
    [(uid_next, modseq, mailbox)] = taken
    transaction.changes.folders.add((mailbox, folder))
    return uid_next - count, modseq


def _modseq(connection: sqlite3.Connection, folder: int) -> int:
    for (modseq,) in connection.execute("SELECT highest_modseq FROM folder WHERE id=?", (folder,)):
        return int(modseq)
    raise StoreError("missing", f"folder {folder}")


def _found(
    transaction: StoreTransaction, folder: int, uids: Sequence[int]
) -> list[tuple[int, int]]:
    _modseq(transaction.connection, folder)
    return transaction.connection.execute(
        f"SELECT uid, content FROM message WHERE folder = ? AND {_AMONG} ORDER BY uid",
        (folder, json.dumps(list(uids))),
    ).fetchall()


def _all(transaction: StoreTransaction, folder: int) -> list[tuple[int, int]]:
    return transaction.connection.execute(
        "SELECT uid, content FROM message WHERE folder = ? ORDER BY uid", (folder,)
    ).fetchall()


def _copy(
    transaction: StoreTransaction, folder: int, found: list[tuple[int, int]], target: int
) -> list[tuple[int, int]]:
    _modseq(transaction.connection, target)
    if not found:
        return []
    uids = [uid for uid, _ in found]
    first, modseq = _advance(transaction, target, len(uids))
    transaction.connection.execute(
        "INSERT INTO message SELECT ?, ? + row_number() OVER (ORDER BY uid), ?, flags, "
        f"internal_date, size, content, email_id FROM message WHERE folder = ? AND {_AMONG}",
        (target, first - 1, modseq, folder, json.dumps(uids)),
    )
    return list(zip(uids, range(first, first + len(uids)), strict=True))


def _remove(transaction: StoreTransaction, folder: int, found: list[tuple[int, int]]) -> None:
    if not found:
        return
    transaction.connection.execute(
        f"DELETE FROM message WHERE folder = ? AND {_AMONG}",
        (folder, json.dumps([uid for uid, _ in found])),
    )
    _advance(transaction, folder, 0)
    sweep(transaction, (content for _, content in found))
