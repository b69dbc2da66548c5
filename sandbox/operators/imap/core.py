"""The protocol without sockets: bytes in, bytes out, and work to be awaited between.

Which command is possible in which state, what it does, and whether message numbers may move with
its reply stand in one table, COMMANDS.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from functools import partial
from typing import Any

from sandbox.operators.imap import rules
from sandbox.operators.imap.commands import Command
from sandbox.operators.imap.do import changes, fetch, general, login, mailboxes, search
from sandbox.operators.imap.do import list as lists
from sandbox.operators.imap.framing import Broken, GoAhead, Receiver
from sandbox.operators.imap.grammar import Malformed
from sandbox.operators.imap.parser import Unparsed, parse
from sandbox.operators.imap.responses import No, Reply, tagged
from sandbox.operators.imap.service import Service
from sandbox.operators.imap.session import Outcome, Session, State, Work
from sandbox.operators.model import Channel
from sandbox.operators.store import StoreError

__all__ = ["COMMANDS", "Awaiting", "Core", "Entry"]

Awaiting = Coroutine[Any, Any, None]

_ANY = frozenset((State.NOT_AUTHENTICATED, State.AUTHENTICATED, State.SELECTED))
_BEFORE = frozenset((State.NOT_AUTHENTICATED,))
_AFTER = frozenset((State.AUTHENTICATED, State.SELECTED))
_SELECTED = frozenset((State.SELECTED,))


@dataclass(frozen=True, slots=True)
class Entry:
    """One command.

    Attributes:
        states: where it is possible.
        handler: does it.
        moves: EXPUNGE may be told with its reply (RFC 9051 §7.5.1); with FETCH, STORE and SEARCH
            only where they are by UID.
    """

    states: frozenset[State]
    handler: Callable[[Session, Command], Outcome]
    moves: bool = True


COMMANDS: dict[str, Entry] = {
    "APPEND": Entry(_AFTER, changes.append),
    "AUTHENTICATE": Entry(_BEFORE, login.authenticate),
    "CAPABILITY": Entry(_ANY, general.capability),
    "CHECK": Entry(_SELECTED, general.noop),
    "CLOSE": Entry(_SELECTED, mailboxes.close),
    "COPY": Entry(_SELECTED, changes.copy),
    "CREATE": Entry(_AFTER, mailboxes.create),
    "DELETE": Entry(_AFTER, mailboxes.delete),
    "ENABLE": Entry(_AFTER, general.enable),
    "EXAMINE": Entry(_AFTER, mailboxes.select),
    "EXPUNGE": Entry(_SELECTED, changes.expunge),
    "FETCH": Entry(_SELECTED, fetch.fetch, moves=False),
    "ID": Entry(_ANY, general.identify),
    "IDLE": Entry(_AFTER, general.idle),
    "LIST": Entry(_AFTER, lists.list_mailboxes),
    "LOGIN": Entry(_BEFORE, login.login),
    "LOGOUT": Entry(_ANY, general.logout),
    "LSUB": Entry(_AFTER, lists.lsub),
    "MOVE": Entry(_SELECTED, changes.move),
    "NAMESPACE": Entry(_AFTER, general.namespace),
    "NOOP": Entry(_ANY, general.noop),
    "RENAME": Entry(_AFTER, mailboxes.rename),
    "SEARCH": Entry(_SELECTED, search.search, moves=False),
    "SELECT": Entry(_AFTER, mailboxes.select),
    "STARTTLS": Entry(_BEFORE, general.starttls),
    "STATUS": Entry(_AFTER, mailboxes.status),
    "STORE": Entry(_SELECTED, changes.store, moves=False),
    "SUBSCRIBE": Entry(_AFTER, mailboxes.subscribe),
    "UNSELECT": Entry(_SELECTED, mailboxes.unselect),
    "UNSUBSCRIBE": Entry(_AFTER, mailboxes.subscribe),
}

_STORE_REPLIES = {
    "cannot": Reply("NO", "Not possible", "CANNOT"),
    "children": Reply("NO", "It has mailboxes below it", "HASCHILDREN"),
    "exists": Reply("NO", "It exists already", "ALREADYEXISTS"),
    "failed": Reply("NO", "The mail store does not answer", "UNAVAILABLE"),
    "limit": Reply("NO", "Over a limit", "LIMIT"),
    "missing": Reply("NO", "No such mailbox", "NONEXISTENT"),
}


class Core:
    """One connection.

    Args:
        service: what the operator's sessions share.
        channel: the connection, as far as authentication knows it.
        at: start of the connection, seconds since 1970.
    """

    def __init__(self, service: Service, channel: Channel, at: float) -> None:
        self.session = Session(service, channel, at)
        self.receiver = Receiver(service.stranger)
        self._current = ("*", True)  # tag, and whether message numbers may move with the reply

    @property
    def closed(self) -> bool:
        """The connection ends once what was said is sent."""
        return self.session.state is State.LOGOUT

    def output(self) -> list[bytes]:
        """Take what is to be sent."""
        out, self.session.out = self.session.out, []
        return out

    def greet(self) -> None:
        """Say the first word."""
        session = self.session
        text = f"{session.channel.host} ready"
        session.send(tagged("*", Reply("OK", text, f"CAPABILITY {session.capabilities()}")))

    def refuse_without_certificate(self) -> None:
        """End a connection to an endpoint that requires a client certificate."""
        channel = self.session.channel
        self.session.service.journal.refused(rules.CERTIFICATE_MISSING, channel)
        self.session.bye("A client certificate is required here")

    def secured(self, channel: Channel, tls_seconds: float) -> None:
        """Take note that TLS protects the connection; what came before it counts no more."""
        session = self.session
        session.channel, session.tls_seconds = channel, tls_seconds
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
        if event is None:
            return False
        if isinstance(event, GoAhead):
            session.send(b"+ Ready for a literal\r\n")
            return True
        if isinstance(event, Broken):
            self._broken(event)
            return True
        try:
            command = parse(event, utf8=session.utf8)
        except Unparsed as unparsed:
            self._tell(unparsed.tag, _reply_to(unparsed.error))
            return True
        return self._begin(command)

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

    # Within --------------------------------------------------------------------------------------

    def _begin(self, command: Command) -> bool | Awaiting:
        session = self.session
        entry = COMMANDS[command.name]
        self._current = (command.tag, entry.moves or getattr(command, "uid", False))
        if session.state in entry.states:
            return self._outcome(lambda: entry.handler(session, command))
        if session.state is State.NOT_AUTHENTICATED and login.by_certificate(session):
            return self._await(partial(self._log_in_then, command))
        if session.state is State.NOT_AUTHENTICATED:
            text = "Log in first"
        else:
            text = "Select a mailbox first" if entry.states == _SELECTED else "You are logged in"
        self._finish(Reply("BAD", text))
        return True

    async def _log_in_then(self, command: Command) -> Reply | None:
        session = self.session
        refusal = await login.with_certificate(session)
        if refusal is not None:
            return refusal
        entry = COMMANDS[command.name]
        if session.state not in entry.states:
            return Reply("BAD", "Select a mailbox first")
        outcome = entry.handler(session, command)
        return outcome if outcome is None or isinstance(outcome, Reply) else await outcome()

    def _continue(self) -> bool | Awaiting:
        line = self.receiver.line()
        if line is None:
            return False
        session = self.session
        continuation, session.continuation = session.continuation, None
        assert continuation is not None
        if isinstance(line, Broken):
            session.idling = False
            self._finish(Reply("BAD", line.text))
            if line.fatal:
                session.bye(line.text)
            return True
        return self._outcome(lambda: continuation(line))

    def _outcome(self, act: Callable[[], Outcome]) -> bool | Awaiting:
        try:
            outcome = act()
        except (Malformed, No, StoreError) as error:
            self._finish(_reply_to(error))
            return True
        if outcome is None:
            return True
        if isinstance(outcome, Reply):
            self._finish(outcome)
            return True
        return self._await(outcome)

    async def _await(self, work: Work) -> None:
        reply: Reply | None
        try:
            reply = await work()
        except (Malformed, No, StoreError) as error:
            reply = _reply_to(error)
        if reply is not None:
            self._finish(reply)

    def _finish(self, reply: Reply) -> None:
        tag, moves = self._current
        self.session.report(expunge=moves)
        if self.session.actor is not None:
            self.receiver.limits = self.session.service.holder
        self._tell(tag, reply)

    def _broken(self, event: Broken) -> None:
        if event.fatal:
            self.session.bye(event.text)
        elif event.too_big:
            self._tell(event.tag, Reply("NO", event.text, "TOOBIG"))
        else:
            self._tell(event.tag, Reply("BAD", event.text))

    def _tell(self, tag: str, reply: Reply) -> None:
        session = self.session
        session.send(tagged(tag, reply))
        if reply.kind == "BAD":
            session.bad_commands += 1
        settings = session.service.settings
        if session.ending:
            session.bye(session.ending)
        elif session.actor is None and session.failed_logins >= settings.failed_logins:
            session.bye("Too many failed attempts")
        elif session.bad_commands >= settings.bad_commands:
            session.bye("Too many commands that are not understood")


def _reply_to(error: Malformed | No | StoreError) -> Reply:
    if isinstance(error, No):
        return error.reply
    if isinstance(error, StoreError):
        return _STORE_REPLIES[error.kind]
    return Reply("BAD", str(error))
