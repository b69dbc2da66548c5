"""The shell of an SMTP connection: sockets, time and tasks around a `SmtpDialogue`.

Flow control both ways, one timer, and a close that does not take the last reply away. What the
dialogue asks of the world is answered by subclasses (`servers`).
"""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, cast

from sandbox.operators.listener import Inbound
from sandbox.operators.observing import Observer, SessionObserved
from sandbox.operators.post import PostError
from sandbox.operators.smtp import refusals
from sandbox.operators.smtp.dialogue import SmtpDialogue
from sandbox.operators.smtp.events import Close, Event, Pause, Post, Reply, StartTls
from sandbox.space.methods import Method

__all__ = ["SmtpConnection"]

_LEAVING = Reply(421, "4.3.2", "This operator leaves the space", close=True, told=True)
LOG = logging.getLogger(__name__)
ENOUGH = 128 * 1024  # octets of commands that may wait: MAIL and a thousand RCPT
# A socket that is closed with input unread loses its last reply (TCP resets it), so what still
# comes after an abrupt end is read and thrown away for a while.
LINGER_SECONDS, FLUSH_SECONDS = 2.0, 10.0


class SmtpConnection(asyncio.Protocol):
    """One connection.

    Args:
        arrival: as the door hands it over.
        dialogue: what is said.
        observer: told of the connection's beginning and end.
        clock: seconds since 1970.
        tasks: keeps what must outlive the connection: a message being stored.
    """

    def __init__(
        self,
        arrival: Inbound,
        dialogue: SmtpDialogue,
        *,
        observer: Observer,
        clock: Callable[[], float],
        tasks: set[asyncio.Task[None]],
    ) -> None:
        self.arrival = arrival
        self.observer = observer
        self.clock = clock
        self.method: Method | None = None
        self._dialogue = dialogue
        self._tasks = tasks
        self._transport: asyncio.Transport | None = None
        self._task: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = math.inf
        self._lingering: asyncio.TimerHandle | None = None
        self._session_end: asyncio.Task[object] | None = None
        self._full = False  # the client does not read our replies
        self._holding = False  # we do not read the client's commands

    async def answer(self, event: Event) -> None:
        """Do what the dialogue asks, and tell it."""
        raise NotImplementedError

    async def keep(self, posting: Awaitable[str]) -> None:
        """Tell the client what became of its message: kept under a name, or not at all."""
        try:
            self._dialogue.answer_post(await posting)
        except PostError as error:
            self._dialogue.fail_post(str(error))

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin; or go on over TLS after STARTTLS."""
        first = self._transport is None
        self._transport = cast(asyncio.Transport, transport)
        self._full = self._holding = False
        if first:
            self.observer.connected(self.arrival.channel, self.arrival.at)
            self._dialogue.greet()
        else:
            self._dialogue.secured(self.arrival.channel, self.arrival.tls_seconds)
        self._advance()

    def data_received(self, data: bytes) -> None:
        """Take what came, and go on as far as that goes."""
        self._dialogue.feed(data)
        self._advance()

    def pause_writing(self) -> None:
        """Look at no more commands while the client does not read the replies."""
        self._full = True

    def resume_writing(self) -> None:
        """Go on."""
        self._full = False
        self._advance()

    def connection_lost(self, _: Exception | None) -> None:
        """End: what waits for the client is cancelled, what was accepted is not."""
        for timer in (self._timer, self._lingering, self._session_end):
            if timer is not None:
                timer.cancel()
        self._dialogue.closed()
        self._transport = None
        if self._task is not None and self._task is not asyncio.current_task():
            self._task.cancel()
        self.observer.session(
            SessionObserved(
                channel=self.arrival.channel, method=self.method, at=self.arrival.at,
                seconds=self.clock() - self.arrival.at,
            )
        )  # fmt: skip

    def dismiss(self) -> None:
        """Say goodbye: the operator is leaving. What is under way is done before."""
        self._dialogue.end(_LEAVING)
        self._advance()

    # The rest.

    def end_after(self, ended: Coroutine[Any, Any, object], end: Callable[[], None]) -> None:
        """Have the dialogue ended when something has come about."""

        def act(task: asyncio.Task[object]) -> None:
            if self._transport is not None and not task.cancelled():
                end()
                self._advance()

        self._session_end = asyncio.get_running_loop().create_task(ended)
        self._session_end.add_done_callback(act)

    def _advance(self, *, urgent: bool = False) -> None:
        while self._transport is not None and (urgent or not self._full):
            try:
                event = self._dialogue.next_event()
            except Exception:  # noqa: BLE001 - as in `_answer`
                self._broken()
                continue
            self._flush()
            if event is None:
                break
            if isinstance(event, Close):
                self._close(abrupt=event.abrupt)
            else:
                self._ask(event)
        if self._transport is not None:
            self._hold()
            self._arm()

    def _flush(self) -> None:
        said = self._dialogue.output()
        if said and self._transport is not None:
            self._transport.write(said)

    def _ask(self, event: Event) -> None:
        task = asyncio.get_running_loop().create_task(self._answer(event))
        if isinstance(event, Post):
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        else:
            self._task = task

    async def _answer(self, event: Event) -> None:
        try:
            if isinstance(event, StartTls):
                await self.arrival.secure()  # `connection_made` is called from in there
                return
            self.arrival.working()
            if isinstance(event, Pause):
                await asyncio.sleep(event.seconds)
                self._dialogue.resume()
            else:
                await self.answer(event)
        except OSError:
            if not isinstance(event, StartTls):  # else the handshake failed: the peer knows
                self._broken()
        except Exception:  # noqa: BLE001 - a bug must not leave the client without an answer
            self._broken()
        self._advance()

    def _broken(self) -> None:
        LOG.exception("smtp: %s", self.arrival.channel.endpoint)
        self._dialogue.fail()

    def _hold(self) -> None:
        """Read no more while enough waits; a message is taken as it comes."""
        assert self._transport is not None
        wanted = self._dialogue.buffered > ENOUGH and not self._dialogue.receiving
        if wanted and self._task is not None and not self._task.done():
            # A socket that is not read does not tell that its client is gone, and a login may be
            # held for minutes: who sends that much meanwhile has to go.
            self._task.cancel()
            self._dialogue.cut(refusals.PIPELINING)
            self._advance()
            return
        if wanted is not self._holding:
            self._holding = wanted
            if wanted:
                self._transport.pause_reading()
            else:
                self._transport.resume_reading()

    def _arm(self) -> None:
        """Have the time-out called by the deadline, or before: the timer is moved when it rings."""
        deadline = self._dialogue.deadline
        if deadline >= self._timer_at:
            return
        if self._timer is not None:
            self._timer.cancel()
        self._timer_at = deadline
        seconds = max(0.0, deadline - self._dialogue.now())
        self._timer = asyncio.get_running_loop().call_later(seconds, self._ring)

    def _ring(self) -> None:
        self._timer, self._timer_at = None, math.inf
        if self._dialogue.now() >= self._dialogue.deadline:
            self._dialogue.time_out()
        self._advance(urgent=True)

    def _close(self, *, abrupt: bool) -> None:
        assert self._transport is not None
        if self._timer is not None:
            self._timer.cancel()
        loop = asyncio.get_running_loop()
        if abrupt:
            self._lingering = loop.call_later(LINGER_SECONDS, self._shut)
        else:
            self._shut()

    def _shut(self) -> None:
        if self._transport is not None:
            self._transport.close()
            # A client that never reads cannot keep the socket.
            loop = asyncio.get_running_loop()
            self._lingering = loop.call_later(FLUSH_SECONDS, self._transport.abort)
