"""BER, the part that LDAP needs: framing of what comes in, writing of what goes out.

Reading the inside of requests is left to sansldap. Entries are the hot path, so they are written
here.
"""

from __future__ import annotations

from collections.abc import Iterable

__all__ = [
    "Frame",
    "FramingError",
    "enumerated",
    "frame",
    "integer",
    "octets",
    "result",
    "sequence",
    "tlv",
]

_CONTROLS = 0xA0
_LONGEST_LENGTH = 4


class FramingError(ValueError):
    """The bytes are not an LDAP message, or a longer one than allowed."""


class Frame:
    """One message cut out of a stream.

    Attributes:
        raw: The whole message.
        message_id: Its identifier.
        operation: Tag byte of the operation (RFC 4511 §4.1.1).
    """

    __slots__ = ("message_id", "operation", "raw")

    def __init__(self, raw: bytes, message_id: int, operation: int) -> None:
        self.raw = raw
        self.message_id = message_id
        self.operation = operation


def _length(data: bytes | bytearray, at: int) -> tuple[int, int] | None:
    """Read a definite length: its value and where the content begins, or None if cut short."""
    if at >= len(data):
        return None
    first = data[at]
    if first < 0x80:
        return first, at + 1
    count = first & 0x7F
    if not 1 <= count <= _LONGEST_LENGTH:
        raise FramingError("indefinite or overlong length")
    if at + 1 + count > len(data):
        return None
    return int.from_bytes(data[at + 1 : at + 1 + count], "big"), at + 1 + count


def frame(data: bytearray, longest: int) -> Frame | None:
    """Take the first whole message out of `data`.

    Args:
        data: What came in; the message is removed from it.
        longest: Longest message allowed, in bytes.

    Returns:
        The message, or None while it is not whole.

    Raises:
        FramingError: not a message, or too long a one: the stream cannot be followed any further.
    """
    if not data:
        return None
    if data[0] != 0x30:
        raise FramingError("an LDAP message begins with a SEQUENCE")
    measured = _length(data, 1)
    if measured is None:
        return None
    length, start = measured
    if length > longest:
        raise FramingError(f"message of {length} bytes; {longest} at most")
    end = start + length
    if len(data) < end:
        return None
    raw = bytes(data[:end])
    del data[:end]
    if length < 5 or raw[start] != 0x02:
        raise FramingError("no message identifier")
    size = raw[start + 1]
    body = start + 2 + size
    if not 1 <= size <= 4 or body >= end:
        raise FramingError("no operation after the message identifier")
    message_id = int.from_bytes(raw[start + 2 : body], "big", signed=True)
    if message_id < 0:
        raise FramingError("negative message identifier")
    return Frame(raw, message_id, raw[body])


def tlv(tag: int, content: bytes) -> bytes:
    """Write one element."""
    size = len(content)
    if size < 0x80:
        return bytes((tag, size)) + content
    width = (size.bit_length() + 7) // 8
    return bytes((tag, 0x80 | width)) + size.to_bytes(width, "big") + content


def integer(value: int, tag: int = 0x02) -> bytes:
    """Write an INTEGER."""
    return tlv(tag, value.to_bytes(value.bit_length() // 8 + 1, "big", signed=True))


def enumerated(value: int) -> bytes:
    """Write an ENUMERATED."""
    return integer(value, 0x0A)


def octets(value: str | bytes, tag: int = 0x04) -> bytes:
    """Write an OCTET STRING."""
    return tlv(tag, value.encode() if isinstance(value, str) else value)


def sequence(parts: Iterable[bytes], tag: int = 0x30) -> bytes:
    """Write a SEQUENCE (or a SET, or an application tag)."""
    return tlv(tag, b"".join(parts))


def result(
    message_id: int,
    tag: int,
    code: int,
    text: str = "",
    *,
    extra: bytes = b"",
    controls: Iterable[bytes] = (),
) -> bytes:
    """Write a message that carries an LDAPResult (RFC 4511 §4.1.9).

    Args:
        message_id: Identifier of the request.
        tag: Tag byte of the response.
        code: Result code.
        text: Diagnostic message.
        extra: What follows the LDAPResult in the response.
        controls: Encoded response controls.
    """
    body = sequence((enumerated(code), octets(""), octets(text), extra), tag)
    attached = b"".join(controls)
    tail = tlv(_CONTROLS, attached) if attached else b""
    return sequence((integer(message_id), body, tail))
