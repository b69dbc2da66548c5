"""Mailbox names: modified UTF-7 (RFC 3501 §5.1.3), UTF-8, INBOX, and the wildcards of LIST."""

from __future__ import annotations

import binascii
import re

from sandbox.operators.imap.grammar import Cursor, Malformed

__all__ = [
    "DELIMITER",
    "decode_name",
    "encode_name",
    "from_mutf7",
    "matches",
    "read_name",
    "to_mutf7",
]

DELIMITER = "/"
_NAME = 1000  # characters
_SHIFTED = re.compile(r"&([^-]*)-")
_UNPRINTABLE = re.compile(r"[^\x20-\x7e]+")
_CONTROL = re.compile(r"[\x00-\x1f\x7f\u2028\u2029]")


def to_mutf7(name: str) -> str:
    """Write a name in modified UTF-7."""

    def shift(found: re.Match[str]) -> str:
        coded = binascii.b2a_base64(found[0].encode("utf-16-be"), newline=False)
        return "&" + coded.rstrip(b"=").decode("ascii").replace("/", ",") + "-"

    return _UNPRINTABLE.sub(shift, name.replace("&", "&-"))


def from_mutf7(name: str) -> str:
    """Read a name in modified UTF-7; only the one right way to write it is taken.

    Raises:
        Malformed: it is not modified UTF-7.
    """

    def unshift(found: re.Match[str]) -> str:
        coded = found[1]
        if not coded:
            return "&"
        padded = coded.replace(",", "/") + "=" * (-len(coded) % 4)
        return binascii.a2b_base64(padded, strict_mode=True).decode("utf-16-be")

    try:
        decoded = _SHIFTED.sub(unshift, name)
    except (binascii.Error, UnicodeDecodeError):
        raise Malformed("Mailbox name is not modified UTF-7") from None
    if to_mutf7(decoded) != name:
        raise Malformed("Mailbox name is not modified UTF-7")
    return decoded


def read_name(cursor: Cursor) -> str:
    """Read a space and the name of a mailbox.

    Raises:
        Malformed: as for `decode_name`.
    """
    cursor.space()
    return decode_name(cursor.astring(), utf8=cursor.utf8)


def decode_name(raw: bytes, *, utf8: bool) -> str:
    """Return the name that a client means; INBOX in upper case.

    Raises:
        Malformed: bad encoding, a control character, or too long.
    """
    if utf8:
        try:
            name = raw.decode("utf-8")
        except UnicodeDecodeError:
            raise Malformed("Mailbox name is not UTF-8") from None
    elif raw.isascii():
        name = from_mutf7(raw.decode("ascii"))
    else:
        raise Malformed("Mailbox name is not modified UTF-7")
    if len(name) > _NAME or _CONTROL.search(name):
        raise Malformed("Mailbox name not possible")
    first, slash, rest = name.partition(DELIMITER)
    return first.upper() + slash + rest if first.upper() == "INBOX" else name


def encode_name(name: str, *, utf8: bool) -> bytes:
    """Return a name as the session's encoding writes it."""
    return name.encode("utf-8") if utf8 else to_mutf7(name).encode("ascii")


def matches(pattern: str, name: str) -> bool:
    """Tell whether LIST's pattern takes a name: `*` any text, `%` any without the delimiter.

    The places that a part of the pattern may reach in the name are bits of one number, so that a
    letter of the pattern costs a few operations on it, whatever the pattern.
    """
    if pattern[:5].upper() == "INBOX" and pattern[5:6] in ("", DELIMITER, "*", "%"):
        pattern = "INBOX" + pattern[5:]
    everywhere = (1 << (len(name) + 1)) - 1
    places: dict[str, int] = {}
    for place, letter in enumerate(name):
        places[letter] = places.get(letter, 0) | 1 << place
    within = (everywhere >> 1) & ~places.get(DELIMITER, 0)
    reached = 1
    for letter in pattern:
        if letter == "*":
            reached = everywhere & -(reached & -reached)
        elif letter == "%":
            # Adding carries a bit through the letters of its level, to the place after the last.
            reached = (reached | ((reached & within) + within) ^ within) & everywhere
        else:
            reached = (reached & places.get(letter, 0)) << 1
        if not reached:
            return False
    return bool(reached >> len(name))
