"""APPEND, STORE, COPY, MOVE, EXPUNGE: what is answered is durable (RFC 9051 §6.3.12, §6.4)."""

from __future__ import annotations

from collections.abc import Sequence

from sandbox.operators.imap import arguments
from sandbox.operators.imap.arguments import Command
from sandbox.operators.imap.do.mailboxes import existing
from sandbox.operators.imap.responses import Completion, No
from sandbox.operators.imap.sequence import SequenceSet, compact
from sandbox.operators.imap.session import MAX_KEYWORDS, ImapSession, Outcome
from sandbox.operators.imap.view import FolderView

__all__ = ["append", "copy", "expunge", "move", "store"]


def append(session: ImapSession, command: arguments.Append) -> Outcome:
    """APPEND; answers with APPENDUID (RFC 4315)."""
    folder = existing(session, command.mailbox, "TRYCREATE")
    if not command.content:
        raise No("A message is not empty", "CANNOT")
    at = session.service.clock() if command.at is None else command.at
    content, flags = command.content, frozenset(command.flags)

    async def work() -> Completion:
        uid = await session.service.store.append(folder.id, content, flags, at)
        session.note("append", folder=folder.name, uids=[uid], size=len(content))
        return Completion("OK", "APPEND completed", f"APPENDUID {folder.uid_validity} {uid}")

    return work


def store(session: ImapSession, command: arguments.Store) -> Outcome:
    """STORE, with UNCHANGEDSINCE or not (RFC 7162 §3.1.3)."""
    view = _writable(session, command)
    uids = _uids(view, command.numbers, uid=command.uid)
    new = {flag for flag in command.flags if not flag.startswith("\\")} - view.keywords
    if command.action != "-" and len(view.keywords) + len(new) > MAX_KEYWORDS:
        raise No("Too many different keywords in this mailbox", "LIMIT")
    if command.unchanged_since is not None:
        session.use_condstore()

    async def work() -> Completion:
        rows, spared = await session.service.store.change_flags(
            view.folder.id,
            uids,
            command.action,
            frozenset(command.flags),
            unchanged_since=command.unchanged_since,
        )
        if view.learn(rows):
            session.tell_flags(view)
        changed = view.put(rows)
        # Silent about flags, not about modification sequences (RFC 7162 §3.1.3).
        told = rows if not command.silent else changed if session.condstore else []
        session.tell_changed(view, told, uid=command.uid, flags=not command.silent)
        session.note("store", folder=view.folder.name, uids=[row.uid for row in changed],
                     flags=f"{command.action}{' '.join(sorted(command.flags))}")  # fmt: skip
        if spared:
            named = spared if command.uid else [(view.index(uid) or 0) + 1 for uid in spared]
            return Completion(
                "OK", "Some messages have changed since", f"MODIFIED {compact(named)}"
            )
        return Completion("OK", "STORE completed")

    return work


def copy(session: ImapSession, command: arguments.Transfer) -> Outcome:
    """COPY; answers with COPYUID (RFC 4315)."""
    view = session.selected(command)
    target = existing(session, command.mailbox, "TRYCREATE")
    uids = _uids(view, command.numbers, uid=command.uid)

    async def work() -> Completion:
        pairs = await session.service.store.copy(view.folder.id, uids, target.id)
        if not pairs:
            return Completion("OK", "No messages to copy")
        sources = [old for old, _ in pairs]
        session.note("copy", folder=view.folder.name, uids=sources, to=target.name)
        return Completion("OK", "COPY completed", _copied(target.uid_validity, pairs))

    return work


def move(session: ImapSession, command: arguments.Transfer) -> Outcome:
    """MOVE (RFC 6851): COPYUID comes before the messages go."""
    view = _writable(session, command)
    target = existing(session, command.mailbox, "TRYCREATE")
    uids = _uids(view, command.numbers, uid=command.uid)

    async def work() -> Completion:
        pairs = await session.service.store.move(view.folder.id, uids, target.id)
        if not pairs:
            return Completion("OK", "No messages to move")
        sources = [old for old, _ in pairs]
        session.note("move", folder=view.folder.name, uids=sources, to=target.name)
        session.tell(f"OK [{_copied(target.uid_validity, pairs)}] Moved")
        view.gone.update(sources)
        return Completion("OK", "MOVE completed")

    return work


def expunge(session: ImapSession, command: arguments.Expunge) -> Outcome:
    """EXPUNGE, UID EXPUNGE."""
    view = _writable(session, command)
    uids = None if command.uids is None else _uids(view, command.uids, uid=True)

    async def work() -> Completion:
        # Only what this session has been told of: the rest is for the next EXPUNGE.
        among = list(view.uids) if uids is None else uids
        removed = await session.service.store.expunge(view.folder.id, among)
        view.gone.update(removed)
        if removed:
            session.note("expunge", folder=view.folder.name, uids=removed)
        return Completion("OK", "EXPUNGE completed")

    return work


def _writable(session: ImapSession, command: Command) -> FolderView:
    view = session.selected(command)
    if view.read_only:
        raise No("The mailbox is selected read-only")
    return view


def _uids(view: FolderView, numbers: SequenceSet, *, uid: bool) -> list[int]:
    """Return the UIDs of a set.

    Raises:
        No: a number of a message that is gone, of which the client was not told yet.
    """
    uids = [view.uids[index] for index in view.resolve(numbers, uid)]
    here = [each for each in uids if each not in view.gone]
    if not uid and len(here) < len(uids):
        raise No("Some messages are gone", "EXPUNGEISSUED")
    return here


def _copied(validity: int, pairs: Sequence[tuple[int, int]]) -> str:
    sources, targets = compact(old for old, _ in pairs), compact(new for _, new in pairs)
    return f"COPYUID {validity} {sources} {targets}"
