"""The state of one connection, and what it may be told of its selected folder."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine, Iterable
from enum import Enum
from typing import Any

from sandbox.operators.imap.arguments import Command
from sandbox.operators.imap.capabilities import after_login, before_login
from sandbox.operators.imap.names import encode_name
from sandbox.operators.imap.responses import Completion, astring, tagged
from sandbox.operators.imap.service import ImapService
from sandbox.operators.imap.view import FolderView
from sandbox.operators.login import LoginConductor
from sandbox.operators.mail import MessageRow
from sandbox.operators.model import Actor, Channel
from sandbox.operators.store import StoreError

__all__ = ["Continuation", "ImapSession", "Outcome", "SessionState", "Work"]


class SessionState(Enum):
    """RFC 9051 §3."""

    NOT_AUTHENTICATED = "not authenticated"
    AUTHENTICATED = "authenticated"
    SELECTED = "selected"
    LOGOUT = "logout"


# A function, because a coroutine that is cancelled before it began would complain.
Work = Callable[[], Coroutine[Any, Any, Completion | None]]
# The end of a command, the work that leads to it, or None while the client has to say more first.
Outcome = Completion | Work | None
# Takes the client's next line, which is no command (SASL, IDLE).
Continuation = Callable[[bytes], Outcome]

SYSTEM_FLAGS = ("\\Answered", "\\Flagged", "\\Deleted", "\\Seen", "\\Draft")
MAX_KEYWORDS = 256


class ImapSession:
    """One connection.

    Attributes:
        out: what is to be sent.
        continuation: takes the next line where a command waits for one.
        idling: IDLE runs, so changes are told as they come.
        holding: a login waits for its verdict.
        upgrading: the answer to STARTTLS is in `out`; TLS is next.
        ending: the connection ends after the command that runs; why.
        drain: returns when the client has taken most of what it was sent; set by the server.
        wake: called when the selected folder changed; set by the server.
    """

    def __init__(self, service: ImapService, channel: Channel, at: float) -> None:
        self.service = service
        self.login = LoginConductor(service.logins, channel, at)
        self.out: list[bytes] = []
        self.state = SessionState.NOT_AUTHENTICATED
        self.enabled: frozenset[str] = frozenset()
        self.condstore = False
        self.view: FolderView | None = None
        self.continuation: Continuation | None = None
        self.idling = False
        self.holding = False
        self.upgrading = False
        self.ending = ""
        self.bad_commands = 0
        self.drain: Callable[[], Awaitable[None]] = _at_once
        self.wake: Callable[[], None] = _nothing
        self._stop_listening: Callable[[], None] = _nothing

    @property
    def channel(self) -> Channel:
        """The connection, as far as authentication knows it."""
        return self.login.channel

    @property
    def actor(self) -> Actor | None:
        """Who logged in."""
        return self.login.actor

    # What was agreed ---------------------------------------------------------------------------

    @property
    def rev2(self) -> bool:
        """IMAP4rev2 is enabled."""
        return "IMAP4REV2" in self.enabled

    @property
    def utf8(self) -> bool:
        """Mailbox names are UTF-8, and quoted strings may be."""
        return bool(self.enabled & {"IMAP4REV2", "UTF8=ACCEPT"})

    @property
    def mailbox(self) -> str:
        """Address of the mailbox that the client logged in to."""
        assert self.actor is not None
        return self.actor.mailbox

    def capabilities(self) -> str:
        """Return what CAPABILITY lists now."""
        if self.actor is not None:
            return " ".join(after_login(self.service.settings.message_limit))
        return " ".join(before_login(self.login.offered, tls=bool(self.channel.tls)))

    # Output --------------------------------------------------------------------------------------

    def send(self, *data: bytes) -> None:
        """Say something, lines with their ends."""
        self.out += data

    def tell(self, line: str) -> None:
        """Say one untagged line."""
        self.out.append(f"* {line}\r\n".encode())

    def bye(self, text: str) -> None:
        """Say BYE; the connection ends."""
        if self.state is not SessionState.LOGOUT:
            self.send(tagged("*", Completion("BYE", text)))
            self.leave()
            self.state = SessionState.LOGOUT

    def name(self, folder: str) -> bytes:
        """Write a folder's name as this session reads it."""
        return astring(encode_name(folder, utf8=self.utf8), utf8=self.utf8)

    def note(self, event: str, **details: Any) -> None:
        """Tell the journal what the actor did."""
        actor = self.actor
        assert actor is not None
        self.service.journal.note(
            event, self.channel, mailbox=actor.mailbox, identity=actor.identity, **details
        )

    # Selected folder -------------------------------------------------------------------------

    def watch(self) -> None:
        """Hear of changes in the mailbox from now on."""
        self._stop_listening()
        self._stop_listening = self.service.store.listen(self.mailbox, self._changed)

    def leave(self) -> None:
        """Unselect; nothing more is told of the folder."""
        self._stop_listening()
        self._stop_listening = _nothing
        self.view = None
        if self.state is SessionState.SELECTED:
            self.state = SessionState.AUTHENTICATED

    def _changed(self, folder: int) -> None:
        if self.view is not None and folder == self.view.folder.id:
            self.view.dirty = True
            if self.idling:
                self.wake()

    def report(self, *, expunge: bool) -> None:
        """Say what changed in the selected folder; `expunge` when numbers may move now."""
        view = self.view
        if view is None or not (view.dirty or (expunge and view.gone)):
            return
        changed: list[MessageRow] = []
        came: list[int] = []
        if view.dirty:
            view.dirty = False
            try:
                rows = self.service.store.rows(view.folder.id)
            except StoreError:  # deleted by someone: nothing is left in it
                rows = []
            changed, came = view.refresh(rows)
            view.recent |= self.service.recent.claim(
                view.folder.id, came, keep=not view.read_only and not self.rev2
            )
            if view.learn(rows):
                self.tell_flags(view)
        if expunge:
            for number in view.expunge():
                self.tell(f"{number} EXPUNGE")
        if came:
            self.tell(f"{len(view.rows)} EXISTS")
            if not self.rev2:
                self.tell(f"{len(view.recent)} RECENT")
        self.tell_changed(view, changed)

    def tell_changed(
        self, view: FolderView, rows: Iterable[MessageRow], *, uid: bool = False, flags: bool = True
    ) -> None:
        """Say the flags of messages that are in the view; with `uid` also their UIDs."""
        for row in rows:
            index = view.index(row.uid)
            if index is None:
                continue
            items = [b"UID %d" % row.uid] if uid else []
            if flags:
                items.append(b"FLAGS " + view.flags(row, with_recent=not self.rev2))
            if self.condstore:
                items.append(b"MODSEQ (%d)" % row.modseq)
            self.send(b"* %d FETCH (%s)\r\n" % (index + 1, b" ".join(items)))

    def tell_flags(self, view: FolderView) -> None:
        """Say which flags the folder has, and which can be stored for good."""
        known = (*SYSTEM_FLAGS, *sorted(view.keywords))
        self.send(b"* FLAGS (" + " ".join(known).encode() + b")\r\n")
        lasting = known
        if view.read_only:
            lasting = ()
        elif len(view.keywords) < MAX_KEYWORDS:
            lasting = (*known, "\\*")
        self.tell(f"OK [PERMANENTFLAGS ({' '.join(lasting)})] Flags permitted")

    def use_condstore(self) -> None:
        """Tell modification sequences from now on (RFC 7162 §3.1)."""
        if not self.condstore:
            self.condstore = True
            if self.view is not None:
                modseq = self.view.folder.highest_modseq
                self.tell(f"OK [HIGHESTMODSEQ {modseq}] Modification sequences are told")

    def selected(self, command: Command) -> FolderView:
        """Return the view that a command works on."""
        assert self.view is not None, command.name
        return self.view


def _nothing() -> None:
    pass


async def _at_once() -> None:
    pass
