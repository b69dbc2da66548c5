"""What must survive a restart, in one SQLite table: requests, tokens, codes, replayed jti, keys.

Keys that are secrets (tokens, ids, codes) are stored as SHA-256, so that a state file that leaks
opens nothing. Values are JSON. Every entry has an expiry in the provider's (virtual) time.
"""

from __future__ import annotations

import hashlib
import json
import os
import sqlite3
import threading
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sandbox.space.errors import UserError

__all__ = ["Store", "fingerprint"]

_SCHEMA = """
CREATE TABLE IF NOT EXISTS entries(
  kind TEXT NOT NULL, key TEXT NOT NULL, value TEXT NOT NULL, tag TEXT NOT NULL DEFAULT '',
  expires REAL NOT NULL, PRIMARY KEY(kind, key)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS by_tag ON entries(kind, tag);
CREATE INDEX IF NOT EXISTS by_expiry ON entries(expires);
"""

_encode = json.JSONEncoder(separators=(",", ":")).encode
_UPSERT = (
    "INSERT INTO entries VALUES(?,?,?,?,?) ON CONFLICT(kind,key) DO UPDATE SET "
    "value=excluded.value, tag=excluded.tag, expires=excluded.expires"
)


def fingerprint(secret: str) -> str:
    """Return the name under which a secret is stored."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


class Store:
    """`path=None` keeps everything in memory."""

    def __init__(self, path: Path | None = None) -> None:
        self._lock = threading.RLock()
        self._depth = 0
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
            # Created private before SQLite opens it: it holds signing keys.
            os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
        self._db = sqlite3.connect(
            str(path) if path else ":memory:",
            isolation_level=None,
            check_same_thread=False,
            timeout=10,
        )
        try:
            self._db.execute("PRAGMA journal_mode=WAL")
            self._db.execute("PRAGMA synchronous=NORMAL")
            self._db.executescript(_SCHEMA)
        except sqlite3.DatabaseError as error:
            self._db.close()
            raise UserError(
                "état illisible", "unreadable state", where=path, then=f"({error})"
            ) from None
        # A provider in memory is often just dropped: its connection goes with it.
        self._finalizer = weakref.finalize(self, self._db.close)

    def close(self) -> None:
        """Close the file; the store is then unusable."""
        with self._lock:
            self._finalizer()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing, and alone: no other thread or process reads in between (T12)."""
        with self._lock:
            if self._depth:
                yield
                return
            self._db.execute("BEGIN IMMEDIATE")
            self._depth += 1
            try:
                yield
            except BaseException:
                self._db.execute("ROLLBACK")
                raise
            else:
                self._db.execute("COMMIT")
            finally:
                self._depth -= 1

    def put(
        self, kind: str, key: str, value: dict[str, Any], *, expires: float, tag: str = ""
    ) -> None:
        """Write or replace an entry."""
        with self._lock:
            self._db.execute(_UPSERT, (kind, key, _encode(value), tag, expires))

    def add(self, kind: str, key: str, *, expires: float) -> bool:
        """Write an empty entry unless there is one; return whether it was new (replay check)."""
        with self._lock:
            cursor = self._db.execute(
                "INSERT OR IGNORE INTO entries VALUES(?,?,'{}','',?)", (kind, key, expires)
            )
            return cursor.rowcount == 1

    def get(self, kind: str, key: str) -> dict[str, Any] | None:
        """Return an entry's value, or None."""
        with self._lock:
            row = self._db.execute(
                "SELECT value FROM entries WHERE kind=? AND key=?", (kind, key)
            ).fetchone()
        return None if row is None else json.loads(row[0])

    def all(self, kind: str, tag: str | None = None, limit: int = 1000) -> list[dict[str, Any]]:
        """Return the values of a kind (of a tag), at most `limit`."""
        query, values = "SELECT value FROM entries WHERE kind=?", [kind]
        if tag is not None:
            query, values = query + " AND tag=?", [kind, tag]
        with self._lock:
            rows = self._db.execute(query + " LIMIT ?", (*values, limit)).fetchall()
        return [json.loads(row[0]) for row in rows]

    def count(self, kind: str) -> int:
        """Return how many entries a kind has."""
        with self._lock:
            row = self._db.execute("SELECT count(*) FROM entries WHERE kind=?", (kind,)).fetchone()
        return int(row[0])

    def delete(self, kind: str, key: str) -> None:
        """Forget an entry, if it is there."""
        with self._lock:
            self._db.execute("DELETE FROM entries WHERE kind=? AND key=?", (kind, key))

    def delete_tag(self, kind: str, tag: str) -> int:
        """Forget all entries of a tag; return how many."""
        with self._lock:
            return self._db.execute(
                "DELETE FROM entries WHERE kind=? AND tag=?", (kind, tag)
            ).rowcount

    def purge(self, now: float) -> int:
        """Forget what expired before `now`; return how many entries."""
        with self._lock:
            return self._db.execute("DELETE FROM entries WHERE expires < ?", (now,)).rowcount
