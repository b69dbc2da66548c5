"""Which codes have been used: remembered at once, on disk before the login is accepted.

A restarted operator would otherwise take a code again. Codes that are used while a commit is under
way share the next one.
"""

from __future__ import annotations

import asyncio
import sqlite3
from dataclasses import dataclass
from pathlib import Path

from sandbox.observations.schema import Words
from sandbox.operators.auth.accounts import private_database

__all__ = ["Use", "UsedCodes"]

_WHAT = Words("de codes utilisés", "used codes")
_SCHEMA = """
CREATE TABLE IF NOT EXISTS used (
  secret INTEGER NOT NULL, step INTEGER NOT NULL, code TEXT NOT NULL, client TEXT NOT NULL,
  at REAL NOT NULL, PRIMARY KEY (secret, step)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS used_at ON used (at);
"""


@dataclass(frozen=True, slots=True)
class Use:
    """The first use of a code.

    Attributes:
        secret: which TOTP secret (`accounts.Secret.id`).
        step: time step that the code is of.
        code: the six digits.
        client: address that used it.
        at: when, seconds since 1970.
    """

    secret: int
    step: int
    code: str
    client: str
    at: float


class UsedCodes:
    """The used codes of one operator. For one event loop.

    Args:
        path: SQLite file; made when absent.
        keep: seconds for which a use matters.
        now: seconds since 1970; older uses are forgotten.

    Raises:
        UserError: the file is another thing.
    """

    def __init__(self, path: Path, *, keep: float, now: float) -> None:
        self._keep = keep
        self._database = private_database(path, _SCHEMA, _WHAT)
        self._forget_on_disk(now)
        rows = self._database.execute(
            "SELECT secret, step, code, client, at FROM used ORDER BY at"
        ).fetchall()
        self._used: dict[tuple[int, int], Use] = {}
        self._of_secret: dict[int, list[Use]] = {}
        for row in rows:
            self._remember(Use(*row))
        self._waiting: list[tuple[Use, asyncio.Future[None]]] = []
        self._writer: asyncio.Task[None] | None = None

    async def close(self) -> None:
        """Write what waits and close the file."""
        if self._writer is not None:
            await self._writer
        self._database.close()

    def of(self, secret: int) -> list[Use]:
        """Return the uses of a secret that are remembered, oldest first."""
        return self._of_secret.get(secret, [])

    async def add(self, use: Use) -> None:
        """Remember a use: at once for `of`, on disk when this returns.

        Raises:
            sqlite3.Error: the disk refused it. The use stays remembered.
        """
        self._forget(use.at)
        self._remember(use)
        loop = asyncio.get_running_loop()
        written: asyncio.Future[None] = loop.create_future()
        self._waiting.append((use, written))
        if self._writer is None:
            self._writer = loop.create_task(self._write_all())
        await written

    def _remember(self, use: Use) -> None:
        self._used[use.secret, use.step] = use
        self._of_secret.setdefault(use.secret, []).append(use)

    def _forget(self, now: float) -> None:
        for key, use in list(self._used.items()):
            if use.at > now - self._keep:
                return
            del self._used[key]
            left = [each for each in self._of_secret[use.secret] if each.step != use.step]
            if left:
                self._of_secret[use.secret] = left
            else:
                del self._of_secret[use.secret]

    def _forget_on_disk(self, now: float) -> None:
        self._database.execute("DELETE FROM used WHERE at <= ?", (now - self._keep,))

    async def _write_all(self) -> None:
        while self._waiting:
            batch, self._waiting = self._waiting, []
            failure: sqlite3.Error | None = None
            try:
                await asyncio.to_thread(self._write, [use for use, _ in batch])
            except sqlite3.Error as error:
                failure = error
            for _, written in batch:
                if written.done():  # its client went away
                    continue
                if failure is None:
                    written.set_result(None)
                else:
                    written.set_exception(failure)
        self._writer = None

    def _write(self, uses: list[Use]) -> None:
        with self._database:
            self._database.execute("BEGIN IMMEDIATE")
            self._forget_on_disk(uses[-1].at)
            self._database.executemany(
                "INSERT OR IGNORE INTO used VALUES (?, ?, ?, ?, ?)",
                [(each.secret, each.step, each.code, each.client, each.at) for each in uses],
            )
