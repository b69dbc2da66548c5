"""What any line-by-line conversation needs: input worked through in order, replies, bounds, ends.

`feed` takes octets, `next_event` works through them until the world has to do something: a
handshake, a login, a check, a delivery, the end. While that is under way nothing that came after is
looked at (a client may pipeline); the answer comes through a method of `SmtpDialogue`, and
`next_event` goes on. `output` hands over the replies so far. Time comes from `now`; `deadline` says
when to call `time_out`.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from sandbox.operators.fault_rules import MailFaults
from sandbox.operators.journal import Journal
from sandbox.operators.model import Actor, Channel
from sandbox.operators.refusals import MailRefusal
from sandbox.operators.room import ByteRoom
from sandbox.operators.smtp import refusals
from sandbox.operators.smtp.events import Close, Event, Outcome, Reply
from sandbox.operators.smtp.intake import Intake, IntakeFault

__all__ = ["Conversation", "Setting", "SmtpLimits"]

_UNFIT = {
    IntakeFault.BARE: refusals.BARE_LINE_ENDING,
    IntakeFault.NUL: refusals.NUL,
    IntakeFault.LONG: refusals.LINE_LENGTH,
    IntakeFault.LARGE: refusals.SIZE,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class SmtpLimits:
    """Bounds of one connection; seconds are those of RFC 5321 §4.5.3.2 unless said.

    Attributes:
        message_bytes: as SIZE tells (RFC 1870); what counts is what comes.
        recipients: of one message.
        messages: of one connection.
        errors: refused commands before 421.
        junk: commands that bring no message nearer, between two messages, before 421.
        logins: refused logins before 421.
        command_seconds: waiting for a command.
        data_seconds: between two parts of a message.
        login_seconds: from connection to login; waiting for a person is not counted.
        connection_seconds: of the whole.
    """

    message_bytes: int = 25 * 1024 * 1024
    recipients: int = 1000
    messages: int = 10_000
    errors: int = 20
    junk: int = 100
    logins: int = 3
    command_seconds: float = 300.0
    data_seconds: float = 180.0
    login_seconds: float = 120.0
    connection_seconds: float = 3600.0


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """What all connections of a server share.

    Attributes:
        knows: whether a recipient is of this operator (None when its domain is not), and is there.
        journal: told of refusals.
        limits: bounds.
        room: memory for messages being received.
        faults: misbehaviours that were asked for.
        now: seconds that never go back.
    """

    knows: Callable[[str], bool | None]
    journal: Journal
    limits: SmtpLimits = field(default_factory=SmtpLimits)
    room: ByteRoom = field(default_factory=ByteRoom)
    faults: MailFaults = field(default_factory=MailFaults)
    now: Callable[[], float] = time.monotonic


class Conversation:
    """One connection.

    Args:
        channel: as it arrived.
        setting: what connections share.
    """

    def __init__(self, channel: Channel, setting: Setting) -> None:
        self.channel = channel
        self.limits = setting.limits
        self.now = setting.now
        self._journal = setting.journal
        self._intake = Intake()
        self._reception = Reception(self._intake, setting.room, self.limits.message_bytes)
        self._output: list[bytes] = []
        self._about: dict[str, str] = {}  # what the journal keeps of the command at hand
        self._waiting = False
        self._closing: Close | None = None
        self._ended: Reply | None = None
        self._errors = self._junk = 0
        self._born = self._heard = self.now()

    def feed(self, data: bytes) -> None:
        """Take what came."""
        if self._closing is not None:
            return
        self._heard = self.now()
        self._intake.feed(data)
        if self._reception.active:
            self._reception.account()

    @property
    def buffered(self) -> int:
        """Octets that wait."""
        return len(self._intake)

    @property
    def receiving(self) -> bool:
        """Whether a message is coming in."""
        return self._reception.active

    def output(self) -> bytes:
        """Return the replies since the last call."""
        said = b"".join(self._output)
        self._output.clear()
        return said

    def next_event(self) -> Event | None:
        """Work on; None when more has to come, or an answer is awaited."""
        while not self._waiting:
            if self._closing is not None:
                self._waiting = True
                return self._closing
            outcome = self._work()
            if outcome is None:
                return None
            if isinstance(outcome, Reply | MailRefusal):
                self._say(outcome)
            elif not isinstance(outcome, Close):
                self._waiting = True
                return outcome
            else:
                self._closing = outcome
        return None

    def fail(self) -> None:
        """The answer cannot be had: something is wrong here, not with the client."""
        self.cut(Reply(421, "4.3.0", "Server error, try again later", close=True))

    def cut(self, reply: Reply | MailRefusal) -> None:
        """Say why, and close at once; what is awaited is given up."""
        self._reception.stop()
        self._waiting = False
        self._say(reply)

    def end(self, reply: Reply) -> None:
        """Close as soon as what is under way is done; a message half received is refused."""
        if self._closing is not None:
            return
        if self._waiting or self._reception.active:
            self._ended = reply
        else:
            self._say(reply)

    @property
    def deadline(self) -> float:
        """When to call `time_out`, on the clock `now`."""
        if self._waiting:
            return math.inf
        limits = self.limits
        idle = limits.data_seconds if self._reception.active else limits.command_seconds
        return min(self._heard + idle, self._born + limits.connection_seconds)

    def time_out(self) -> None:
        """Say that time is up; to be called after `deadline`."""
        self.cut(refusals.TIMEOUT)

    def closed(self) -> None:
        """The connection is gone."""
        self._reception.stop()
        self._intake.clear()
        self._closing = self._closing or Close(abrupt=False)

    # What a subclass adds.

    def _work(self) -> Outcome | None:
        """Work on what came: one command or message, None when it is not there yet."""
        raise NotImplementedError

    @property
    def _actor(self) -> Actor | None:
        """Who has logged in."""
        return None

    def _who(self) -> dict[str, str]:
        """Return who the client has proved to be, for the journal."""
        return {}

    # Replies.

    def _say(self, outcome: Reply | MailRefusal) -> None:
        """Reply; count what goes wrong; tell the journal why."""
        if isinstance(outcome, MailRefusal):
            refusal: MailRefusal | None = outcome
            reply = Reply.of(outcome)
        else:
            refusal = None if outcome.told else refusals.BY_CODE.get(outcome.code)
            reply = outcome
        if refusal is not None:
            self._tell(refusal, reply)
        self._output.append(bytes(reply))
        self._errors += reply.code >= 500
        if reply.close:
            self._intake.clear()
            self._closing = Close(abrupt=True)
        elif self._ended is not None:
            self._say(self._ended)
        elif self._errors >= self.limits.errors or self._junk >= self.limits.junk:
            self._errors = self._junk = 0
            self._say(refusals.ERRORS)

    def _tell(self, refusal: MailRefusal, reply: Reply) -> None:
        """Tell the journal what was refused, to whom, and in what words."""
        said = reply.text if isinstance(reply.text, str) else reply.text[-1]
        self._journal.refused(
            refusal.reason, self.channel, reply=f"{reply.code} {said}", **self._who(), **self._about
        )
