"""The protocol without sockets: bytes in, bytes out, and work to be awaited between."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections.abc import Callable, Coroutine
from typing import Any

from sandbox.operators.auth import refusals
from sandbox.operators.fault_rules import Strike
from sandbox.operators.faults import ASKED, CONNECT
from sandbox.operators.imap.arguments import Command
from sandbox.operators.imap.commands import CommandRow, Unparsed, read
from sandbox.operators.imap.do import general
from sandbox.operators.imap.framing import Broken, GoAhead, Receiver
from sandbox.operators.imap.grammar import Malformed
from sandbox.operators.imap.refusals import reason_of
from sandbox.operators.imap.responses import Completion, No, tagged
from sandbox.operators.imap.service import ImapService
from sandbox.operators.imap.session import ImapSession, Outcome, SessionState, Work
from sandbox.operators.model import Channel
from sandbox.operators.store import StoreError

__all__ = ["Awaiting", "Core"]

LOG = logging.getLogger(__name__)

Awaiting = Coroutine[Any, Any, None]

_STORE_REPLIES = {
    "cannot": Completion("NO", "Not possible", "CANNOT"),
    "children": Completion("NO", "It has mailboxes below it", "HASCHILDREN"),
    "exists": Completion("NO", "It exists already", "ALREADYEXISTS"),
    "failed": Completion("NO", "The mail store does not answer", "UNAVAILABLE"),
    "limit": Completion("NO", "Over a limit", "LIMIT"),
    "missing": Completion("NO", "No such mailbox", "NONEXISTENT"),
}


class Core:
    """One connection.

    Args:
        service: what the operator's sessions share.
        channel: the connection, as far as authentication knows it.
        at: start of the connection, seconds since 1970.
    """

    def __init__(self, service: ImapService, channel: Channel, at: float) -> None:
        self.session = ImapSession(service, channel, at)
        self.receiver = Receiver(service.stranger)
        self._current = ("*", True)  # tag, and whether message numbers may move with the reply
        self._name = ""  # of the command that runs, empty for one that could not be read

    @property
    def closed(self) -> bool:
        """The connection ends once what was said is sent."""
        return self.session.state is SessionState.LOGOUT

    def output(self) -> list[bytes]:
        """Take what is to be sent."""
        out, self.session.out = self.session.out, []
        return out

    def greet(self) -> Awaiting | None:
        """Say the first word, or return what has to be awaited for it: a certificate's judgement.

        A certificate that logs in alone is good before the client says anything (PREAUTH, RFC 9051
        §7.1.4); it has been shown already where TLS came first.
        """
        done = self._struck(CONNECT, self._greeted)
        return None if isinstance(done, bool) else done

    def _greeted(self) -> bool | Awaiting:
        if self.session.login.alone:
            return self._greet_by_certificate()
        self._welcome("OK")
        return True

    def refuse_without_certificate(self) -> None:
        """End a connection to an endpoint that requires a client certificate."""
        self.session.login.deny(refusals.CERTIFICATE_MISSING)
        self.session.bye("A client certificate is required here")

    def secured(self, channel: Channel, tls_seconds: float) -> None:
        """Take note that TLS protects the connection; what came before it counts no more."""
        session = self.session
        session.login.secured(channel, tls_seconds)
        session.upgrading = False
        self.receiver.clear()

    def receive(self, data: bytes) -> None:
        """Take bytes of the client."""
        if not self.closed:
            self.receiver.feed(data)

    def step(self) -> bool | Awaiting:
        """Do one thing.

        Returns:
            False when more bytes are needed first, True when something was done, or what has to be
            awaited before the next step.
        """
        session = self.session
        if self.closed or session.upgrading:
            return False
        if session.continuation is not None:
            return self._continue()
        event = self.receiver.command()
        self._name = ""
        if event is None:
            return False
        if isinstance(event, GoAhead):
            session.send(b"+ Ready for a literal\r\n")
            return True
        if isinstance(event, Broken):
            self._broken(event)
            return True
        try:
            row, command = read(event, utf8=session.utf8)
        except Unparsed as unparsed:
            self._tell(unparsed.tag, _reply_to(unparsed.error))
            return True
        return self._begin(row, command)

    def expire(self) -> None:
        """End a session whose right to last is over (ECO.1.2.6)."""
        self.session.bye("The session's authentication has expired, log in again")

    def keep_alive(self) -> None:
        """Say that a held login still waits (RFC 9051 §7.1, untagged OK)."""
        self.session.tell("OK Still waiting for the approval")

    def push(self) -> None:
        """Say what changed, while IDLE runs."""
        if self.session.idling:
            self.session.report(expunge=True)

    async def _greet_by_certificate(self) -> None:
        good = await general.by_certificate(self.session)
        if good:
            self.receiver.limits = self.session.service.holder
        self._welcome("PREAUTH" if good else "OK")

    def _welcome(self, kind: str) -> None:
        session = self.session
        text = f"{session.channel.host} ready"
        session.send(tagged("*", Completion(kind, text, f"CAPABILITY {session.capabilities()}")))

    # Within --------------------------------------------------------------------------------------

    def _begin(self, row: CommandRow[Any], command: Command) -> bool | Awaiting:
        self._current = (command.tag, row.moves)
        self._name = command.name
        return self._struck(command.name, lambda: self._do(row, command))

    def _struck(self, point: str, act: Callable[[], bool | Awaiting]) -> bool | Awaiting:
        """Do something, unless a fault that was asked for befalls it."""
        session = self.session
        mailbox = "" if session.actor is None else session.actor.mailbox
        strike = session.service.faults.strike(
            session.channel, point, mailbox=mailbox, actor=session.actor
        )
        if strike is None:
            return act()
        session.service.journal.note(
            "fault", session.channel, command=point, fault=strike.names, mailbox=mailbox
        )
        return self._late(strike, act) if strike.seconds else self._befallen(strike, act)

    async def _late(self, strike: Strike, act: Callable[[], bool | Awaiting]) -> None:
        await asyncio.sleep(strike.seconds)
        done = self._befallen(strike, act)
        if not isinstance(done, bool):
            await done

    def _befallen(self, strike: Strike, act: Callable[[], bool | Awaiting]) -> bool | Awaiting:
        if strike.rule is None:
            return act()
        effect, session = strike.rule.effect, self.session
        if effect.cuts:
            session.state = SessionState.LOGOUT
            return True
        kind, code, text = effect.imap
        if effect.closes:
            session.bye(text)
            return True
        reply = Completion(kind, text, code, told=True)
        session.service.journal.refused(
            ASKED, session.channel, command=self._name, reply=f"{kind} {text}", fault=strike.names
        )
        self._finish(reply)
        return True

    def _do(self, row: CommandRow[Any], command: Command) -> bool | Awaiting:
        session = self.session
        if session.state in row.states:
            return self._outcome(lambda: row.do(session, command))
        if session.state is SessionState.NOT_AUTHENTICATED:
            text = "Log in first"
        else:
            text = (
                "Select a mailbox first"
                if row.states == {SessionState.SELECTED}
                else "You are logged in"
            )
        self._finish(Completion("BAD", text))
        return True

    def _continue(self) -> bool | Awaiting:
        line = self.receiver.line()
        if line is None:
            return False
        session = self.session
        continuation, session.continuation = session.continuation, None
        assert continuation is not None
        if isinstance(line, Broken):
            session.idling = False
            self._finish(Completion("BAD", line.text))
            if line.fatal:
                session.bye(line.text)
            return True
        return self._outcome(lambda: continuation(line))

    def _outcome(self, act: Callable[[], Outcome]) -> bool | Awaiting:
        try:
            outcome = act()
        except Exception as error:  # noqa: BLE001 - every command is answered
            self._finish(_reply_to(error))
            return True
        if outcome is None:
            return True
        if isinstance(outcome, Completion):
            self._finish(outcome)
            return True
        return self._await(outcome)

    async def _await(self, work: Work) -> None:
        reply: Completion | None
        try:
            reply = await work()
        except Exception as error:  # noqa: BLE001 - every command is answered
            reply = _reply_to(error)
        if reply is not None:
            self._finish(reply)

    def _finish(self, reply: Completion) -> None:
        tag, moves = self._current
        try:
            self.session.report(expunge=moves)
        except Exception:  # the command is done: its answer is not lost for news of others
            LOG.exception("imap: what changed could not be told")
        if self.session.actor is not None:
            self.receiver.limits = self.session.service.holder
        self._tell(tag, reply)

    def _broken(self, event: Broken) -> None:
        if event.fatal:
            self.session.bye(event.text)
        elif event.too_big:
            self._tell(event.tag, Completion("NO", event.text, "TOOBIG"))
        else:
            self._tell(event.tag, Completion("BAD", event.text))

    def _tell(self, tag: str, reply: Completion) -> None:
        session = self.session
        session.send(tagged(tag, reply))
        reason = reason_of(reply)
        if reason is not None:
            who = {} if session.actor is None else {"mailbox": session.actor.mailbox}
            session.service.journal.refused(
                reason, session.channel, command=self._name, reply=f"{reply.kind} {reply.text}",
                **who,
            )  # fmt: skip
        if reply.kind == "BAD":
            session.bad_commands += 1
        settings = session.service.settings
        if session.ending:
            session.bye(session.ending)
        elif session.actor is None and session.login.failures >= settings.failed_logins:
            session.bye("Too many failed attempts")
        elif session.bad_commands >= settings.bad_commands:
            session.bye("Too many commands that are not understood")


def _reply_to(error: Exception) -> Completion:
    """Return what is said of what a command came to; a bug of ours is logged."""
    if isinstance(error, Malformed):
        return Completion("BAD", str(error))
    if isinstance(error, No):
        return error.reply
    if isinstance(error, StoreError):
        return _STORE_REPLIES[error.kind]
    LOG.error("imap: a command failed", exc_info=error)
    if isinstance(error, sqlite3.Error | OSError):
        return _STORE_REPLIES["failed"]
    return Completion("NO", "The server made a mistake", "SERVERBUG")
