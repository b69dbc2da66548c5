"""From one whole command to its value: a table of command words (RFC 9051 §6, RFC 3501 §6)."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable

from sandbox.operators.imap import commands
from sandbox.operators.imap.commands import Command
from sandbox.operators.imap.framing import Input
from sandbox.operators.imap.grammar import Cursor, Malformed
from sandbox.operators.imap.names import decode_name
from sandbox.operators.imap.parse.changes import (
    FLAG,
    parse_append,
    parse_modifier,
    parse_store,
)
from sandbox.operators.imap.parse.fetch import parse_items
from sandbox.operators.imap.parse.list import parse_list, parse_lsub, parse_status_items
from sandbox.operators.imap.parse.search import parse_search
from sandbox.operators.imap.responses import No
from sandbox.operators.imap.sequence import parse_set

__all__ = ["PARSERS", "Unparsed", "parse"]


class Unparsed(Exception):  # noqa: N818 - the answer to a client, not an accident
    """A command that cannot be run: its tag (`*` where it has none) and the error."""

    def __init__(self, tag: str, error: Malformed | No) -> None:
        super().__init__(str(error))
        self.tag = tag
        self.error = error


def parse(received: Input, *, utf8: bool = False) -> Command:
    """Return a command's value.

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
        parser = PARSERS.get(prefix + name)
        if parser is None:
            raise Malformed("Command not known")  # noqa: TRY301 - one handler turns all into Unparsed
        command = parser(cursor, tag, name)
        cursor.end()
    except (Malformed, No) as error:
        raise Unparsed(tag, error) from None
    return command


def _plain(_: Cursor, tag: str, name: str) -> Command:
    return commands.Plain(tag=tag, name=name)


def _authenticate(cursor: Cursor, tag: str, name: str) -> Command:
    cursor.space()
    mechanism = cursor.word()
    initial = None
    if cursor.take(b" "):
        coded = cursor.match(re.compile(rb"[^ ]+"), "an initial response")
        initial = b"" if coded == b"=" else _base64(coded)
    return commands.Authenticate(tag=tag, name=name, mechanism=mechanism, initial=initial)


def _base64(coded: bytes) -> bytes:
    try:
        return base64.b64decode(coded, validate=True)
    except binascii.Error:
        raise Malformed("Not base64") from None


def _login(cursor: Cursor, tag: str, name: str) -> Command:
    cursor.space()
    user = cursor.astring()
    cursor.space()
    return commands.Login(tag=tag, name=name, user=user, password=cursor.astring())


def _enable(cursor: Cursor, tag: str, name: str) -> Command:
    extensions = []
    while not cursor.at_end():
        cursor.space()
        extensions.append(cursor.word())
    if not extensions:
        raise Malformed("Expected an extension")
    return commands.Enable(tag=tag, name=name, extensions=tuple(extensions))


def _id(cursor: Cursor, tag: str, name: str) -> Command:
    cursor.space()
    if cursor.at(b"("):
        values = cursor.listed(lambda: _nstring(cursor), empty=True)
        if len(values) % 2 or len(values) > 60:  # RFC 2971 §3.3: 30 pairs
            raise Malformed("Expected at most 30 pairs")
    elif cursor.word() == "NIL":
        values = ()
    else:
        raise Malformed("Expected a list")
    fields = tuple(
        (key.lower(), value) for key, value in zip(values[::2], values[1::2], strict=True)
    )
    return commands.Identify(tag=tag, name=name, fields=fields)


def _nstring(cursor: Cursor) -> str:
    if cursor.at_string():
        return cursor.string().decode("utf-8", "replace")
    if cursor.word() != "NIL":
        raise Malformed("Expected a string")
    return ""


def _mailbox(cursor: Cursor) -> str:
    cursor.space()
    return decode_name(cursor.astring(), utf8=cursor.utf8)


def _on_mailbox(cursor: Cursor, tag: str, name: str) -> Command:
    return commands.OnMailbox(tag=tag, name=name, mailbox=_mailbox(cursor))


def _select(cursor: Cursor, tag: str, name: str) -> Command:
    mailbox = _mailbox(cursor)
    options: tuple[str, ...] = ()
    if not cursor.at_end():
        cursor.space()
        options = cursor.listed(cursor.word)
        if set(options) != {"CONDSTORE"}:
            raise Malformed("SELECT takes (CONDSTORE)")
    return commands.Select(tag=tag, name=name, mailbox=mailbox, condstore=bool(options))


def _create(cursor: Cursor, tag: str, name: str) -> Command:
    mailbox = _mailbox(cursor)
    use: tuple[str, ...] = ()
    if not cursor.at_end():
        cursor.space()
        cursor.need(b"(")
        if cursor.word() != "USE":
            raise Malformed("CREATE takes (USE (...))")
        cursor.space()
        use = cursor.listed(lambda: cursor.match(FLAG, "an attribute").decode(), empty=True)
        cursor.need(b")")
    return commands.Create(tag=tag, name=name, mailbox=mailbox, use=use)


def _rename(cursor: Cursor, tag: str, name: str) -> Command:
    mailbox = _mailbox(cursor)
    return commands.Rename(tag=tag, name=name, mailbox=mailbox, to=_mailbox(cursor))


def _status(cursor: Cursor, tag: str, name: str) -> Command:
    mailbox = _mailbox(cursor)
    cursor.space()
    return commands.Status(tag=tag, name=name, mailbox=mailbox, items=parse_status_items(cursor))


def _expunge(_: Cursor, tag: str, name: str) -> Command:
    return commands.Expunge(tag=tag, name=name, uids=None)


def _uid_expunge(cursor: Cursor, tag: str, name: str) -> Command:
    cursor.space()
    return commands.Expunge(tag=tag, name=name, uids=parse_set(cursor))


def _search(cursor: Cursor, tag: str, name: str, *, uid: bool = False) -> Command:
    found = parse_search(cursor)
    return commands.Search(
        tag=tag,
        name=name,
        uid=uid,
        key=found.key,
        returned=found.returned,
        by_modseq=found.by_modseq,
        charset=found.charset,
    )


def _fetch(cursor: Cursor, tag: str, name: str, *, uid: bool = False) -> Command:
    cursor.space()
    numbers = parse_set(cursor)
    cursor.space()
    items = parse_items(cursor)
    changed_since = None
    if not cursor.at_end():
        cursor.space()
        changed_since = parse_modifier(cursor, "CHANGEDSINCE")
    return commands.Fetch(
        tag=tag, name=name, uid=uid, numbers=numbers, items=items, changed_since=changed_since
    )


def _transfer(cursor: Cursor, tag: str, name: str, *, uid: bool = False) -> Command:
    cursor.space()
    numbers = parse_set(cursor)
    return commands.Transfer(tag=tag, name=name, uid=uid, numbers=numbers, mailbox=_mailbox(cursor))


_Parser = Callable[[Cursor, str, str], Command]


def _by_uid(parser: Callable[..., Command]) -> _Parser:
    return lambda cursor, tag, name: parser(cursor, tag, name, uid=True)


PARSERS: dict[str, _Parser] = {
    **dict.fromkeys(
        ("CAPABILITY", "CHECK", "CLOSE", "IDLE", "LOGOUT", "NAMESPACE", "NOOP", "STARTTLS",
         "UNSELECT"),
        _plain,
    ),
    "APPEND": parse_append,
    "AUTHENTICATE": _authenticate,
    "COPY": _transfer,
    "CREATE": _create,
    "DELETE": _on_mailbox,
    "ENABLE": _enable,
    "EXAMINE": _select,
    "EXPUNGE": _expunge,
    "FETCH": _fetch,
    "ID": _id,
    "LIST": lambda cursor, tag, _: parse_list(cursor, tag),
    "LOGIN": _login,
    "LSUB": lambda cursor, tag, _: parse_lsub(cursor, tag),
    "MOVE": _transfer,
    "RENAME": _rename,
    "SEARCH": _search,
    "SELECT": _select,
    "STATUS": _status,
    "STORE": parse_store,
    "SUBSCRIBE": _on_mailbox,
    "UNSUBSCRIBE": _on_mailbox,
    "UID COPY": _by_uid(_transfer),
    "UID EXPUNGE": _uid_expunge,
    "UID FETCH": _by_uid(_fetch),
    "UID MOVE": _by_uid(_transfer),
    "UID SEARCH": _by_uid(_search),
    "UID STORE": _by_uid(parse_store),
}  # fmt: skip
