"""A protocol that takes its turn: one client's many requests hold up nobody else's."""

from __future__ import annotations

import asyncio
import time
from typing import cast

from sandbox.serve.door import Visitor

__all__ = ["Turns"]

_TURN = 0.01  # s that requests of one client may take before others have their turn
_AHEAD = 65_536  # bytes that a client may send while others have theirs


class Turns(asyncio.Protocol):
    """Answers request after request, as fast as the client reads.

    A subclass says in `step` how one request is answered.
    """

    def __init__(self, visitor: Visitor) -> None:
        self.visitor = visitor
        self.received = bytearray()
        self.transport: asyncio.Transport | None = None
        self.full = False
        self._again: asyncio.Handle | None = None

    def step(self) -> bool:
        """Do a piece of work with what was received; False when more has to come first."""
        raise NotImplementedError

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin; after STARTTLS, go on over TLS."""
        self.transport = cast(asyncio.Transport, transport)
        self.full = False

    def data_received(self, data: bytes) -> None:
        """Take bytes, and answer if it is this client's turn."""
        self.received += data
        self.advance()

    def pause_writing(self) -> None:
        """Answer no more: the client does not read."""
        self.full = True

    def resume_writing(self) -> None:
        """Go on."""
        self.full = False
        self.advance()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature
        """Forget the rest."""
        self.transport = None
        if self._again is not None:
            self._again.cancel()

    def advance(self) -> None:
        """Answer until more has to come, the client has to read, or others have their turn."""
        if self._again is not None or self.transport is None:
            return
        end = time.perf_counter() + _TURN
        while self.transport is not None and not self.full:
            if not self.step():
                self._read(wanted=True)
                return
            if time.perf_counter() > end:
                self._again = asyncio.get_running_loop().call_soon(self._resume)
                break
        self._read(wanted=len(self.received) < _AHEAD)

    def _resume(self) -> None:
        self._again = None
        self.advance()

    def _read(self, *, wanted: bool) -> None:
        if self.transport is None or self.transport.is_closing():
            return
        if wanted:
            self.transport.resume_reading()
        else:
            self.transport.pause_reading()
