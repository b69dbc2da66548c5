"""Submission (API LPS, RFC 6409): who logs in, and sends in the name of his own mailbox only.

Before a login only EHLO, HELP, NOOP, RSET, VRFY, QUIT are served. After it RCPT may tell that a
mailbox of this operator does not exist: who asks is known and traced, the directory tells the same,
and `Limits.errors` ends a search. The null reverse-path is taken for notifications alone, which
must have it: an MDN of a client (RFC 8098), a DSN of an application.
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from dataclasses import replace
from typing import ClassVar

from sandbox.operators.auth import refusals as login_refusals
from sandbox.operators.login import Challenge, Denied, LoginConductor, Step
from sandbox.operators.mail import Envelope
from sandbox.operators.model import (
    Accepted,
    Actor,
    Channel,
    Rejected,
)
from sandbox.operators.post import Header
from sandbox.operators.post.addresses import domain_of
from sandbox.operators.refusals import LoginAnswer, MailRefusal
from sandbox.operators.smtp import refusals
from sandbox.operators.smtp.conversation import Setting
from sandbox.operators.smtp.dialogue import SmtpDialogue
from sandbox.operators.smtp.events import AskWho, Outcome, Reply
from sandbox.operators.smtp.intake import IntakeFault
from sandbox.operators.smtp.transaction import Transaction, read_mail

__all__ = ["Submission"]

AUTH_LINE = 12_288  # RFC 4954 §4
SIGNERS = ("From", "Sender", "Resent-From", "Resent-Sender")


class Submission(SmtpDialogue):
    """One connection of a client.

    Args:
        channel, setting, certificate_required: as in `SmtpDialogue`.
        login: who logs in.
        may_receive: why mail may not go to a domain; None when it may.
    """

    COMMANDS: ClassVar[dict[str, str]] = {**SmtpDialogue.COMMANDS, "AUTH": "_auth"}

    def __init__(
        self,
        channel: Channel,
        setting: Setting,
        *,
        certificate_required: bool,
        login: LoginConductor,
        may_receive: Callable[[str], MailRefusal | None],
    ) -> None:
        super().__init__(channel, setting, certificate_required=certificate_required)
        self.login = login
        self._allowed = may_receive
        self._refused: Rejected | None = None
        self._login_seconds = self.limits.login_seconds

    @property
    def deadline(self) -> float:
        """As `SmtpDialogue.deadline`; and a client has to log in."""
        deadline = super().deadline
        if self.login.actor is None and not self._waiting:
            return min(deadline, self._born + self._login_seconds)
        return deadline

    def secured(self, channel: Channel, tls_seconds: float) -> None:
        """As `SmtpDialogue.secured`."""
        self.login.secured(channel, tls_seconds)
        super().secured(channel, tls_seconds)

    def answer_login(self, result: Accepted | Rejected) -> None:
        """Take what the authenticator says."""
        self._waiting = False
        # The time that a person took is not the client's.
        self._login_seconds += result.person + result.backend
        alone = self._again is not None
        if isinstance(result, Accepted):
            if not alone:
                self._say(Reply(235, "2.7.0", "Authentication successful"))
            return
        self._again = None
        if alone:
            self._say(_not_by_certificate(result))
        elif result.challenge:
            self._refused = result
            self._say(Reply(334, "", base64.b64encode(result.challenge).decode()))
        else:
            self._say(self._rejection(result))

    def expire(self) -> None:
        """End a session whose right to last is over (ECO.1.2.6)."""
        self.end(Reply(421, "4.7.0", "Authentication expired, log in again", close=True, told=True))

    @property
    def _actor(self) -> Actor | None:
        return self.login.actor

    def _who(self) -> dict[str, str]:
        actor = self._actor
        return {} if actor is None else {"mailbox": actor.mailbox, "identity": actor.identity}

    def _without_certificate(self) -> None:
        self.login.deny(login_refusals.CERTIFICATE_MISSING)

    def _extensions(self) -> tuple[str, ...]:
        offered = self.login.offered
        return (f"AUTH {' '.join(offered)}",) if offered else ()

    def _ready(self, argument: str) -> Outcome | None:
        if self.login.actor is not None:
            return None
        if not self.login.alone:
            return refusals.LOGIN_NEEDED
        mail = read_mail(argument, esmtp=True, authentication=True)
        sender = mail.reverse_path if isinstance(mail, Transaction) else ""
        return AskWho(self.login.certificate(sender))

    def _may_send(self, reverse_path: str) -> Outcome | None:
        assert self.login.actor is not None
        # A domain that was withdrawn sends nothing, within itself neither.
        refused = self._allowed(domain_of(self.login.actor.mailbox))
        if refused is not None:
            return refused
        if reverse_path and reverse_path.lower() != self.login.actor.mailbox:
            return refusals.SENDER_NOT_OWNER
        return None

    def _may_receive(self, recipient: str) -> Outcome | None:
        domain = domain_of(recipient)
        refused = self._allowed(domain) if domain else None
        if refused is not None:
            return refused
        return refusals.RECIPIENT_UNKNOWN if self._knows(recipient) is False else None

    def _may_pass(self, header: Header, envelope: Envelope) -> Outcome | None:
        assert self.login.actor is not None
        authors = header.addresses("From")
        if not authors:
            return refusals.HEADER
        given = [address for name in SIGNERS[1:] for address in header.addresses(name)]
        if any(address != self.login.actor.mailbox for address in (*authors, *given)):
            return refusals.FROM_NOT_OWNER
        if any(header.misleads(name) for name in SIGNERS):
            return refusals.NAME_MISLEADS
        if envelope.reverse_path:
            return None
        notification = header.is_report and len(envelope.recipients) == 1
        return None if notification else refusals.NULL_SENDER

    # AUTH (RFC 4954).

    def _limit(self) -> int:
        if self.login.begun or self._refused is not None:
            return AUTH_LINE
        return AUTH_LINE if self._intake.peek(5).upper() == b"AUTH " else super()._limit()

    def _line(self, line: bytes) -> Outcome:
        if self._refused is not None:
            # The client's answer to the challenge says nothing (RFC 7628 §3.2.3).
            refused, self._refused = self._refused, None
            return self._rejection(refused)
        if self.login.begun:
            return self._answer(self.login.proceed(line))
        return super()._line(line)

    def _faulty(self, fault: IntakeFault) -> Outcome:
        self.login.give_up()
        self._refused = None
        return super()._faulty(fault)

    def _auth(self, argument: str) -> Outcome:
        if not self.esmtp:
            return Reply(503, "5.5.1", "EHLO first")
        if self.login.actor is not None or self._mail is not None:
            return Reply(503, "5.5.1", "Not now: already authenticated, or a message under way")
        mechanism, space, initial = argument.partition(" ")
        if not mechanism or " " in initial:
            return Reply(501, "5.5.4", "Syntax: AUTH mechanism [initial-response]")
        return self._answer(self.login.begin(mechanism, initial.encode() if space else None))

    def _answer(self, step: Step) -> Outcome:
        if isinstance(step, Challenge):
            return Reply(334, "", step.line.decode())
        if isinstance(step, Denied):
            answer = step.refusal.answer
            return Reply(answer.smtp_code, answer.status, step.text, told=True)
        return AskWho(step)

    def _rejection(self, result: Rejected) -> Reply:
        """Say no more than the kind of refusal; the authenticator has told the journal."""
        answer = result.refusal.answer
        if answer is LoginAnswer.LIMITED or self.login.failures >= self.limits.logins:
            return Reply(421, "4.7.0", "Too many attempts, try again later", close=True, told=True)
        return Reply(answer.smtp_code, answer.status, answer.text, told=True)


def _not_by_certificate(result: Rejected) -> Reply:
    """Answer MAIL where the certificate alone does not authorise it: AUTH still may."""
    answer = result.refusal.answer
    if answer is LoginAnswer.LIMITED:
        return Reply(421, answer.status, answer.text, close=True, told=True)
    if (
        answer is LoginAnswer.NOT_AUTHORIZED
        and result.refusal is not login_refusals.MAILBOX_NOT_NAMED
    ):
        return replace(Reply.of(refusals.SENDER_NOT_OWNER), told=True)
    if answer is LoginAnswer.UNAVAILABLE:
        return Reply(451, answer.status, answer.text, told=True)
    return replace(Reply.of(refusals.LOGIN_NEEDED), told=True)
