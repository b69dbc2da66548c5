"""Reads the arguments of SEARCH (RFC 9051 §6.4.4, RFC 4731, RFC 5182, RFC 7162)."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable

from sandbox.operators.imap import keys
from sandbox.operators.imap.arguments import Search
from sandbox.operators.imap.grammar import Cursor, Malformed
from sandbox.operators.imap.keys import Key
from sandbox.operators.imap.responses import No
from sandbox.operators.imap.sequence import parse_set

__all__ = ["CHARSETS", "MONTHS", "search"]

CHARSETS = ("US-ASCII", "UTF-8")
MONTHS = {
    name: number
    for number, name in enumerate(
        ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"), 1
    )
}
_DATE = re.compile(rb'("?)([0-9]{1,2})-([A-Za-z]{3})-([0-9]{4})\1')
_OPTIONS = frozenset(("MIN", "MAX", "ALL", "COUNT", "SAVE"))
_DEPTH = 32
_KEYS = 256
_BODIES = 32  # BODY and TEXT, each of which looks through every message

_FLAGS = {
    "ANSWERED": "\\Answered",
    "DELETED": "\\Deleted",
    "DRAFT": "\\Draft",
    "FLAGGED": "\\Flagged",
    "SEEN": "\\Seen",
}
_FIELDS = ("BCC", "CC", "FROM", "SUBJECT", "TO")
_DATES = {
    "BEFORE": (False, "<"),
    "ON": (False, "="),
    "SINCE": (False, ">"),
    "SENTBEFORE": (True, "<"),
    "SENTON": (True, "="),
    "SENTSINCE": (True, ">"),
}


class _Arguments:
    """What SEARCH was given; see `arguments.Search`."""

    def __init__(self, cursor: Cursor) -> None:
        self.returned: frozenset[str] | None = None
        self.charset = ""
        self.by_modseq = False
        self._cursor = cursor
        self._left = _KEYS
        self._bodies_left = _BODIES
        cursor.space()
        word = _take_word(cursor)
        if word == "RETURN":
            cursor.space()
            self.returned = self._options()
            cursor.space()
            word = _take_word(cursor)
        if word == "CHARSET":
            cursor.space()
            self.charset = cursor.astring().decode("ascii", "replace").upper()
            if self.charset not in CHARSETS:
                raise No("Charset not known", f"BADCHARSET ({' '.join(CHARSETS)})")
            cursor.space()
            word = _take_word(cursor)
        found = [self._key(word, _DEPTH)]
        while not cursor.at_end():
            cursor.space()
            found.append(self._key(_take_word(cursor), _DEPTH))
        self.key: Key = found[0] if len(found) == 1 else keys.Both(tuple(found))

    def _options(self) -> frozenset[str]:
        given = frozenset(self._cursor.listed(self._cursor.word, empty=True))
        if not given <= _OPTIONS:
            raise Malformed("RETURN takes MIN, MAX, ALL, COUNT, SAVE")
        return given or frozenset(("ALL",))

    def _key(self, word: str, depth: int) -> Key:
        self._left -= 1
        if self._left < 0:
            raise Malformed("Too many search keys")
        if depth == 0:
            raise Malformed("Search keys nested too deep")
        if not word:
            return self._unnamed(depth)
        simple = _SIMPLE.get(word)
        if simple is not None:
            return simple
        maker = _MAKERS.get(word)
        if maker is None:
            raise Malformed(f"Search key {word[:32]} not known")
        self._cursor.space()
        return maker(self, word, depth)

    def _unnamed(self, depth: int) -> Key:
        cursor = self._cursor
        if cursor.at(b"("):
            inside = cursor.listed(lambda: self._key(_take_word(cursor), depth - 1))
            return keys.Both(inside)
        return keys.Within(parse_set(cursor), uid=False)

    def _next(self, depth: int) -> Key:
        return self._key(_take_word(self._cursor), depth - 1)

    def text(self) -> str:
        """Read a string in the charset given, case folded."""
        raw = self._cursor.astring()
        try:
            # US-ASCII is a part of UTF-8, which is the default since IMAP4rev2.
            return raw.decode("utf-8").casefold()
        except UnicodeDecodeError:
            raise Malformed("Search text is not UTF-8") from None

    def opposite(self, _: str, depth: int) -> Key:
        """NOT."""
        return keys.Not(self._next(depth))

    def either(self, _: str, depth: int) -> Key:
        """OR."""
        first = self._next(depth)
        self._cursor.space()
        return keys.Either(first, self._next(depth))

    def keyword(self, word: str, _: int) -> Key:
        """KEYWORD, UNKEYWORD."""
        key = keys.Flagged(self._cursor.atom())
        return key if word == "KEYWORD" else keys.Not(key)

    def header(self, word: str, _: int) -> Key:
        """HEADER, and the five that name a field."""
        if word != "HEADER":
            return keys.InHeader(word.lower(), self.text())
        field = self._cursor.astring().decode("ascii", "replace").lower()
        self._cursor.space()
        return keys.InHeader(field, self.text())

    def containing(self, word: str, _: int) -> Key:
        """BODY, TEXT."""
        self._bodies_left -= 1
        if self._bodies_left < 0:
            raise Malformed("Too many BODY and TEXT keys")
        return keys.Containing(word == "TEXT", self.text())

    def dated(self, word: str, _: int) -> Key:
        """BEFORE, ON, SINCE, and their SENT forms."""
        sent, relation = _DATES[word]
        found = _DATE.fullmatch(self._cursor.match(_DATE, "a date"))
        assert found is not None
        month = MONTHS.get(found[3].decode().lower(), 0)
        try:
            return keys.Dated(sent, relation, dt.date(int(found[4]), month, int(found[2])))
        except ValueError:
            raise Malformed("No such date") from None

    def sized(self, word: str, _: int) -> Key:
        """LARGER, SMALLER."""
        return keys.Sized(word == "LARGER", self._cursor.number64())

    def uid(self, _: str, __: int) -> Key:
        """UID."""
        return keys.Within(parse_set(self._cursor), uid=True)

    def modseq(self, _: str, __: int) -> Key:
        """MODSEQ, with or without the name of an entry, which changes nothing here."""
        cursor = self._cursor
        if cursor.at(b'"'):
            cursor.string()
            cursor.space()
            if cursor.word() not in ("PRIV", "SHARED", "ALL"):
                raise Malformed("Expected priv, shared or all")
            cursor.space()
        self.by_modseq = True
        return keys.Changed(cursor.number64())

    def identified(self, word: str, _: int) -> Key:
        """EMAILID; THREADID, which no message has here."""
        value = self._cursor.atom()
        return keys.Identified(value) if word == "EMAILID" else keys.Not(keys.Both(()))


def search(cursor: Cursor, tag: str, name: str, *, uid: bool = False) -> Search:
    """Read what follows SEARCH.

    Raises:
        Malformed: against the grammar.
        No: a charset that is not known.
    """
    found = _Arguments(cursor)
    return Search(
        tag=tag,
        name=name,
        uid=uid,
        key=found.key,
        returned=found.returned,
        by_modseq=found.by_modseq,
        charset=found.charset,
    )


_WORD = re.compile(rb"[A-Za-z]+")


def _take_word(cursor: Cursor) -> str:
    """Pass over a key's name; empty where a set or a parenthesis comes instead."""
    if cursor.at(b"(") or cursor.at(b"$") or cursor.at(b"*"):
        return ""
    try:
        return cursor.match(_WORD, "a search key").decode("ascii").upper()
    except Malformed:
        return ""


_UNSEEN = keys.Not(keys.Flagged("\\Seen"))
_SIMPLE: dict[str, Key] = {
    "ALL": keys.Both(()),
    "NEW": keys.Both((keys.Recent(), _UNSEEN)),
    "OLD": keys.Not(keys.Recent()),
    "RECENT": keys.Recent(),
    **{word: keys.Flagged(flag) for word, flag in _FLAGS.items()},
    **{"UN" + word: keys.Not(keys.Flagged(flag)) for word, flag in _FLAGS.items()},
}
_MAKERS: dict[str, Callable[[_Arguments, str, int], Key]] = {
    "NOT": _Arguments.opposite,
    "OR": _Arguments.either,
    "KEYWORD": _Arguments.keyword,
    "UNKEYWORD": _Arguments.keyword,
    "HEADER": _Arguments.header,
    "BODY": _Arguments.containing,
    "TEXT": _Arguments.containing,
    "LARGER": _Arguments.sized,
    "SMALLER": _Arguments.sized,
    "UID": _Arguments.uid,
    "MODSEQ": _Arguments.modseq,
    "EMAILID": _Arguments.identified,
    "THREADID": _Arguments.identified,
    **dict.fromkeys(_FIELDS, _Arguments.header),
    **dict.fromkeys(_DATES, _Arguments.dated),
}
