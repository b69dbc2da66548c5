"""What is known of messages without reading them again: a bounded memory of their structure."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable

from sandbox.operators.imap.mime import BodyPart, parse_message
from sandbox.operators.imap.structure import body_structure, envelope

__all__ = ["Parsed", "ParsedMessages"]

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
