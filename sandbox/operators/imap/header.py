"""Header fields as they stand in a message: raw, unfolded, with parameters (RFC 5322, 2045, 2231).

Messages are what strangers sent: every function gives an answer for every byte string, in time
that grows with its length only.
"""

from __future__ import annotations

import binascii
import codecs
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from urllib.parse import quote_from_bytes

__all__ = [
    "Field",
    "content_value",
    "decoded",
    "first",
    "header_end",
    "in_charset",
    "parse_fields",
    "select",
    "unfold",
]

_BLANK = re.compile(rb"\n\r?\n")
_FIELD = re.compile(rb"[^\n]*(?:\n[ \t][^\n]*)*\n?")
_NAME = re.compile(rb"([\x21-\x39\x3b-\x7e]+)[ \t]*:")
_FOLD = re.compile(rb"[\r\n\0]+")
_PARAMETER = re.compile(rb';\s*([^\s=;"]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"?|([^;]*))', re.DOTALL)
_ESCAPED = re.compile(rb"\\(.)", re.DOTALL)
_PIECE = re.compile(rb"(.+?)\*([0-9]{1,3})(\*?)$")
_EXTENDED = re.compile(rb"[^']*'[^']*'")
# Runs of encoded words; lengths bounded, since the library's own pattern looks ahead without end.
_WORD = r"=\?[^?\s]{1,40}\?[bBqQ]\?[^?\s]{0,200}\?="
_WORDS = re.compile(rf"{_WORD}(?:\s{{1,80}}{_WORD})*")
_ONE_WORD = re.compile(r"=\?([^?\s]+)\?([bBqQ])\?([^?\s]*)\?=")
_WORD_DECODERS: dict[str, Callable[[bytes], bytes]] = {
    "B": lambda text: binascii.a2b_base64(text + b"=" * (-len(text) % 4)),
    "Q": lambda text: binascii.a2b_qp(text, header=True),
}
# Codecs that take more than linear time, or are no character set of messages.
_NOT_CHARSETS = frozenset(("idna", "punycode", "raw_unicode_escape", "undefined", "unicode_escape"))
_PARAMETERS = 200


@dataclass(frozen=True, slots=True)
class Field:
    """One field: name in lower case (empty for a line that is none), value, raw with its end."""

    name: bytes
    value: bytes
    raw: bytes


def header_end(content: bytes, start: int, end: int) -> int:
    """Return where the body starts, after the blank line; `end` when there is none."""
    for blank in (b"\r\n", b"\n"):
        if content.startswith(blank, start, end):
            return start + len(blank)
    found = _BLANK.search(content, start, end)
    return found.end() if found else end


def parse_fields(header: bytes, most: int) -> list[Field]:
    """Tell fields apart, `most` of them; the blank line is none."""
    fields: list[Field] = []
    for found in _FIELD.finditer(header):
        if len(fields) >= most:
            break
        raw = found[0]
        if raw in (b"", b"\r\n", b"\n"):
            continue
        named = _NAME.match(raw)
        if named is None:
            fields.append(Field(b"", b"", raw))
        else:
            fields.append(Field(named[1].lower(), unfold(raw[named.end() :]), raw))
    return fields


def unfold(value: bytes) -> bytes:
    """Return a value on one line."""
    return _FOLD.sub(b"", value).strip(b" \t")


def first(fields: Iterable[Field], name: bytes) -> bytes | None:
    """Return the value of the first field of a name, or None."""
    return next((field.value for field in fields if field.name == name), None)


def select(fields: Iterable[Field], names: frozenset[bytes], *, among: bool) -> bytes:
    """Return the fields whose name is among `names`, or is not, and the blank line."""
    return b"".join(each.raw for each in fields if (each.name in names) is among) + b"\r\n"


def content_value(value: bytes) -> tuple[bytes, tuple[tuple[bytes, bytes], ...]]:
    """Return the value before its parameters, lower case, and the parameters in order.

    Continuations are put together, as RFC 2231 §6 asks of IMAP servers; what is in another
    character set stays encoded, under the name with `*`.
    """
    value = _without_comments(value)
    main, _, _ = value.partition(b";")
    found: list[tuple[bytes, bytes]] = []
    for match in _PARAMETER.finditer(value, len(main)):
        name, quoted, plain = match[1].lower(), match[2], match[3]
        text = plain.strip() if quoted is None else _ESCAPED.sub(rb"\1", quoted)
        found.append((name, text))
        if len(found) == _PARAMETERS:
            break
    return main.strip().lower(), tuple(_joined(found))


def _joined(parameters: Sequence[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    pieces: dict[bytes, dict[int, tuple[bool, bytes]]] = {}
    order: dict[bytes, bytes | None] = {}  # name -> value, None where it comes in pieces
    for name, text in parameters:
        piece = _PIECE.match(name)
        if piece is not None:
            pieces.setdefault(piece[1], {}).setdefault(int(piece[2]), (bool(piece[3]), text))
            order.setdefault(piece[1], None)
        elif order.get(name) is None:
            order[name] = text
    joined = []
    for name, value in order.items():
        if value is not None:
            joined.append((name, value))
            continue
        parts = [pieces[name][number] for number in _run(pieces[name])]
        if any(extended for extended, _ in parts):
            joined.append((name + b"*", _extended(parts)))
        elif parts:
            joined.append((name, b"".join(text for _, text in parts)))
    return joined


def _run(numbers: Iterable[int]) -> list[int]:
    """Return 0, 1, 2... as far as they are there."""
    there = set(numbers)
    run: list[int] = []
    while len(run) in there:
        run.append(len(run))
    return run


def _extended(parts: Sequence[tuple[bool, bytes]]) -> bytes:
    whole = b"".join(
        text if extended else quote_from_bytes(text, safe="").encode("ascii")
        for extended, text in parts
    )
    return whole if _EXTENDED.match(whole) else b"''" + whole


def _without_comments(value: bytes) -> bytes:
    """Leave out comments, outside quoted strings, as deep as they nest."""
    if b"(" not in value:
        return value
    kept = bytearray()
    depth, in_quotes, at = 0, False, 0
    while at < len(value):
        octet = value[at : at + 1]
        pair = value[at : at + 2] if octet == b"\\" else octet
        if octet == b'"' and not depth:
            in_quotes = not in_quotes
        if octet == b"(" and not in_quotes:
            depth += 1
        if not depth:
            kept += pair
        if octet == b")" and not in_quotes and depth:
            depth -= 1
        at += len(pair)
    return bytes(kept)


def decoded(value: bytes) -> str:
    """Return a value as a reader sees it: encoded words decoded (RFC 2047), or as UTF-8."""
    try:
        text = value.decode("utf-8")
    except UnicodeDecodeError:
        return value.decode("latin-1")
    return _WORDS.sub(_words, text) if "=?" in text else text


def _words(found: re.Match[str]) -> str:
    """Decode a run of encoded words; what one charset cuts between words is put together.

    The library's `decode_header` takes ten times as long, and a header may hold 30,000 words.
    """
    pieces: list[tuple[str, list[bytes]]] = []
    for word in _ONE_WORD.finditer(found[0]):
        try:
            data = _WORD_DECODERS[word[2].upper()](word[3].encode())
        except binascii.Error:
            return found[0]
        charset = word[1].partition("*")[0].lower()  # RFC 2231 §5: a language may follow
        if pieces and pieces[-1][0] == charset:
            pieces[-1][1].append(data)
        else:
            pieces.append((charset, [data]))
    return "".join(in_charset(b"".join(parts), charset) for charset, parts in pieces)


def in_charset(data: bytes, charset: str) -> str:
    """Return text in a character set that a stranger named; Latin-1 where it is none."""
    try:
        if codecs.lookup(charset).name in _NOT_CHARSETS:
            return data.decode("latin-1")
        return data.decode(charset, "replace")
    except (LookupError, ValueError):  # no such charset, or no text encoding
        return data.decode("latin-1")
