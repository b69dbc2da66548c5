"""Dialogues without sockets: what the client sends, what the server says, what it asks."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Coroutine
from typing import Any

from sandbox.observations.schema import Cause
from sandbox.operators.journal import Journal
from sandbox.operators.login import LoginConductor, Logins
from sandbox.operators.mail import Envelope
from sandbox.operators.model import (
    Accepted,
    Actor,
    Channel,
    Credentials,
    PasswordCredentials,
    Rejected,
    SaslName,
)
from sandbox.operators.observing import Nobody
from sandbox.operators.refusals import (
    LoginAnswer,
    LoginRefusal,
    MailRefusal,
    login_refusal,
    mail_refusal,
)
from sandbox.operators.room import ByteRoom
from sandbox.operators.smtp.conversation import Setting, SmtpLimits
from sandbox.operators.smtp.dialogue import SmtpDialogue
from sandbox.operators.smtp.events import (
    AskWho,
    CheckPeer,
    Close,
    Event,
    Post,
    StartTls,
)
from sandbox.operators.smtp.relay_in import RelayIn
from sandbox.operators.smtp.submission import Submission
from sandbox.space.methods import Method
from sandbox.trust import DN
from sandbox.trust.dn import parse_dn

ALICE = "alice@op1.mssante.test"
BOB = "bob@op1.mssante.test"
FAR = "carol@op2.mssante.test"
OURS = {ALICE, BOB, "postmaster"}
PEER = parse_dn("CN=relay.op2.mssante.test,OU=1750000026,O=OPERATEUR 2,ST=Paris (75),C=FR")
MESSAGE = f"From: {ALICE}\r\nTo: {FAR}\r\nSubject: essai\r\n\r\nBonjour\r\n".encode()


def rule(name: str, code: int = 550) -> MailRefusal:
    return mail_refusal(name, (code, f"{code // 100}.7.1", "Relaying not authorized"), "c",
                        ("f", "e"), ("rf", "re"))  # fmt: skip


def login_rule(name: str, answer: LoginAnswer = LoginAnswer.CREDENTIALS) -> LoginRefusal:
    return login_refusal(name, answer, Cause.CREDENTIALS, "c", ("f", "e"), ("rf", "re"))


UNLISTED = rule("relay-domain-unlisted")
NOT_YOURS = rule("relay-sender-domain")
BAD_PASSWORD = login_rule("bad-password")


def actor(expires_at: float | None = None) -> Actor:
    return Actor(mailbox=ALICE, identity="899700000001", name="Alice", method=Method.TOTP,
                 expires_at=expires_at)  # fmt: skip


def knows(address: str) -> bool | None:
    domain = address.partition("@")[2]
    if domain and domain != "op1.mssante.test":
        return None
    return address.lower() in OURS


def channel(**changes: Any) -> Channel:
    given: dict[str, Any] = {
        "operator": "op1", "design": "multi-fqdn", "endpoint": "smtp-totp", "host": "smtp.op1.test",
        "port": 10465, "protocol": "smtp", "methods": (Method.TOTP,),
        "mechanisms": (SaslName.PLAIN, SaslName.LOGIN), "client": "127.0.0.9", "tls": "TLSv1.3",
    }  # fmt: skip
    return Channel(**{**given, **changes})


class Clock:
    """Seconds that move when told."""

    def __init__(self) -> None:
        self.at = 1000.0

    def __call__(self) -> float:
        return self.at


class Script:
    """A client at one dialogue. `say` gives the replies, each with the status it needs."""

    def __init__(
        self,
        dialogue: Callable[[Channel, Setting], SmtpDialogue],
        *,
        where: Channel | None = None,
        limits: SmtpLimits | None = None,
        room: ByteRoom | None = None,
    ) -> None:
        self.clock = Clock()
        self.journal = Journal()
        setting = Setting(knows=knows, journal=self.journal, limits=limits or SmtpLimits(),
                          room=room or ByteRoom(), now=self.clock)  # fmt: skip
        self.dialogue = dialogue(where or channel(), setting)
        self.posts: list[tuple[Envelope, bytes]] = []
        self.logins: list[Credentials] = []
        self.closed: Close | None = None
        self.held: Event | None = None
        self.hold: type | None = None
        self.full = False
        self.login: Callable[[Credentials], Accepted | Rejected] = self.password
        self.peer: DN | MailRefusal = PEER
        self.dialogue.greet()
        self.greeting = self.go()

    @staticmethod
    def password(credentials: Credentials) -> Accepted | Rejected:
        if isinstance(credentials, PasswordCredentials) and credentials.password == "good":
            return Accepted(actor=actor())
        return Rejected(refusal=BAD_PASSWORD, method=Method.TOTP)

    def say(self, text: str | bytes) -> list[str]:
        """Send text (its lines ended by CRLF) or bytes as they are."""
        if isinstance(text, str):
            text = text.replace("\n", "\r\n").encode() + b"\r\n"
        self.dialogue.feed(text)
        return self.go()

    def go(self) -> list[str]:
        """Answer what is asked, unless it is held; return the lines of replies."""
        said = b""
        while True:
            event = self.dialogue.next_event()
            said += self.dialogue.output()
            if event is None:
                break
            if self.hold is not None and isinstance(event, self.hold):
                self.held = event
                break
            self.answer(event)
        return [check(line) for line in said.decode("ascii").split("\r\n")[:-1]]

    def answer(self, event: Event) -> None:
        self.held = None
        if isinstance(event, Close):
            self.closed = event
        elif isinstance(event, Post):
            self.posts.append((event.envelope, event.message.content))
            if self.full:
                self.dialogue.fail_post("disk full")
            else:
                self.dialogue.answer_post("X")
        elif isinstance(event, AskWho):
            self.logins.append(event.credentials)
            assert isinstance(self.dialogue, Submission)
            self.dialogue.answer_login(at_once(self.dialogue.login.judge(event.credentials)))
        elif isinstance(event, CheckPeer):
            assert isinstance(self.dialogue, RelayIn)
            self.dialogue.answer_peer(self.peer)
        elif isinstance(event, StartTls):
            old = self.dialogue.channel
            self.dialogue.secured(channel(**{name: getattr(old, name) for name in (
                "certificate", "mechanisms", "protocol")}), 0.01)  # fmt: skip

    def codes(self, text: str | bytes) -> list[str]:
        """As `say`: code and status only, of the last line of each reply."""
        return [" ".join(line.split(" ")[:2]) for line in self.say(text) if line[3] == " "]

    @property
    def rules(self) -> list[str]:
        """Names of the rules that the journal has."""
        return [each["reason"] for each in self.journal.since() if each["event"] == "refused"]

    def refusals(self) -> list[dict[str, Any]]:
        return [each for each in self.journal.since() if each["event"] == "refused"]


class Judge:
    """Answers a login as its script says."""

    script: Script

    async def authenticate(self, credentials: Credentials, _: Channel) -> Accepted | Rejected:
        return self.script.login(credentials)

    async def again(self, actor: Actor, credentials: Credentials, channel: Channel) -> None:
        """Whoever was let in may stay."""


def at_once(work: Coroutine[Any, Any, Accepted | Rejected]) -> Accepted | Rejected:
    """Return what a coroutine that waits for nothing comes to."""
    try:
        work.send(None)
    except StopIteration as end:
        result: Accepted | Rejected = end.value
        return result
    raise AssertionError("it waits")


def check(line: str) -> str:
    """Each reply has its enhanced status but greeting, EHLO, HELO and 3yz (RFC 2034 §4)."""
    match = re.fullmatch(r"(\d{3})([ -])(?:([245]\.\d{1,3}\.\d{1,3}) )?(.*)", line)
    assert match, line
    if match[1][0] in "245" and match[1] not in {"220", "250"}:
        assert match[3], f"no enhanced status: {line}"
    if match[3]:
        assert match[3][0] == match[1][0], line
    return line


def submission(
    *, required: bool = False, logged_in: bool = True, where: Channel | None = None, **others: Any
) -> Script:
    judge = Judge()

    def make(arrived: Channel, setting: Setting) -> SmtpDialogue:
        logins = Logins(judge=judge, journal=setting.journal, observer=Nobody(),
                        elapsed=setting.now)  # fmt: skip
        return Submission(arrived, setting, certificate_required=required,
                          login=LoginConductor(logins, arrived, 0.0),
                          may_receive=lambda domain: None if domain.startswith("op") else UNLISTED,
                          )  # fmt: skip

    script = Script(make, where=where, **others)
    judge.script = script
    if logged_in:
        script.say("EHLO poste")
        assert script.say(f"AUTH PLAIN {plain('good')}") == ["235 2.7.0 Authentication successful"]
    return script


def relay(*, greeted: bool = True, where: Channel | None = None, **others: Any) -> Script:
    def make(arrived: Channel, setting: Setting) -> SmtpDialogue:
        return RelayIn(arrived, setting, certificate_required=True, may_send=may_send)

    arrived = where or channel(protocol="relay", certificate=b"DER", mechanisms=())
    script = Script(make, where=arrived, **others)
    if greeted:
        script.say("EHLO relay.op2.mssante.test")
    return script


def may_send(dn: DN, domain: str) -> MailRefusal | None:
    return None if dn.key == PEER.key and domain in {"", "op2.mssante.test"} else NOT_YOURS


def plain(password: str) -> str:
    return base64.b64encode(f"\0{ALICE}\0{password}".encode()).decode()


def deliver(script: Script, content: bytes = MESSAGE, *, sender: str = ALICE, to: str = FAR) -> str:
    """Send a message; return the last reply."""
    for line in (f"MAIL FROM:<{sender}>", f"RCPT TO:<{to}>", "DATA"):
        last = script.say(line)[-1]
        if last[0] not in "23":
            return last
    stuffed = content.replace(b"\r\n.", b"\r\n..")
    return script.say((b"." if stuffed.startswith(b".") else b"") + stuffed + b".\r\n")[-1]
