"""What is said of no mailbox: CAPABILITY to IDLE, and logins (RFC 9051 §6.1, §6.2, §7.1.4)."""

from __future__ import annotations

import base64
from functools import partial

from sandbox.operators.imap import arguments
from sandbox.operators.imap.arguments import Command
from sandbox.operators.imap.capabilities import ENABLED
from sandbox.operators.imap.grammar import Malformed
from sandbox.operators.imap.responses import Completion, nstring
from sandbox.operators.imap.session import ImapSession, Outcome, SessionState
from sandbox.operators.login import Challenge, Denied, Step
from sandbox.operators.model import Accepted, Credentials, Rejected
from sandbox.operators.refusals import LoginAnswer

__all__ = ["capability", "enable", "identify", "idle", "logout", "namespace", "noop", "starttls"]

_ID = (b"name", b"mssante-sandbox")


def capability(session: ImapSession, _: Command) -> Outcome:
    """CAPABILITY (RFC 9051 §6.1.1)."""
    session.tell(f"CAPABILITY {session.capabilities()}")
    return Completion("OK", "CAPABILITY completed")


def noop(_: ImapSession, command: Command) -> Outcome:
    """NOOP and CHECK: what changed is told with every reply."""
    return Completion("OK", f"{command.name} completed")


def logout(session: ImapSession, _: Command) -> Outcome:
    """LOGOUT (RFC 9051 §6.1.3)."""
    session.bye("Logging out")
    return Completion("OK", "LOGOUT completed")


def identify(session: ImapSession, command: arguments.Identify) -> Outcome:
    """ID (RFC 2971): the client's name helps whoever reads the journal."""
    fields = {key: value[:200] for key, value in command.fields if key in ("name", "version")}
    session.service.journal.note("id", session.channel, **{f"id_{k}": v for k, v in fields.items()})
    session.send(b"* ID (" + b" ".join(map(nstring, _ID)) + b")\r\n")
    return Completion("OK", "ID completed")


def enable(session: ImapSession, command: arguments.Enable) -> Outcome:
    """ENABLE (RFC 5161); names that are not known are passed over."""
    wanted = [name for name in dict.fromkeys(command.extensions) if name in ENABLED]
    new = [name for name in wanted if name not in session.enabled]
    session.enabled |= set(new)
    session.tell(" ".join(["ENABLED", *(ENABLED[name] for name in new)]))
    if "CONDSTORE" in new:
        session.use_condstore()
    return Completion("OK", "ENABLE completed")


def namespace(session: ImapSession, _: Command) -> Outcome:
    """NAMESPACE (RFC 2342): one, the person's own."""
    session.tell('NAMESPACE (("" "/")) NIL NIL')
    return Completion("OK", "NAMESPACE completed")


def starttls(session: ImapSession, _: Command) -> Outcome:
    """STARTTLS (RFC 9051 §6.2.1)."""
    if session.channel.tls:
        return Completion("BAD", "TLS is on already")
    session.upgrading = True
    return Completion("OK", "Begin TLS negotiation now")


def idle(session: ImapSession, _: Command) -> Outcome:
    """IDLE (RFC 9051 §6.3.13)."""

    def done(line: bytes) -> Outcome:
        session.idling = False
        if line.upper() != b"DONE":
            raise Malformed("Expected DONE")
        return Completion("OK", "IDLE terminated")

    session.send(b"+ idling\r\n")
    session.report(expunge=True)
    session.idling = True
    session.continuation = done
    return None


def authenticate(session: ImapSession, command: arguments.Authenticate) -> Outcome:
    """AUTHENTICATE."""
    return _say(session, session.login.begin(command.mechanism, command.initial))


def login(session: ImapSession, command: arguments.Login) -> Outcome:
    """LOGIN: the SASL exchange of the same name, or PLAIN where only that is offered."""
    return _say(session, session.login.typed(command.user, command.password))


async def by_certificate(session: ImapSession) -> bool:
    """Log in by the certificate alone, before the greeting; tell whether it is good."""
    verdict = await session.login.judge(session.login.certificate())
    if isinstance(verdict, Accepted):
        session.state = SessionState.AUTHENTICATED
    return isinstance(verdict, Accepted)


def _say(session: ImapSession, step: Step) -> Outcome:
    if isinstance(step, Denied):
        answer = step.refusal.answer
        kind = "BAD" if answer in {LoginAnswer.MALFORMED, LoginAnswer.CANCELLED} else "NO"
        return Completion(kind, step.text, answer.imap_code, told=True)
    if isinstance(step, Challenge):
        session.send(b"+ " + step.line + b"\r\n")
        session.continuation = lambda line: _say(session, session.login.proceed(line))
        return None
    return partial(_judge, session, step)


async def _judge(session: ImapSession, credentials: Credentials) -> Completion | None:
    """Ask who this is, as long as it takes; then say so."""
    session.holding = True
    try:
        verdict = await session.login.judge(credentials)
    finally:
        session.holding = False
    if isinstance(verdict, Accepted):
        session.state = SessionState.AUTHENTICATED
        return Completion("OK", "Logged in", f"CAPABILITY {session.capabilities()}")
    return _reject(session, verdict)


def _reject(session: ImapSession, verdict: Rejected) -> Completion | None:
    answer = verdict.refusal.answer
    if answer is LoginAnswer.LIMITED:
        session.ending = answer.text
    reply = Completion("NO", answer.text, answer.imap_code, told=True)
    if not verdict.challenge:
        return reply
    # The client answers with a line that says nothing, or cancels (RFC 7628 §3.2.3).
    session.send(b"+ " + base64.b64encode(verdict.challenge) + b"\r\n")
    session.continuation = lambda _: reply
    return None
