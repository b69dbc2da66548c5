"""The commands of an SMTP server: their order, their replies, how a message comes in.

RFC 5321, with 1870, 2034, 2920, 3207, 3461, 6152, 6531. `Submission` and `RelayIn` add who may send
what to whom.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from typing import ClassVar

from sandbox.operators.fault_rules import Strike
from sandbox.operators.faults import ASKED, CONNECT, MESSAGE
from sandbox.operators.mail import Envelope
from sandbox.operators.model import Channel
from sandbox.operators.post import Header, HeaderError, read_message
from sandbox.operators.refusals import MailRefusal
from sandbox.operators.smtp import refusals
from sandbox.operators.smtp.conversation import Conversation, Setting
from sandbox.operators.smtp.events import (
    AskWho,
    CheckPeer,
    Close,
    Outcome,
    Pause,
    Post,
    Reply,
    StartTls,
)
from sandbox.operators.smtp.intake import IntakeFault
from sandbox.operators.smtp.transaction import Transaction, read_mail, read_rcpt

__all__ = ["SmtpDialogue"]

LINE = {b"MAIL": 1024, b"RCPT": 1024}  # 512, and what SIZE, BODY, SMTPUTF8 and DSN add
OTHER_LINE = 512
MAX_HOPS = 100  # RFC 5321 §6.3
_PATH = re.compile(r"<([^>]*)>")
HOST = re.compile(r"[A-Za-z0-9_.:\[\]-]{1,255}")
NOT_SMTP = {"GET", "POST", "HEAD", "PUT", "DELETE", "CONNECT", "OPTIONS", "PATCH"}


class SmtpDialogue(Conversation):
    """One connection.

    Args:
        channel: as it arrived.
        setting: what connections share.
        certificate_required: whether a client without certificate is refused.
    """

    # Verb and the method that serves it: it takes what follows the verb.
    COMMANDS: ClassVar[dict[str, str]] = {
        "EHLO": "_ehlo", "HELO": "_helo", "STARTTLS": "_starttls", "MAIL": "_mail_from",
        "RCPT": "_rcpt_to", "DATA": "_data", "RSET": "_rset", "NOOP": "_noop", "QUIT": "_quit",
        "VRFY": "_vrfy", "EXPN": "_unserved", "ETRN": "_unserved", "HELP": "_help",
    }  # fmt: skip

    def __init__(self, channel: Channel, setting: Setting, *, certificate_required: bool) -> None:
        super().__init__(channel, setting)
        self.client_name = ""
        self.esmtp = False
        self._certificate_required = certificate_required
        self._knows = setting.knows
        self._mail: Transaction | None = None
        self._barred: Reply | None = None
        self._again: tuple[str, str] | None = None
        self._faults = setting.faults
        self._after: Callable[[], Outcome] | None = None  # what waits for `resume`
        self._messages = 0
        # MAIL or RCPT was refused: what a client pipelined behind it (RFC 2920) is no disorder.
        self._spoilt = False

    # What the world calls.

    def greet(self) -> None:
        """Say hello, or why not: a client is told in words, not by a broken handshake."""
        if self.channel.tls:
            self._bar()
        welcome = self._barred or Reply(220, "", f"{self.channel.host} ESMTP")
        outcome = self._struck(CONNECT, lambda: welcome)
        if isinstance(outcome, Reply):
            self._say(outcome)
        else:
            self._after = lambda: outcome

    def secured(self, channel: Channel, tls_seconds: float) -> None:  # noqa: ARG002
        """TLS is up: all that was said before is forgotten (RFC 3207 §4.2)."""
        self._intake.clear()
        self.channel = channel
        self.client_name = ""
        self.esmtp = False
        self._mail = None
        self._waiting = False
        self._bar()

    def answer_post(self, queue_id: str) -> None:
        """Take the name under which the message is kept."""
        self._posted(Reply(250, "2.0.0", f"Accepted as {queue_id}"))

    def fail_post(self, detail: str) -> None:
        """Say that the message could not be kept."""
        self._about["detail"] = detail
        self._posted(refusals.STORAGE)

    def resume(self) -> None:
        """Go on after a pause."""
        self._waiting = False

    def _posted(self, outcome: Reply | MailRefusal) -> None:
        self._reception.stop()
        self._waiting = False
        self._junk = 0
        self._messages += 1
        self._say(outcome)

    # What servers of either kind add.

    def _bar(self) -> None:
        """Take nothing from a client without the certificate that is required (RFC 3207 §4.1)."""
        if self._certificate_required and self.channel.certificate is None:
            self._barred = replace(Reply.of(refusals.CERTIFICATE_NEEDED), told=True)
            self._without_certificate()

    def _without_certificate(self) -> None:
        """Tell the journal, once, of a client without the certificate that is required."""
        self._journal.refused(refusals.CERTIFICATE_NEEDED.reason, self.channel)

    def _extensions(self) -> tuple[str, ...]:
        """Return EHLO keywords of this kind of server."""
        return ()

    def _ready(self, argument: str) -> Outcome | None:  # noqa: ARG002
        """Return what keeps a message from being begun: a refusal, or a question first.

        `argument` is what follows MAIL.
        """
        return None

    def _may_send(self, reverse_path: str) -> Outcome | None:
        """Judge a sender."""
        raise NotImplementedError

    def _may_receive(self, recipient: str) -> Outcome | None:
        """Judge a recipient."""
        raise NotImplementedError

    def _may_pass(self, header: Header, envelope: Envelope) -> Outcome | None:
        """Judge a message by its header."""
        raise NotImplementedError

    # Commands.

    def _work(self) -> Outcome | None:
        if self._after is not None:
            after, self._after = self._after, None
            return after()
        if self._reception.active:
            return self._message()
        if self._again is not None:
            (verb, argument), self._again = self._again, None
            return self._run(verb, argument)
        return self._command()

    def _limit(self) -> int:
        return LINE.get(self._intake.peek(4).upper(), OTHER_LINE)

    def _command(self) -> Outcome | None:
        line = self._intake.line(self._limit())
        if line is None:
            return None
        if self._ended is not None:
            return self._ended
        if isinstance(line, IntakeFault):
            return self._faulty(line)
        return self._line(line)

    def _faulty(self, fault: IntakeFault) -> Outcome:
        if fault is IntakeFault.BARE:
            return refusals.BARE_LINE_ENDING
        why = "Command line too long" if fault is IntakeFault.LONG else "NUL in a command"
        return Reply(500, "5.5.2", why)

    def _line(self, line: bytes) -> Outcome:
        try:
            text = line.decode("utf-8")
        except UnicodeDecodeError:
            return Reply(500, "5.5.2", "Command is neither ASCII nor UTF-8")
        verb, _, argument = text.partition(" ")
        verb = verb.upper()
        if verb in NOT_SMTP:
            return refusals.NOT_SMTP
        if verb != "QUIT" and self._barred is not None:
            return self._barred
        if verb not in self.COMMANDS:
            return Reply(500, "5.5.2", "Command not recognized")
        if not text.isascii() and verb not in {"MAIL", "RCPT", "VRFY"}:
            return Reply(501, "5.5.4", "Argument is not ASCII")
        if verb in {"NOOP", "RSET", "VRFY", "EXPN", "ETRN", "HELP", "HELO", "EHLO"}:
            self._junk += 1
        if verb in {"EHLO", "HELO", "DATA", "AUTH"} and self._intake:
            return refusals.PIPELINING
        argument = argument.rstrip(" ")
        path = _PATH.search(argument) if verb == "RCPT" else None
        recipient = path[1] if path else ""
        # What is no command is refused as it always is: no fault is spent on it.
        return self._struck(verb, lambda: self._run(verb, argument), recipient)

    def _struck(self, point: str, act: Callable[[], Outcome], recipient: str = "") -> Outcome:
        """Do something, unless a fault that was asked for befalls it."""
        mail = self._mail
        parties = (mail.reverse_path if mail else "", recipient)
        strike = self._faults.strike(
            self.channel, point, mailbox=recipient, parties=parties, actor=self._actor
        )
        if strike is None:
            return act()
        self._about = {"command": point, "fault": strike.names}
        self._journal.note("fault", self.channel, **self._who(), **self._about)
        if not strike.seconds:
            return self._befallen(strike, act)
        self._after = lambda: self._befallen(strike, act)
        return Pause(strike.seconds)

    def _befallen(self, strike: Strike, act: Callable[[], Outcome]) -> Outcome:
        if strike.rule is None:
            return act()
        effect = strike.rule.effect
        self._spoilt = True
        self._reception.stop()
        if effect.cuts:
            return Close(abrupt=False)
        return MailRefusal(ASKED, *strike.reply, close=effect.closes)

    def _run(self, verb: str, argument: str) -> Outcome:
        self._about = {}
        outcome: Outcome = getattr(self, self.COMMANDS[verb])(argument)
        if verb in {"MAIL", "RCPT"}:
            self._spoilt = self._spoilt or _refuses(outcome)
        elif verb in {"EHLO", "HELO", "RSET"}:
            self._spoilt = False
        return outcome

    def _ehlo(self, argument: str) -> Outcome:
        return self._hello(argument, esmtp=True)

    def _helo(self, argument: str) -> Outcome:
        return self._hello(argument, esmtp=False)

    def _hello(self, argument: str, *, esmtp: bool) -> Outcome:
        if not HOST.fullmatch(argument):
            return Reply(501, "5.5.4", "Give a host name or an address literal")
        self.client_name, self.esmtp = argument, esmtp
        self._mail = None
        host = self.channel.host
        if not esmtp:
            return Reply(250, "", host)
        secure = () if self.channel.tls else ("STARTTLS",)
        return Reply(250, "", (
            host, "PIPELINING", f"SIZE {self.limits.message_bytes}", *secure, *self._extensions(),
            "ENHANCEDSTATUSCODES", "8BITMIME", "SMTPUTF8", "DSN", "HELP",
        ))  # fmt: skip

    def _starttls(self, argument: str) -> Outcome:
        if argument:
            return Reply(501, "5.5.4", "STARTTLS takes no argument")
        if self.channel.tls:
            return Reply(503, "5.5.1", "TLS is already up")
        # What was pipelined behind it may be another's (CVE-2011-0411).
        self._intake.clear()
        self._output.append(bytes(Reply(220, "2.0.0", "Ready to start TLS")))
        return StartTls()

    def _mail_from(self, argument: str) -> Outcome:
        refused = self._order() or self._ready(argument)
        if isinstance(refused, AskWho | CheckPeer):
            self._again = ("MAIL", argument)
        if refused is not None:
            return refused
        if self._mail is not None:
            return Reply(503, "5.5.1", "A message is already under way")
        if self._messages >= self.limits.messages:
            return refusals.MESSAGES
        mail = read_mail(argument, esmtp=self.esmtp, authentication=bool(self._extensions()))
        if isinstance(mail, Reply):
            return mail
        if mail.given.size > self.limits.message_bytes:
            return refusals.SIZE
        self._about = {"reverse_path": mail.reverse_path}
        refused = self._may_send(mail.reverse_path)
        if refused is not None:
            return refused
        self._mail, self._spoilt = mail, False
        return Reply(250, "2.1.0", "Sender OK")

    def _rcpt_to(self, argument: str) -> Outcome:
        refused = self._order()
        if refused is not None:
            return refused
        mail = self._mail
        if mail is None:
            return Reply(503, "5.5.1", "MAIL first", told=self._spoilt)
        recipient = read_rcpt(argument, esmtp=self.esmtp, smtputf8=mail.given.smtputf8)
        if isinstance(recipient, Reply):
            return recipient
        self._about = {"reverse_path": mail.reverse_path, "recipient": recipient.address}
        if len(mail.recipients) >= self.limits.recipients:
            return refusals.RECIPIENTS
        refused = self._may_receive(recipient.address)
        if refused is not None:
            return refused
        mail.recipients.append(recipient)
        return Reply(250, "2.1.5", "Recipient OK")

    def _data(self, argument: str) -> Outcome:
        refusal = self._order()
        if refusal is not None:
            return refusal
        if argument:
            return Reply(501, "5.5.4", "DATA takes no argument")
        if self._mail is None or not self._mail.recipients:
            return Reply(503, "5.5.1", "MAIL and RCPT first", told=self._spoilt)
        self._reception.start()
        return Reply(354, "", "End with <CRLF>.<CRLF>")

    def _rset(self, argument: str) -> Outcome:
        if argument:
            return Reply(501, "5.5.4", "RSET takes no argument")
        self._mail = None
        return Reply(250, "2.0.0", "Reset")

    def _noop(self, _: str) -> Outcome:
        return Reply(250, "2.0.0", "OK")

    def _quit(self, argument: str) -> Outcome:
        if argument:
            return Reply(501, "5.5.4", "QUIT takes no argument")
        self._output.append(bytes(Reply(221, "2.0.0", "Bye")))
        return Close(abrupt=False)

    def _vrfy(self, argument: str) -> Outcome:
        if not argument:
            return Reply(501, "5.5.4", "Syntax: VRFY address")
        # The same whatever the address: nobody learns who has a mailbox (RFC 5321 §7.3).
        return self._order() or Reply(252, "2.5.0", "Send some mail, the reply to RCPT will tell")

    def _unserved(self, _: str) -> Outcome:
        return Reply(502, "5.5.1", "Command not served here")

    def _help(self, _: str) -> Outcome:
        return Reply(214, "2.0.0", ("Commands: " + " ".join(sorted(self.COMMANDS)),
                                    "See RFC 5321, RFC 6409, RFC 4954"))  # fmt: skip

    def _order(self) -> Outcome | None:
        """Return why a command comes too early."""
        if not self.client_name:
            return Reply(503, "5.5.1", "EHLO first")
        return None if self.channel.tls else refusals.TLS_NEEDED

    def _message(self) -> Outcome | None:
        content = self._reception.content()
        if content is None:
            return None
        mail, self._mail = self._mail, None
        assert mail is not None
        self._about = {"reverse_path": mail.reverse_path}
        if isinstance(content, MailRefusal):
            self._reception.stop()
            return content
        return self._struck(MESSAGE, lambda: self._judged(mail, content))

    def _judged(self, mail: Transaction, content: bytes) -> Outcome:
        outcome = self._judge(mail, content)
        if not isinstance(outcome, Post):
            self._reception.stop()
        return outcome

    def _judge(self, mail: Transaction, content: bytes) -> Outcome:
        if self._ended is not None:
            return self._ended
        envelope = mail.envelope(content)
        try:
            message = read_message(content)
            header = message.header
            if not header.ascii and not envelope.smtputf8:
                return refusals.HEADER_UTF8
            if len(header.values("Received")) >= MAX_HOPS:
                return refusals.LOOP
            return self._may_pass(header, envelope) or Post(envelope, message)
        except HeaderError:
            return refusals.HEADER


def _refuses(outcome: Outcome) -> bool:
    """Tell whether a command is refused, or will be unless a question is answered well."""
    if isinstance(outcome, Reply):
        return outcome.refuses
    return isinstance(outcome, MailRefusal | AskWho | CheckPeer)
