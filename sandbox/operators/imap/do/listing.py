"""LIST and LSUB (RFC 5258, RFC 5819, RFC 6154, RFC 9051 §6.3.9, RFC 3501 §6.3.9)."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Sequence

from sandbox.operators.imap import arguments
from sandbox.operators.imap.arguments import ListMailboxes
from sandbox.operators.imap.do.mailboxes import status_line
from sandbox.operators.imap.names import DELIMITER, matches
from sandbox.operators.imap.responses import Completion
from sandbox.operators.imap.session import ImapSession, Outcome
from sandbox.operators.mail import Folder

__all__ = ["list_mailboxes", "lsub"]

_TURN = 50  # names told before others have their turn


def list_mailboxes(session: ImapSession, command: arguments.ListMailboxes) -> Outcome:
    """LIST."""
    if command.patterns == ("",) and not command.extended:
        session.tell('LIST (\\Noselect) "/" ""')  # what the delimiter is
        return Completion("OK", "LIST completed")
    store = session.service.store
    catalogue = _Catalogue(
        store.folders(session.mailbox), store.subscriptions(session.mailbox), command
    )

    def tell(name: str) -> None:
        line = catalogue.line(name)
        if line is None:
            return
        attributes, child_info = line
        session.send(f"* LIST ({' '.join(attributes)}) ".encode(), b'"/" ', session.name(name))
        if child_info:
            quoted = " ".join(f'"{option}"' for option in child_info)
            session.send(f' ("CHILDINFO" ({quoted}))'.encode())
        session.send(b"\r\n")
        folder = catalogue.folders.get(name)
        if command.status and folder is not None:
            status_line(session, folder, command.status)

    return _each(session, catalogue.names, tell, "LIST completed")


def lsub(session: ImapSession, command: arguments.ListMailboxes) -> Outcome:
    """LSUB: a name that is not subscribed to stands for those below it where `%` hides them."""
    subscribed = session.service.store.subscriptions(session.mailbox)
    pattern = command.reference + command.patterns[0]

    def tell(name: str) -> None:
        if not matches(pattern, name):
            return
        if name in subscribed:
            attributes = b""
        elif pattern.endswith("%"):
            attributes = b"\\Noselect"
        else:
            return
        session.send(b"* LSUB (" + attributes + b') "/" ', session.name(name), b"\r\n")

    return _each(session, sorted(_with_superiors(subscribed)), tell, "LSUB completed")


def _each(
    session: ImapSession, names: Sequence[str], tell: Callable[[str], None], completed: str
) -> Outcome:
    """Tell of each name; where there are many, others have their turn in between."""
    if len(names) <= _TURN:
        for name in names:
            tell(name)
        return Completion("OK", completed)

    async def work() -> Completion:
        for count, name in enumerate(names, 1):
            tell(name)
            if count % _TURN == 0:
                await session.drain()
        return Completion("OK", completed)

    return work


class _Catalogue:
    """The names of a mailbox, and what LIST says of each."""

    def __init__(
        self, folders: Iterable[Folder], subscribed: Iterable[str], command: ListMailboxes
    ) -> None:
        self.folders = {folder.name: folder for folder in folders}
        self._subscribed = set(subscribed)
        self._command = command
        self._patterns = [command.reference + pattern for pattern in command.patterns]
        self._filters = command.selection & {"SUBSCRIBED", "SPECIAL-USE"}
        self._deep = "RECURSIVEMATCH" in command.selection
        known = set(self.folders)
        if "SUBSCRIBED" in command.selection:
            known |= _with_superiors(self._subscribed) if self._deep else self._subscribed
        self.names = sorted(known)
        self._superiors = {name.rpartition(DELIMITER)[0] for name in self.folders}

    def line(self, name: str) -> tuple[list[str], list[str]] | None:
        """Return attributes and CHILDINFO of a name, None when it is not listed."""
        if not any(matches(pattern, name) for pattern in self._patterns):
            return None
        child_info = []
        if self._deep:
            below = self._below(name)
            child_info = [
                option
                for option in sorted(self._filters)
                if any(self._meets(each, option) for each in below)
            ]
        if not all(self._meets(name, option) for option in self._filters) and not child_info:
            return None
        return self._attributes(name), child_info

    def _below(self, name: str) -> list[str]:
        # Sorted, so they stand together.
        start = bisect_left(self.names, name + DELIMITER)
        end = bisect_left(self.names, name + chr(ord(DELIMITER) + 1))
        return self.names[start:end]

    def _meets(self, name: str, option: str) -> bool:
        if option == "SUBSCRIBED":
            return name in self._subscribed
        folder = self.folders.get(name)
        return folder is not None and bool(folder.special_use)

    def _attributes(self, name: str) -> list[str]:
        folder = self.folders.get(name)
        attributes = []
        if folder is None:
            attributes.append("\\NonExistent")
        else:
            has = name in self._superiors
            attributes.append("\\HasChildren" if has else "\\HasNoChildren")
            if folder.special_use:
                attributes.append(folder.special_use)
        asked = self._command.selection | self._command.returned
        if "SUBSCRIBED" in asked and name in self._subscribed:
            attributes.append("\\Subscribed")
        return attributes


def _with_superiors(names: Iterable[str]) -> set[str]:
    found = set()
    for name in names:
        levels = name.split(DELIMITER)
        found |= {DELIMITER.join(levels[: depth + 1]) for depth in range(len(levels))}
    return found
