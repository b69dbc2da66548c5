"""A message as it comes in: its end, its faults, and the memory that it takes."""

from __future__ import annotations

from sandbox.operators.refusals import MailRefusal
from sandbox.operators.room import ByteRoom
from sandbox.operators.smtp import refusals
from sandbox.operators.smtp.intake import Intake, IntakeFault

__all__ = ["Reception"]

_UNFIT = {
    IntakeFault.BARE: refusals.BARE_LINE_ENDING,
    IntakeFault.NUL: refusals.NUL,
    IntakeFault.LONG: refusals.LINE_LENGTH,
    IntakeFault.LARGE: refusals.SIZE,
}


class Reception:
    """The messages of one connection, one after the other.

    Args:
        intake: where octets come from.
        room: shared by all connections.
        limit: octets of one message.
    """

    def __init__(self, intake: Intake, room: ByteRoom, limit: int) -> None:
        self.active = False
        self._intake = intake
        self._room = room
        self._limit = limit
        self._taken = 0
        self._no_room = False

    def start(self) -> None:
        """From now on, a message comes."""
        self.active = True
        self._intake.start_message()

    def account(self) -> None:
        """Take room for what is kept, give back what is not."""
        more = len(self._intake) - self._taken
        if more > 0 and not self._room.take(more):
            self._no_room = True
            return
        if more < 0:
            self._room.give(-more)
        self._taken += more

    def content(self) -> bytes | MailRefusal | None:
        """Return the message at its end, or why it is not fit to be one; None before.

        Its room stays taken until `stop`.
        """
        data = self._intake.message(0 if self._no_room else self._limit)
        if data is None:
            self.account()
            return None
        self.active = False
        if data.fault is None:
            return data.content
        starved = self._no_room and data.fault is IntakeFault.LARGE
        return refusals.ROOM if starved else _UNFIT[data.fault]

    def stop(self) -> None:
        """Give the room back."""
        self._room.give(self._taken)
        self._taken = 0
        self.active = self._no_room = False
