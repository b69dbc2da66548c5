"""Group commit: what waits is written in one transaction, flushed once, then answered.

Two threads share the work, never at the same instant. Small operations are applied on the event
loop: each statement would otherwise have to win the interpreter's lock back from a busy loop, which
costs more than the statement. The flush (COMMIT, and the checkpoints that it does) is always the
writer's thread's, and so are operations that write much, which would hold other sessions up.
Meanwhile the next operations gather.

A full disk. The store gives its reserve back, and from then on writes only what makes room (what
removes messages, and flags, by which they are chosen), until the reserve can be had again, or the
file has free pages of its own.
"""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from queue import SimpleQueue
from typing import Any, TypeVar

from sandbox.operators.store.schema import Reserve, StoreError

__all__ = ["HEAVY", "Changes", "StoreTransaction", "Writer"]

T = TypeVar("T")

BATCH_OPERATIONS = 256
BATCH_BYTES = 32 * 2**20
# Some 5 ms of work: as long as the interpreter lets one thread keep another waiting.
LIGHT_BYTES = 2 * 2**20
HEAVY = LIGHT_BYTES + 1
WAITING = 1024
SPARE_BYTES = 2**20  # of free pages, on a full disk, left for what removes messages


@dataclass(slots=True)
class Changes:
    """What others want to know once it is durable.

    Attributes:
        folders: ids of mailbox and folder.
        queued: something entered the queue.
        mailboxes: new ones: address, id, id of the INBOX.
        gone: addresses of those that were removed.
    """

    folders: set[tuple[int, int]] = field(default_factory=set)
    queued: bool = False
    mailboxes: list[tuple[str, int, int]] = field(default_factory=list)
    gone: list[str] = field(default_factory=list)

    def add(self, other: Changes) -> None:
        """Take in those of an operation that was done."""
        self.folders |= other.folders
        self.queued |= other.queued
        self.mailboxes += other.mailboxes
        self.gone += other.gone


@dataclass(slots=True)
class StoreTransaction:
    """What an operation works on: it may raise StoreError at any point."""

    connection: sqlite3.Connection
    changes: Changes = field(default_factory=Changes)


@dataclass(slots=True)
class _Waiting:
    operation: Callable[[StoreTransaction], Any]
    size: int
    frees: bool
    future: asyncio.Future[Any]
    outcome: Any = None
    error: Exception | None = None


@dataclass(slots=True)
class _Batch:
    operations: list[_Waiting] = field(default_factory=list)
    size: int = 0
    changes: Changes = field(default_factory=Changes)
    begun: bool = False
    failure: sqlite3.Error | None = None


class Writer:
    """The one writer of a file.

    Args:
        connection: nobody else's, closed at the end.
        published: called on the event loop with what each commit changed.
        reserve: room for the day that the disk is full.
        full: whether the disk is to be taken for full.
    """

    def __init__(
        self,
        connection: sqlite3.Connection,
        published: Callable[[Changes], None],
        reserve: Reserve,
        full: Callable[[], bool] = lambda: False,
    ) -> None:
        self._connection = connection
        self._reserve = reserve
        self._full = full
        self._published = published
        self._loop = asyncio.get_running_loop()
        self._slots = asyncio.Semaphore(WAITING)
        self._waiting: deque[_Waiting] = deque()
        self._busy = False
        self._closed = False
        self._ended = asyncio.Event()
        self._batches: SimpleQueue[_Batch | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="mail-store", daemon=True)
        self._thread.start()

    async def run(
        self, operation: Callable[[StoreTransaction], T], size: int = 0, *, frees: bool = False
    ) -> T:
        """Have an operation done; return its result once it is durable.

        Waits for its turn when WAITING others are before it.

        Args:
            operation: called within a transaction, in whichever thread.
            size: bytes that it writes, roughly; HEAVY when there is no telling.
            frees: it makes room, or leads to it: done on a full disk too.

        Raises:
            StoreError: of the operation, or `failed`: the disk refused, or the store is closed.
        """
        async with self._slots:
            if self._closed:
                raise StoreError("failed", "the mail store is closed")
            future: asyncio.Future[T] = self._loop.create_future()
            self._waiting.append(_Waiting(operation, size, frees, future))
            if not self._busy:
                self._busy = True
                # After the other callbacks that are ready: what they bring joins the batch.
                self._loop.call_soon(self._next)
            return await future

    async def close(self) -> None:
        """Write what waits, then close the connection."""
        if not self._closed:
            self._closed = True
            if not self._busy:
                self._batches.put(None)
        await self._ended.wait()
        self._thread.join()

    # On the event loop ---------------------------------------------------------------------------

    def _next(self) -> None:
        batch = _Batch()
        while self._waiting and len(batch.operations) < BATCH_OPERATIONS:
            if batch.operations and batch.size + self._waiting[0].size > BATCH_BYTES:
                break
            waiting = self._waiting.popleft()
            # Nobody waits for a cancelled one any more; its retry would make it twice.
            if not waiting.future.done():
                batch.operations.append(waiting)
                batch.size += waiting.size
        if batch.size <= LIGHT_BYTES and self._reserve.held:
            self._apply(batch)
        self._batches.put(batch)

    def _answer(self, batch: _Batch) -> None:
        if self._waiting:
            self._loop.call_soon(self._next)
        else:
            self._busy = False
            if self._closed:
                self._batches.put(None)
        for waiting in batch.operations:
            error = waiting.error
            if batch.failure is not None:
                error = StoreError("failed", f"not written: {batch.failure}")
            if waiting.future.done():
                continue
            if error is None:
                waiting.future.set_result(waiting.outcome)
            else:
                waiting.future.set_exception(error)
        if batch.failure is None:
            self._published(batch.changes)

    # In the writer's thread ----------------------------------------------------------------------

    def _run(self) -> None:
        while (batch := self._batches.get()) is not None:
            if not self._reserve.held:
                self._reserve.restore()
            if not batch.begun:
                self._apply(batch)
            self._commit(batch)
            if batch.failure is not None and self._make_room(batch.failure):
                batch.failure = None
                self._apply(batch)
                self._commit(batch)
            self._loop.call_soon_threadsafe(self._answer, batch)
        self._connection.close()
        self._loop.call_soon_threadsafe(self._ended.set)

    def _commit(self, batch: _Batch) -> None:
        if batch.failure is None:
            try:
                self._connection.execute("COMMIT")
            except sqlite3.Error as failure:
                self._undo(batch, failure)

    def _make_room(self, failure: sqlite3.Error) -> bool:
        """Give the reserve back to a full disk; tell whether it is worth another try."""
        if failure.sqlite_errorcode != sqlite3.SQLITE_FULL or not self._reserve.held:
            return False
        self._reserve.release()
        # What the log holds goes into the database, so that the log begins again in the blocks that
        # it has, which nobody else can take.
        with contextlib.suppress(sqlite3.Error):
            self._connection.execute("PRAGMA wal_checkpoint(RESTART)")
        return True

    # In either -----------------------------------------------------------------------------------

    def _apply(self, batch: _Batch) -> None:
        batch.begun, batch.changes = True, Changes()
        try:
            roomy = not self._full() and (self._reserve.held or self._has_free_pages(batch.size))
            self._connection.execute("BEGIN IMMEDIATE")
            for waiting in batch.operations:
                if waiting.frees or roomy:
                    self._apply_one(waiting, batch.changes)
                else:
                    waiting.error = StoreError("failed", "the disk is full")
        except sqlite3.Error as failure:
            self._undo(batch, failure)

    def _has_free_pages(self, size: int) -> bool:
        """Tell whether the file has room of its own, where messages were removed."""
        free = self._connection.execute("PRAGMA freelist_count").fetchone()[0]
        octets = self._connection.execute("PRAGMA page_size").fetchone()[0]
        return bool(free * octets >= size + SPARE_BYTES)

    def _apply_one(self, waiting: _Waiting, changes: Changes) -> None:
        connection = self._connection
        transaction = StoreTransaction(connection)
        connection.execute("SAVEPOINT operation")
        try:
            waiting.outcome = waiting.operation(transaction)
        except Exception as error:  # whatever it is, it belongs to who asked
            if not connection.in_transaction:
                raise  # disk full, I/O error: SQLite undid the whole transaction
            connection.execute("ROLLBACK TO operation")
            waiting.error = error
        else:
            changes.add(transaction.changes)
        connection.execute("RELEASE operation")

    def _undo(self, batch: _Batch, failure: sqlite3.Error) -> None:
        """Nothing of the batch is there, and nobody is told that it is."""
        batch.failure = failure
        if self._connection.in_transaction:
            # A disk that refuses even this fails the next BEGIN too, so each batch is told.
            with contextlib.suppress(sqlite3.Error):
                self._connection.execute("ROLLBACK")
