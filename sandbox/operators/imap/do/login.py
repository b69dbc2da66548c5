"""AUTHENTICATE, LOGIN, and the certificate that logs in alone (RFC 9051 §6.2, RFC 4959)."""

from __future__ import annotations

import asyncio
import base64
from functools import partial

from sandbox.operators.auth import sasl
from sandbox.operators.auth.rules import RULES
from sandbox.operators.imap import commands, rules
from sandbox.operators.imap.commands import Command
from sandbox.operators.imap.grammar import Malformed
from sandbox.operators.imap.responses import No, Reply
from sandbox.operators.imap.session import Outcome, Session, State
from sandbox.operators.model import (
    Accepted,
    CertificateCredentials,
    Credentials,
    Rejected,
    SaslName,
)
from sandbox.operators.observing import LoginObserved
from sandbox.operators.rules import Refusal, Rule

__all__ = ["authenticate", "by_certificate", "login"]


def authenticate(session: Session, command: Command) -> Outcome:
    """AUTHENTICATE."""
    assert isinstance(command, commands.Authenticate)
    return _respond(session, _begin(session, command.mechanism), command.initial)


def login(session: Session, command: Command) -> Outcome:
    """LOGIN: the SASL exchange of the same name, or PLAIN where only that is offered."""
    assert isinstance(command, commands.Login)
    if SaslName.LOGIN in session.channel.mechanisms:
        exchange = _begin(session, SaslName.LOGIN)
        _step(session, exchange, command.user)
        answer = _step(session, exchange, command.password)
    else:
        exchange = _begin(session, SaslName.PLAIN)
        answer = _step(session, exchange, b"\0%s\0%s" % (command.user, command.password))
    assert not isinstance(answer, bytes)
    return partial(judge, session, answer)


def by_certificate(session: Session) -> bool:
    """Tell whether the client's certificate may log in without a word of login."""
    channel = session.channel
    return SaslName.NONE in channel.mechanisms and channel.certificate is not None


def _begin(session: Session, mechanism: str) -> sasl.Exchange:
    session.login_at = session.service.clock()
    if not session.channel.tls:
        raise _refused(session, RULES["tls-needed"])
    try:
        return sasl.begin(mechanism, session.channel)
    except sasl.UnknownMechanism:
        raise _refused(session, RULES["mechanism-not-here"]) from None


def _step(session: Session, exchange: sasl.Exchange, response: bytes | None) -> bytes | Credentials:
    try:
        return exchange.step(response)
    except sasl.MalformedError as error:
        _refused(session, rules.SASL_MALFORMED)
        raise Malformed(_plain(error)) from None


def _plain(error: sasl.MalformedError) -> str:
    """Return why, beginning as all texts of replies do."""
    text = str(error)
    return text[:1].upper() + text[1:]


def _refused(session: Session, rule: Rule) -> No:
    """Tell journal and observer of a refusal that the authenticator has not seen."""
    session.service.journal.refused(rule, session.channel)
    _observe(session, None, rule)
    session.failed_logins += 1
    return No(rule.refusal.text, rule.refusal.imap_code)


def _respond(session: Session, exchange: sasl.Exchange, response: bytes | None) -> Outcome:
    answer = _step(session, exchange, response)
    if not isinstance(answer, bytes):
        return partial(judge, session, answer)

    def proceed(line: bytes) -> Outcome:
        if line == b"*":
            raise Malformed("AUTHENTICATE cancelled")
        try:
            decoded = sasl.decode(line)
        except sasl.MalformedError as error:
            _refused(session, rules.SASL_MALFORMED)
            raise Malformed(_plain(error)) from None
        return _respond(session, exchange, decoded)

    session.send(b"+ " + base64.b64encode(answer) + b"\r\n")
    session.continuation = proceed
    return None


async def judge(session: Session, credentials: Credentials) -> Reply | None:
    """Ask who this is, as long as it takes; then say so."""
    service = session.service
    session.holding = True
    try:
        verdict = await service.logins.authenticate(credentials, session.channel)
    except asyncio.CancelledError:
        service.journal.refused(rules.CLIENT_GAVE_UP, session.channel)
        _observe(session, None, rules.CLIENT_GAVE_UP)
        raise
    finally:
        session.holding = False
    if isinstance(verdict, Accepted):
        _observe(session, verdict, None)
        session.actor = verdict.actor
        session.state = State.AUTHENTICATED
        return Reply("OK", "Logged in", f"CAPABILITY {session.capabilities()}")
    _observe(session, verdict, verdict.rule)
    return _reject(session, verdict)


def _reject(session: Session, verdict: Rejected) -> Reply | None:
    refusal = verdict.rule.refusal
    session.failed_logins += 1
    if refusal is Refusal.LIMITED:
        session.ending = refusal.text
    reply = Reply("NO", refusal.text, refusal.imap_code)
    if not verdict.challenge:
        return reply
    # The client answers with a line that says nothing, or cancels (RFC 7628 §3.2.3).
    session.send(b"+ " + base64.b64encode(verdict.challenge) + b"\r\n")
    session.continuation = lambda _: reply
    return None


async def with_certificate(session: Session) -> Reply | None:
    """Log in by the certificate alone; None when it is good."""
    session.login_at = session.service.clock()
    reply = await judge(session, CertificateCredentials(mechanism=SaslName.NONE))
    return None if session.actor is not None else reply


def _observe(session: Session, verdict: Accepted | Rejected | None, rule: Rule | None) -> None:
    """Tell the observer of one attempt; without a verdict, all the time was the protocol's."""
    spent = session.service.clock() - session.login_at
    backend = person = 0.0
    method = None
    if verdict is not None:
        backend, person = verdict.backend, verdict.person
        method = verdict.actor.method if isinstance(verdict, Accepted) else verdict.method
    session.service.observer.login(
        LoginObserved(
            channel=session.channel,
            method=method,
            at=session.at,
            tls=session.tls_seconds,
            sasl=max(0.0, spent - backend - person),
            backend=backend,
            person=person,
            cause=rule.cause if rule else None,
            rule=rule.name if rule else "",
        )
    )
