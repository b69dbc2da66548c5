"""The parts of a message, as offsets into its bytes (RFC 2045, RFC 2046).

BODY[...] has to give the very octets that were sent, and signatures are checked over them; the
`email` package keeps neither offsets nor odd spacing, and reads line by line, which holds an event
loop for long with a large attachment. So parts are found here, by searching for boundaries.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from sandbox.operators.imap.header import Field, content_value, first, header_end, parse_fields

__all__ = ["BodyPart", "parse_message"]

_DEPTH = 32
_PARTS = 2_000
_HEADERS = 1 << 19  # bytes of all headers of a message whose fields are told apart
_FIELDS = 10_000
_MARKS = 50_000  # looked at, delimiters or not
# What follows a boundary in a delimiter line.
_AFTER = re.compile(rb"(?P<last>--)?[ \t]*(?:(?=\r?\n)|\Z)")
_TOKEN = re.compile(rb"[^\x00-\x20()<>@,;:\\\"/\[\]?=\x7f-\xff]+")
Parameters = tuple[tuple[bytes, bytes], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class BodyPart:
    """A part, or a message. Types are lower case; offsets are into the whole content.

    Attributes:
        type, subtype, parameters: Content-Type, or what stands for it.
        encoding: Content-Transfer-Encoding, lower case.
        fields: of the part's header.
        start: of the header.
        body: start of the body.
        end: of the body.
        lines: of the body.
        parts: of a multipart; the one message of message/rfc822.
    """

    type: bytes
    subtype: bytes
    parameters: Parameters
    encoding: bytes
    fields: tuple[Field, ...]
    start: int
    body: int
    end: int
    lines: int
    parts: tuple[BodyPart, ...] = ()

    @property
    def is_multipart(self) -> bool:
        """It has parts of its own."""
        return self.type == b"multipart"

    @property
    def is_message(self) -> bool:
        """It holds a message whose parts are counted below it (message/rfc822 and /global)."""
        return self.type == b"message" and bool(self.parts)

    def walk(self) -> Iterator[BodyPart]:
        """Give this part and all below it."""
        yield self
        for part in self.parts:
            yield from part.walk()


class _Splitter:
    """Bounds of one message: parts, fields, and bytes that boundaries are looked for in."""

    def __init__(self, content: bytes) -> None:
        self.content = content
        self.parts_left = _PARTS
        self.bytes_left = 8 * len(content) + 65_536
        self.marks_left = _MARKS
        self.headers_left = _HEADERS
        self.fields_left = _FIELDS

    def part(self, start: int, end: int, depth: int, default: tuple[bytes, bytes]) -> BodyPart:
        content = self.content
        body = header_end(content, start, end)
        fields = self._fields(start, body)
        kind, subtype, parameters = _content_type(fields, default)
        encoding = _encoding(fields)
        parts: tuple[BodyPart, ...] = ()
        if kind == b"multipart":
            inner = (b"message", b"rfc822") if subtype == b"digest" else (b"text", b"plain")
            boundary = dict(parameters).get(b"boundary", b"")
            parts = tuple(
                self.part(low, high, depth - 1, inner)
                for low, high in self._cut(boundary, body, end, depth)
            )
            if not parts:  # a multipart has at least one part: shown as the text that it is
                kind, subtype, parameters = b"text", b"plain", ()
        elif kind == b"message" and subtype in (b"rfc822", b"global"):
            if depth > 0 and self._afford(end - body):
                parts = (self.part(body, end, depth - 1, (b"text", b"plain")),)
            else:
                kind, subtype = b"application", b"octet-stream"
        return BodyPart(
            type=kind,
            subtype=subtype,
            parameters=parameters,
            encoding=encoding,
            fields=fields,
            start=start,
            body=body,
            end=end,
            lines=_lines(content, body, end),
            parts=parts,
        )

    def _fields(self, start: int, body: int) -> tuple[Field, ...]:
        header = self.content[start : min(body, start + self.headers_left)]
        fields = tuple(parse_fields(header, self.fields_left))
        self.headers_left -= len(header)
        self.fields_left -= len(fields)
        return fields

    def _afford(self, size: int) -> bool:
        self.parts_left -= 1
        self.bytes_left -= size
        return self.parts_left > 0 and self.bytes_left > 0

    def _cut(self, boundary: bytes, body: int, end: int, depth: int) -> list[tuple[int, int]]:
        if not boundary or depth <= 0 or not self._afford(end - body):
            return []
        content, mark = self.content, b"\n--" + boundary
        ranges = []
        begun = -1  # where the part under way starts
        # The line end before the first delimiter may be that of the blank line after the header.
        at = content.find(mark, max(body - 1, 0), end)
        while at >= 0 and self.marks_left > 0:
            self.marks_left -= 1
            after = _AFTER.match(content, at + len(mark), end)
            if after is None:  # the beginning of another line
                at = content.find(mark, at + 1, end)
                continue
            if begun >= 0:
                stop = at - 1 if content[at - 1] == 0x0D else at
                ranges.append((begun, max(begun, stop)))
                self.parts_left -= 1
            if after["last"] or self.parts_left <= 0:
                return ranges
            begun = content.find(b"\n", after.end(), end) + 1 or end
            at = content.find(mark, after.end(), end)
        if begun >= 0:
            ranges.append((begun, end))
        return ranges


def parse_message(content: bytes) -> BodyPart:
    """Return the message as a part; every byte string is some message."""
    return _Splitter(content).part(0, len(content), _DEPTH, (b"text", b"plain"))


def _content_type(
    fields: tuple[Field, ...], default: tuple[bytes, bytes]
) -> tuple[bytes, bytes, Parameters]:
    value = first(fields, b"content-type")
    if value is not None:
        main, parameters = content_value(value)
        kind, _, subtype = (each.strip() for each in main.partition(b"/"))
        if _TOKEN.fullmatch(kind) and _TOKEN.fullmatch(subtype):
            return kind, subtype, parameters
    if default == (b"text", b"plain"):  # RFC 2045 §5.2
        return *default, ((b"charset", b"us-ascii"),)
    return *default, ()


def _encoding(fields: tuple[Field, ...]) -> bytes:
    value = first(fields, b"content-transfer-encoding")
    main = content_value(value)[0] if value else b""
    return main if _TOKEN.fullmatch(main) else b"7bit"


def _lines(content: bytes, start: int, end: int) -> int:
    whole = content.count(b"\n", start, end)
    return whole + (end > start and content[end - 1] != 0x0A)
