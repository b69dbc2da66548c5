"""From a stream of bytes to whole commands: lines, literals, their bounds (RFC 9051 §2.2.1, §4).

Nothing here knows what a command means. What comes out does not depend on how the bytes were cut.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

__all__ = ["Broken", "ClientInput", "FramingLimits", "GoAhead", "Literal", "Receiver"]

_LITERAL = re.compile(rb"(~?)\{([0-9]{1,20})(\+?)\}$")
_TAG = re.compile(rb"([^\x00-\x20(){%*\"\\+\x7f-\xff]{1,64}) ")
_APPEND = re.compile(rb"[^ ]+ APPEND ", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class FramingLimits:
    """How much one command may bring, in bytes.

    Attributes:
        line: text of a command without its literals; also a line of SASL or IDLE.
        literal: one literal, or all of one command, other than the message of APPEND.
        unasked: one literal that the client sends without waiting (LITERAL-, RFC 7888), also when
            it is refused: beyond, the connection is closed.
        message: the message of APPEND, four times that when it is refused and thrown away; 0 where
            APPEND is not possible.
    """

    line: int
    literal: int
    unasked: int
    message: int


@dataclass(frozen=True, slots=True)
class Literal:
    """Bytes announced by their number; `binary` for literal8 (`~{n}`), which may hold NUL."""

    data: bytes
    binary: bool = False


@dataclass(frozen=True, slots=True)
class ClientInput:
    """A whole command: pieces of text, each but the last followed by a literal."""

    parts: tuple[bytes | Literal, ...]


@dataclass(frozen=True, slots=True)
class GoAhead:
    """The client waits for a continuation request before it sends a literal."""


@dataclass(frozen=True, slots=True)
class Broken:
    """A command that cannot be taken.

    Attributes:
        tag: of the command, `*` where it cannot be told.
        text: why.
        too_big: a message over the limit, rather than a fault of grammar.
        fatal: what follows cannot be understood, so the connection has to end.
    """

    tag: str
    text: str
    too_big: bool = False
    fatal: bool = False


class Receiver:
    """Takes bytes, gives commands or lines.

    Args:
        limits: bounds; may be changed between commands.
    """

    __slots__ = (
        "_announced",
        "_buffer",
        "_literal",
        "_literals",
        "_parts",
        "_refused",
        "_seen",
        "_text",
        "limits",
    )

    def __init__(self, limits: FramingLimits) -> None:
        self.limits = limits
        self._buffer = bytearray()
        self._seen = 0  # of the buffer, known to hold no line end
        self._parts: list[bytes | Literal] = []
        self._text = 0  # bytes of text in this command so far
        self._literals = 0  # bytes of literals in this command so far
        self._literal: tuple[int, bool, bool] | None = None  # bytes to come, binary, is a message
        self._announced = False
        self._refused: Broken | None = None

    @property
    def pending(self) -> int:
        """Bytes that wait to be looked at."""
        return len(self._buffer)

    @property
    def unfinished(self) -> bool:
        """Whether a command has begun whose end has not come."""
        return bool(self._parts or self._buffer)

    def feed(self, data: bytes) -> None:
        """Take bytes."""
        self._buffer += data

    def clear(self) -> None:
        """Forget all that came, as before TLS (RFC 9051 §6.2.1)."""
        self._buffer.clear()
        self._reset()

    def line(self) -> bytes | Broken | None:
        """Return the next line without its end, outside any command; None when it is not there."""
        return self._cut_line()

    def command(self) -> ClientInput | GoAhead | Broken | None:
        """Return the next command or what it needs; None when more bytes have to come."""
        while True:
            if self._literal is not None:
                if not self._announced:
                    self._announced = True
                    return GoAhead()
                if not self._take_literal():
                    return None
            line = self._cut_line()
            if line is None:
                return None
            if isinstance(line, Broken):
                self._reset()
                return line
            event = self._take_line(line)
            if event is not None:
                return event

    def _cut_line(self) -> bytes | Broken | None:
        end = self._buffer.find(b"\n", self._seen)
        length = end if end >= 0 else len(self._buffer)
        room = self.limits.line - self._text
        if length > room:
            return Broken(self._tag(bytes(self._buffer[:80])), "Line too long", fatal=True)
        if end < 0:
            self._seen = len(self._buffer)
            return None
        line = bytes(self._buffer[:end])
        del self._buffer[: end + 1]
        self._seen = 0
        if not line.endswith(b"\r"):
            return Broken(self._tag(line), "Lines end with CR LF")
        return line[:-1]

    def _take_line(self, line: bytes) -> ClientInput | Broken | None:
        announced = _LITERAL.search(line)
        if announced is None:
            if self._refused is not None:
                refused = self._refused
                self._reset()
                return refused
            self._parts.append(line)
            done = ClientInput(tuple(self._parts))
            self._reset()
            return done
        self._parts.append(line[: announced.start()])
        self._text += announced.start()
        size, waits = int(announced[2]), not announced[3]
        first = self._parts[0]
        assert isinstance(first, bytes)
        message = self.limits.message > 0 and _APPEND.match(first) is not None
        return self._allow(size, waits=waits, message=message, binary=bool(announced[1]))

    def _allow(self, size: int, *, waits: bool, message: bool, binary: bool) -> Broken | None:
        limits = self.limits
        bound = limits.literal - self._literals
        if message:  # beside it the name of its folder may be a literal
            bound = min(limits.message, bound + limits.message)
        refused = self._refused
        if refused is None and size > bound:
            refused = Broken(self._tag(), "Literal too big", too_big=message)
        if refused is not None and waits:
            self._reset()  # told so, the client does not send it
            return refused
        if not waits and size > (4 * limits.message if message else limits.unasked):
            tag = self._tag()
            self._reset()
            return Broken(tag, "Literal too big", too_big=message, fatal=True)
        self._refused = refused
        self._literal = (size, binary, message)
        self._announced = not waits
        return None

    def _take_literal(self) -> bool:
        assert self._literal is not None
        size, binary, message = self._literal
        if self._refused is not None:
            # Thrown away as it comes.
            gone = min(size, len(self._buffer))
            del self._buffer[:gone]
            self._literal = None if gone == size else (size - gone, binary, message)
            self._parts[1:] = []
            return gone == size
        if len(self._buffer) < size:
            return False
        with memoryview(self._buffer) as view:
            data = bytes(view[:size])
        del self._buffer[:size]
        self._parts.append(Literal(data, binary))
        self._literals += size
        self._literal = None
        return True

    def _tag(self, start: bytes = b"") -> str:
        first = self._parts[0] if self._parts else start
        found = _TAG.match(first) if isinstance(first, bytes) else None
        return found[1].decode("ascii") if found else "*"

    def _reset(self) -> None:
        self._parts = []
        self._text = 0
        self._literals = 0
        self._seen = 0
        self._literal = None
        self._announced = False
        self._refused = None
