"""FETCH and UID FETCH (RFC 9051 §6.4.5, RFC 7162, RFC 8474)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from sandbox.operators.imap import arguments
from sandbox.operators.imap.arguments import FetchItem, SectionItem
from sandbox.operators.imap.messages import Parsed
from sandbox.operators.imap.responses import Completion, No, internal_date, literal
from sandbox.operators.imap.sections import octets
from sandbox.operators.imap.sequence import compact
from sandbox.operators.imap.session import ImapSession, Outcome
from sandbox.operators.imap.view import FolderView
from sandbox.operators.mail import MessageRow
from sandbox.operators.store import StoreError

__all__ = ["fetch"]

# Below both, an answer is written at once; above, the loop and the client get their turns.
_AT_ONCE_MESSAGES = 256
_AT_ONCE_BYTES = 262_144
# Of one message: a whole one, its parts beside it, and some. It may be asked for 256 times over.
_OF_ONE_MESSAGE = 64 * 2**20
_FROM_ROW = frozenset(
    ("EMAILID", "FLAGS", "INTERNALDATE", "MODSEQ", "RFC822.SIZE", "THREADID", "UID")
)


def fetch(session: ImapSession, command: arguments.Fetch) -> Outcome:
    """FETCH."""
    view = session.selected(command)
    indexes = view.resolve(command.numbers, command.uid)
    if command.changed_since is not None:
        session.use_condstore()
        since = command.changed_since
        indexes = [index for index in indexes if view.rows[index].modseq > since]
    if "MODSEQ" in command.items:
        session.use_condstore()
    here = [index for index in indexes if view.rows[index].uid not in view.gone]
    uids = [view.rows[index].uid for index in here]
    items = _items(command, session)
    sections = [item for item in items if isinstance(item, SectionItem)]
    if sections:
        session.note("fetch", folder=view.folder.name, uids=compact(uids))
    unseen = _unseen(view, here, sections)
    reads = any(item not in _FROM_ROW for item in items)
    size = sum(view.rows[index].size for index in here) if reads else 0
    writer = _Writer(session, view, items)
    missing = not command.uid and len(here) < len(indexes)
    if not unseen and len(here) <= _AT_ONCE_MESSAGES and size <= _AT_ONCE_BYTES:
        for index in here:
            writer.write(index)
        return writer.reply(missing=missing)
    return partial(_in_turns, session, view, writer, uids, unseen, missing=missing)


async def _in_turns(
    session: ImapSession,
    view: FolderView,
    writer: _Writer,
    uids: Sequence[int],
    unseen: Sequence[int],
    *,
    missing: bool,
) -> Completion:
    if unseen:
        store = session.service.store
        rows, _ = await store.change_flags(view.folder.id, unseen, "+", frozenset(("\\Seen",)))
        view.put(rows)
        writer.told_flags = frozenset(unseen)
    for uid in uids:
        index = view.index(uid)
        assert index is not None  # EXPUNGE is not told while FETCH runs
        if writer.write(index) >= _AT_ONCE_BYTES:
            writer.written = 0
            await session.drain()
    return writer.reply(missing=missing)


def _items(command: arguments.Fetch, session: ImapSession) -> list[FetchItem]:
    items = list(command.items)
    if command.uid and "UID" not in items:
        items.insert(0, "UID")
    if session.condstore and "MODSEQ" not in items and (
        command.changed_since is not None or "FLAGS" in items
    ):  # fmt: skip
        items.append("MODSEQ")
    return items


def _unseen(view: FolderView, indexes: Sequence[int], sections: Sequence[SectionItem]) -> list[int]:
    r"""Return the UIDs that this FETCH makes \Seen."""
    if view.read_only or all(item.peek for item in sections):
        return []
    rows = [view.rows[index] for index in indexes]
    return [row.uid for row in rows if "\\Seen" not in row.flags]


class _Message:
    """One message that is being fetched, read once and only if an item needs it."""

    __slots__ = ("_bytes", "_parsed", "_read", "_session", "row")

    def __init__(self, session: ImapSession, row: MessageRow, read: Callable[[int], bytes]) -> None:
        self.row = row
        self._session = session
        self._read = read
        self._bytes: bytes | None = None
        self._parsed: Parsed | None = None

    @property
    def content(self) -> bytes:
        if self._bytes is None:
            self._bytes = self._read(self.row.message)
        return self._bytes

    @property
    def parsed(self) -> Parsed:
        if self._parsed is None:
            self._parsed = self._session.service.parsed.get(self.row.message, self._bytes)
        return self._parsed


class _Writer:
    """Writes the FETCH responses of one command.

    Attributes:
        written: bytes, since it was last set to 0.
        told_flags: UIDs whose flags this command changes, so that they are told.
    """

    def __init__(self, session: ImapSession, view: FolderView, items: Sequence[FetchItem]) -> None:
        self._session = session
        self._view = view
        self._items = items
        partial = any(isinstance(item, SectionItem) and item.partial for item in items)
        service = session.service
        self._read = service.large.get if partial else service.store.content
        self._vanished = False
        self._failed: No | None = None
        self.written = 0
        self.told_flags: frozenset[int] = frozenset()

    def reply(self, *, missing: bool) -> Completion:
        """Return the end of the command."""
        if self._failed is not None:
            return self._failed.reply
        if missing or self._vanished:
            return Completion("NO", "Some messages are gone", "EXPUNGEISSUED")
        return Completion("OK", "FETCH completed")

    def write(self, index: int) -> int:
        """Write one message's response; return `written`."""
        try:
            out = self._response(index)
        except StoreError:  # gone between two commits
            self._vanished = True
            return self.written
        except No as failed:
            self._failed = failed
            return self.written
        self._session.out += out
        self.written += sum(map(len, out))
        return self.written

    def _response(self, index: int) -> list[bytes]:
        """Return one message's response.

        Raises:
            StoreError: the message is gone.
            No: a part cannot be decoded, or too much is asked for.
        """
        message = _Message(self._session, self._view.rows[index], self._read)
        out = [b"* %d FETCH (" % (index + 1)]
        size = 0
        for item in self._items:
            if len(out) > 1:
                out.append(b" ")
            more = self._item(message, item)
            size += sum(map(len, more))
            if size > _OF_ONE_MESSAGE:
                raise No("Too much of one message at once", "LIMIT")
            out += more
        if message.row.uid in self.told_flags and "FLAGS" not in self._items:
            out += (b" ", self._plain(message, "FLAGS"))
        out.append(b")\r\n")
        return out

    def _item(self, message: _Message, item: FetchItem) -> Sequence[bytes]:
        if isinstance(item, SectionItem):
            return self._section(message, item)
        return (self._plain(message, item),)

    def _plain(self, message: _Message, item: str) -> bytes:
        row = message.row
        if item == "UID":
            return b"UID %d" % row.uid
        if item == "FLAGS":
            return b"FLAGS " + self._view.flags(row, with_recent=not self._session.rev2)
        if item == "RFC822.SIZE":
            return b"RFC822.SIZE %d" % row.size
        if item == "INTERNALDATE":
            return b"INTERNALDATE " + internal_date(row.internal_date)
        if item == "MODSEQ":
            return b"MODSEQ (%d)" % row.modseq
        if item == "EMAILID":
            return b"EMAILID (" + row.email_id.encode("ascii") + b")"
        if item == "THREADID":
            return b"THREADID NIL"
        if item == "ENVELOPE":
            return b"ENVELOPE " + message.parsed.envelope
        if item == "BODYSTRUCTURE":
            return b"BODYSTRUCTURE " + message.parsed.structure
        assert item == "BODY"
        return b"BODY " + message.parsed.body

    def _section(self, message: _Message, item: SectionItem) -> Sequence[bytes]:
        if not item.path and not item.kind and item.form != "SIZE":
            data: bytes | None = message.content  # the whole needs no parsing
        elif item.kind.startswith("HEADER.FIELDS") and not item.path:
            data = octets(b"", message.parsed.message, item)  # nor do these need the content
        else:
            content = message.content
            data = octets(content, message.parsed.message, item)
        if item.form == "SIZE":
            return (item.label, b" %d" % len(data or b""))
        label = item.label
        if item.partial is not None:
            origin, length = item.partial
            label += b"<%d>" % origin
            data = None if data is None else data[origin : origin + length]
        if data is None:
            return (label, b" NIL")
        if item.form == "BINARY" and b"\0" in data:
            return (label, b" ", literal(data, binary=True))
        if b"\0" in data:  # a literal has none (RFC 9051 §4.3.1); the size stays
            data = data.replace(b"\0", b"\x80")
        return (label, b" {%d}\r\n" % len(data), data)
