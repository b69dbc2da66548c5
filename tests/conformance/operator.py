"""An operator that is an object: bytes in, bytes out, real TLS in memory, no socket, no clock.

It does what the requirements ask, but for the one that it was told to break. It stands for no real
server; what it keeps from them is that it was written apart from what judges it.
"""

from __future__ import annotations

import re
import ssl
import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from cryptography import x509

from sandbox.conformance.connection import CutError, SilentError
from sandbox.conformance.subject import CheckedDoor

CRLF = b"\r\n"


@dataclass
class Message:
    uid: int
    content: bytes
    flags: set[str] = field(default_factory=set)


@dataclass
class Box:
    """A mailbox: INBOX alone."""

    validity: int = 77
    next: int = 1
    messages: list[Message] = field(default_factory=list)

    def add(self, content: bytes) -> Message:
        message = Message(self.next, content)
        self.next += 1
        self.messages.append(message)
        return message


@dataclass(frozen=True)
class Holder:
    """What proves an account; a certificate by its subject."""

    address: str
    password: str = ""
    secret: str = ""
    subject: str = ""
    rings: bool = False  # the password alone rings a telephone, which agrees
    token: str = ""


@dataclass
class Operator:
    """One operator.

    Attributes:
        domain: of its mailboxes.
        breaks: the requirement that it does not meet.
        holders: by address.
        contexts: TLS of a door, by its name.
        revoked: serial numbers.
        now: the time.
        listed: domains by the subject of a relay's certificate.
        deliver_out: takes a message for another operator: sender, recipient, content; returns what
            refused it, empty when taken.
    """

    domain: str
    breaks: str
    holders: dict[str, Holder]
    contexts: dict[str, ssl.SSLContext]
    revoked: Callable[[x509.Certificate], bool]
    now: Callable[[], float]
    listed: dict[str, set[str]] = field(default_factory=dict)
    deliver_out: Callable[[str, str, bytes], str] = lambda _s, _r, _c: "550 5.7.1 no"
    boxes: dict[str, Box] = field(default_factory=dict)
    used: set[str] = field(default_factory=set)
    sessions: list[Session] = field(default_factory=list)
    lock: threading.RLock = field(default_factory=threading.RLock)
    unsynced: list[tuple[Box, Message]] = field(default_factory=list)

    def __post_init__(self) -> None:
        for address in self.holders:
            self.boxes[address] = Box()

    def broken(self, requirement: str) -> bool:
        return self.breaks == requirement

    def connect(self, door: CheckedDoor, session: type[Session]) -> Wire:
        made = session(self, door)
        self.sessions.append(made)
        with self.lock:
            made.begin()
        return Wire(made)

    def crash(self) -> None:
        """Stop at once and start again."""
        self.sessions.clear()
        if self.broken("kept-after-crash"):
            for box, message in self.unsynced:
                box.messages.remove(message)
        self.unsynced.clear()

    def deliver(self, sender: str, recipient: str, content: bytes) -> None:
        """Put a message into a mailbox."""
        if self.broken("delivery-local") and b"Final-Recipient" not in content and (
            sender.endswith(self.domain)
        ):  # fmt: skip
            return
        if self.broken("relay-in") and sender and not sender.endswith(self.domain):
            return
        head = f"Return-Path: <{sender}>\r\n".encode()
        if self.broken("delivery-return-path"):
            head = b""
        if self.broken("dsn-null-sender") and not sender:
            head = b"Return-Path: <postmaster@x.test>\r\n"
        box = self.boxes[recipient]
        message = box.add(head + content)
        self.unsynced.append((box, message))
        self.tell(box)

    def tell(self, box: Box) -> None:
        """Tell who watches a mailbox."""
        if not self.broken("imap-idle"):
            for each in self.sessions:
                each.told(box)


class Wire:
    """A pipe to a session."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def write(self, data: bytes) -> None:
        if self._session.closed:
            raise CutError
        with self._session.operator.lock:
            self._session.feed(data)

    def read(self) -> bytes:
        with self._session.operator.lock:
            data, self._session.out = bytes(self._session.out), bytearray()
        if data or self._session.closed:
            return data
        raise SilentError

    def close(self) -> None:
        with self._session.operator.lock:
            self._session.closed = True
            if self._session in self._session.operator.sessions:
                self._session.operator.sessions.remove(self._session)


class Session:
    """One connection: TLS, lines, and what protocols share of logins."""

    starttls_line = b""

    def __init__(self, operator: Operator, door: CheckedDoor) -> None:
        self.operator = operator
        self.door = door
        self.out = bytearray()
        self.closed = False
        self.buffer = b""
        self.secured = False
        self.holder: Holder | None = None
        self._begun = False
        self._tls: ssl.SSLObject | None = None
        self._in, self._out = ssl.MemoryBIO(), ssl.MemoryBIO()

    # To be told by protocols.

    def greet(self) -> None:
        raise NotImplementedError

    def work(self) -> bool:
        """Take one thing from the buffer; False when there is none whole."""
        raise NotImplementedError

    def told(self, box: Box) -> None:
        """Hear that a mailbox has a new message."""

    # The connection.

    def broken(self, requirement: str) -> bool:
        return self.operator.broken(requirement)

    def begin(self) -> None:
        if self.door.tls == "implicit":
            self._handshake()
        else:
            self.greet()

    def _handshake(self) -> None:
        context = self.operator.contexts[self.door.name]
        self._tls = context.wrap_bio(self._in, self._out, server_side=True)

    def feed(self, data: bytes) -> None:
        if self._tls is None:
            self.buffer += data
            self._run()
            return
        first, self._begun = not self._begun, True
        if first and data[:1] != b"\x16" and self.broken("tls-implicit"):
            greeting = {"imap": b"* OK in clear\r\n"}.get(self.door.protocol, b"220 in clear\r\n")
            self.out += greeting
            return
        self._in.write(data)
        try:
            if not self.secured:
                self._tls.do_handshake()
                self.secured = True
                if self.door.tls == "implicit":
                    self.greet()
            while True:
                self.buffer += self._tls.read(65_536)
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLError:
            self.closed = True
        if self.secured:
            self._run()
        self.out += self._out.read()

    def _run(self) -> None:
        while not self.closed and (self._tls is None or self.secured) and self.work():
            pass

    def start_tls(self, injected: str) -> None:
        """Begin TLS; what came behind STARTTLS is forgotten."""
        if not self.broken(injected):
            self.buffer = b""
        self._handshake()

    def line(self) -> bytes | None:
        line, end, rest = self.buffer.partition(CRLF)
        if not end:
            return None
        self.buffer = rest
        return line

    def write(self, data: bytes) -> None:
        if self._tls is not None and self.secured:
            self._tls.write(data)
            self.out += self._out.read()
        else:
            self.out += data

    @property
    def certificate(self) -> x509.Certificate | None:
        data = self._tls.getpeercert(binary_form=True) if self._tls is not None else None
        return x509.load_der_x509_certificate(data) if data else None

    # Logins: whoever proves it, or nobody.

    def by_password(self, user: str, password: str) -> Holder | None:
        holder = self.operator.holders.get(user)
        if holder is None:
            return None
        if self.broken("password-wrong-refused") and password.startswith("Faux"):
            return holder
        if not password.startswith(holder.password):
            return None
        code = password[len(holder.password) :]
        if not code:
            if self.broken("totp-missing-refused") and "totp" in self.door.methods:
                return holder
            rings = "ecps" in self.door.methods or holder.rings
            method = "ciba-operateur" if holder.rings else "ecps"
            return None if not rings or self.broken(f"login-{method}") else holder
        return holder if self._good_code(holder, code) else None

    def _good_code(self, holder: Holder, code: str) -> bool:
        import pyotp

        now = int(self.operator.now())
        steps = {0} | ({-10} if self.broken("totp-old-refused") else set())
        good = {pyotp.TOTP(holder.secret).at(now + 30 * step) for step in steps}
        if self.broken("totp-wrong-refused"):
            good |= {f"{number:06d}" for number in range(40)}
        if self.broken("login-totp"):
            # Two in three are taken, so that only the check of logins fails.
            self.operator.used.add(f"n{len(self.operator.used)}")
            return False
        if code not in good or (code in self.operator.used and not self.broken("totp-once")):
            return False
        self.operator.used.add(code)
        return True

    def by_certificate(self, mailbox: str) -> Holder | None:
        certificate = self.certificate
        holder = self.operator.holders.get(mailbox)
        if holder is None:
            return None
        if certificate is None:
            return holder if self.broken("certificate-missing-refused") else None
        if self.operator.revoked(certificate) and not self.broken("certificate-revoked-refused"):
            return None
        kind = "certificat" if holder.address.startswith("app") else "cps"
        if self.broken(f"login-{kind}"):
            return None
        own = certificate.subject.rfc4514_string() == holder.subject
        return holder if own or self.broken("login-other-mailbox") else None

    def by_token(self, response: str) -> Holder | None:
        found = re.fullmatch("user=(.*?)\x01auth=Bearer (.*?)\x01\x01", response)
        holder = self.operator.holders.get(found[1]) if found else None
        if holder is None or found is None or self.broken("login-token"):
            return None
        if found[2].startswith("eyJ"):
            return holder if self.broken("token-bad-refused") else None
        tokens = {each.token for each in self.operator.holders.values()}
        if found[2] == holder.token or (self.broken("token-other-mailbox") and found[2] in tokens):
            return holder
        return None
