"""IMAP on a door: flow control, time-outs, held logins, TLS; the rest is `core`."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable
from typing import cast

from sandbox.operators.imap.core import Awaiting, Core
from sandbox.operators.imap.service import ImapService
from sandbox.operators.listener import Inbound
from sandbox.operators.observing import SessionObserved

__all__ = ["ImapProtocol", "serve"]

_SLICE = 65_536  # bytes written before the client has its say
_TURN = 0.01  # seconds that commands of one client may take before others have their turn
_AHEAD = 65_536  # bytes of commands that a client may send while one runs


def serve(service: ImapService) -> Callable[[Inbound], ImapProtocol]:
    """Return what a `MailDoor` makes the protocol of each connection with."""
    return lambda arrival: ImapProtocol(service, arrival)


class ImapProtocol(asyncio.Protocol):
    """One connection."""

    def __init__(self, service: ImapService, arrival: Inbound) -> None:
        self._service = service
        self._arrival = arrival
        self._core = Core(service, arrival.channel, arrival.at)
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._greeted = False
        self._keepalive = service.settings.keepalive_seconds
        self._task: asyncio.Task[object] | None = None
        self._writable = asyncio.Event()
        self._writable.set()
        self._reading = True
        self._timer: asyncio.TimerHandle | None = None
        self._expiry: asyncio.Task[object] | None = None
        self._keeping: asyncio.TimerHandle | None = None
        self._stalling: asyncio.TimerHandle | None = None
        self._pushing: asyncio.Handle | None = None
        self._again: asyncio.Handle | None = None
        self._heard = self._since = self._loop.time()
        self._room = 0  # what waits here takes of the room that all share
        session = self._core.session
        session.drain = self._drain
        session.wake = self._wake

    # Transport -----------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Greet; after STARTTLS, go on over TLS."""
        self._transport = cast(asyncio.Transport, transport)
        self._reading = True
        self._writable.set()
        core, channel = self._core, self._arrival.channel
        core.secured(channel, self._arrival.tls_seconds)
        first, self._greeted = not self._greeted, True
        if first:
            self._service.observer.connected(channel, self._arrival.at)
            self._timer = self._loop.call_later(self._service.settings.login_seconds, self._look)
        required = self._arrival.listener.place.client_certificate == "required"
        if channel.tls and required and channel.certificate is None:
            core.refuse_without_certificate()
        elif first:
            greeting = core.greet()
            if greeting is not None:
                self._run(greeting)
        self._flush()

    def data_received(self, data: bytes) -> None:
        """Take bytes and do what they ask for."""
        self._heard = self._loop.time()
        if self._core.session.upgrading:
            return  # sent in clear behind STARTTLS (CVE-2011-0411)
        self._core.receive(data)
        if self._task is None and self._again is None:
            self._advance()
        else:
            self._throttle()
        if not self._account():
            self._core.session.bye("The server is short of memory, try again later")
            self._cut()

    def eof_received(self) -> None:
        """Close: nothing more will be asked."""

    def pause_writing(self) -> None:
        """Stop answering until the client has taken what it was sent."""
        self._writable.clear()
        self._stalling = self._loop.call_later(
            self._service.settings.stalled_seconds, self._stalled
        )

    def resume_writing(self) -> None:
        """Answer again."""
        self._heard = self._loop.time()
        _cancel(self._stalling)
        self._writable.set()
        if self._task is None:
            self._core.push()
            self._advance()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature
        """Let go of everything."""
        self._transport = None
        for handle in (
            self._timer,
            self._expiry,
            self._keeping,
            self._stalling,
            self._pushing,
            self._again,
        ):
            _cancel(handle)
        session = self._core.session
        session.leave()
        self._core.receiver.clear()
        self._account()
        if self._task is not None and not session.upgrading:
            self._task.cancel()
        if self._greeted:
            self._greeted = False
            self._service.observer.session(
                SessionObserved(
                    channel=session.channel,
                    method=session.actor.method if session.actor else None,
                    at=self._arrival.at,
                    seconds=self._service.clock() - self._arrival.at,
                )
            )

    # Commands ------------------------------------------------------------------------------------

    def _advance(self) -> None:
        """Do what has come, until something has to be awaited; others have their turn too."""
        until = time.perf_counter() + _TURN  # uvloop's own clock stands still meanwhile
        while self._task is None and self._transport is not None and self._writable.is_set():
            done = self._core.step()
            if not isinstance(done, bool):
                self._start(done)
            elif not done:
                break
            elif time.perf_counter() > until:
                if self._again is None:
                    self._again = self._loop.call_soon(self._resume)
                break
        self._flush()
        self._throttle()

    def _resume(self) -> None:
        self._again = None
        self._advance()

    def _start(self, work: Awaiting) -> None:
        self._arrival.working()
        self._run(work)
        if self._core.session.actor is None:
            self._keeping = self._loop.call_later(self._keepalive, self._keep_alive)

    def _run(self, work: Awaiting) -> None:
        self._task = self._loop.create_task(work)
        self._task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[object]) -> None:
        self._task = None
        _cancel(self._keeping)
        if task.cancelled():
            return
        error = task.exception()
        if error is not None:
            self._loop.call_exception_handler(
                {"message": "IMAP command failed", "exception": error, "protocol": self}
            )
            if self._transport is not None:
                self._transport.abort()
            return
        if self._transport is None:
            return
        self._heard = self._since = self._loop.time()
        self._arm_expiry()
        self._advance()

    def _throttle(self) -> None:
        """Read from the client only what can be kept; a literal under way is bounded by itself."""
        transport = self._transport
        if transport is None or transport.is_closing():
            return
        waits = self._task is not None or self._again is not None or not self._writable.is_set()
        wanted = not (waits and self._core.receiver.pending > _AHEAD)
        if wanted == self._reading:
            return
        self._reading = wanted
        if wanted:
            transport.resume_reading()
        elif self._core.session.actor is not None:
            transport.pause_reading()
        else:
            # A paused transport would not tell that the client of a held login hangs up.
            self._core.session.bye("Wait for the answer to your login")
            self._cut()

    def _account(self) -> bool:
        """Take room for what waits, give back what does not; False when there is none left."""
        more = self._core.receiver.pending - self._room
        if more > 0 and not self._service.room.take(more):
            return False
        if more < 0:
            self._service.room.give(-more)
        self._room += more
        return True

    def _flush(self) -> None:
        transport = self._transport
        if transport is None or transport.is_closing():
            return
        out = self._core.output()
        if out:
            transport.write(b"".join(out))
        if self._core.closed:
            transport.close()
        elif self._core.session.upgrading and self._task is None:
            self._run(self._upgrade())

    async def _drain(self) -> None:
        """Send what was said, as fast as the client takes it, and let others have their turn."""
        data = memoryview(b"".join(self._core.output()))
        for start in range(0, len(data), _SLICE):
            if self._transport is None:
                raise asyncio.CancelledError
            self._transport.write(data[start : start + _SLICE])
            await self._writable.wait()
        await asyncio.sleep(0)

    async def _upgrade(self) -> None:
        # When it fails, `connection_lost` has been called.
        with contextlib.suppress(OSError):
            await self._arrival.secure()

    def _wake(self) -> None:
        if self._pushing is None and self._writable.is_set():
            self._pushing = self._loop.call_soon(self._push)

    def _push(self) -> None:
        self._pushing = None
        self._core.push()
        self._flush()

    # Time ----------------------------------------------------------------------------------------

    def _look(self) -> None:
        """End a connection on which nothing has happened for too long."""
        settings = self._service.settings
        if self._core.session.actor is not None:
            # Half a message takes room that others need: its sender is given less time.
            half = self._task is None and self._core.receiver.unfinished
            quiet = settings.stalled_seconds if half else settings.idle_seconds
            left = self._heard + quiet - self._loop.time()
        else:
            # Not since the last byte: a stranger could send one now and then for ever.
            left = self._since + settings.login_seconds - self._loop.time()
            if self._task is not None:
                left = settings.login_seconds
        if left > 0:
            self._timer = self._loop.call_later(min(left, settings.stalled_seconds), self._look)
            return
        self._core.session.bye("Nothing was heard for too long")
        self._cut()

    def _keep_alive(self) -> None:
        self._keeping = self._loop.call_later(self._keepalive, self._keep_alive)
        if self._core.session.holding and self._writable.is_set():
            self._core.keep_alive()
            self._flush()

    def _arm_expiry(self) -> None:
        login = self._core.session.login
        if login.actor is not None and self._expiry is None:
            self._expiry = self._loop.create_task(login.ended())
            self._expiry.add_done_callback(self._expire)

    def _expire(self, ended: asyncio.Task[object]) -> None:
        if self._transport is not None and not ended.cancelled():
            self._core.expire()
            self._cut()

    def dismiss(self) -> None:
        """Say goodbye: the operator is leaving."""
        self._core.session.bye("This operator leaves the space")
        self._cut()

    def _stalled(self) -> None:
        """Cut a client that takes nothing of what it was sent."""
        if self._transport is not None:
            self._transport.abort()

    def _cut(self) -> None:
        """End a connection after its BYE, whatever runs."""
        if self._task is not None:
            self._task.cancel()
        self._flush()


def _cancel(handle: asyncio.Handle | asyncio.Task[object] | None) -> None:
    if handle is not None:
        handle.cancel()
