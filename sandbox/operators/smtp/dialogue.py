"""An SMTP server without sockets: bytes in; replies, and questions to the world, out.

Theory of operation. `feed` takes bytes, `next_event` works through them until the world has to do
something: a handshake, a login, a check, a delivery, the end. While that is under way nothing that
came after is looked at (a client may pipeline). `answer_...` gives the result, and `next_event`
goes on. `output` hands over the replies so far. Time comes from `now`; `deadline` says when to call
`time_out`. `Submission` and `RelayIn` add who may send what; this class knows the order of
commands, the bounds, and how a message comes in (RFC 5321, 1870, 2034, 2920, 3207, 3461, 6152,
6531).
"""

from __future__ import annotations

import math
import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import ClassVar

from sandbox.operators.journal import Journal
from sandbox.operators.mail import Envelope, Recipient
from sandbox.operators.model import Channel, Credentials
from sandbox.operators.rules import Rule
from sandbox.operators.smtp.addresses import AddressError, read_path
from sandbox.operators.smtp.headers import Header, HeaderError, read_header
from sandbox.operators.smtp.intake import Data, Fault, Intake
from sandbox.operators.smtp.parameters import ParameterError, mail_parameters, rcpt_parameters
from sandbox.operators.smtp.refusals import REFUSALS, MailRefusal
from sandbox.operators.smtp.replies import Reply

__all__ = ["CheckPeer", "Close", "Dialogue", "Event", "Limits", "Login", "Outcome", "Post", "Room",
           "Setting", "StartTls"]  # fmt: skip

LINE = {b"MAIL": 1024, b"RCPT": 1024}  # 512, and what SIZE, BODY, SMTPUTF8 and DSN add
OTHER_LINE = 512
MAX_HOPS = 100  # RFC 5321 §6.3
HOST = re.compile(r"[A-Za-z0-9_.:\[\]-]{1,255}")
NOT_SMTP = {"GET", "POST", "HEAD", "PUT", "DELETE", "CONNECT", "OPTIONS", "PATCH"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Bounds of one connection; seconds are those of RFC 5321 §4.5.3.2 unless said.

    Attributes:
        message_bytes: as SIZE tells (RFC 1870); what counts is what comes.
        recipients: of one message.
        messages: of one connection.
        errors: refused commands before 421.
        junk: commands that bring no message nearer, between two messages, before 421.
        logins: refused logins before 421.
        command_seconds: waiting for a command.
        data_seconds: between two parts of a message.
        login_seconds: from connection to login; waiting for a person is not counted.
        connection_seconds: of the whole.
    """

    message_bytes: int = 25 * 1024 * 1024
    recipients: int = 1000
    messages: int = 10_000
    errors: int = 20
    junk: int = 100
    logins: int = 3
    command_seconds: float = 300.0
    data_seconds: float = 180.0
    login_seconds: float = 120.0
    connection_seconds: float = 3600.0


class Room:
    """Memory that all messages being received share.

    Args:
        octets: in all.
    """

    def __init__(self, octets: int = 256 * 1024 * 1024) -> None:
        self._free = octets

    def take(self, octets: int) -> bool:
        """Take some; False when it is not there."""
        if octets > self._free:
            return False
        self._free -= octets
        return True

    def give(self, octets: int) -> None:
        """Give back."""
        self._free += octets


@dataclass(frozen=True, slots=True)
class StartTls:
    """Do the handshake, then call `secured`."""


@dataclass(frozen=True, slots=True)
class Login:
    """Ask who it is, then call `answer_login`."""

    credentials: Credentials


@dataclass(frozen=True, slots=True)
class CheckPeer:
    """Ask whether the peer's certificate is a relay's, then call `answer_peer`."""


@dataclass(frozen=True, slots=True)
class Post:
    """Keep a message, then call `answer_post`."""

    envelope: Envelope
    content: bytes


@dataclass(frozen=True, slots=True)
class Close:
    """Close; `abrupt` when the client does not expect it and may still be sending."""

    abrupt: bool


Event = StartTls | Login | CheckPeer | Post | Close
Outcome = Reply | MailRefusal | Event


@dataclass(slots=True)
class _Mail:
    """A message under way."""

    reverse_path: str
    body: str
    smtputf8: bool
    ret: str
    envid: str
    recipients: list[Recipient] = field(default_factory=list)

    def envelope(self, content: bytes) -> Envelope:
        """Return the envelope; 8-bit content is called so, whatever MAIL said."""
        return Envelope(
            reverse_path=self.reverse_path,
            recipients=tuple(self.recipients),
            body=self.body if content.isascii() else "8BITMIME",
            smtputf8=self.smtputf8,
            ret=self.ret,
            envid=self.envid,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """What all connections of a server share.

    Attributes:
        knows: whether a recipient is of this operator (None when its domain is not), and is there.
        journal: told of refusals.
        limits: bounds.
        room: memory for messages being received.
        now: seconds that never go back.
    """

    knows: Callable[[str], bool | None]
    journal: Journal
    limits: Limits = field(default_factory=Limits)
    room: Room = field(default_factory=Room)
    now: Callable[[], float] = time.monotonic


class Dialogue:
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
        self.channel = channel
        self.limits = setting.limits
        self.client_name = ""
        self.esmtp = False
        self._certificate_required = certificate_required
        self._knows = setting.knows
        self._room = setting.room
        self._journal = setting.journal
        self.now = setting.now
        self._intake = Intake()
        self._output: list[bytes] = []
        self._mail: _Mail | None = None
        self._receiving = False
        self._no_room = False
        self._taken = 0
        self._barred: Reply | None = None
        self._again: tuple[str, str] | None = None
        self._waiting = False
        self._closing: Close | None = None
        self._ended: MailRefusal | None = None
        self._errors = self._junk = self._messages = 0
        self._born = self._heard = self.now()

    # What the world calls.

    def greet(self) -> None:
        """Say hello, or why not: a client is told in words, not by a broken handshake."""
        if self.channel.tls:
            self._bar()
        self._say(self._barred or Reply(220, "", f"{self.channel.host} ESMTP"))

    def feed(self, data: bytes) -> None:
        """Take what came."""
        if self._closing is not None:
            return
        self._heard = self.now()
        self._intake.feed(data)
        if self._receiving:
            self._account()

    @property
    def buffered(self) -> int:
        """Octets that wait."""
        return len(self._intake)

    @property
    def receiving(self) -> bool:
        """Whether a message is coming in."""
        return self._receiving

    def output(self) -> bytes:
        """Return the replies since the last call."""
        said = b"".join(self._output)
        self._output.clear()
        return said

    def next_event(self) -> Event | None:
        """Work on; None when more has to come, or an answer is awaited."""
        while not self._waiting:
            if self._closing is not None:
                self._waiting = True
                return self._closing
            if self._again is not None:
                (verb, argument), self._again = self._again, None
                outcome: Outcome | None = self._run(verb, argument)
            else:
                outcome = self._message() if self._receiving else self._command()
            if outcome is None:
                return None
            if isinstance(outcome, Reply | MailRefusal):
                self._say(outcome)
            elif not isinstance(outcome, Close):
                self._waiting = True
                return outcome
            else:
                self._closing = outcome
        return None

    def secured(self, channel: Channel) -> None:
        """TLS is up: all that was said before is forgotten (RFC 3207 §4.2)."""
        self._intake.clear()
        self.channel = channel
        self.client_name = ""
        self.esmtp = False
        self._mail = None
        self._waiting = False
        self._bar()

    def answer_post(self, reply: Reply) -> None:
        """Take what became of the message."""
        self._stop_receiving()
        self._waiting = False
        self._junk = 0
        self._messages += 1
        self._say(reply)

    def fail(self) -> None:
        """The answer cannot be had: something is wrong here, not with the client."""
        self.cut(Reply(421, "4.3.0", "Server error, try again later", close=True))

    def cut(self, reply: Reply | MailRefusal) -> None:
        """Say why, and close at once; what is awaited is given up."""
        self._stop_receiving()
        self._waiting = False
        self._say(reply)

    def end(self, refusal: MailRefusal) -> None:
        """Close as soon as what is under way is done; a message half received is refused."""
        if self._closing is not None:
            return
        if self._waiting or self._receiving:
            self._ended = refusal
        else:
            self._say(refusal)

    @property
    def deadline(self) -> float:
        """When to call `time_out`, on the clock `now`."""
        if self._waiting:
            return math.inf
        limits = self.limits
        idle = limits.data_seconds if self._receiving else limits.command_seconds
        return min(self._heard + idle, self._born + limits.connection_seconds)

    def time_out(self) -> None:
        """Say that time is up; to be called after `deadline`."""
        self.cut(REFUSALS["timeout"])

    def closed(self) -> None:
        """The connection is gone."""
        self._stop_receiving()
        self._intake.clear()
        self._closing = self._closing or Close(abrupt=False)

    # What servers of either kind add.

    def _bar(self) -> None:
        """Take nothing from a client without the certificate that is required (RFC 3207 §4.1)."""
        if self._certificate_required and self.channel.certificate is None:
            refusal = REFUSALS["certificate-needed"]
            self._journal.refused(refusal.rule, self.channel)
            self._barred = refusal.reply

    def _extensions(self) -> tuple[str, ...]:
        """Return EHLO keywords of this kind of server."""
        return ()

    def _ready(self) -> Outcome | None:
        """Return what keeps a message from being begun: a refusal, or a question first."""
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

    def _limit(self) -> int:
        return LINE.get(self._intake.peek(4).upper(), OTHER_LINE)

    def _command(self) -> Outcome | None:
        line = self._intake.line(self._limit())
        if line is None:
            return None
        if self._ended is not None:
            return self._ended
        if isinstance(line, Fault):
            return self._faulty(line)
        return self._line(line)

    def _faulty(self, fault: Fault) -> Outcome:
        if fault is Fault.BARE:
            return REFUSALS["bare-line-ending"]
        why = "Command line too long" if fault is Fault.LONG else "NUL in a command"
        return Reply(500, "5.5.2", why)

    def _line(self, line: bytes) -> Outcome:
        try:
            text = line.decode("utf-8")
        except UnicodeDecodeError:
            return Reply(500, "5.5.2", "Command is neither ASCII nor UTF-8")
        verb, _, argument = text.partition(" ")
        verb = verb.upper()
        if verb in NOT_SMTP:
            return REFUSALS["not-smtp"]
        if verb != "QUIT" and self._barred is not None:
            return self._barred
        if verb not in self.COMMANDS:
            return Reply(500, "5.5.2", "Command not recognized")
        if not text.isascii() and verb not in {"MAIL", "RCPT", "VRFY"}:
            return Reply(501, "5.5.4", "Argument is not ASCII")
        if verb in {"NOOP", "RSET", "VRFY", "EXPN", "ETRN", "HELP", "HELO", "EHLO"}:
            self._junk += 1
        if verb in {"EHLO", "HELO", "DATA", "AUTH"} and self._intake:
            return REFUSALS["pipelining"]
        return self._run(verb, argument.rstrip(" "))

    def _run(self, verb: str, argument: str) -> Outcome:
        outcome: Outcome = getattr(self, self.COMMANDS[verb])(argument)
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
        refusal = self._order() or self._ready()
        if isinstance(refusal, Login | CheckPeer):
            self._again = ("MAIL", argument)
        if refusal is not None:
            return refusal
        if self._mail is not None:
            return Reply(503, "5.5.1", "A message is already under way")
        if self._messages >= self.limits.messages:
            return REFUSALS["messages"]
        if argument[:5].upper() != "FROM:":
            return Reply(501, "5.5.4", "Syntax: MAIL FROM:<address> [parameters]")
        try:
            sender, rest = read_path(argument[5:].lstrip(" "))
            given = mail_parameters(rest, authentication=bool(self._extensions()))
        except AddressError as error:
            return Reply(501, "5.1.7", f"Bad sender: {error}")
        except ParameterError as error:
            return error.reply
        if sender == "postmaster":
            return Reply(501, "5.1.7", "Bad sender: it has no domain")
        if rest and not self.esmtp:
            return Reply(501, "5.5.4", "Parameters need EHLO")
        if not argument.isascii() and not given.smtputf8:
            return Reply(553, "5.6.7", "Non-ASCII address without SMTPUTF8")
        if given.size > self.limits.message_bytes:
            return REFUSALS["size"]
        refused = self._may_send(sender)
        if refused is not None:
            return refused
        self._mail = _Mail(sender, given.body, given.smtputf8, given.ret, given.envid)
        return Reply(250, "2.1.0", "Sender OK")

    def _rcpt_to(self, argument: str) -> Outcome:
        refusal = self._order()
        if refusal is not None:
            return refusal
        mail = self._mail
        if mail is None:
            return Reply(503, "5.5.1", "MAIL first")
        if argument[:3].upper() != "TO:":
            return Reply(501, "5.5.4", "Syntax: RCPT TO:<address> [parameters]")
        try:
            address, rest = read_path(argument[3:].lstrip(" "))
            given = rcpt_parameters(rest, smtputf8=mail.smtputf8)
        except AddressError as error:
            return Reply(501, "5.1.3", f"Bad recipient: {error}")
        except ParameterError as error:
            return error.reply
        if rest and not self.esmtp:
            return Reply(501, "5.5.4", "Parameters need EHLO")
        if not address:
            return Reply(501, "5.1.3", "Bad recipient: a recipient has an address")
        if not argument.isascii() and not mail.smtputf8:
            return Reply(553, "5.6.7", "Non-ASCII address without SMTPUTF8")
        if len(mail.recipients) >= self.limits.recipients:
            return REFUSALS["recipients"]
        refused = self._may_receive(address)
        if refused is not None:
            return refused
        mail.recipients.append(Recipient(address=address, notify=given.notify, orcpt=given.orcpt))
        return Reply(250, "2.1.5", "Recipient OK")

    def _data(self, argument: str) -> Outcome:
        refusal = self._order()
        if refusal is not None:
            return refusal
        if argument:
            return Reply(501, "5.5.4", "DATA takes no argument")
        if self._mail is None or not self._mail.recipients:
            return Reply(503, "5.5.1", "MAIL and RCPT first")
        self._intake.start_message()
        self._receiving = True
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
        return None if self.channel.tls else REFUSALS["tls-needed"]

    # Messages.

    def _account(self) -> None:
        """Take room for what is kept, give back what is not."""
        more = len(self._intake) - self._taken
        if more > 0 and not self._room.take(more):
            self._no_room = True
            return
        if more < 0:
            self._room.give(-more)
        self._taken += more

    def _stop_receiving(self) -> None:
        self._room.give(self._taken)
        self._taken = 0
        self._receiving = self._no_room = False

    def _message(self) -> Outcome | None:
        data = self._intake.message(0 if self._no_room else self.limits.message_bytes)
        if data is None:
            self._account()
            return None
        mail, no_room = self._mail, self._no_room
        assert mail is not None
        self._receiving = False
        outcome = self._judge(mail, data, no_room=no_room)
        self._mail = None
        if not isinstance(outcome, Post):
            self._stop_receiving()
        return outcome

    def _judge(self, mail: _Mail, data: Data, *, no_room: bool) -> Outcome:
        if data.fault is not None:
            return self._unfit(data, no_room=no_room)
        if self._ended is not None:
            return self._ended
        try:
            header = read_header(data.content)
        except HeaderError:
            return REFUSALS["header"]
        if not header.ascii and not mail.smtputf8:
            return REFUSALS["header-utf8"]
        if len(header.values("Received")) >= MAX_HOPS:
            return REFUSALS["loop"]
        envelope = mail.envelope(data.content)
        try:
            refused = self._may_pass(header, envelope)
        except HeaderError:
            return REFUSALS["header"]
        return refused or Post(envelope, data.content)

    def _unfit(self, data: Data, *, no_room: bool) -> MailRefusal:
        if no_room and data.fault is Fault.LARGE:
            return REFUSALS["room"]
        rows = {Fault.BARE: "bare-line-ending", Fault.NUL: "nul", Fault.LONG: "line-length",
                Fault.LARGE: "size"}  # fmt: skip
        assert data.fault is not None
        return REFUSALS[rows[data.fault]]

    # Replies.

    def _say(self, outcome: Reply | MailRefusal) -> None:
        """Reply; count what goes wrong; tell the journal why a rule refused."""
        reply = outcome
        if isinstance(outcome, MailRefusal):
            reply = outcome.reply
            self._journal.refused(outcome.rule, self.channel, **self._about())
        assert isinstance(reply, Reply)
        self._output.append(bytes(reply))
        self._errors += reply.code >= 500
        if reply.close:
            self._intake.clear()
            self._closing = Close(abrupt=True)
        elif self._ended is not None:
            self._say(self._ended)
        elif self._errors >= self.limits.errors or self._junk >= self.limits.junk:
            self._errors = self._junk = 0
            self._say(REFUSALS["errors"])

    def _about(self) -> dict[str, str]:
        """Return what the journal keeps of a message under way: never its content."""
        return {"reverse_path": self._mail.reverse_path} if self._mail else {}

    def _refuse(self, rule: Rule, **details: str) -> Reply:
        """Refuse by a rule of another table: it says what the wire says."""
        self._journal.refused(rule, self.channel, **self._about(), **details)
        refusal = rule.refusal
        return Reply(
            refusal.smtp_code,
            refusal.enhanced_status,
            refusal.text,
            close=refusal.smtp_code == 421,
        )
