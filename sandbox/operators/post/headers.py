"""A message and its header, strictly read: who it says it is from.

What a header may say is for the servers: `smtp.submission` of our users, `smtp.relay_in` of others.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from email.errors import HeaderParseError, ObsoleteHeaderDefect
from email.headerregistry import AddressHeader, ContentTypeHeader, HeaderRegistry
from functools import lru_cache

from sandbox.operators.post.addresses import AddressError, normal_address

__all__ = ["Header", "HeaderError", "Message", "read_header", "read_message"]

MAX_FIELDS, MAX_OCTETS = 1000, 512 * 1024
# Characters of a value that the library parses: it takes time with the square of them.
MAX_PARSED = 1000
_FIELD = re.compile(rb"([!-9;-~]+)[ \t]*:(.*)", re.DOTALL)
# An address as a reader sees one, what he does not see, what turns the text around (UAX #9 §2).
_SHOWN = re.compile(r"[\w.!#$%&'*+/=?^`{|}~-]+@[\w-]+(?:\.[\w-]+)+")
_UNSEEN = re.compile("[\u00ad\u200b-\u200f\u2060-\u2064\ufeff]")
_TURNING = re.compile("[\u202a-\u202e\u2066-\u2069]")
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

    def has(self, name: str) -> bool:
        """Tell whether a field is there."""
        wanted = name.lower().encode()
        return any(field == wanted for field, _ in self.fields)

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
        return list(_read_addresses(values[0])[0]) if values else []

    def misleads(self, name: str) -> bool:
        """Tell whether the names of a field of addresses show a reader someone else's address.

        Raises:
            HeaderError: as for `addresses`.
        """
        return any(_read_addresses(value)[1] for value in self.values(name))

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


@dataclass(frozen=True, slots=True)
class Message:
    """A message in hand, every line ended by CRLF, and its header, read once."""

    content: bytes
    header: Header


def read_message(content: bytes) -> Message:
    """Read the header of a message and keep both.

    Raises:
        HeaderError: as for `read_header`.
    """
    return Message(content, read_header(content))


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
def _read_addresses(value: str) -> tuple[tuple[str, ...], bool]:
    """Read an address list, refusing what the library had to guess; tell whether it misleads.

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
        found = tuple(normal_address(each.addr_spec) for each in parsed.addresses)
    except AddressError:
        raise HeaderError("an address of the field is not one") from None
    return found, _misleads(f"{value} {parsed}", found)


def _misleads(text: str, found: tuple[str, ...]) -> bool:
    """Tell whether names or comments, decoded or not, show another address or turn the text."""
    if _TURNING.search(text):
        return True
    for each in _SHOWN.findall(unicodedata.normalize("NFKC", _UNSEEN.sub("", text))):
        # Some software puts its user's address between apostrophes as his name.
        if not any(_is_one_of(address, found) for address in (each, each.lstrip("'"))):
            return True
    return False


def _is_one_of(address: str, found: tuple[str, ...]) -> bool:
    try:
        return normal_address(address) in found
    except AddressError:
        return False
