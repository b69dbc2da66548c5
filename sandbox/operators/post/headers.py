"""Header of a message: who it says it is from, and what servers add to it."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from email.errors import HeaderParseError, ObsoleteHeaderDefect
from email.headerregistry import AddressHeader, ContentTypeHeader, HeaderRegistry
from email.utils import format_datetime, parsedate_to_datetime
from functools import lru_cache

from sandbox.operators.post.addresses import AddressError, normal_address

__all__ = ["Header", "HeaderError", "first_instant", "read_header", "trace"]

MAX_FIELDS, MAX_OCTETS = 1000, 512 * 1024
# Characters of a value that the library parses: it takes time with the square of them.
MAX_PARSED = 1000
_FIELD = re.compile(rb"([!-9;-~]+)[ \t]*:(.*)", re.DOTALL)
_MILLISECONDS = re.compile(r"\(and ([0-9]{1,3}) ms\)$")
_REGISTRY = HeaderRegistry()
# What the library is known to raise for bad input.
# AttributeError: a group with another behind it where one address is due.
_UNREADABLE = (AttributeError, HeaderParseError, IndexError, ValueError, RecursionError)


class HeaderError(ValueError):
    """The header is not one that two readers would read alike."""


class Header:
    """Fields of a message, in order.

    Args:
        fields: name in lower case, and value with its folds.
        end: where the body begins.
    """

    def __init__(self, fields: list[tuple[bytes, bytes]], end: int) -> None:
        self.fields = fields
        self.end = end

    def values(self, name: str) -> list[str]:
        """Return the values of a field, unfolded, in order."""
        wanted = name.lower().encode()
        return [_unfold(value) for field, value in self.fields if field == wanted]

    @property
    def ascii(self) -> bool:
        """Whether all of it is ASCII."""
        return all(value.isascii() for _, value in self.fields)

    def addresses(self, name: str) -> list[str]:
        """Return the addresses of a field that may come once, in lower case.

        Raises:
            HeaderError: the field comes twice, or holds anything but addresses.
        """
        values = self.values(name)
        if len(values) > 1:
            raise HeaderError(f"{name} comes {len(values)} times")
        return list(_read_addresses(values[0])) if values else []

    @property
    def is_report(self) -> bool:
        """Whether the message is a notification: an MDN (RFC 8098) or a DSN (RFC 3464)."""
        values = self.values("Content-Type")
        if len(values) != 1 or len(values[0]) > MAX_PARSED:
            return False
        try:
            parsed = _REGISTRY("Content-Type", values[0])
        except _UNREADABLE:
            return False
        if not isinstance(parsed, ContentTypeHeader):
            return False
        kind = str(parsed.params.get("report-type", "")).lower()
        return parsed.content_type == "multipart/report" and kind in {
            "disposition-notification", "delivery-status",
        }  # fmt: skip


def read_header(content: bytes) -> Header:
    """Read the header of a message whose lines all end with CRLF.

    Raises:
        HeaderError: a line is neither a field nor the rest of one; too many fields, or too long.
    """
    found = content.find(b"\r\n\r\n") if not content.startswith(b"\r\n") else -2
    end = len(content) if found == -1 else found + 4
    if end > MAX_OCTETS:
        raise HeaderError(f"more than {MAX_OCTETS} octets")
    fields: list[tuple[bytes, list[bytes]]] = []
    for line in content[:end].split(b"\r\n"):
        if not line:
            continue
        if line[:1] in {b" ", b"\t"}:
            if not fields or not line.strip():
                raise HeaderError("a folded line follows no field, or is blank")
            fields[-1][1].append(line)
            continue
        match = _FIELD.fullmatch(line)
        if match is None:
            raise HeaderError("a line is not a field")
        fields.append((match[1].lower(), [match[2]]))
        if len(fields) > MAX_FIELDS:
            raise HeaderError(f"more than {MAX_FIELDS} fields")
    return Header([(name, b"\r\n".join(lines)) for name, lines in fields], end)


def _unfold(value: bytes) -> str:
    return value.replace(b"\r\n", b"").decode("utf-8", "surrogateescape").strip()


@lru_cache(maxsize=4096)
def _read_addresses(value: str) -> tuple[str, ...]:
    """Read an address list, refusing what the library had to guess.

    An encoded word in place of an address, a comment that hides one, an address without a domain:
    what two readers may read differently is not for us to choose.
    """
    if len(value) > MAX_PARSED:
        raise HeaderError("the field is too long")
    try:
        parsed = _REGISTRY("From", value)
    except _UNREADABLE:
        raise HeaderError("the addresses cannot be read") from None
    # Obsolete forms are still written ("Dr. Martin" without quotes) and read alike by all.
    guessed = [each for each in parsed.defects if not isinstance(each, ObsoleteHeaderDefect)]
    if not isinstance(parsed, AddressHeader) or guessed or not parsed.addresses:
        raise HeaderError("the addresses cannot be read")
    try:
        return tuple(normal_address(each.addr_spec) for each in parsed.addresses)
    except AddressError:
        raise HeaderError("an address of the field is not one") from None


def trace(
    *, client: str, address: str, server: str, protocol: str, comment: str, token: str,
    recipient: str, now: float,
) -> bytes:  # fmt: skip
    """Return a `Received` field (RFC 5321 §4.4).

    Args:
        client: name that EHLO gave.
        address: address of the peer.
        server: our name.
        protocol: value of `with` (RFC 3848, RFC 6531 §4.3).
        comment: what is added in brackets after it.
        token: value of `id`.
        recipient: value of `for`; empty leaves it out, as it must be with several (RFC 5321 §7.2).
        now: seconds since 1970.
    """
    to = f"\r\n\tfor <{recipient}>" if recipient else ""
    when = format_datetime(datetime.fromtimestamp(int(now), UTC))
    milliseconds = int(now * 1000) % 1000  # a date has whole seconds; a comment may follow it
    return (
        f"Received: from {client} ([{address}])\r\n"
        f"\tby {server} with {protocol} id {token}\r\n"
        f"\t({comment}){to};\r\n"
        f"\t{when} (and {milliseconds} ms)\r\n"
    ).encode()


def first_instant(header: Header) -> float | None:
    """Return when the first server took a message (seconds since 1970), from its trace."""
    values = header.values("Received")
    if not values:
        return None
    written = values[-1].rpartition(";")[2].strip()
    if len(written) > MAX_PARSED:
        return None
    milliseconds = _MILLISECONDS.search(written)
    try:
        whole = parsedate_to_datetime(written).timestamp()
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return whole + (int(milliseconds[1]) / 1000 if milliseconds else 0.0)
