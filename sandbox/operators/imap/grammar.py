"""Tokens of IMAP (RFC 9051 §9, RFC 3501 §9): a cursor over one whole command."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TypeVar

from sandbox.operators.imap.framing import Literal

__all__ = ["Cursor", "Malformed"]

T = TypeVar("T")

_ATOM = re.compile(rb"[^\x00-\x20(){%*\"\\\]\x7f-\xff]+")
_ASTRING = re.compile(rb"[^\x00-\x20(){%*\"\\\x7f-\xff]+")
_LIST = re.compile(rb"[^\x00-\x20(){\"\\\x7f-\xff]+")
_TAG = re.compile(rb"[^\x00-\x20(){%*\"\\+\x7f-\xff]{1,64}")
_NUMBER = re.compile(rb"[0-9]{1,19}")
_QUOTED = re.compile(rb'"([^"\\\r\n\x00]*(?:\\["\\][^"\\\r\n\x00]*)*)"')
_ESCAPED = re.compile(rb"\\(.)")
_MAX64 = 2**63 - 1
_MAX32 = 2**32 - 1
_ITEMS = 4096


class Malformed(Exception):  # noqa: N818 - the answer to a client, not an accident
    """A command against the grammar: tagged BAD, with the text as it stands."""


class Cursor:
    """Reads one command from left to right.

    Args:
        parts: pieces of text, each but the last followed by a literal.
        utf8: quoted strings may hold UTF-8 (IMAP4rev2 or UTF8=ACCEPT enabled).
    """

    __slots__ = ("_at", "_index", "_parts", "_text", "utf8")

    def __init__(self, parts: tuple[bytes | Literal, ...], *, utf8: bool = False) -> None:
        self._parts = parts
        self._index = 0
        self._at = 0
        first = parts[0]
        assert isinstance(first, bytes)
        self._text = first
        self.utf8 = utf8

    def at_end(self) -> bool:
        """Tell whether nothing is left."""
        return self._at == len(self._text) and self._index == len(self._parts) - 1

    def end(self) -> None:
        """Check that nothing is left."""
        if not self.at_end():
            raise Malformed("Arguments left over")

    def at(self, token: bytes) -> bool:
        """Tell whether the text goes on with `token`."""
        return self._text.startswith(token, self._at)

    def take(self, token: bytes) -> bool:
        """Pass over `token` where the text goes on with it."""
        if self._text.startswith(token, self._at):
            self._at += len(token)
            return True
        return False

    def need(self, token: bytes) -> None:
        """Pass over `token`."""
        if not self.take(token):
            what = "space" if token == b" " else token.decode("ascii")
            raise Malformed(f"Expected {what}")

    def space(self) -> None:
        """Pass over one space."""
        self.need(b" ")

    def match(self, pattern: re.Pattern[bytes], what: str) -> bytes:
        """Return what a pattern matches here."""
        found = pattern.match(self._text, self._at)
        if found is None:
            raise Malformed(f"Expected {what}")
        self._at = found.end()
        return found[0]

    def tag(self) -> str:
        """Return a tag."""
        return self.match(_TAG, "a tag").decode("ascii")

    def word(self) -> str:
        """Return an atom in upper case: what names a command or an option."""
        return self.match(_ATOM, "a word").decode("ascii").upper()

    def atom(self) -> str:
        """Return an atom as it stands."""
        return self.match(_ATOM, "an atom").decode("ascii")

    def number(self) -> int:
        """Return a number of 32 bits."""
        value = int(self.match(_NUMBER, "a number"))
        if value > _MAX32:
            raise Malformed("Number too large")
        return value

    def number64(self) -> int:
        """Return a number of 63 bits."""
        value = int(self.match(_NUMBER, "a number"))
        if value > _MAX64:
            raise Malformed("Number too large")
        return value

    def at_literal(self) -> bool:
        """Tell whether a literal comes next."""
        return self._at == len(self._text) and self._index < len(self._parts) - 1

    def literal(self) -> Literal:
        """Return the literal that comes next."""
        if not self.at_literal():
            raise Malformed("Expected a literal")
        literal = self._parts[self._index + 1]
        text = self._parts[self._index + 2]
        assert isinstance(literal, Literal)
        assert isinstance(text, bytes)
        self._index += 2
        self._text = text
        self._at = 0
        return literal

    def at_string(self) -> bool:
        """Tell whether a quoted string or a literal comes next."""
        return self.at_literal() or self.at(b'"')

    def string(self) -> bytes:
        """Return a quoted string or a literal without NUL."""
        if self.at_literal():
            literal = self.literal()
            if literal.binary:
                raise Malformed("literal8 is not possible here")
            if b"\0" in literal.data:
                raise Malformed("NUL in a literal")
            return literal.data
        quoted = self.match(_QUOTED, "a string")[1:-1]
        if b"\\" in quoted:
            quoted = _ESCAPED.sub(rb"\1", quoted)
        if not quoted.isascii():
            if not self.utf8:
                raise Malformed("8-bit in a quoted string: use a literal, or ENABLE IMAP4rev2")
            try:
                quoted.decode("utf-8")
            except UnicodeDecodeError:
                raise Malformed("Not UTF-8 in a quoted string") from None
        return quoted

    def astring(self) -> bytes:
        """Return an atom or a string."""
        if self.at_string():
            return self.string()
        return self.match(_ASTRING, "a string")

    def pattern(self) -> bytes:
        """Return a mailbox name with wildcards (list-mailbox)."""
        if self.at_string():
            return self.string()
        return self.match(_LIST, "a mailbox pattern")

    def listed(self, item: Callable[[], T], *, empty: bool = False) -> tuple[T, ...]:
        """Return a parenthesised list of items; `empty` allows none."""
        self.need(b"(")
        items: list[T] = []
        if empty and self.take(b")"):
            return ()
        while True:
            items.append(item())
            if len(items) > _ITEMS:
                raise Malformed("Too many items")
            if self.take(b")"):
                return tuple(items)
            self.space()
