"""One row a command: how it is read, what does it, and in which states it is possible."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Generic, TypeVar

from sandbox.operators.imap import do, parse
from sandbox.operators.imap.arguments import Command
from sandbox.operators.imap.framing import ClientInput
from sandbox.operators.imap.grammar import Cursor, Malformed
from sandbox.operators.imap.session import ImapSession, Outcome, SessionState

__all__ = ["COMMANDS", "CommandRow", "Unparsed", "read"]

C = TypeVar("C", bound=Command)

_ANY = frozenset(
    (SessionState.NOT_AUTHENTICATED, SessionState.AUTHENTICATED, SessionState.SELECTED)
)
_BEFORE = frozenset((SessionState.NOT_AUTHENTICATED,))
_AFTER = frozenset((SessionState.AUTHENTICATED, SessionState.SELECTED))
_SELECTED = frozenset((SessionState.SELECTED,))


@dataclass(frozen=True, slots=True)
class CommandRow(Generic[C]):
    """One command.

    Attributes:
        states: where it is possible.
        parse: reads what follows its word: cursor, tag, word in; the command's value out.
        do: does it.
        moves: EXPUNGE may be told with its reply (RFC 9051 §7.5.1).
    """

    states: frozenset[SessionState]
    parse: Callable[[Cursor, str, str], C]
    do: Callable[[ImapSession, C], Outcome]
    moves: bool = True


def _by_uid(parser: Callable[..., C]) -> Callable[[Cursor, str, str], C]:
    return partial(parser, uid=True)


COMMANDS: dict[str, CommandRow[Any]] = {
    "APPEND": CommandRow(_AFTER, parse.changes.append, do.changes.append),
    "AUTHENTICATE": CommandRow(_BEFORE, parse.general.authenticate, do.general.authenticate),
    "CAPABILITY": CommandRow(_ANY, parse.general.plain, do.general.capability),
    "CHECK": CommandRow(_SELECTED, parse.general.plain, do.general.noop),
    "CLOSE": CommandRow(_SELECTED, parse.general.plain, do.mailboxes.close),
    "COPY": CommandRow(_SELECTED, parse.changes.transfer, do.changes.copy),
    "CREATE": CommandRow(_AFTER, parse.mailboxes.create, do.mailboxes.create),
    "DELETE": CommandRow(_AFTER, parse.mailboxes.on_mailbox, do.mailboxes.delete),
    "ENABLE": CommandRow(_AFTER, parse.general.enable, do.general.enable),
    "EXAMINE": CommandRow(_AFTER, parse.mailboxes.select, do.mailboxes.select),
    "EXPUNGE": CommandRow(_SELECTED, parse.changes.expunge, do.changes.expunge),
    "FETCH": CommandRow(_SELECTED, parse.fetch.fetch, do.fetch.fetch, moves=False),
    "ID": CommandRow(_ANY, parse.general.identify, do.general.identify),
    "IDLE": CommandRow(_AFTER, parse.general.plain, do.general.idle),
    "LIST": CommandRow(_AFTER, parse.listing.list_mailboxes, do.listing.list_mailboxes),
    "LOGIN": CommandRow(_BEFORE, parse.general.login, do.general.login),
    "LOGOUT": CommandRow(_ANY, parse.general.plain, do.general.logout),
    "LSUB": CommandRow(_AFTER, parse.listing.lsub, do.listing.lsub),
    "MOVE": CommandRow(_SELECTED, parse.changes.transfer, do.changes.move),
    "NAMESPACE": CommandRow(_AFTER, parse.general.plain, do.general.namespace),
    "NOOP": CommandRow(_ANY, parse.general.plain, do.general.noop),
    "RENAME": CommandRow(_AFTER, parse.mailboxes.rename, do.mailboxes.rename),
    "SEARCH": CommandRow(_SELECTED, parse.search.search, do.search.search, moves=False),
    "SELECT": CommandRow(_AFTER, parse.mailboxes.select, do.mailboxes.select),
    "STARTTLS": CommandRow(_BEFORE, parse.general.plain, do.general.starttls),
    "STATUS": CommandRow(_AFTER, parse.mailboxes.status, do.mailboxes.status),
    "STORE": CommandRow(_SELECTED, parse.changes.store, do.changes.store, moves=False),
    "SUBSCRIBE": CommandRow(_AFTER, parse.mailboxes.on_mailbox, do.mailboxes.subscribe),
    "UNSELECT": CommandRow(_SELECTED, parse.general.plain, do.mailboxes.unselect),
    "UNSUBSCRIBE": CommandRow(_AFTER, parse.mailboxes.on_mailbox, do.mailboxes.subscribe),
    "UID COPY": CommandRow(_SELECTED, _by_uid(parse.changes.transfer), do.changes.copy),
    "UID EXPUNGE": CommandRow(_SELECTED, parse.changes.uid_expunge, do.changes.expunge),
    "UID FETCH": CommandRow(_SELECTED, _by_uid(parse.fetch.fetch), do.fetch.fetch),
    "UID MOVE": CommandRow(_SELECTED, _by_uid(parse.changes.transfer), do.changes.move),
    "UID SEARCH": CommandRow(_SELECTED, _by_uid(parse.search.search), do.search.search),
    "UID STORE": CommandRow(_SELECTED, _by_uid(parse.changes.store), do.changes.store),
}


class Unparsed(Exception):  # noqa: N818 - the answer to a client, not an accident
    """A command that cannot be run: its tag (`*` where it has none) and the error."""

    def __init__(self, tag: str, error: Exception) -> None:
        super().__init__(str(error))
        self.tag = tag
        self.error = error


def read(received: ClientInput, *, utf8: bool = False) -> tuple[CommandRow[Any], Command]:
    """Return a command's row and its value.

    Args:
        received: the whole command.
        utf8: IMAP4rev2 or UTF8=ACCEPT is enabled: names are UTF-8.

    Raises:
        Unparsed: unknown, or against the grammar.
    """
    tag = "*"
    try:
        cursor = Cursor(received.parts, utf8=utf8)
        tag = cursor.tag()
        cursor.space()
        name = cursor.word()
        prefix = ""
        if name == "UID":
            cursor.space()
            prefix, name = "UID ", cursor.word()
        row = COMMANDS.get(prefix + name)
        if row is None:
            raise Malformed("Command not known")  # noqa: TRY301 - one handler turns all into Unparsed
        command: Command = row.parse(cursor, tag, name)
        cursor.end()
    except Exception as error:  # a bug of ours too is answered under the command's tag
        raise Unparsed(tag, error) from error
    return row, command
