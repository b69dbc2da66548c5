"""Reads what changes messages: APPEND, STORE, their flags and dates (RFC 9051 §6.3.12, §6.4.6)."""

from __future__ import annotations

import datetime as dt
import re

from sandbox.operators.imap.arguments import Append, Expunge, Store, Transfer
from sandbox.operators.imap.grammar import Cursor, Malformed
from sandbox.operators.imap.names import read_name
from sandbox.operators.imap.parse.search import MONTHS
from sandbox.operators.imap.sequence import parse_set

__all__ = ["FLAG", "append", "expunge", "modifier", "store", "transfer", "uid_expunge"]

_DATE_TIME = re.compile(
    rb'"([ 0-9][0-9])-([A-Za-z]{3})-([0-9]{4}) ([0-9]{2}):([0-9]{2}):([0-9]{2}) '
    rb'([+-])([0-9]{2})([0-9]{2})"'
)
FLAG = re.compile(rb"\\?[^\x00-\x20(){%*\"\\\]\x7f-\xff]{1,64}")
_FLAGS = 64
_SYSTEM = {
    flag.lower(): flag for flag in ("\\Answered", "\\Deleted", "\\Draft", "\\Flagged", "\\Seen")
}
# Keywords are the same whatever their case; these are registered (RFC 9051 §2.3.2, RFC 5788).
_KEYWORDS = {
    flag.lower(): flag for flag in ("$Forwarded", "$Junk", "$MDNSent", "$NotJunk", "$Phishing")
}


def append(cursor: Cursor, tag: str, name: str) -> Append:
    """Read everything after the word APPEND."""
    mailbox = read_name(cursor)
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
    return Append(tag=tag, name=name, mailbox=mailbox, flags=flags, at=at, content=content.data)


def store(cursor: Cursor, tag: str, name: str, *, uid: bool = False) -> Store:
    """Read everything after the word STORE."""
    cursor.space()
    numbers = parse_set(cursor)
    cursor.space()
    unchanged_since = None
    if cursor.at(b"("):
        unchanged_since = modifier(cursor, "UNCHANGEDSINCE")
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
    return Store(
        tag=tag,
        name=name,
        uid=uid,
        numbers=numbers,
        action=action,
        silent=word.endswith("SILENT"),
        flags=flags,
        unchanged_since=unchanged_since,
    )


def expunge(_: Cursor, tag: str, name: str) -> Expunge:
    """Read nothing: EXPUNGE removes all that is marked."""
    return Expunge(tag=tag, name=name, uids=None)


def uid_expunge(cursor: Cursor, tag: str, name: str) -> Expunge:
    """Read what follows UID EXPUNGE (RFC 4315)."""
    cursor.space()
    return Expunge(tag=tag, name=name, uids=parse_set(cursor))


def transfer(cursor: Cursor, tag: str, name: str, *, uid: bool = False) -> Transfer:
    """Read what follows COPY or MOVE (RFC 6851)."""
    cursor.space()
    numbers = parse_set(cursor)
    return Transfer(tag=tag, name=name, uid=uid, numbers=numbers, mailbox=read_name(cursor))


def modifier(cursor: Cursor, word: str) -> int:
    """Read `(word number)`, as CHANGEDSINCE and UNCHANGEDSINCE are given (RFC 7162)."""
    cursor.need(b"(")
    if cursor.word() != word:
        raise Malformed(f"Expected {word}")
    cursor.space()
    value = cursor.number64()
    cursor.need(b")")
    return value


def _date_time(quoted: bytes) -> float:
    found = _DATE_TIME.fullmatch(quoted)
    assert found is not None
    day, year, hour, minute, second = (int(found[n]) for n in (1, 3, 4, 5, 6))
    try:
        at = dt.datetime(
            year, MONTHS.get(found[2].decode().lower(), 0), day, hour, minute, min(second, 59),
            tzinfo=dt.UTC,
        )  # fmt: skip
        east = dt.timedelta(hours=int(found[8]), minutes=int(found[9]))
        # In UTC too it has to be a date that can be written and searched.
        return (at - east if found[7] == b"+" else at + east).timestamp()
    except (OverflowError, ValueError):
        raise Malformed("No such date") from None


def _flags(cursor: Cursor) -> tuple[str, ...]:
    flags = cursor.listed(lambda: _flag(cursor), empty=True)
    if len(flags) > _FLAGS:
        raise Malformed("Too many flags")
    return flags


def _flag(cursor: Cursor) -> str:
    flag = cursor.match(FLAG, "a flag").decode("ascii")
    if flag.startswith("\\"):
        if flag.lower() not in _SYSTEM:
            raise Malformed(f"Flag {flag} cannot be stored")
        return _SYSTEM[flag.lower()]
    return _KEYWORDS.get(flag.lower(), flag)
