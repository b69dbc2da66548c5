"""What a client sends, cut into lines and messages. Only CRLF ends a line (RFC 5321 §2.3.8).

A server that takes a bare LF or CR for an end of line, beside one that does not, lets a message
hide another in it ("SMTP smuggling", CVE-2023-51764 and others). Here such bytes are a fault.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

__all__ = ["LINE", "Data", "Intake", "IntakeFault"]

LINE = 1000  # of a message, with CRLF (RFC 5321 §4.5.3.1.6)
END = b"\r\n.\r\n"


class IntakeFault(Enum):
    """What is wrong with a line or a message."""

    BARE = "a CR or LF that is not part of CRLF"
    NUL = "a NUL"
    LONG = "a line too long"
    LARGE = "a message too large"


@dataclass(frozen=True, slots=True)
class Data:
    """A whole message, without transparency dots; or the fault for which it was thrown away."""

    content: bytes
    fault: IntakeFault | None = None


class Intake:
    """Bytes in; lines and messages out. It never holds more than a line, or a message's limit."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._skipping = False
        self._checked = 0
        self._line_start = 0
        self._size = 0
        self._fault: IntakeFault | None = None

    def __len__(self) -> int:
        return len(self._buffer)

    def feed(self, data: bytes) -> None:
        """Take what came."""
        self._buffer += data

    def clear(self) -> None:
        """Throw away what came."""
        self._buffer.clear()
        self._skipping = False

    def peek(self, length: int) -> bytes:
        """Return the first bytes, at most `length`, and leave them."""
        return bytes(self._buffer[:length])

    def line(self, limit: int) -> bytes | IntakeFault | None:
        """Return the next line without its CRLF, what is wrong with it, or None: not there yet.

        Args:
            limit: octets, with CRLF.
        """
        end = self._buffer.find(b"\n")
        if end < 0:
            if len(self._buffer) > limit:
                self._skipping = True
            if self._skipping:
                self._buffer.clear()
            return None
        raw = bytes(self._buffer[: end + 1])
        del self._buffer[: end + 1]
        if self._skipping or len(raw) > limit:
            self._skipping = False
            return IntakeFault.LONG
        if not raw.endswith(b"\r\n") or raw.find(b"\r") < end - 1:
            return IntakeFault.BARE
        return IntakeFault.NUL if b"\0" in raw else raw[:-2]

    def start_message(self) -> None:
        """From now on, a message comes."""
        self._checked = self._line_start = self._size = 0
        self._fault = None

    def message(self, limit: int) -> Data | None:
        """Return the message once it has come to its end; None before.

        A bare CR or LF is told at once, without waiting for an end that the client may believe it
        has sent. Other faults are told at the end; what follows is then a command again.

        Args:
            limit: octets of the message, without transparency.
        """
        buffer = self._buffer
        if self._size == self._checked and buffer.startswith(END[2:]):  # nothing dropped so far
            del buffer[:3]
            return Data(b"")
        found = buffer.find(END, max(0, self._checked - len(END)))
        end = found + 2 if found >= 0 else len(buffer) - buffer.endswith(b"\r")
        self._check(end)
        if self._fault is IntakeFault.BARE:
            return Data(b"", IntakeFault.BARE)
        if found < 0:
            if self._fault is not None or self._size > limit + LINE:
                self._drop(end)
            return None
        content = b"" if self._fault else _transparent(buffer, end)
        del buffer[: end + 3]
        if self._fault is None and len(content) > limit:
            return Data(b"", IntakeFault.LARGE)
        return Data(content, self._fault)

    def _check(self, end: int) -> None:
        """Look at what is new up to `end`; no byte is looked at twice."""
        buffer, start = self._buffer, self._checked
        pairs = buffer.count(b"\r\n", start, end)
        if buffer.count(b"\r", start, end) != pairs or buffer.count(b"\n", start, end) != pairs:
            self._fault = IntakeFault.BARE
            return
        self._size += end - start
        self._checked = max(end, start)
        if self._fault is None and buffer.find(b"\0", start, end) >= 0:
            self._fault = IntakeFault.NUL
        position = self._line_start
        while end - position > LINE and self._fault is None:
            # A transparency dot is not counted.
            width = LINE + (buffer[position] == ord("."))
            last = buffer.rfind(b"\n", position, position + width)
            if last < 0:
                self._fault = IntakeFault.LONG
            position = last + 1
        self._line_start = position

    def _drop(self, end: int) -> None:
        """Forget what has been looked at, but for what an end of message may begin with."""
        self._fault = self._fault or IntakeFault.LARGE
        gone = max(0, end - len(END) + 1)
        del self._buffer[:gone]
        self._checked -= gone


def _transparent(buffer: bytearray, end: int) -> bytes:
    """Return a message without its transparency dots (RFC 5321 §4.5.2)."""
    with memoryview(buffer) as view:
        content = bytes(view[:end])
    if content.startswith(b"."):
        content = content[1:]
    return content.replace(b"\r\n.", b"\r\n")
