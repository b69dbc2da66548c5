"""SELECT, EXAMINE, CLOSE, UNSELECT, CREATE, DELETE, RENAME, SUBSCRIBE, STATUS (RFC 9051 §6.3)."""

from __future__ import annotations

import contextlib

from sandbox.operators.imap import arguments
from sandbox.operators.imap.arguments import Command
from sandbox.operators.imap.names import DELIMITER
from sandbox.operators.imap.responses import Completion, No
from sandbox.operators.imap.session import ImapSession, Outcome, SessionState
from sandbox.operators.imap.view import FolderView
from sandbox.operators.mail import Folder
from sandbox.operators.store import StoreError

__all__ = [
    "close",
    "create",
    "delete",
    "existing",
    "rename",
    "select",
    "status",
    "status_line",
    "subscribe",
    "unselect",
]

_USES = {use.lower(): use for use in ("\\Archive", "\\Drafts", "\\Junk", "\\Sent", "\\Trash")}


def existing(session: ImapSession, name: str, code: str = "NONEXISTENT") -> Folder:
    """Return a folder by its name.

    Raises:
        No: it does not exist; `code` says more.
    """
    folder = session.service.store.folder(session.mailbox, name)
    if folder is None:
        raise No("No such mailbox", code)
    return folder


def mailbox_id(folder: Folder) -> str:
    """Return MAILBOXID (RFC 8474): the store never uses a number again."""
    return f"F{folder.id}"


def select(session: ImapSession, command: arguments.Select) -> Outcome:
    """SELECT, EXAMINE."""
    if session.view is not None:
        session.leave()
        session.tell("OK [CLOSED] Previous mailbox is closed")
    if command.condstore:
        session.use_condstore()
    folder = existing(session, command.mailbox)
    read_only = command.name == "EXAMINE"
    first = session.service.store.recent(folder.id)
    if read_only or session.rev2 or first >= folder.uid_next:
        return _open(session, folder, first, read_only=read_only)

    async def claim() -> Completion:
        # A disk that takes no write leaves the claim to memory: reading goes on.
        with contextlib.suppress(StoreError):
            await session.service.store.claim_recent(folder.id)
        # What came while that was written is in the view too.
        return _open(session, existing(session, command.mailbox), first, read_only=False)

    return claim


def _open(session: ImapSession, folder: Folder, first: int, *, read_only: bool) -> Completion:
    rows = session.service.store.rows(folder.id)
    recent = session.service.recent.claim(
        folder.id, [row.uid for row in rows if row.uid >= first],
        keep=not (read_only or session.rev2),
    )  # fmt: skip
    view = FolderView(folder, rows, read_only=read_only, recent=recent)
    session.view = view
    session.state = SessionState.SELECTED
    session.watch()
    session.tell_flags(view)
    session.tell(f"{len(rows)} EXISTS")
    if session.rev2:
        session.send(b'* LIST () "/" ' + session.name(folder.name) + b"\r\n")
    else:
        session.tell(f"{len(view.recent)} RECENT")
        unseen = next((n for n, row in enumerate(rows, 1) if "\\Seen" not in row.flags), 0)
        if unseen:
            session.tell(f"OK [UNSEEN {unseen}] First unseen message")
    session.tell(f"OK [UIDVALIDITY {folder.uid_validity}] UIDs valid")
    session.tell(f"OK [UIDNEXT {folder.uid_next}] Predicted next UID")
    session.tell(f"OK [HIGHESTMODSEQ {folder.highest_modseq}] Highest modification sequence")
    session.tell(f"OK [MAILBOXID ({mailbox_id(folder)})] Mailbox identifier")
    session.note("examine" if read_only else "select", folder=folder.name, messages=len(rows))
    if read_only:
        return Completion("OK", "EXAMINE completed", "READ-ONLY")
    return Completion("OK", "SELECT completed", "READ-WRITE")


def close(session: ImapSession, command: Command) -> Outcome:
    r"""CLOSE: what is \Deleted is removed without a word."""
    view = session.selected(command)
    if view.read_only or not any("\\Deleted" in row.flags for row in view.rows):
        return unselect(session, command)

    async def work() -> Completion:
        folder = view.folder
        session.leave()
        uids = await session.service.store.expunge(folder.id)
        session.note("expunge", folder=folder.name, uids=uids)
        return Completion("OK", "CLOSE completed")

    return work


def unselect(session: ImapSession, command: Command) -> Outcome:
    """UNSELECT."""
    session.leave()
    return Completion("OK", f"{command.name} completed")


def create(session: ImapSession, command: arguments.Create) -> Outcome:
    """CREATE, with USE (RFC 6154)."""
    # A name that ends with the delimiter only announces names below it.
    name = command.mailbox.removesuffix(DELIMITER)
    if set(name) & {"*", "%"}:
        raise No("Wildcards make a name that LIST cannot ask for", "CANNOT")
    use = ""
    if command.use:
        use = _USES.get(command.use[0].lower(), "")
        taken = {folder.special_use for folder in session.service.store.folders(session.mailbox)}
        if len(command.use) > 1 or not use or use in taken:
            raise No("This special use is not possible", "USEATTR")

    async def work() -> Completion:
        folder = await session.service.store.create(session.mailbox, name, use)
        session.note("create", folder=folder.name)
        return Completion("OK", "CREATE completed", f"MAILBOXID ({mailbox_id(folder)})")

    return work


def delete(session: ImapSession, command: arguments.OnMailbox) -> Outcome:
    """DELETE."""
    folder = existing(session, command.mailbox)

    async def work() -> Completion:
        await session.service.store.delete(folder.id)
        session.note("delete", folder=folder.name)
        return Completion("OK", "DELETE completed")

    return work


def rename(session: ImapSession, command: arguments.Rename) -> Outcome:
    """RENAME."""
    folder = existing(session, command.mailbox)
    to = command.to.removesuffix(DELIMITER)
    if set(to) & {"*", "%"}:
        raise No("Wildcards make a name that LIST cannot ask for", "CANNOT")

    async def work() -> Completion:
        await session.service.store.rename(folder.id, to)
        session.note("rename", folder=folder.name, to=to)
        return Completion("OK", "RENAME completed")

    return work


def subscribe(session: ImapSession, command: arguments.OnMailbox) -> Outcome:
    """SUBSCRIBE, UNSUBSCRIBE."""

    async def work() -> Completion:
        on = command.name == "SUBSCRIBE"
        await session.service.store.subscribe(session.mailbox, command.mailbox, on)
        return Completion("OK", f"{command.name} completed")

    return work


def status(session: ImapSession, command: arguments.Status) -> Outcome:
    """STATUS."""
    status_line(session, existing(session, command.mailbox), command.items)
    return Completion("OK", "STATUS completed")


def status_line(session: ImapSession, folder: Folder, items: tuple[str, ...]) -> None:
    """Say the status of a folder."""
    store = session.service.store
    known: dict[str, str] = {
        "APPENDLIMIT": str(session.service.settings.message_limit),
        "HIGHESTMODSEQ": str(folder.highest_modseq),
        "MAILBOXID": f"({mailbox_id(folder)})",
        "UIDNEXT": str(folder.uid_next),
        "UIDVALIDITY": str(folder.uid_validity),
    }
    if not set(items) <= set(known):
        rows = store.rows(folder.id)
        recent = store.recent(folder.id)
        known |= {
            "DELETED": str(sum("\\Deleted" in row.flags for row in rows)),
            "MESSAGES": str(len(rows)),
            "RECENT": str(sum(row.uid >= recent for row in rows)),
            "SIZE": str(sum(row.size for row in rows)),
            "UNSEEN": str(sum("\\Seen" not in row.flags for row in rows)),
        }
    if "HIGHESTMODSEQ" in items:
        session.use_condstore()
    told = " ".join(f"{item} {known[item]}" for item in items)
    session.send(b"* STATUS ", session.name(folder.name), f" ({told})\r\n".encode())
