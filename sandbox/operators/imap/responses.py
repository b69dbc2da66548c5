"""What the server says, as bytes (RFC 9051 §7)."""

from __future__ import annotations

import re
import time
from collections.abc import Iterable
from dataclasses import dataclass

__all__ = [
    "Completion",
    "No",
    "astring",
    "flag_list",
    "internal_date",
    "literal",
    "nstring",
    "quoted",
    "string",
    "tagged",
]

_ATOM = re.compile(rb"[^\x00-\x20(){%*\"\\\x7f-\xff]+")
_ESCAPE = re.compile(rb'(["\\])')
_QUOTABLE = re.compile(rb"[\x01-\x09\x0b\x0c\x0e-\x7f]*")
_QUOTABLE8 = re.compile(rb"[\x01-\x09\x0b\x0c\x0e-\xff]*")
_LONG = 1024
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


@dataclass(frozen=True, slots=True)
class Completion:
    """The end of a command: OK, NO or BAD, a response code without its brackets, a text.

    `told`: the journal knows already why it is not OK.
    """

    kind: str
    text: str
    code: str = ""
    told: bool = False


class No(Exception):  # noqa: N818 - the answer to a client, not an accident
    """A command that cannot be done now: tagged NO with a response code (RFC 9051 §7.1)."""

    def __init__(self, text: str, code: str = "") -> None:
        super().__init__(text)
        self.reply = Completion("NO", text, code)


def tagged(tag: str, reply: Completion) -> bytes:
    """Write the end of a command; as an untagged status with the tag `*`."""
    code = f"[{reply.code}] " if reply.code else ""
    return f"{tag} {reply.kind} {code}{reply.text}\r\n".encode()


def literal(data: bytes, *, binary: bool = False) -> bytes:
    """Write a literal; `binary` as literal8."""
    return b"%s{%d}\r\n%s" % (b"~" if binary else b"", len(data), data)


def quoted(data: bytes) -> bytes:
    """Write a quoted string; `data` is without CR, LF and NUL."""
    return b'"' + _ESCAPE.sub(rb"\\\1", data) + b'"'


def string(data: bytes, *, utf8: bool = False) -> bytes:
    """Write a string: quoted where that is possible, else as a literal, NUL left out."""
    if len(data) <= _LONG and (_QUOTABLE8 if utf8 else _QUOTABLE).fullmatch(data):
        return quoted(data)
    return literal(data.replace(b"\0", b""))


def nstring(data: bytes | None) -> bytes:
    """Write a string, or NIL for None."""
    return b"NIL" if data is None else string(data)


def astring(data: bytes, *, utf8: bool = False) -> bytes:
    """Write a string, without quotes where it is an atom."""
    if _ATOM.fullmatch(data) and data.upper() != b"NIL":
        return data
    return string(data, utf8=utf8)


def flag_list(flags: Iterable[str]) -> bytes:
    """Write flags in one order, whatever the set's."""
    return b"(" + " ".join(sorted(flags)).encode("ascii") + b")"


def internal_date(at: float) -> bytes:
    """Write seconds since 1970 as date-time, in UTC."""
    t = time.gmtime(at)
    month = _MONTHS[t.tm_mon - 1]
    return (
        f'"{t.tm_mday:2d}-{month}-{t.tm_year:04d}'
        f' {t.tm_hour:02d}:{t.tm_min:02d}:{t.tm_sec:02d} +0000"'
    ).encode("ascii")
