"""SMTP replies: bytes in, replies out (RFC 5321 §4.2)."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["PeerReply", "ProtocolError", "ReplyReader"]

# RFC 5321 §4.5.3.1.5 allows 512 octets; some give more, none needs this much.
MAX_LINE = 2048
MAX_LINES = 128


class ProtocolError(Exception):
    """The other side does not speak SMTP."""


@dataclass(frozen=True, slots=True)
class PeerReply:
    """A reply: code and the texts of its lines."""

    code: int
    lines: tuple[str, ...]

    @property
    def text(self) -> str:
        """All lines as one."""
        return " ".join(self.lines)

    @property
    def is_positive(self) -> bool:
        """2yz: done as asked."""
        return self.code // 100 == 2

    def __str__(self) -> str:
        return f"{self.code} {self.text}".strip()


class ReplyReader:
    """Cuts what a server sends into replies; bounded, whatever it sends."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._lines: list[str] = []
        self._code = 0

    @property
    def is_empty(self) -> bool:
        """Whether nothing of a further reply has come."""
        return not self._buffer and not self._lines

    def feed(self, data: bytes) -> list[PeerReply]:
        """Return the replies that are now complete.

        Raises:
            ProtocolError: not a reply, lines of different codes, or more than a reply may be.
        """
        self._buffer += data
        replies = []
        while (end := self._buffer.find(b"\n")) >= 0:
            line = bytes(self._buffer[:end]).rstrip(b"\r")
            del self._buffer[: end + 1]
            reply = self._line(line)
            if reply is not None:
                replies.append(reply)
        if len(self._buffer) > MAX_LINE:
            raise ProtocolError("a reply's line has no end")
        return replies

    def _line(self, line: bytes) -> PeerReply | None:
        digits, mark = line[:3], line[3:4]
        if (
            len(line) > MAX_LINE
            or not (len(digits) == 3 and digits.isdigit() and digits[0] in b"2345")
            or mark not in (b"", b" ", b"-")
        ):
            raise ProtocolError(f"not a reply: {line[:60]!r}")
        code = int(digits)
        if self._lines and code != self._code:
            raise ProtocolError(f"the lines of a reply differ: {self._code}, {code}")
        self._code = code
        self._lines.append(line[4:].decode("utf-8", "replace").strip())
        if len(self._lines) > MAX_LINES:
            raise ProtocolError("a reply has no end")
        if mark == b"-":
            return None
        reply = PeerReply(code, tuple(self._lines))
        self._lines = []
        return reply
