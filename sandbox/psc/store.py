"""What must survive a restart: requests, tokens, codes, replayed jti, keys.

Kept in memory, where every question is answered, and written through to one SQLite table, which is
read when a provider starts; so a file is one provider's alone. Keys that are secrets (tokens, ids,
codes) are stored as SHA-256, so that a state file that leaks opens nothing. Every entry has an
expiry in the provider's (virtual) time.
"""

from __future__ import annotations

import hashlib
import json
import os
import sqlite3
import threading
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple, Protocol, TypeVar

from sandbox.space.errors import UserError

__all__ = ["ProviderStore", "fingerprint"]

_SCHEMA = """
CREATE TABLE IF NOT EXISTS entries(
  kind TEXT NOT NULL, key TEXT NOT NULL, value TEXT NOT NULL, tag TEXT NOT NULL DEFAULT '',
  expires REAL NOT NULL, PRIMARY KEY(kind, key)) WITHOUT ROWID;
"""
_UPSERT = "INSERT OR REPLACE INTO entries VALUES(?,?,?,?,?)"
_DELETE = "DELETE FROM entries WHERE kind=? AND key=?"
K = TypeVar("K", bound="Kept")


class Kept(Protocol):
    """What is kept as it is, and turned into plain data when it goes to the file."""

    def to_dict(self) -> dict[str, Any]:
        """Return plain data."""


_encode = json.JSONEncoder(separators=(",", ":"), default=lambda kept: kept.to_dict()).encode


class _Entry(NamedTuple):
    value: Any  # a dict, or something `Kept`
    tag: str
    expires: float


def fingerprint(secret: str) -> str:
    """Return the name under which a secret is stored."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


class ProviderStore:
    """Entries by kind and key; `path=None` forgets. What it returns is not to be changed.

    Raises:
        UserError: a file that is none of ours, or that another provider holds.
    """

    def __init__(self, path: Path | None = None) -> None:
        self._lock = threading.RLock()
        self._depth = 0
        self._kinds: dict[str, dict[str, _Entry]] = {}
        self._tags: dict[tuple[str, str], dict[str, None]] = {}
        # What a transaction has changed: the entry as it was before, None where there was none.
        self._before: dict[tuple[str, str], _Entry | None] = {}
        self._db: sqlite3.Connection | None = None
        if path is not None:
            self._db = _opened(path)
            # A provider is often just dropped: its connection goes with it.
            self._finalizer = weakref.finalize(self, self._db.close)
            for kind, key, value, tag, expires in self._db.execute("SELECT * FROM entries"):
                self._set(kind, key, _Entry(json.loads(value), tag, expires))

    def close(self) -> None:
        """Close the file; the store is then unusable."""
        with self._lock:
            if self._db is not None:
                self._finalizer()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing, and alone: no other thread reads in between (T12)."""
        with self._lock:
            if self._depth:
                yield
                return
            self._depth = 1
            try:
                yield
                self._write()
            except BaseException:
                for (kind, key), entry in self._before.items():
                    self._set(kind, key, entry)
                raise
            finally:
                self._depth = 0
                self._before.clear()

    def _write(self) -> None:
        """Write what a transaction changed through to the file."""
        if self._db is None or not self._before:
            return
        self._db.execute("BEGIN")
        try:
            for kind, key in self._before:
                entry = self._kinds.get(kind, {}).get(key)
                if entry is None:
                    self._db.execute(_DELETE, (kind, key))
                else:
                    row = (kind, key, _encode(entry.value), entry.tag, entry.expires)
                    self._db.execute(_UPSERT, row)
            self._db.execute("COMMIT")
        except BaseException:
            self._db.execute("ROLLBACK")
            raise

    def _set(self, kind: str, key: str, entry: _Entry | None) -> _Entry | None:
        """Put an entry, or take it out; return what was there."""
        entries = self._kinds.setdefault(kind, {})
        before = entries.pop(key, None)
        if before is not None and before.tag:
            tagged = self._tags[kind, before.tag]
            del tagged[key]
            if not tagged:
                del self._tags[kind, before.tag]
        if entry is not None:
            entries[key] = entry
            if entry.tag:
                self._tags.setdefault((kind, entry.tag), {})[key] = None
        return before

    def _change(self, kind: str, key: str, entry: _Entry | None) -> None:
        with self._lock:
            if not self._depth:
                with self.transaction():
                    self._change(kind, key, entry)
                return
            before = self._set(kind, key, entry)
            self._before.setdefault((kind, key), before)

    def put(
        self, kind: str, key: str, value: dict[str, Any] | Kept, *, expires: float, tag: str = ""
    ) -> None:
        """Write or replace an entry."""
        self._change(kind, key, _Entry(value, tag, expires))

    def add(self, kind: str, key: str, *, expires: float) -> bool:
        """Write an empty entry unless there is one; return whether it was new (replay check)."""
        with self._lock:
            if key in self._kinds.get(kind, {}):
                return False
            self._change(kind, key, _Entry({}, "", expires))
            return True

    def get(self, kind: str, key: str) -> dict[str, Any] | None:
        """Return an entry's value, or None."""
        with self._lock:
            entry = self._kinds.get(kind, {}).get(key)
        return None if entry is None else entry.value

    def kept(self, kind: str, key: str, read: Callable[[dict[str, Any]], K]) -> K | None:
        """Return what is kept in an entry, which `read` makes of plain data; or None."""
        value = self.get(kind, key)
        return read(value) if isinstance(value, dict) else value

    def all(self, kind: str, tag: str | None = None, limit: int = 1000) -> list[dict[str, Any]]:
        """Return the values of a kind (of a tag), the newest written first, at most `limit`."""
        with self._lock:
            entries = self._kinds.get(kind, {})
            keys = reversed(entries if tag is None else self._tags.get((kind, tag), {}))
            return [entries[key].value for key in islice(keys, limit)]

    def all_kept(
        self, kind: str, read: Callable[[dict[str, Any]], K], tag: str | None = None,
        limit: int = 1000,
    ) -> list[K]:  # fmt: skip
        """Return what is kept in the entries of `all`."""
        found: list[Any] = self.all(kind, tag, limit)
        return [read(value) if isinstance(value, dict) else value for value in found]

    def count(self, kind: str) -> int:
        """Return how many entries a kind has."""
        with self._lock:
            return len(self._kinds.get(kind, {}))

    def delete(self, kind: str, key: str) -> None:
        """Forget an entry, if it is there."""
        self._change(kind, key, None)

    def delete_tag(self, kind: str, tag: str) -> int:
        """Forget all entries of a tag; return how many."""
        with self.transaction():
            keys = list(self._tags.get((kind, tag), {}))
            for key in keys:
                self._change(kind, key, None)
            return len(keys)

    def purge(self, now: float) -> int:
        """Forget what expired before `now`; return how many entries."""
        with self.transaction():
            old = [
                (kind, key)
                for kind, entries in self._kinds.items()
                for key, entry in entries.items()
                if entry.expires < now
            ]
            for kind, key in old:
                self._change(kind, key, None)
            return len(old)


def _opened(path: Path) -> sqlite3.Connection:
    path.parent.mkdir(parents=True, exist_ok=True)
    # Created private before SQLite opens it: it holds signing keys.
    os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
    database = sqlite3.connect(
        path, isolation_level=None, check_same_thread=False, timeout=1, cached_statements=16
    )
    try:
        database.execute("PRAGMA locking_mode=EXCLUSIVE")
        database.execute("PRAGMA journal_mode=WAL")
        database.execute("PRAGMA synchronous=NORMAL")
        database.executescript(_SCHEMA)
    except sqlite3.OperationalError as error:
        database.close()
        raise UserError.because(
            "état tenu par un autre fournisseur ? L'arrêter",
            "state held by another provider? Stop it",
            path,
            error,
        ) from None
    except sqlite3.DatabaseError as error:
        database.close()
        raise UserError.because(
            "état illisible, ce n'est pas le sien ; prendre un autre dossier",
            "unreadable state, not of this program; use another folder",
            path,
            error,
        ) from None
    return database
