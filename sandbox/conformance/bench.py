"""What a check works with: connections, logins, codes, messages, and the dialogue so far."""

from __future__ import annotations

import itertools
import re
import secrets
import ssl
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.policy import SMTP as WIRE
from time import monotonic

import pyotp

from sandbox.conformance.connection import (
    Pipe,
    ProbeConnection,
    SilentError,
    SlowError,
    Transcript,
    UnreachableError,
)
from sandbox.conformance.findings import Unsure
from sandbox.conformance.imap import ImapAnswer, ImapProbe
from sandbox.conformance.lab import ANSWER_SECONDS, Lab
from sandbox.conformance.smtp import SmtpProbe, SmtpReply
from sandbox.conformance.subject import (
    CERTIFICATE_METHODS,
    CheckedDoor,
    CheckedMailbox,
    Means,
    Pair,
    Subject,
)

__all__ = ["Bench", "Codes", "Shared", "WayIn"]

# What needs nobody first: a certificate can be shown twice in a minute, a code cannot.
_PREFERRED = (*CERTIFICATE_METHODS, "password", "ecps", "ciba-operateur", "totp")
_NEWEST = 30  # messages that are looked through
_MARK = re.compile(rb"controle-[0-9a-f]{8}-[0-9]+")
# s that a connection is waited for, all its answers together: operators may hold a login for three
# minutes, and say now and then that they do.
_WAITING = 180.0 + ANSWER_SECONDS
_CODE_SECONDS = 95.0  # three steps and a little: every account has a new code by then


@dataclass
class Codes:
    """One-time codes, none given twice."""

    used: dict[str, int] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def spend(self, way: Means, now: float) -> None:
        """Take the present code for given: somebody else may have used it."""
        self.used.setdefault(way.secret, int(now) // way.period)

    def give(self, way: Means, now: float) -> str | None:
        """Return a code that is good now and was never given; None for the moment."""
        step = int(now) // way.period
        with self.lock:
            if step <= self.used.get(way.secret, -1):
                return None
            self.used[way.secret] = step
        return pyotp.TOTP(way.secret, digits=way.digits, interval=way.period).at(step * way.period)


@dataclass(frozen=True, slots=True)
class WayIn:
    """A door, who comes through it and how."""

    door: CheckedDoor
    account: CheckedMailbox
    way: Means


@dataclass
class Shared:
    """What checks leave to each other: codes, ways in refused, which doors answer, TLS, the end."""

    codes: Codes = field(default_factory=Codes)
    closed: set[WayIn] = field(default_factory=set)
    alive: set[CheckedDoor] = field(default_factory=set)
    slow: set[CheckedDoor] = field(default_factory=set)
    contexts: dict[Pair | None, ssl.SSLContext] = field(default_factory=dict)
    stopped: threading.Event = field(default_factory=threading.Event)


class _Timed:
    """A pipe whose server may be waited for so long in all, however it spreads what it says.

    Args:
        pipe: carries the bytes.
        left: seconds.
        over: called when they are over.
    """

    def __init__(self, pipe: Pipe, left: float, over: Callable[[], None]) -> None:
        self._pipe, self._left, self._over = pipe, left, over
        self.write, self.close = pipe.write, pipe.close

    def read(self) -> bytes:
        """As the pipe does.

        Raises:
            SlowError: too long was waited for it.
        """
        since = monotonic()
        data = self._pipe.read()
        self._left -= monotonic() - since
        if self._left < 0:
            self._over()
            raise SlowError
        return data


Doors = tuple[CheckedDoor, ...]
Accounts = tuple[CheckedMailbox, ...]


class Bench:
    """The work place of one check at one door.

    Args:
        subject: who is judged.
        lab: the world.
        shared: what checks leave to each other.
        patience: seconds that a message or a notification may take.
        rate: messages a second to send for a while; 0 for none.
    """

    def __init__(
        self, subject: Subject, lab: Lab, shared: Shared, patience: float, rate: float = 0.0
    ) -> None:
        self.subject = subject
        self.lab = lab
        self.patience = patience
        self.rate = rate
        self.transcript = Transcript()
        self._codes, self._closed = shared.codes, shared.closed
        self._contexts, self._alive = shared.contexts, shared.alive
        self._slow = shared.slow
        self._stopped = shared.stopped
        self._open: list[ProbeConnection] = []
        self._marks = itertools.count(1)
        self._run = secrets.token_hex(4)
        self.transcript.hide(_secrets(subject))

    def close(self) -> None:
        """Hang up everywhere."""
        for each in self._open:
            each.close()

    # Connections ----------------------------------------------------------------------------------

    def trusting(self) -> ssl.SSLContext:
        """Return TLS of a client that trusts the subject's roots alone, whatever the name."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.load_verify_locations(self.subject.roots)
        return context

    def anyone(self, door: CheckedDoor) -> ssl.SSLContext:
        """Return TLS of a client that looks at nothing, and shows what the door requires."""
        return self._made(self.usual(door))

    @staticmethod
    def _made(pair: Pair | None) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        context.set_ciphers("DEFAULT:@SECLEVEL=0")  # a weak key too has to be seen
        if pair is not None:
            context.load_cert_chain(pair.certificate, pair.key)
        return context

    def showing(self, pair: Pair | None) -> ssl.SSLContext:
        """Return TLS with this client certificate or none, the same each time."""
        if pair not in self._contexts:
            self._contexts[pair] = self._made(pair)
        return self._contexts[pair]

    def usual(self, door: CheckedDoor) -> Pair | None:
        """Return a client certificate that a door requires; None where it requires none."""
        if door.client_certificate != "required":
            return None
        if door.protocol == "relay":
            near = self.subject.neighbour
            return near.relay if near else None
        ways = [way for each in self.subject.accounts for way in each.ways]
        return next((way.pair for way in ways if way.method in door.methods and way.pair), None)

    def clear(self, door: CheckedDoor, seconds: float = ANSWER_SECONDS) -> ProbeConnection:
        """Connect in clear.

        Raises:
            SlowError: no check could wait for this door's answers.
        """
        self.transcript.note("#", f"{door.name} {door.host}:{door.port}")
        if door in self._slow:
            raise SlowError
        pipe = self.lab.open(door, seconds=seconds)
        left = _WAITING if door in self._alive else ANSWER_SECONDS
        timed = _Timed(pipe, left, lambda: self._slow.add(door))
        connection = ProbeConnection(timed, self.transcript)
        self._open.append(connection)
        return connection

    def tls(self, door: CheckedDoor, context: ssl.SSLContext) -> ProbeConnection:
        """Connect and have TLS up, at once or after STARTTLS."""
        if door.tls == "implicit":
            connection = self.clear(door)
            connection.secure(context, door.host)
            return connection
        if door.protocol == "imap":
            imap = self.imap_in_clear(door)
            imap.say("STARTTLS").reached()
            imap.connection.secure(context, door.host)
            return imap.connection
        smtp = self.smtp_in_clear(door)
        smtp.say("STARTTLS").reached(220)
        smtp.connection.secure(context, door.host)
        return smtp.connection

    def greeted(self, door: CheckedDoor) -> ProbeConnection:
        """Connect where the greeting comes next: in clear, or over TLS."""
        if door.tls == "starttls":
            return self.clear(door)
        return self.tls(door, self.showing(self.usual(door)))

    def answers(self, door: CheckedDoor) -> None:
        """Be unsure of a door that says nothing of its protocol: its silence refuses nothing."""
        if door not in self._alive:
            try:
                line = self.greeted(door).line()
            except SilentError:
                self._slow.add(door)
                raise
            if not re.match(rb"[*+] " if door.protocol == "imap" else rb"\d{3}[ -]", line):
                raise Unsure("autre protocole", "another protocol")
            self._alive.add(door)

    def smtp_in_clear(self, door: CheckedDoor) -> SmtpProbe:
        """Connect to a door with STARTTLS, in clear, past EHLO."""
        smtp = SmtpProbe(self.clear(door))
        smtp.greeting = smtp.reply().reached(220)
        smtp.hello().reached()
        return smtp

    def imap_in_clear(self, door: CheckedDoor) -> ImapProbe:
        """Connect to a door with STARTTLS, in clear, past the greeting."""
        imap = ImapProbe(self.clear(door))
        imap.greeting = imap.response()
        return imap

    def smtp(self, door: CheckedDoor, pair: Pair | None = None, *, bare: bool = False) -> SmtpProbe:
        """Connect past EHLO over TLS, with what the door requires but for `bare`."""
        shown = pair if pair or bare else self.usual(door)
        smtp = SmtpProbe(self.tls(door, self.showing(shown)))
        if door.tls == "implicit":
            smtp.greeting = smtp.reply().reached(220)
        smtp.hello().reached()
        return smtp

    def imap(self, door: CheckedDoor, pair: Pair | None = None, *, bare: bool = False) -> ImapProbe:
        """Connect past the greeting over TLS, with what the door requires but for `bare`."""
        shown = pair if pair or bare else self.usual(door)
        imap = ImapProbe(self.tls(door, self.showing(shown)))
        if door.tls == "implicit":
            imap.greeting = imap.response()
        return imap

    # Logins ---------------------------------------------------------------------------------------

    def who_reads(self) -> CheckedMailbox:
        """Return whose mailbox can be read.

        Raises:
            Unsure: nobody's.
        """
        return self.reader()[1]

    def way_in(self, door: CheckedDoor, way: Means) -> tuple[str, bytes, Pair | None]:
        """Return SASL mechanism, response and certificate; mechanism NONE needs no word.

        Raises:
            Unsure: no code is left, or no token is given.
        """
        if way.method in CERTIFICATE_METHODS:
            mechanism = "EXTERNAL" if "EXTERNAL" in door.mechanisms else "NONE"
            return mechanism, way.username.encode(), way.pair
        can_type = door.typed and way.password
        if way.method == "ecps" and "XOAUTH2" in door.mechanisms and not can_type:
            return "XOAUTH2", self.bearer(way.username, self._token(way)), None
        password = way.password + (self.code(way)[1] if way.secret else "")
        return door.typed or "PLAIN", self.plain(way.username, password), None

    def code(self, *ways: Means) -> tuple[Means, str]:
        """Return a one-time code of one of several; waits for the next where all were given."""
        end = self.lab.now() + _CODE_SECONDS
        while self.lab.now() < end:
            if self._stopped.is_set():
                raise Unsure("interrompu", "interrupted")
            for way in ways:
                code = self._codes.give(way, self.lab.now())
                if code is not None:
                    self.transcript.hide([code])
                    return way, code
            self.lab.sleep(0.5)
        raise Unsure("plus de code à usage unique", "no one-time code is left")

    def _token(self, way: Means) -> str:
        try:
            token = self.lab.token(way)
        except UnreachableError as error:
            raise Unsure(f"pas de jeton ({error})", f"no token ({error})") from None
        self.transcript.hide([token])
        return token

    def plain(self, user: str, password: str) -> bytes:
        """Return a PLAIN response (RFC 4616); LOGIN says the same in its own form."""
        self.transcript.hide([password])
        return f"\0{user}\0{password}".encode()

    def bearer(self, user: str, token: str) -> bytes:
        """Return an XOAUTH2 response."""
        self.transcript.hide([token])
        return f"user={user}\x01auth=Bearer {token}\x01\x01".encode()

    def try_smtp(self, session: WayIn) -> tuple[SmtpProbe, SmtpReply]:
        """Log in to submission; return the connection and what was answered."""
        mechanism, response, pair = self.way_in(session.door, session.way)
        smtp = self.smtp(session.door, pair)
        if mechanism == "NONE":
            return smtp, SmtpReply(235, ("certificate alone",))
        return smtp, smtp.auth(mechanism, response)

    def try_imap(self, session: WayIn) -> tuple[ImapProbe, ImapAnswer]:
        """Log in to IMAP; return the connection and what was answered."""
        mechanism, response, pair = self.way_in(session.door, session.way)
        imap = self.imap(session.door, pair)
        if imap.greeting.upper().startswith(b"* PREAUTH"):
            return imap, ImapAnswer("OK", "PREAUTH", ())
        return imap, imap.auth("EXTERNAL" if mechanism == "NONE" else mechanism, response)

    def sender(self) -> tuple[SmtpProbe, CheckedMailbox]:
        """Return a logged-in submission and whose it is: the first way in that works."""
        for session in self._sessions("smtp", self.subject.doors, self.subject.accounts):
            smtp, reply = self.try_smtp(session)
            if reply.code == 235:
                return smtp, session.account
            self._closed.add(session)
        raise Unsure("aucune session d'envoi ouverte", "no session for sending was opened")

    def reader(self) -> tuple[ImapProbe, CheckedMailbox]:
        """Return a logged-in IMAP session and whose it is: the first way in that works."""
        return self._read(self.subject.doors, self.subject.accounts)

    def reader_of(self, account: CheckedMailbox, doors: tuple[CheckedDoor, ...] = ()) -> ImapProbe:
        """Return a logged-in IMAP session of one account."""
        return self._read(doors or self.subject.doors, (account,))[0]

    def _read(self, doors: Doors, accounts: Accounts) -> tuple[ImapProbe, CheckedMailbox]:
        for session in self._sessions("imap", doors, accounts):
            imap, answer = self.try_imap(session)
            if answer.kind == "OK":
                return imap, session.account
            self._closed.add(session)
        raise Unsure("aucune session de lecture ouverte", "no session for reading was opened")

    def _sessions(self, protocol: str, doors: Doors, accounts: Accounts) -> Iterator[WayIn]:
        """Yield ways in, the easiest first; those that were refused once are left out."""
        for method in _PREFERRED:
            for account in accounts:
                way = account.way(method)
                for door in doors:
                    if way is None or door.protocol != protocol or method not in door.methods:
                        continue
                    session = WayIn(door, account, way)
                    if session not in self._closed:
                        yield session

    # Messages -------------------------------------------------------------------------------------

    def mark(self) -> str:
        """Return a word that no other message has."""
        return f"controle-{self._run}-{next(self._marks)}"

    def message(self, sender: str, recipient: str, mark: str, text: str = "Bonjour.\n") -> bytes:
        """Return a message that is found by its mark."""
        message = EmailMessage(policy=WIRE)
        message["From"], message["To"], message["Subject"] = sender, recipient, mark
        message["Message-ID"] = f"<{mark}@{sender.rpartition('@')[2]}>"
        message.set_content(text)
        return message.as_bytes().rstrip(b"\r\n")

    def find(self, imap: ImapProbe, mark: str) -> bytes | None:
        """Wait for a message that holds a mark; return it, None when it does not come.

        Newest messages are read: what SEARCH TEXT looks at in a report is a server's own choice.
        """
        end = self.lab.now() + self.patience
        seen: set[bytes] = set()
        while True:
            imap.say("SELECT INBOX").reached()
            found = imap.say("UID SEARCH ALL").reached().find(rb"^\* SEARCH(.*)")
            for uid in reversed((found[1].split() if found else [])[-_NEWEST:]):
                if uid in seen:
                    continue
                seen.add(uid)
                content = imap.say(b"UID FETCH " + uid + b" (BODY.PEEK[])").reached().literal()
                if mark.encode() in content:
                    return content
            if self.lab.now() >= end:
                return None
            self.lab.sleep(0.3)

    def missing(self, imap: ImapProbe, marks: Sequence[str]) -> set[str]:
        """Wait for messages that hold marks; return the marks of those that do not come."""
        end = self.lab.now() + self.patience
        left, seen = set(marks), set[bytes]()
        while True:
            imap.say("SELECT INBOX").reached()
            found = imap.say("UID SEARCH ALL").reached().find(rb"^\* SEARCH(.*)")
            uids = (found[1].split() if found else [])[-(_NEWEST + len(marks)) :]
            for uid in (each for each in uids if each not in seen):
                seen.add(uid)
                content = imap.say(b"UID FETCH " + uid + b" (BODY.PEEK[])").reached().literal()
                left -= {each.decode() for each in _MARK.findall(content)}
            if not left or self.lab.now() >= end:
                return left
            self.lab.sleep(0.3)


def _secrets(subject: Subject) -> Iterator[str]:
    accounts = [*subject.accounts]
    if subject.neighbour is not None and subject.neighbour.account is not None:
        accounts.append(subject.neighbour.account)
    for account in accounts:
        for way in account.ways:
            yield from (way.password, way.secret, way.token)
