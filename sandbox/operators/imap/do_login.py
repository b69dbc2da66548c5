"""AUTHENTICATE, LOGIN, and the certificate that logs in alone (RFC 9051 §6.2, RFC 4959)."""

from __future__ import annotations

import asyncio
import base64
from functools import partial

from sandbox.operators.auth import sasl
from sandbox.operators.imap import commands, rules
from sandbox.operators.imap.commands import Command
from sandbox.operators.imap.grammar import Malformed
from sandbox.operators.imap.responses import No, Reply
from sandbox.operators.imap.session import PASSWORDS, Outcome, Session, State
from sandbox.operators.model import (
    Accepted,
    CertificateCredentials,
    Credentials,
    PasswordCredentials,
    Rejected,
    SaslName,
)
from sandbox.operators.observing import LoginObserved
from sandbox.operators.rules import Refusal, Rule

__all__ = ["authenticate", "by_certificate", "login"]


def authenticate(session: Session, command: Command) -> Outcome:
    """AUTHENTICATE."""
    assert isinstance(command, commands.Authenticate)
    session.login_at = session.service.clock()
    _need_tls(session)
    try:
        exchange = sasl.begin(command.mechanism, session.channel)
    except sasl.UnknownMechanism:
        raise _refused(session, rules.MECHANISM_NOT_OFFERED) from None
    return _respond(session, exchange, command.initial)


def login(session: Session, command: Command) -> Outcome:
    """LOGIN."""
    assert isinstance(command, commands.Login)
    session.login_at = session.service.clock()
    _need_tls(session)
    if not set(session.channel.mechanisms) & set(PASSWORDS):
        raise _refused(session, rules.MECHANISM_NOT_OFFERED)
    try:
        user, password = command.user.decode("utf-8"), command.password.decode("utf-8")
    except UnicodeDecodeError:
        _refused(session, rules.SASL_MALFORMED)
        raise Malformed("Not UTF-8") from None
    credentials = PasswordCredentials(mechanism=SaslName.LOGIN, authcid=user, password=password)
    return partial(judge, session, credentials)


def by_certificate(session: Session) -> bool:
    """Tell whether the client's certificate may log in without a word of login."""
    channel = session.channel
    return SaslName.NONE in channel.mechanisms and channel.certificate is not None


def _need_tls(session: Session) -> None:
    if not session.channel.tls:
        raise _refused(session, rules.NO_TLS)


def _refused(session: Session, rule: Rule) -> No:
    """Tell journal and observer of a refusal that the authenticator has not seen."""
    session.service.journal.refused(rule, session.channel)
    _observe(session, None, rule)
    session.failed_logins += 1
    return No(rule.refusal.text, rule.refusal.imap_code)


def _respond(session: Session, exchange: sasl.Exchange, response: bytes | None) -> Outcome:
    try:
        answer = exchange.step(response)
    except sasl.MalformedError as error:
        _refused(session, rules.SASL_MALFORMED)
        raise Malformed(str(error)) from None
    if not isinstance(answer, bytes):
        return partial(judge, session, answer)

    def proceed(line: bytes) -> Outcome:
        if line == b"*":
            raise Malformed("AUTHENTICATE cancelled")
        try:
            decoded = sasl.decode(line)
        except sasl.MalformedError as error:
            _refused(session, rules.SASL_MALFORMED)
            raise Malformed(str(error)) from None
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
        actor = verdict.actor
        session.note("login", name=actor.name, method=actor.method, mechanism=credentials.mechanism)
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
