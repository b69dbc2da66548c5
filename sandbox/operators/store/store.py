r"""`MailStore`: the one door to what an operator keeps."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Collection, Container, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from sandbox.operators.mail import (
    NOTHING_SAID,
    About,
    Envelope,
    Folder,
    MessageRow,
    Queued,
    Recipient,
)
from sandbox.operators.store import folders, messages, moving, outgoing, schema, traffic
from sandbox.operators.store.listeners import Listeners
from sandbox.operators.store.listing import Listings
from sandbox.operators.store.schema import StoreError
from sandbox.operators.store.writer import HEAVY, Changes, Writer

__all__ = ["MailStore"]


# What changing a message's row counts for: some 2 microseconds per row, 2 per kilobyte of content.
ROW_BYTES = 1_000


@dataclass(frozen=True, slots=True)
class _Box:
    id: int
    inbox: int


class MailStore:
    """Mailboxes and queue of one operator; used on the event loop that opened it.

    Coroutines return when what they wrote is durable. They raise StoreError, `failed` when the
    disk refused or the store is closed; nothing is written then. Other kinds are given where they
    arise.
    """

    def __init__(
        self, file: schema.StoreFile, clock: Callable[[], float], full: Callable[[], bool]
    ) -> None:
        self._reader = file.reader
        self._lock: int | None = file.lock
        self._clock = clock
        self._listings = Listings(file.reader)
        self._boxes = {
            address: _Box(number, inbox) for address, number, inbox in folders.boxes(file.reader)
        }
        self._listeners = Listeners()
        self._writer = Writer(file.writer, self._publish, file.reserve, full)

    @classmethod
    async def open(
        cls,
        path: Path,
        *,
        clock: Callable[[], float] = time.time,
        full: Callable[[], bool] = lambda: False,
    ) -> MailStore:
        """Open a store; make it where there is none.

        Args:
            path: of the database; its folder is made private when it is made.
            clock: seconds since 1970.
            full: whether the disk is to be taken for full.

        Raises:
            UserError: not a store, one of another version, or another process has it.
        """
        return cls(schema.open_file(path), clock, full)

    async def close(self) -> None:
        """Write what waits and close the file; nothing may be asked afterwards."""
        await self._writer.close()
        self._reader.close()
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    # Mailboxes -----------------------------------------------------------------------------------

    async def provision(self, mailboxes: Iterable[str]) -> None:
        """Create mailboxes with INBOX, Sent, Drafts, Trash, Junk, Archive; known ones stay."""
        addresses = [address.lower() for address in mailboxes]
        new = [address for address in addresses if address not in self._boxes]
        if new:
            now = self._clock()
            await self._writer.run(lambda t: folders.provision(t, new, now), size=HEAVY)

    async def remove(self, mailboxes: Iterable[str]) -> None:
        """Remove mailboxes with all that they hold, one after the other; unknown ones are passed.

        What they sent and is not yet delivered stays in the queue.
        """
        for each in mailboxes:
            address = each.lower()
            remove = partial(folders.remove, address=address)
            await self._writer.run(remove, size=HEAVY, frees=True)

    async def pack(self, mailbox: str) -> moving.PackedMailbox:
        """Return all of a mailbox, for another store to take over; here it is missing from now on.

        What waits to be written is in it. It stays on disk, to be packed again, until `remove`.

        Raises:
            StoreError: `missing`.
        """
        address = mailbox.lower()
        self._boxes.pop(address, None)
        return await self._writer.run(lambda t: moving.pack(t, address), size=HEAVY, frees=True)

    async def unpack(self, mailbox: str, packed: moving.PackedMailbox) -> int:
        """Take a mailbox over, made when absent, UIDs and all; return how many messages came.

        Raises:
            StoreError: `failed`.
        """
        await self.provision([mailbox])
        address, number, now = mailbox.lower(), self._box(mailbox).id, self._clock()
        return await self._writer.run(
            lambda t: moving.unpack(t, address, number, packed, now), size=HEAVY
        )

    async def forget(self, months: int) -> int:
        """Forget what indicators counted before some months ago; return how many facts.

        Facts of the running month and of the `months` before it are kept.
        """
        before, forgotten = traffic.first_kept(self._clock(), months), 0
        while some := await self._writer.run(lambda t: traffic.forget(t, before), size=HEAVY):
            forgotten += some
        return forgotten

    def mailboxes(self) -> list[str]:
        """Return the addresses of all mailboxes, those that were packed too."""
        return folders.addresses(self._reader)

    def has_mailbox(self, address: str) -> bool:
        """Tell whether an address is a mailbox here, in whatever case."""
        return address.lower() in self._boxes

    # Acceptance and queue ------------------------------------------------------------------------

    async def accept(
        self,
        envelope: Envelope,
        content: bytes,
        *,
        local: Sequence[str],
        remote: Sequence[Recipient],
        key: str = "",
        queue_id: str = "",
        about: About = NOTHING_SAID,
        submitted: bool = False,
    ) -> str:
        """Take responsibility for a message: INBOXes and queue in one transaction.

        Args:
            envelope: as MAIL and RCPT gave it.
            content: header and body, as they are to be read and sent.
            local: addresses of mailboxes here; one named twice gets it once.
            remote: recipients elsewhere.
            key: tells a repetition, within seven days: it adds nothing to a mailbox that has it.
            queue_id: identifier that the trace already shows; a new one when empty.
            about: what its header says for the indicators.
            submitted: a user of this operator sent it, with the reverse-path's mailbox.

        Returns:
            The queue id; that of the first time where nothing was added.

        Raises:
            StoreError: `missing`, a local address that is no mailbox.
            ValueError: no recipient.
        """
        message = replace(
            self._incoming(envelope, content, local, remote), about=about, submitted=submitted
        )
        now = self._clock()
        return await self._writer.run(
            lambda t: outgoing.accept(t, message, key, now, queue_id), size=len(content)
        )

    def content(self, message: int) -> bytes:
        """Return a content by its key.

        Raises:
            StoreError: `missing`.
        """
        return messages.content_of(self._reader, message)

    def due(
        self, now: float, limit: int = 100, *, skip: Container[int] = frozenset()
    ) -> list[Queued]:
        """Return what is to be sent by now, longest due first; `skip` are rows under way."""
        return outgoing.due(self._reader, now, limit, skip)

    def next_due(self) -> float | None:
        """Return when the next attempt is due (seconds since 1970), None for an empty queue."""
        return outgoing.next_due(self._reader)

    def queue(self) -> list[Queued]:
        """Return the whole queue, oldest first."""
        return outgoing.queued(self._reader)

    async def settle(
        self,
        *,
        done: Sequence[int] = (),
        deferred: Sequence[tuple[int, float]] = (),
        notify: Sequence[tuple[Envelope, bytes, Sequence[str], Sequence[Recipient]]] = (),
        failed: Collection[int] = (),
    ) -> None:
        """Record what became of attempts, in one transaction.

        Args:
            done: rows that leave the queue: sent, or given up.
            deferred: rows, and when to try again.
            notify: notifications to accept: envelope, content, local addresses, remote recipients.
            failed: those of `done` that were given up.

        Raises:
            StoreError: `missing`, a row that was settled before, or an unknown local address.
        """
        incoming = [self._incoming(*message) for message in notify]
        now = self._clock()
        await self._writer.run(
            lambda t: outgoing.settle(t, done, deferred, incoming, now, failed),
            size=sum(len(message.content) for message in incoming),
            frees=not incoming,
        )

    def on_queue(self, callback: Callable[[], None]) -> None:
        """Have something called on the event loop whenever the queue got a new row."""
        self._listeners.of_queue(callback)

    # Folders -------------------------------------------------------------------------------------

    def folders(self, mailbox: str) -> list[Folder]:
        """Return a mailbox's folders by name.

        Raises:
            StoreError: `missing`.
        """
        return folders.folders_of(self._reader, self._box(mailbox).id)

    def folder(self, mailbox: str, name: str) -> Folder | None:
        """Return a folder by its name (INBOX in whatever case), or None.

        Raises:
            StoreError: `missing`, no such mailbox.
        """
        wanted = "INBOX" if name.upper() == "INBOX" else name
        return folders.folder_of(self._reader, self._box(mailbox).id, wanted)

    def subscriptions(self, mailbox: str) -> list[str]:
        """Return the names subscribed to, also of folders that are gone (RFC 9051 §6.3.7).

        Raises:
            StoreError: `missing`.
        """
        return folders.subscriptions_of(self._reader, self._box(mailbox).id)

    async def create(self, mailbox: str, name: str, special_use: str = "") -> Folder:
        """Create a folder and the superiors that it lacks.

        Raises:
            StoreError: `missing`, `exists`, `limit`, `cannot`.
        """
        box, now = self._box(mailbox), self._clock()
        return await self._writer.run(lambda t: folders.create(t, box.id, name, special_use, now))

    async def delete(self, folder: int) -> None:
        """Delete a folder and its messages; one with inferiors is refused.

        Raises:
            StoreError: `missing`, `children`, `cannot` for INBOX.
        """
        await self._writer.run(lambda t: folders.delete(t, folder), size=HEAVY, frees=True)

    async def rename(self, folder: int, name: str) -> None:
        """Rename a folder with its inferiors; INBOX only gives its messages to a new folder.

        Raises:
            StoreError: `missing`, `exists`, `limit`, `cannot`.
        """
        now = self._clock()
        await self._writer.run(lambda t: folders.rename(t, folder, name, now), size=HEAVY)

    async def subscribe(self, mailbox: str, name: str, on: bool) -> None:
        """Subscribe to a folder that exists, or unsubscribe from any name.

        Raises:
            StoreError: `missing`, `limit`, `cannot`.
        """
        box = self._box(mailbox)
        await self._writer.run(lambda t: folders.subscribe(t, box.id, name, on=on))

    # Messages ------------------------------------------------------------------------------------

    def rows(self, folder: int) -> list[MessageRow]:
        """Return a folder's messages by rising UID.

        Raises:
            StoreError: `missing`.
        """
        return self._listings.rows(folder)

    async def append(
        self, folder: int, content: bytes, flags: frozenset[str], internal_date: float
    ) -> int:
        """Add a message; return its UID.

        Raises:
            StoreError: `missing`; `limit`, `cannot` for flags.
        """
        return await self._writer.run(
            lambda t: messages.append(t, folder, content, flags, internal_date), size=len(content)
        )

    async def change_flags(
        self,
        folder: int,
        uids: Sequence[int],
        action: str,
        flags: frozenset[str],
        *,
        unchanged_since: int | None = None,
    ) -> tuple[list[MessageRow], list[int]]:
        """Add (`+`), remove (`-`) or replace (`=`) flags.

        Returns:
            The messages asked for as they are now, changed or not, and the UIDs that
            UNCHANGEDSINCE spared (RFC 7162 §3.1.3).

        Raises:
            StoreError: `missing`; `limit`, `cannot` for flags.
        """
        return await self._writer.run(
            lambda t: messages.change_flags(t, folder, uids, action, flags, unchanged_since),
            size=len(uids) * ROW_BYTES,
            frees=True,
        )

    async def expunge(self, folder: int, uids: Sequence[int] | None = None) -> list[int]:
        r"""Remove what is `\Deleted`, among some UIDs where given; return the UIDs removed.

        Raises:
            StoreError: `missing`.
        """
        return await self._writer.run(
            lambda t: messages.expunge(t, folder, uids), size=HEAVY, frees=True
        )

    async def copy(self, folder: int, uids: Sequence[int], target: int) -> list[tuple[int, int]]:
        """Copy messages; return pairs of UIDs, old and new, by rising UID.

        Raises:
            StoreError: `missing`, folder or target.
        """
        return await self._writer.run(
            lambda t: messages.copy(t, folder, uids, target), size=len(uids) * ROW_BYTES
        )

    async def move(self, folder: int, uids: Sequence[int], target: int) -> list[tuple[int, int]]:
        """Move messages; return pairs of UIDs, old and new, by rising UID.

        Raises:
            StoreError: `missing`, folder or target.
        """
        return await self._writer.run(
            lambda t: messages.move(t, folder, uids, target),
            size=len(uids) * ROW_BYTES,
            frees=True,
        )

    def recent(self, folder: int) -> int:
        r"""Return the lowest UID that is `\Recent`, for EXAMINE and STATUS: nobody loses it.

        Raises:
            StoreError: `missing`.
        """
        return folders.recent_of(self._reader, folder)

    async def claim_recent(self, folder: int) -> int:
        r"""Return the lowest UID that is `\Recent` for the caller, from now on for no one else.

        Raises:
            StoreError: `missing`.
        """
        return await self._writer.run(lambda t: folders.claim_recent(t, folder))

    def listen(self, mailbox: str, callback: Callable[[int], None]) -> Callable[[], None]:
        """Have a folder's id told on the event loop after each commit that changed it.

        Returns:
            The way to stop.

        Raises:
            StoreError: `missing`.
        """
        return self._listeners.of_mailbox(self._box(mailbox).id, callback)

    # Within --------------------------------------------------------------------------------------

    def _box(self, address: str) -> _Box:
        try:
            return self._boxes[address.lower()]
        except KeyError:
            raise StoreError("missing", f"mailbox {address}") from None

    def _incoming(
        self,
        envelope: Envelope,
        content: bytes,
        local: Sequence[str],
        remote: Sequence[Recipient],
    ) -> outgoing.Incoming:
        if not local and not remote:
            raise ValueError("a message for nobody")
        inboxes = dict.fromkeys(self._box(address).inbox for address in local)
        return outgoing.Incoming(
            envelope=envelope, content=content, inboxes=tuple(inboxes), remote=tuple(remote)
        )

    def _publish(self, changes: Changes) -> None:
        for address in changes.gone:
            self._boxes.pop(address, None)
        for address, number, inbox in changes.mailboxes:
            self._boxes[address] = _Box(number, inbox)
        self._listeners.tell(changes)
