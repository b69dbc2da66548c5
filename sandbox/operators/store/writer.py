"""Group commit: what waits is written in one transaction, flushed once, then answered."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue
from typing import Any, TypeVar

from sandbox.operators.store.errors import StoreError

__all__ = ["Changes", "Transaction", "Writer"]

T = TypeVar("T")

BATCH_OPERATIONS = 256
BATCH_BYTES = 32 * 2**20
WAITING = 1024


@dataclass(slots=True)
class Changes:
    """What others want to know once it is durable.

    Attributes:
        folders: ids of mailbox and folder.
        queued: something entered the queue.
        mailboxes: new ones: address, id, id of the INBOX.
    """

    folders: set[tuple[int, int]] = field(default_factory=set)
    queued: bool = False
    mailboxes: list[tuple[str, int, int]] = field(default_factory=list)

    def add(self, other: Changes) -> None:
        """Take in those of an operation that was done."""
        self.folders |= other.folders
        self.queued |= other.queued
        self.mailboxes += other.mailboxes


@dataclass(slots=True)
class Transaction:
    """What an operation works on: it may raise StoreError at any point."""

    connection: sqlite3.Connection
    changes: Changes = field(default_factory=Changes)


@dataclass(slots=True)
class _Waiting:
    operation: Callable[[Transaction], Any]
    size: int
    future: asyncio.Future[Any]
    outcome: Any = None
    error: Exception | None = None


class Writer:
    """The one writer of a file.

    Args:
        connection: used by the writer's thread alone, and closed by it.
        published: called on the event loop with what each commit changed.
    """

    def __init__(
        self, connection: sqlite3.Connection, published: Callable[[Changes], None]
    ) -> None:
        self._connection = connection
        self._published = published
        self._loop = asyncio.get_running_loop()
        self._slots = asyncio.Semaphore(WAITING)
        self._waiting: SimpleQueue[_Waiting | None] = SimpleQueue()
        self._closed = False
        self._ended = asyncio.Event()
        self._thread = threading.Thread(target=self._run, name="mail-store", daemon=True)
        self._thread.start()

    async def run(self, operation: Callable[[Transaction], T], size: int = 0) -> T:
        """Have an operation done; return its result once it is durable.

        Args:
            operation: called in the writer's thread, within a transaction.
            size: bytes that it writes, roughly: bounds what one transaction holds.

        Raises:
            StoreError: of the operation, or `failed`: the disk refused, or the store is closed.
        """
        async with self._slots:
            if self._closed:
                raise StoreError("failed", "the mail store is closed")
            future: asyncio.Future[T] = self._loop.create_future()
            self._waiting.put(_Waiting(operation, size, future))
            return await future

    async def close(self) -> None:
        """Write what waits, then close the connection."""
        if not self._closed:
            self._closed = True
            self._waiting.put(None)
        await self._ended.wait()
        self._thread.join()

    def _run(self) -> None:
        try:
            going = True
            while going:
                batch, going = self._gather()
                changes = self._write(batch)
                self._loop.call_soon_threadsafe(self._answer, batch, changes)
        finally:
            self._connection.close()
            self._loop.call_soon_threadsafe(self._ended.set)

    def _gather(self) -> tuple[list[_Waiting], bool]:
        """Return what waits, at least one, within the bounds; and whether more may come."""
        batch: list[_Waiting] = []
        size = 0
        next_one = self._waiting.get()
        while next_one is not None:
            batch.append(next_one)
            size += next_one.size
            if len(batch) >= BATCH_OPERATIONS or size >= BATCH_BYTES:
                return batch, True
            try:
                next_one = self._waiting.get_nowait()
            except Empty:
                return batch, True
        return batch, False

    def _write(self, batch: list[_Waiting]) -> Changes:
        changes = Changes()
        connection = self._connection
        try:
            connection.execute("BEGIN IMMEDIATE")
            for waiting in batch:
                # Nobody waits for it any more: a retry would make it twice.
                if not waiting.future.cancelled():
                    self._apply(waiting, changes)
            connection.execute("COMMIT")
        except sqlite3.Error as failure:
            # Disk full, I/O error: nothing of the batch is there, nobody is told that it is.
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            for waiting in batch:
                waiting.error = StoreError("failed", f"not written: {failure}")
            return Changes()
        return changes

    def _apply(self, waiting: _Waiting, changes: Changes) -> None:
        connection = self._connection
        transaction = Transaction(connection)
        connection.execute("SAVEPOINT operation")
        try:
            waiting.outcome = waiting.operation(transaction)
        except Exception as error:  # whatever it is, it belongs to who asked
            if isinstance(error, sqlite3.Error) and not connection.in_transaction:
                raise  # SQLite undid the whole transaction
            connection.execute("ROLLBACK TO operation")
            waiting.error = error
        else:
            changes.add(transaction.changes)
        connection.execute("RELEASE operation")

    def _answer(self, batch: list[_Waiting], changes: Changes) -> None:
        self._published(changes)
        for waiting in batch:
            if waiting.future.done():
                continue
            if waiting.error is not None:
                waiting.future.set_exception(waiting.error)
            else:
                waiting.future.set_result(waiting.outcome)
