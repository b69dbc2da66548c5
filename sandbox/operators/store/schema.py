"""The file: its tables, its version, its lock, its reserve, how it is opened; what it refuses."""

from __future__ import annotations

import contextlib
import fcntl
import os
import sqlite3
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from sandbox.space.errors import UserError

__all__ = ["Reserve", "StoreError", "StoreFile", "open_file"]


class Reserve:
    """A file of zeros beside the database, given back to the disk when it is full.

    Args:
        path: of the file.
        octets: its size.

    Attributes:
        held: the room is there; while it is not, only what makes room is written.
    """

    def __init__(self, path: Path, octets: int) -> None:
        self._path = path
        self._octets = octets
        self.held = self.restore()

    def release(self) -> None:
        """Give the room back."""
        self.held = False
        self._path.unlink(missing_ok=True)

    def restore(self) -> bool:
        """Take the room again; tell whether it is had."""
        try:
            file = os.open(self._path, os.O_CREAT | os.O_RDWR, 0o600)
            try:
                _allocate(file, self._octets)
            finally:
                os.close(file)
        except OSError:
            # Half of it would only be in the way.
            with contextlib.suppress(OSError):
                self._path.unlink(missing_ok=True)
            self.held = False
        else:
            self.held = True
        return self.held


def _allocate(file: int, octets: int) -> None:
    """Have the disk set room aside; a hole would promise what it does not hold."""
    if hasattr(os, "posix_fallocate"):
        os.posix_fallocate(file, 0, octets)
        return
    missing = octets - os.fstat(file).st_size
    while missing > 0:
        missing -= os.write(file, bytes(min(missing, 1 << 20)))


class StoreError(Exception):
    r"""An operation was not done, and nothing of it was written.

    Attributes:
        kind: `exists` (the name is taken), `missing` (no such mailbox, folder, message or queue
            row), `children` (RFC 9051 HASCHILDREN), `cannot` (never possible: INBOX deleted, a name
            or flag that cannot be), `limit` (a bound of the store), `failed` (the disk refused, or
            the store is closed).
    """

    def __init__(self, kind: str, detail: str = "") -> None:
        super().__init__(f"{kind}: {detail}" if detail else kind)
        self.kind = kind


APPLICATION_ID = 0x4D535331  # "MSS1"
VERSION = 4
_MIGRATIONS = {3: "ALTER TABLE queue DROP COLUMN last_reply;"}  # of a version, to this one
WAL_BYTES_KEPT = 64 * 2**20
# On a full disk: what the log holds goes into the database (SQLite does so at 4 MiB), and the same
# again for what removes messages.
RESERVE_BYTES = 8 * 2**20

# AUTOINCREMENT where an id must never come back: sessions and caches hold ids of folders and
# contents, and the relay those of the queue. A message row repeats the size and identifier of its
# content so that a listing reads no page of contents.
_TABLES = """
CREATE TABLE mailbox(
  id INTEGER PRIMARY KEY, address TEXT NOT NULL UNIQUE,
  uid_validity INTEGER NOT NULL) STRICT;
CREATE TABLE folder(
  id INTEGER PRIMARY KEY AUTOINCREMENT, mailbox INTEGER NOT NULL REFERENCES mailbox,
  name TEXT NOT NULL, special_use TEXT NOT NULL, uid_validity INTEGER NOT NULL,
  uid_next INTEGER NOT NULL DEFAULT 1, highest_modseq INTEGER NOT NULL DEFAULT 1,
  recent_from INTEGER NOT NULL DEFAULT 1, UNIQUE(mailbox, name)) STRICT;
CREATE TABLE subscription(
  mailbox INTEGER NOT NULL REFERENCES mailbox, name TEXT NOT NULL,
  PRIMARY KEY(mailbox, name)) STRICT, WITHOUT ROWID;
CREATE TABLE content(id INTEGER PRIMARY KEY AUTOINCREMENT, data BLOB NOT NULL) STRICT;
CREATE TABLE message(
  folder INTEGER NOT NULL REFERENCES folder, uid INTEGER NOT NULL, modseq INTEGER NOT NULL,
  flags TEXT NOT NULL, internal_date REAL NOT NULL, size INTEGER NOT NULL,
  content INTEGER NOT NULL REFERENCES content, email_id TEXT NOT NULL,
  PRIMARY KEY(folder, uid)) STRICT, WITHOUT ROWID;
CREATE INDEX message_content ON message(content);
CREATE TABLE queue(
  id INTEGER PRIMARY KEY AUTOINCREMENT, queue_id TEXT NOT NULL,
  content INTEGER NOT NULL REFERENCES content, envelope TEXT NOT NULL, accepted_at REAL NOT NULL,
  attempts INTEGER NOT NULL, next_attempt REAL NOT NULL) STRICT;
CREATE INDEX queue_due ON queue(next_attempt, id);
CREATE INDEX queue_content ON queue(content);
CREATE TABLE accepted(
  key TEXT NOT NULL, inbox INTEGER NOT NULL, queue_id TEXT NOT NULL, at REAL NOT NULL,
  PRIMARY KEY(key, inbox)) STRICT, WITHOUT ROWID;
CREATE TABLE traffic(
  id INTEGER PRIMARY KEY, at REAL NOT NULL, event TEXT NOT NULL, queue_id TEXT NOT NULL,
  mailbox TEXT NOT NULL, peer TEXT NOT NULL, document TEXT NOT NULL, ins TEXT NOT NULL,
  software TEXT NOT NULL, octets INTEGER NOT NULL) STRICT;
CREATE INDEX traffic_at ON traffic(at);
CREATE TABLE last_use(
  kind TEXT NOT NULL, name TEXT NOT NULL, at REAL NOT NULL,
  PRIMARY KEY(kind, name)) STRICT, WITHOUT ROWID;
CREATE TABLE forgotten(before REAL NOT NULL) STRICT;
CREATE INDEX accepted_at ON accepted(at);
"""


@dataclass(frozen=True, slots=True)
class StoreFile:
    """An open store.

    Attributes:
        reader: connection that cannot write.
        writer: the only one that writes.
        lock: descriptor that keeps other processes out; closing it, or dying, lets go.
        reserve: room for the day that the disk is full.
    """

    reader: sqlite3.Connection
    writer: sqlite3.Connection
    lock: int
    reserve: Reserve


def open_file(path: Path) -> StoreFile:
    """Open a store; make it, private, where there is none or an empty file.

    Raises:
        UserError: another process has it, it is no store or one of another version, or the place
            cannot be written.
    """
    with ExitStack() as undo:
        try:
            held = _lock(path)
            undo.callback(os.close, held)
            os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
            path.chmod(0o600)
        except BlockingIOError:
            raise UserError(
                "un autre processus tient ce courrier ; l'arrêter, ou prendre un autre dossier",
                "another process has this mail store; stop it, or use another folder",
                where=path,
            ) from None
        except OSError as error:
            raise UserError.because(
                "aucun courrier ne peut être gardé ici",
                "no mail store can be here",
                path,
                error.strerror,
            ) from None
        try:
            writer = _connect(path)
            undo.callback(writer.close)
            _prepare(path, writer)
            reader = _connect(path)
            undo.callback(reader.close)
            reader.execute("PRAGMA query_only=ON")
        except sqlite3.DatabaseError as error:
            raise UserError.because(
                "ce n'est pas un courrier gardé ; prendre un autre dossier",
                "not a mail store; use another folder",
                path,
                error,
            ) from None
        undo.pop_all()
        reserve = Reserve(Path(f"{path}-reserve"), RESERVE_BYTES)
        return StoreFile(reader, writer, held, reserve)


def _lock(path: Path) -> int:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    # Beside the database: closing any descriptor of the database drops SQLite's own locks.
    held = os.open(f"{path}-lock", os.O_CREAT | os.O_RDWR, 0o600)
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BaseException:
        os.close(held)
        raise
    return held


def _connect(path: Path) -> sqlite3.Connection:
    # Two threads use the writer's connection, in turn.
    return sqlite3.connect(path, isolation_level=None, check_same_thread=False)


def _prepare(path: Path, connection: sqlite3.Connection) -> None:
    tables = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]
    application = connection.execute("PRAGMA application_id").fetchone()[0]
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    if tables and application != APPLICATION_ID:
        raise UserError(
            "une base, mais pas de courrier ; prendre un autre dossier",
            "a database, but not a mail store; use another folder",
            where=path,
        )
    if tables and version not in {VERSION, *_MIGRATIONS}:
        raise UserError(
            f"courrier de version {version}, ce programme lit la {VERSION} ; "
            "recommencer avec --reset, ou prendre le programme d'origine",
            f"a mail store of version {version}, this program reads {VERSION}; "
            "start again with --reset, or use the program that made it",
            where=path,
        )
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute(f"PRAGMA journal_size_limit={WAL_BYTES_KEPT}")
    connection.execute("PRAGMA foreign_keys=ON")
    if not tables:
        connection.executescript(
            f"BEGIN IMMEDIATE;{_TABLES}PRAGMA application_id={APPLICATION_ID};"
            f"PRAGMA user_version={VERSION};COMMIT;"
        )
    elif version != VERSION:
        connection.executescript(
            f"BEGIN IMMEDIATE;{_MIGRATIONS[version]}PRAGMA user_version={VERSION};COMMIT;"
        )
