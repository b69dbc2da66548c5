"""AUTHENTICATE, LOGIN, and the certificate that logs in alone (RFC 9051 §6.2, §7.1.4, RFC 4959)."""

from __future__ import annotations

import base64
from functools import partial

from sandbox.operators.imap import commands
from sandbox.operators.imap.responses import Completion
from sandbox.operators.imap.session import ImapSession, Outcome, SessionState
from sandbox.operators.login import Challenge, Denied, Step
from sandbox.operators.model import Accepted, Credentials, Rejected
from sandbox.operators.refusals import LoginAnswer

__all__ = ["authenticate", "by_certificate", "login"]


def authenticate(session: ImapSession, command: commands.Authenticate) -> Outcome:
    """AUTHENTICATE."""
    return _say(session, session.login.begin(command.mechanism, command.initial))


def login(session: ImapSession, command: commands.Login) -> Outcome:
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
