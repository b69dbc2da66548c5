"""ENVELOPE and BODYSTRUCTURE of messages, and a bounded memory of them."""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sandbox.operators.imap.header import Field, content_value, first
from sandbox.operators.imap.mime import BodyPart, parse_message
from sandbox.operators.imap.responses import nstring, string

__all__ = ["Parsed", "ParsedMessages", "parse_addresses"]

_TOKEN = re.compile(
    rb'"((?:[^"\\]|\\.)*)"?'  # quoted string, perhaps unfinished
    rb"|(\[[^\]]*\]?)"  # domain literal
    rb"|([,:;<>@])"
    rb"|([ \t]+)"
    rb'|([^",:;<>@ \t(\[]+)'
    rb"|(.)",
    re.DOTALL,
)
_ESCAPED = re.compile(rb"\\(.)", re.DOTALL)
_ADDRESSES = 20_000


@dataclass(frozen=True, slots=True)
class Address:
    """One of the four-part structures; a group starts with only `mailbox`, ends with nothing."""

    name: bytes | None = None
    route: bytes | None = None
    mailbox: bytes | None = None
    host: bytes | None = None


class _Reader:
    def __init__(self) -> None:
        self.found: list[Address] = []
        self._clear()
        self._in_group = False

    def _clear(self) -> None:
        self.phrase: list[bytes] = []  # words, in front of `<` or alone
        self.spec = bytearray()  # the same without spaces and with quotes
        self.angle: bytearray | None = None
        self.closed = False
        self.comment = b""

    def read(self, value: bytes) -> None:
        at = 0
        while at < len(value) and len(self.found) < _ADDRESSES:
            if value[at] == 0x28:  # (
                at = self._comment(value, at)
                continue
            token = _TOKEN.match(value, at)
            assert token is not None
            at = token.end()
            if token[3] is not None:
                self._special(token[3])
            elif token[4] is None:
                self._word(token)
        self._flush()
        if self._in_group:
            self.found.append(Address())

    def _comment(self, value: bytes, at: int) -> int:
        depth, start = 0, at + 1
        while at < len(value):
            if value[at] == 0x28:
                depth += 1
            elif value[at] == 0x29:
                depth -= 1
            elif value[at] == 0x5C:
                at += 1
            at += 1
            if depth == 0:
                break
        self.comment = value[start : at - 1]
        return at

    def _word(self, token: re.Match[bytes]) -> None:
        into = self.spec if self.angle is None else self.angle
        into += token[0]
        if self.angle is None:
            plain = token[0] if token[1] is None else _ESCAPED.sub(rb"\1", token[1])
            self.phrase.append(plain)

    def _special(self, mark: bytes) -> None:
        inside = self.angle is not None and not self.closed
        if inside and mark in b",:@;":
            assert self.angle is not None
            self.angle += mark
        elif mark == b"<":
            self.angle, self.closed = bytearray(), False
        elif mark == b">":
            self.closed = True
        elif mark == b"@":
            self.spec += mark
            self.phrase.append(mark)
        elif mark == b":" and not self._in_group:
            self.found.append(Address(mailbox=b" ".join(self.phrase)))
            self._clear()
            self._in_group = True
        else:
            self._flush()
            if mark == b";" and self._in_group:
                self.found.append(Address())
                self._in_group = False

    def _flush(self) -> None:
        spec = self.spec if self.angle is None else self.angle
        if self.angle is not None or spec:
            name = b" ".join(self.phrase) if self.angle is not None else self.comment
            self.found.append(_address(name or None, bytes(spec)))
        self._clear()


def _address(name: bytes | None, spec: bytes) -> Address:
    route = None
    if spec.startswith(b"@") and b":" in spec:
        route, _, spec = spec.partition(b":")
    mailbox, at, host = spec.rpartition(b"@")
    if not at:
        mailbox, host = spec, b""  # not NIL, which would start a group
    if mailbox.startswith(b'"') and mailbox.endswith(b'"') and len(mailbox) > 1:
        mailbox = _ESCAPED.sub(rb"\1", mailbox[1:-1])
    return Address(name, route, mailbox, host)


def parse_addresses(value: bytes) -> list[Address]:
    """Return the addresses of an unfolded field; something for everything that was sent."""
    reader = _Reader()
    reader.read(value)
    return reader.found


_LOOKED_AT = 1 << 16  # bytes of the addresses of one kind


def envelope(fields: Sequence[Field]) -> bytes:
    """Write the envelope of a message, strings as they were sent."""
    sender = _addresses(fields, b"from")
    parts = [
        nstring(first(fields, b"date")),
        nstring(first(fields, b"subject")),
        sender,
        # A missing Sender or Reply-To is From.
        _addresses(fields, b"sender", sender),
        _addresses(fields, b"reply-to", sender),
        _addresses(fields, b"to"),
        _addresses(fields, b"cc"),
        _addresses(fields, b"bcc"),
        nstring(first(fields, b"in-reply-to")),
        nstring(first(fields, b"message-id")),
    ]
    return b"(" + b" ".join(parts) + b")"


def _addresses(fields: Sequence[Field], name: bytes, default: bytes = b"NIL") -> bytes:
    # A header has one field of each; where strangers sent several, none is lost.
    value = b", ".join(field.value for field in fields if field.name == name and field.value)
    value = value[:_LOOKED_AT]
    written = [
        b"("
        + b" ".join(nstring(text) for text in (each.name, each.route, each.mailbox, each.host))
        + b")"
        for each in parse_addresses(value)
    ]
    return b"(" + b"".join(written) + b")" if written else default


def body_structure(part: BodyPart, *, extended: bool) -> bytes:
    """Write a part and those below it; `extended` for BODYSTRUCTURE, without for BODY."""
    if part.is_multipart:
        inner = b"".join(body_structure(each, extended=extended) for each in part.parts)
        written = [inner, string(part.subtype.upper())]
        if extended:
            written += [_parameters(part.parameters), *_extension(part)]
        return b"(" + b" ".join(written) + b")"
    written = [
        string(part.type.upper()),
        string(part.subtype.upper()),
        _parameters(part.parameters),
        nstring(first(part.fields, b"content-id")),
        nstring(first(part.fields, b"content-description")),
        string(part.encoding.upper()),
        b"%d" % (part.end - part.body),
    ]
    if part.is_message:
        message = part.parts[0]
        written += [envelope(message.fields), body_structure(message, extended=extended)]
        written.append(b"%d" % part.lines)
    elif part.type == b"text":
        written.append(b"%d" % part.lines)
    if extended:
        written += [nstring(first(part.fields, b"content-md5")), *_extension(part)]
    return b"(" + b" ".join(written) + b")"


def _extension(part: BodyPart) -> list[bytes]:
    """Disposition, language, location."""
    disposition = b"NIL"
    value = first(part.fields, b"content-disposition")
    if value:
        kind, parameters = content_value(value)
        disposition = b"(" + string(kind.upper()) + b" " + _parameters(parameters) + b")"
    languages = (first(part.fields, b"content-language") or b"").replace(b" ", b"").split(b",")
    listed = b" ".join(string(each) for each in languages if each)
    return [
        disposition,
        b"(" + listed + b")" if listed else b"NIL",
        nstring(first(part.fields, b"content-location")),
    ]


def _parameters(parameters: Sequence[tuple[bytes, bytes]]) -> bytes:
    if not parameters:
        return b"NIL"
    pairs = (string(name.upper()) + b" " + string(value) for name, value in parameters)
    return b"(" + b" ".join(pairs) + b")"


_BYTES = 32 * 2**20
_PART_BYTES = 1_000  # one part with its fields, about


class Parsed:
    """One message's parts, and what FETCH writes of them, written once."""

    __slots__ = ("_body", "_envelope", "_structure", "cost", "message")

    def __init__(self, content: bytes) -> None:
        self.message: BodyPart = parse_message(content)
        self._envelope: bytes | None = None
        self._structure: bytes | None = None
        self._body: bytes | None = None
        self.cost = 0
        for part in self.message.walk():
            # Raw field, value, and what is written of it.
            self.cost += _PART_BYTES + 3 * sum(len(field.raw) for field in part.fields)

    @property
    def envelope(self) -> bytes:
        """ENVELOPE."""
        if self._envelope is None:
            self._envelope = envelope(self.message.fields)
        return self._envelope

    @property
    def structure(self) -> bytes:
        """BODYSTRUCTURE."""
        if self._structure is None:
            self._structure = body_structure(self.message, extended=True)
        return self._structure

    @property
    def body(self) -> bytes:
        """BODY without a section."""
        if self._body is None:
            self._body = body_structure(self.message, extended=False)
        return self._body


class ParsedMessages:
    """The messages parsed last, by their key in the store; contents never change under a key.

    Args:
        content: gives a message's bytes by its key.
        room: bytes that the memory may take, about.
    """

    def __init__(self, content: Callable[[int], bytes], room: int = _BYTES) -> None:
        self._content = content
        self._room = room
        self._kept: OrderedDict[int, Parsed] = OrderedDict()
        self._cost = 0

    def get(self, key: int, content: bytes | None = None) -> Parsed:
        """Return a message's structure; `content` where the caller has read it already.

        Raises:
            StoreError: `missing`.
        """
        parsed = self._kept.get(key)
        if parsed is not None:
            self._kept.move_to_end(key)
            return parsed
        parsed = Parsed(self._content(key) if content is None else content)
        self._kept[key] = parsed
        self._cost += parsed.cost
        while self._cost > self._room and len(self._kept) > 1:
            _, oldest = self._kept.popitem(last=False)
            self._cost -= oldest.cost
        return parsed
