"""Submission (API LPS, RFC 6409): who logs in, and sends in the name of his own mailbox only.

Before a login only EHLO, HELP, NOOP, RSET, VRFY, QUIT are served. After it RCPT may tell that a
mailbox of this operator does not exist: who asks is known and traced, the directory tells the same,
and `Limits.errors` ends a search. The null reverse-path is taken for notifications alone, which
must have it: an MDN of a client (RFC 8098), a DSN of an application.
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import ClassVar

from sandbox.operators.auth.sasl import Exchange, MalformedError, UnknownMechanism, begin, decode
from sandbox.operators.mail import Envelope
from sandbox.operators.model import (
    Accepted,
    Actor,
    CertificateCredentials,
    Channel,
    Rejected,
    SaslName,
)
from sandbox.operators.post.addresses import domain_of
from sandbox.operators.post.headers import Header
from sandbox.operators.rules import Rule
from sandbox.operators.smtp.conversation import Setting
from sandbox.operators.smtp.dialogue import Dialogue
from sandbox.operators.smtp.events import Login, Outcome
from sandbox.operators.smtp.intake import Fault
from sandbox.operators.smtp.refusals import REFUSALS
from sandbox.operators.smtp.replies import Reply

__all__ = ["Submission"]

AUTH_LINE = 12_288  # RFC 4954 §4
SIGNERS = ("From", "Sender", "Resent-From", "Resent-Sender")


class Submission(Dialogue):
    """One connection of a client.

    Args:
        channel, setting, certificate_required: as in `Dialogue`.
        may_receive: why mail may not go to a domain; None when it may.
    """

    COMMANDS: ClassVar[dict[str, str]] = {**Dialogue.COMMANDS, "AUTH": "_auth"}

    def __init__(
        self,
        channel: Channel,
        setting: Setting,
        *,
        certificate_required: bool,
        may_receive: Callable[[str], Rule | None],
    ) -> None:
        super().__init__(channel, setting, certificate_required=certificate_required)
        self.actor: Actor | None = None
        self.login_at = 0.0
        self._allowed = may_receive
        self._exchange: Exchange | None = None
        self._refused: Rejected | None = None
        self._failures = 0
        self._login_seconds = self.limits.login_seconds

    @property
    def deadline(self) -> float:
        """As `Dialogue.deadline`; and a client has to log in."""
        deadline = super().deadline
        if self.actor is None and not self._waiting:
            return min(deadline, self._born + self._login_seconds)
        return deadline

    def answer_login(self, result: Accepted | Rejected) -> None:
        """Take what the authenticator says."""
        self._waiting = False
        # The time that a person took is not the client's.
        self._login_seconds += result.person + result.backend
        alone = self._again is not None
        if isinstance(result, Accepted):
            self.actor = result.actor
            if not alone:
                self._say(Reply(235, "2.7.0", "Authentication successful"))
            return
        self._again = None
        if result.challenge and not alone:
            self._refused = result
            self._say(Reply(334, "", base64.b64encode(result.challenge).decode()))
        else:
            self._say(self._rejection(result))

    def expire(self) -> None:
        """End the session with the token that opened it (ECO.1.2.6)."""
        self.end(REFUSALS["session-ended"])

    def _who(self) -> dict[str, str]:
        if self.actor is None:
            return {}
        return {"mailbox": self.actor.mailbox, "identity": self.actor.identity}

    def _extensions(self) -> tuple[str, ...]:
        if not self.channel.tls:
            return ()
        offered = [
            str(each)
            for each in self.channel.mechanisms
            if each is not SaslName.NONE
            and (each is not SaslName.EXTERNAL or self.channel.certificate is not None)
        ]
        return (f"AUTH {' '.join(offered)}",) if offered else ()

    def _ready(self) -> Outcome | None:
        if self.actor is not None:
            return None
        if SaslName.NONE in self.channel.mechanisms and self.channel.certificate is not None:
            self.login_at = self.now()
            return Login(CertificateCredentials(mechanism=SaslName.NONE))
        return REFUSALS["login-needed"]

    def _may_send(self, reverse_path: str) -> Outcome | None:
        assert self.actor is not None
        if reverse_path and reverse_path.lower() != self.actor.mailbox:
            return REFUSALS["sender-not-owner"]
        return None

    def _may_receive(self, recipient: str) -> Outcome | None:
        domain = domain_of(recipient)
        refused = self._allowed(domain) if domain else None
        if refused is not None:
            return self._refuse(refused)
        return REFUSALS["recipient-unknown"] if self._knows(recipient) is False else None

    def _may_pass(self, header: Header, envelope: Envelope) -> Outcome | None:
        assert self.actor is not None
        authors = header.addresses("From")
        if not authors:
            return REFUSALS["header"]
        given = [address for name in SIGNERS[1:] for address in header.addresses(name)]
        if any(address != self.actor.mailbox for address in (*authors, *given)):
            return REFUSALS["from-not-owner"]
        if envelope.reverse_path:
            return None
        notification = header.is_report and len(envelope.recipients) == 1
        return None if notification else REFUSALS["null-sender"]

    # AUTH (RFC 4954).

    def _limit(self) -> int:
        if self._exchange is not None or self._refused is not None:
            return AUTH_LINE
        return AUTH_LINE if self._intake.peek(5).upper() == b"AUTH " else super()._limit()

    def _line(self, line: bytes) -> Outcome:
        if self._refused is not None:
            # The client's answer to the challenge says nothing (RFC 7628 §3.2.3).
            refused, self._refused = self._refused, None
            return self._rejection(refused)
        if self._exchange is not None:
            if line == b"*":
                self._exchange = None
                return Reply(501, "5.7.0", "Authentication cancelled")
            return self._step(line, initial=False)
        return super()._line(line)

    def _faulty(self, fault: Fault) -> Outcome:
        self._exchange = self._refused = None
        return super()._faulty(fault)

    def _auth(self, argument: str) -> Outcome:
        if not self.esmtp:
            return Reply(503, "5.5.1", "EHLO first")
        if not self.channel.tls:
            return Reply(538, "5.7.11", "Encryption required: STARTTLS first")
        if self.actor is not None or self._mail is not None:
            return Reply(503, "5.5.1", "Not now: already authenticated, or a message under way")
        mechanism, space, initial = argument.partition(" ")
        if not mechanism or " " in initial:
            return Reply(501, "5.5.4", "Syntax: AUTH mechanism [initial-response]")
        try:
            self._exchange = begin(
                mechanism, self.channel, host=self.channel.host, port=self.channel.port
            )
        except UnknownMechanism:
            return Reply(504, "5.5.4", "Mechanism not offered here")
        self.login_at = self.now()
        return self._step(initial.encode() if space else None, initial=True)

    def _step(self, line: bytes | None, *, initial: bool) -> Outcome:
        assert self._exchange is not None
        try:
            response = None if line is None else decode(line, initial=initial)
            result = self._exchange.step(response)
        except MalformedError:
            self._exchange = None
            return Reply(501, "5.5.2", "Response is not what the mechanism asks for")
        if isinstance(result, bytes):
            return Reply(334, "", base64.b64encode(result).decode())
        self._exchange = None
        return Login(result)

    def _rejection(self, result: Rejected) -> Reply:
        """Say no more than the kind of refusal; the authenticator has told the journal."""
        refusal = result.rule.refusal
        self._failures += 1
        if refusal.smtp_code == 421 or self._failures >= self.limits.logins:
            return Reply(421, "4.7.0", "Too many attempts, try again later", close=True)
        return Reply(refusal.smtp_code, refusal.enhanced_status, refusal.text)
