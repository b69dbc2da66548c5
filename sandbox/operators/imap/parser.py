"""From one whole command to its value: a table of command words (RFC 9051 §6, RFC 3501 §6)."""

from __future__ import annotations

import base64
import binascii
import calendar
import datetime as dt
import re
from collections.abc import Callable

from sandbox.operators.imap import commands
from sandbox.operators.imap.commands import Command
from sandbox.operators.imap.framing import Input
from sandbox.operators.imap.grammar import Cursor, Malformed
from sandbox.operators.imap.names import decode_name
from sandbox.operators.imap.parse_fetch import parse_items
from sandbox.operators.imap.parse_list import parse_list, parse_lsub, parse_status_items
from sandbox.operators.imap.parse_search import MONTHS, parse_search
from sandbox.operators.imap.responses import No
from sandbox.operators.imap.sequence import parse_set

__all__ = ["PARSERS", "Unparsed", "parse"]

_DATE_TIME = re.compile(
    rb'"([ 0-9][0-9])-([A-Za-z]{3})-([0-9]{4}) ([0-9]{2}):([0-9]{2}):([0-9]{2}) '
    rb'([+-])([0-9]{2})([0-9]{2})"'
)
_FLAG = re.compile(rb"\\?[^\x00-\x20(){%*\"\\\]\x7f-\xff]{1,64}")
_FLAGS = 64
_SYSTEM = {
    flag.lower(): flag for flag in ("\\Answered", "\\Deleted", "\\Draft", "\\Flagged", "\\Seen")
}
# Keywords are the same whatever their case; these are registered (RFC 9051 §2.3.2, RFC 5788).
_KEYWORDS = {
    flag.lower(): flag for flag in ("$Forwarded", "$Junk", "$MDNSent", "$NotJunk", "$Phishing")
}


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
        use = cursor.listed(lambda: cursor.match(_FLAG, "an attribute").decode(), empty=True)
        cursor.need(b")")
    return commands.Create(tag=tag, name=name, mailbox=mailbox, use=use)


def _rename(cursor: Cursor, tag: str, name: str) -> Command:
    mailbox = _mailbox(cursor)
    return commands.Rename(tag=tag, name=name, mailbox=mailbox, to=_mailbox(cursor))


def _status(cursor: Cursor, tag: str, name: str) -> Command:
    mailbox = _mailbox(cursor)
    cursor.space()
    return commands.Status(tag=tag, name=name, mailbox=mailbox, items=parse_status_items(cursor))


def _append(cursor: Cursor, tag: str, name: str) -> Command:
    mailbox = _mailbox(cursor)
    cursor.space()
    flags: tuple[str, ...] = ()
    if cursor.at(b"("):
        flags = _flags(cursor)
        cursor.space()
    at = None
    if cursor.at(b'"'):
        at = _date_time(cursor.match(_DATE_TIME, "a date"))
        cursor.space()
    if cursor.take(b"UTF8 ("):  # RFC 6855 §4
        if not cursor.utf8:
            raise Malformed("UTF8 needs ENABLE UTF8=ACCEPT")
        content = cursor.literal()
        cursor.need(b")")
    else:
        content = cursor.literal()
    if not content.binary and b"\0" in content.data:
        raise Malformed("NUL in the message: literal8 is needed")
    return commands.Append(
        tag=tag, name=name, mailbox=mailbox, flags=flags, at=at, content=content.data
    )


def _date_time(quoted: bytes) -> float:
    found = _DATE_TIME.fullmatch(quoted)
    assert found is not None
    day, year, hour, minute, second = (int(found[n]) for n in (1, 3, 4, 5, 6))
    try:
        at = dt.datetime(
            year, MONTHS.get(found[2].decode().lower(), 0), day, hour, minute, min(second, 59),
            tzinfo=dt.UTC,
        )  # fmt: skip
    except ValueError:
        raise Malformed("No such date") from None
    east = (int(found[8]) * 60 + int(found[9])) * 60
    return float(calendar.timegm(at.timetuple()) - (east if found[7] == b"+" else -east))


def _flags(cursor: Cursor) -> tuple[str, ...]:
    flags = cursor.listed(lambda: _flag(cursor), empty=True)
    if len(flags) > _FLAGS:
        raise Malformed("Too many flags")
    return flags


def _flag(cursor: Cursor) -> str:
    flag = cursor.match(_FLAG, "a flag").decode("ascii")
    if flag.startswith("\\"):
        if flag.lower() not in _SYSTEM:
            raise Malformed(f"Flag {flag} cannot be stored")
        return _SYSTEM[flag.lower()]
    return _KEYWORDS.get(flag.lower(), flag)


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
        changed_since = _modifier(cursor, "CHANGEDSINCE")
    return commands.Fetch(
        tag=tag, name=name, uid=uid, numbers=numbers, items=items, changed_since=changed_since
    )


def _modifier(cursor: Cursor, word: str) -> int:
    cursor.need(b"(")
    if cursor.word() != word:
        raise Malformed(f"Expected {word}")
    cursor.space()
    value = cursor.number64()
    cursor.need(b")")
    return value


def _store(cursor: Cursor, tag: str, name: str, *, uid: bool = False) -> Command:
    cursor.space()
    numbers = parse_set(cursor)
    cursor.space()
    unchanged_since = None
    if cursor.at(b"("):
        unchanged_since = _modifier(cursor, "UNCHANGEDSINCE")
        cursor.space()
    action = "+" if cursor.take(b"+") else "-" if cursor.take(b"-") else "="
    word = cursor.word()
    if word not in ("FLAGS", "FLAGS.SILENT"):
        raise Malformed("Expected FLAGS")
    cursor.space()
    if cursor.at(b"("):
        flags = _flags(cursor)
    else:
        found = [_flag(cursor)]
        while cursor.take(b" "):
            found.append(_flag(cursor))
        flags = tuple(found)
    return commands.Store(
        tag=tag,
        name=name,
        uid=uid,
        numbers=numbers,
        action=action,
        silent=word.endswith("SILENT"),
        flags=flags,
        unchanged_since=unchanged_since,
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
    "APPEND": _append,
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
    "STORE": _store,
    "SUBSCRIBE": _on_mailbox,
    "UNSUBSCRIBE": _on_mailbox,
    "UID COPY": _by_uid(_transfer),
    "UID EXPUNGE": _uid_expunge,
    "UID FETCH": _by_uid(_fetch),
    "UID MOVE": _by_uid(_transfer),
    "UID SEARCH": _by_uid(_search),
    "UID STORE": _by_uid(_store),
}  # fmt: skip
