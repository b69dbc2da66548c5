"""Memory for messages that come in, which all connections of a server share."""

from __future__ import annotations

__all__ = ["ByteRoom"]


class ByteRoom:
    """Memory that all messages being received share.

    Args:
        octets: in all.
    """

    def __init__(self, octets: int = 256 * 1024 * 1024) -> None:
        self._free = octets

    def take(self, octets: int) -> bool:
        """Take some; False when it is not there."""
        if octets > self._free:
            return False
        self._free -= octets
        return True

    def give(self, octets: int) -> None:
        """Give back."""
        self._free += octets
