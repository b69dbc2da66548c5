"""Mailboxes and their folders: operations of a transaction, and reads."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from unicodedata import category

from sandbox.operators.mail import Folder
from sandbox.operators.store.messages import clear, move_all
from sandbox.operators.store.schema import StoreError
from sandbox.operators.store.writer import StoreTransaction

__all__ = [
    "addresses",
    "boxes",
    "canonical_name",
    "claim_recent",
    "create",
    "delete",
    "folder_of",
    "folders_of",
    "provision",
    "recent_of",
    "remove",
    "rename",
    "subscribe",
    "subscriptions_of",
]

# RFC 6154; every mailbox begins with these.
PROVISIONED = (
    ("INBOX", ""),
    ("Sent", r"\Sent"),
    ("Drafts", r"\Drafts"),
    ("Trash", r"\Trash"),
    ("Junk", r"\Junk"),
    ("Archive", r"\Archive"),
)
# Controls and line ends (RFC 5198 §2), and what UTF-8 cannot write.
NOT_IN_NAMES = frozenset({"Cc", "Cs", "Zl", "Zp"})
MAX_FOLDERS = 1_000
MAX_SUBSCRIPTIONS = 2 * MAX_FOLDERS  # they outlive their folders
MAX_DEPTH = 20
MAX_NAME_OCTETS = 1_000
_SELECT = (
    "SELECT f.id, b.address, f.name, f.special_use, s.name IS NOT NULL, f.uid_validity, "
    "f.uid_next, f.highest_modseq FROM mailbox b JOIN folder f ON f.mailbox = b.id "
    "LEFT JOIN subscription s ON s.mailbox = f.mailbox AND s.name = f.name "
)


def canonical_name(name: str) -> str:
    """Return a folder's name with INBOX in upper case (RFC 9051 §5.1), also as a superior.

    Raises:
        StoreError: `cannot`, an empty level or a character that no name has; `limit`, too long
            or too deep.
    """
    levels = name.split("/")
    if not all(levels) or any(category(letter) in NOT_IN_NAMES for letter in name):
        raise StoreError("cannot", f"folder name {name!r}")
    if len(name.encode()) > MAX_NAME_OCTETS or len(levels) > MAX_DEPTH:
        raise StoreError("limit", "length or depth of a folder's name")
    if levels[0].upper() == "INBOX":
        levels[0] = "INBOX"
    return "/".join(levels)


def boxes(connection: sqlite3.Connection) -> list[tuple[str, int, int]]:
    """Return every mailbox: address, id, id of its INBOX."""
    return connection.execute(
        "SELECT b.address, b.id, f.id FROM mailbox b JOIN folder f ON f.mailbox = b.id "
        "WHERE f.name = 'INBOX'"
    ).fetchall()


def addresses(connection: sqlite3.Connection) -> list[str]:
    """Return the address of every mailbox."""
    rows = connection.execute("SELECT address FROM mailbox ORDER BY address")
    return [address for (address,) in rows]


def provision(transaction: StoreTransaction, addresses: Iterable[str], now: float) -> None:
    """Create the mailboxes that are not there yet, with their folders, all subscribed."""
    connection = transaction.connection
    for address in addresses:
        cursor = connection.execute(
            "INSERT INTO mailbox(address, uid_validity) VALUES(?,0) ON CONFLICT DO NOTHING",
            (address,),
        )
        if not cursor.rowcount:
            continue
        mailbox = cursor.lastrowid
        assert mailbox is not None
        validity = _validities(connection, mailbox, len(PROVISIONED), now)
        ids = []
        for name, special_use in PROVISIONED:
            ids.append(_insert(connection, mailbox, name, special_use, next(validity)))
            connection.execute("INSERT INTO subscription VALUES(?,?)", (mailbox, name))
        transaction.changes.mailboxes.append((address, mailbox, ids[0]))


def remove(transaction: StoreTransaction, address: str) -> None:
    """Remove a mailbox with all that it holds; one that is not there stays so."""
    connection = transaction.connection
    for (mailbox,) in connection.execute(
        "SELECT id FROM mailbox WHERE address = ?", (address,)
    ).fetchall():
        for (folder,) in connection.execute(
            "SELECT id FROM folder WHERE mailbox = ?", (mailbox,)
        ).fetchall():
            clear(transaction, folder)
        connection.execute("DELETE FROM subscription WHERE mailbox = ?", (mailbox,))
        connection.execute("DELETE FROM folder WHERE mailbox = ?", (mailbox,))
        connection.execute("DELETE FROM mailbox WHERE id = ?", (mailbox,))
        transaction.changes.gone.append(address)


def create(
    transaction: StoreTransaction, mailbox: int, name: str, special_use: str, now: float
) -> Folder:
    """Create a folder and the superiors that it lacks (RFC 9051 §6.3.4).

    Raises:
        StoreError: `exists`, `limit`, `cannot`.
    """
    name = canonical_name(name)
    connection = transaction.connection
    there = _names(connection, mailbox)
    if name in there:
        raise StoreError("exists", name)
    missing = _lacking(name, there)
    if len(there) + len(missing) > MAX_FOLDERS:
        raise StoreError("limit", "folders of a mailbox")
    validity = _validities(connection, mailbox, len(missing), now)
    folder = 0
    for level in missing:
        use = special_use if level == name else ""
        folder = _insert(connection, mailbox, level, use, next(validity))
    found = connection.execute(f"{_SELECT} WHERE f.id = ?", (folder,)).fetchall()
    return _folder(found[0])


def delete(transaction: StoreTransaction, folder: int) -> None:
    """Delete a folder and its messages; its subscription stays (RFC 9051 §6.3.7).

    One with inferiors is refused, as HASCHILDREN allows (RFC 9051 §7.1): every superior exists.

    Raises:
        StoreError: `missing`, `children`; `cannot` for INBOX.
    """
    mailbox, name = _named(transaction.connection, folder)
    if name == "INBOX":
        raise StoreError("cannot", "INBOX is never deleted")
    if _inferiors(transaction.connection, mailbox, name):
        raise StoreError("children", name)
    clear(transaction, folder)
    transaction.connection.execute("DELETE FROM folder WHERE id = ?", (folder,))
    transaction.changes.folders.add((mailbox, folder))


def rename(transaction: StoreTransaction, folder: int, name: str, now: float) -> None:
    """Rename a folder and its inferiors; INBOX gives its messages and stays (RFC 9051 §6.3.6).

    Raises:
        StoreError: `missing`, `exists`, `limit`; `cannot` for a name below its own.
    """
    name = canonical_name(name)
    connection = transaction.connection
    mailbox, old = _named(connection, folder)
    there = _names(connection, mailbox)
    if name in there:
        raise StoreError("exists", name)
    if old == "INBOX":
        target = create(transaction, mailbox, name, "", now)
        move_all(transaction, folder, target.id)
        return
    if name.startswith(f"{old}/"):
        raise StoreError("cannot", f"{old!r} below itself")
    superior = name.rpartition("/")[0]
    if superior and superior not in there:
        create(transaction, mailbox, superior, "", now)
    renamed = [(folder, name)]
    for inferior, old_name in _inferiors(connection, mailbox, old):
        renamed.append((inferior, canonical_name(name + old_name[len(old) :])))
    for identifier, new in renamed:
        connection.execute("UPDATE folder SET name = ? WHERE id = ?", (new, identifier))
        transaction.changes.folders.add((mailbox, identifier))


def subscribe(transaction: StoreTransaction, mailbox: int, name: str, *, on: bool) -> None:
    """Put a name on the list that LSUB shows, or take it off (RFC 9051 §6.3.7, §6.3.8).

    Raises:
        StoreError: `missing`, no such folder to subscribe to; `limit`, too many subscriptions, or
            for the name; `cannot` for the name.
    """
    name = canonical_name(name)
    connection = transaction.connection
    if not on:
        connection.execute("DELETE FROM subscription WHERE mailbox=? AND name=?", (mailbox, name))
        return
    if name not in _names(connection, mailbox):
        raise StoreError("missing", name)
    (count,) = connection.execute(
        "SELECT count(*) FROM subscription WHERE mailbox=?", (mailbox,)
    ).fetchone()
    if count >= MAX_SUBSCRIPTIONS:
        raise StoreError("limit", "subscriptions of a mailbox")
    connection.execute("INSERT OR IGNORE INTO subscription VALUES(?,?)", (mailbox, name))


def claim_recent(transaction: StoreTransaction, folder: int) -> int:
    r"""Return the lowest UID that is `\Recent`; what is there now is so to the caller alone.

    Raises:
        StoreError: `missing`.
    """
    first = recent_of(transaction.connection, folder)
    transaction.connection.execute(
        "UPDATE folder SET recent_from = uid_next WHERE id = ?", (folder,)
    )
    return first


def recent_of(connection: sqlite3.Connection, folder: int) -> int:
    r"""Return the lowest UID that nobody has seen as `\Recent` yet; UIDNEXT when there is none.

    Raises:
        StoreError: `missing`.
    """
    for (first,) in connection.execute("SELECT recent_from FROM folder WHERE id=?", (folder,)):
        return int(first)
    raise StoreError("missing", f"folder {folder}")


def folders_of(connection: sqlite3.Connection, mailbox: int) -> list[Folder]:
    """Return a mailbox's folders by name."""
    rows = connection.execute(f"{_SELECT} WHERE b.id = ? ORDER BY f.name", (mailbox,))
    return [_folder(row) for row in rows]


def folder_of(connection: sqlite3.Connection, mailbox: int, name: str) -> Folder | None:
    """Return a folder by its name, or None."""
    rows = connection.execute(f"{_SELECT} WHERE b.id = ? AND f.name = ?", (mailbox, name))
    return next(map(_folder, rows.fetchall()), None)


def subscriptions_of(connection: sqlite3.Connection, mailbox: int) -> list[str]:
    """Return the names subscribed to; a folder of that name may be gone."""
    rows = connection.execute(
        "SELECT name FROM subscription WHERE mailbox = ? ORDER BY name", (mailbox,)
    )
    return [name for (name,) in rows]


def _validities(
    connection: sqlite3.Connection, mailbox: int, count: int, now: float
) -> Iterator[int]:
    """Take UIDVALIDITYs for new folders (RFC 9051 §2.3.1.1).

    None comes twice in a mailbox, so that a name that comes back, by CREATE or RENAME, is never
    taken for its former bearer; they follow the clock, so that this holds for a store made anew.
    """
    [(last,)] = connection.execute(
        "UPDATE mailbox SET uid_validity = max(uid_validity, ?) + ? WHERE id = ? "
        "RETURNING uid_validity",
        (int(now) - 1, count, mailbox),
    ).fetchall()
    return iter(range(last - count + 1, last + 1))


def _insert(
    connection: sqlite3.Connection, mailbox: int, name: str, special_use: str, validity: int
) -> int:
    folder = connection.execute(
        "INSERT INTO folder(mailbox, name, special_use, uid_validity) VALUES(?,?,?,?)",
        (mailbox, name, special_use, validity),
    ).lastrowid
    assert folder is not None
    return folder


def _lacking(name: str, there: set[str]) -> list[str]:
    """Return a name and those above it that are not there, highest first."""
    levels = name.split("/")
    ways = ["/".join(levels[: depth + 1]) for depth in range(len(levels))]
    return [way for way in ways if way not in there]


def _names(connection: sqlite3.Connection, mailbox: int) -> set[str]:
    rows = connection.execute("SELECT name FROM folder WHERE mailbox = ?", (mailbox,))
    return {name for (name,) in rows}


def _named(connection: sqlite3.Connection, folder: int) -> tuple[int, str]:
    for mailbox, name in connection.execute(
        "SELECT mailbox, name FROM folder WHERE id = ?", (folder,)
    ):
        return int(mailbox), str(name)
    raise StoreError("missing", f"folder {folder}")


def _inferiors(connection: sqlite3.Connection, mailbox: int, name: str) -> list[tuple[int, str]]:
    # "0" is the character after "/": names between the two begin with the name and a "/".
    return connection.execute(
        "SELECT id, name FROM folder WHERE mailbox = ? AND name > ? AND name < ? ORDER BY name",
        (mailbox, f"{name}/", f"{name}0"),
    ).fetchall()


def _folder(row: tuple[int, str, str, str, int, int, int, int]) -> Folder:
    return Folder(
        id=row[0], mailbox=row[1], name=row[2], special_use=row[3], subscribed=bool(row[4]),
        uid_validity=row[5], uid_next=row[6], highest_modseq=row[7],
    )  # fmt: skip
