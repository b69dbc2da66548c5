"""ENVELOPE and BODYSTRUCTURE of messages, and a bounded memory of them."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence

from sandbox.operators.imap.addresses import parse_addresses
from sandbox.operators.imap.header import Field, content_value, first
from sandbox.operators.imap.mime import BodyPart, parse_message
from sandbox.operators.imap.responses import nstring, string

__all__ = ["Parsed", "ParsedMessages"]

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
