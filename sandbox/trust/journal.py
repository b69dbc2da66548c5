"""An append-only list of records, in memory or in a JSON-lines file that processes share."""

from __future__ import annotations

import json
import os
import threading
from pathlib import Path
from typing import Any

from sandbox.space.errors import UserError

__all__ = ["AuthorityJournal"]

Record = dict[str, Any]


class AuthorityJournal:
    """Records in the order in which they were written.

    A record that another process appends is seen by the next `records()`: that is how
    `mss-sandbox pki revoke` takes effect at once in a server that runs.

    Args:
        path: The file (0600); None keeps the records in memory.
    """

    def __init__(self, path: Path | None = None) -> None:
        self._path = path
        self._records: list[Record] = []
        self._read = 0
        self._line = 0
        self._lock = threading.Lock()

    def append(self, record: Record) -> None:
        """Add one record; it is on disk when this returns."""
        if self._path is None:
            with self._lock:
                self._records.append(record)
            return
        line = json.dumps(record, ensure_ascii=False, sort_keys=True).encode() + b"\n"
        # One write with O_APPEND: lines of two processes never mix.
        handle = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            os.write(handle, line)
            os.fsync(handle)
        finally:
            os.close(handle)

    def records(self) -> list[Record]:
        """Return all records, those of other processes included. Do not modify the list.

        Raises:
            UserError: a line is not a JSON object.
        """
        if self._path is None:
            return self._records
        with self._lock:
            try:
                size = self._path.stat().st_size
            except FileNotFoundError:
                return self._records
            if size > self._read:
                with self._path.open("rb") as file:
                    file.seek(self._read)
                    tail = file.read(size - self._read)
                # A line still being written has no end yet: it waits for the next call.
                whole = tail[: tail.rfind(b"\n") + 1]
                self._records = self._records + [self._parse(line) for line in whole.splitlines()]
                self._read += len(whole)
            return self._records

    def _parse(self, line: bytes) -> Record:
        self._line += 1
        try:
            record = json.loads(line)
        except ValueError:
            record = None
        if not isinstance(record, dict):
            raise UserError(
                f"la ligne {self._line} n'est pas un objet JSON ; restaurer le fichier",
                f"line {self._line} is not a JSON object; restore the file",
                where=self._path,
            )
        return record
