"""BODY[...], BINARY[...]: the octets that a section names (RFC 9051 §6.4.5)."""

from __future__ import annotations

import binascii
import re

from sandbox.operators.imap.arguments import SectionItem
from sandbox.operators.imap.header import select
from sandbox.operators.imap.mime import BodyPart
from sandbox.operators.imap.responses import No

__all__ = ["decode_body", "find_part", "octets"]

# RFC 2045 §6.7 (3): white space at the end of a line was added on the way, after `=` too.
_TRAILING = re.compile(rb"(?<![ \t])[ \t]++(?=\r?\n|\Z)")
_NOT_BASE64 = re.compile(rb"[^A-Za-z0-9+/]+")


def find_part(message: BodyPart, path: tuple[int, ...]) -> BodyPart | None:
    """Return the part that numbers name; None where there is none.

    A message that is not multipart has one part, 1: its body.
    """
    part = message
    whole = True  # `part` is a message, not yet seen as a part of itself
    for number in path:
        if not whole and part.is_message:
            part, whole = part.parts[0], True
        if part.is_multipart:
            if number > len(part.parts):
                return None
            part, whole = part.parts[number - 1], False
        elif whole and number == 1:
            whole = False
        else:
            return None
    return part


def octets(content: bytes, message: BodyPart, item: SectionItem) -> bytes | None:
    """Return what a section names, before any `<origin.length>`; None where there is none.

    Raises:
        No: BINARY of an encoding that is not known (RFC 9051 §7.1, UNKNOWN-CTE).
    """
    part = find_part(message, item.path)
    if part is None:
        return None
    if item.form != "BODY":
        return decode_body(content, part) if item.path else content
    if not item.kind:
        return content[part.body : part.end] if item.path else content
    if item.kind == "MIME":
        return content[part.start : part.body]
    if item.path:
        if not part.is_message:
            return None  # HEADER and TEXT are of messages
        part = part.parts[0]
    if item.kind == "HEADER":
        return content[part.start : part.body]
    if item.kind == "TEXT":
        return content[part.body : part.end]
    return select(part.fields, item.fields, among=item.kind == "HEADER.FIELDS")


def decode_body(content: bytes, part: BodyPart) -> bytes:
    """Return a part's body without its transfer encoding.

    Raises:
        No: an encoding that is not known.
    """
    body = content[part.body : part.end]
    if part.encoding in (b"7bit", b"8bit", b"binary") or part.parts:
        return body
    if part.encoding == b"quoted-printable":
        return binascii.a2b_qp(_TRAILING.sub(b"", body))
    if part.encoding == b"base64":
        clean = _NOT_BASE64.sub(b"", body)
        # A lone character at the end stands for no octet.
        usable = clean[: len(clean) - (len(clean) % 4 == 1)]
        return binascii.a2b_base64(usable + b"=" * (-len(usable) % 4))
    raise No("Content-Transfer-Encoding not known", "UNKNOWN-CTE")
