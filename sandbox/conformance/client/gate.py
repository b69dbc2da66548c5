"""A door of ours before an operator's: TLS ends here, and what passes is kept.

Software under judgement speaks TLS to the gate, the gate to the operator, with the certificate that
the software showed (the sandbox made it, so it has its key). So all that is said is seen, and the
gate may be what a server must not be: expired, revoked, another's, without STARTTLS.
"""

from __future__ import annotations

import contextlib
import re
import select
import socket
import ssl
import struct
import threading
import time
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from sandbox.conformance.client.dialogue import Chunk
from sandbox.conformance.client.hello import ClientHello, read_hello
from sandbox.conformance.subject import CheckedDoor, Pair
from sandbox.serve import client_context

__all__ = ["Gate", "GatedConnection", "Stance"]

IDLE_SECONDS = 600.0  # a connection where nothing is said
SPEAK_SECONDS = 30  # for a first record of TLS, or room in a socket
LARGEST = 96 * 1024 * 1024  # octets of a connection that are kept; beyond, it is cut
_STARTTLS = re.compile(rb"(?:(\S+) )?STARTTLS\r?\n", re.I)
_OPENS = re.compile(rb"^\S+ (SELECT|EXAMINE|STATUS|LIST|LSUB|UID|FETCH|IDLE)\b", re.I | re.M)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stance:
    """What a gate is just now.

    Attributes:
        pair: certificate that it shows.
        source: address that the operator sees: another is another client to it.
        asks: for a client certificate.
        old: TLS 1.0 and 1.1 alone.
        strips: STARTTLS is taken out of what the operator offers, and passwords offered in clear.
        cuts: connections that are cut once, when a mailbox is opened.
        alias: mail domain whose recipients are those of a mailbox.
    """

    pair: Pair
    source: str
    asks: bool = False
    old: bool = False
    strips: bool = False
    cuts: int = 0
    alias: tuple[str, str] = ("", "")


@dataclass(slots=True)
class GatedConnection:
    """One connection of the software, as it passed.

    Attributes:
        protocol: imap or smtp.
        at: seconds since 1970.
        hello: what it offered in TLS, if it came to that.
        tls: version and suite.
        failed: why TLS did not come about.
        certificate: it showed one.
        chunks: what was said.
        cut: by the gate, on purpose.
    """

    protocol: str
    at: float
    hello: ClientHello | None = None
    tls: str = ""
    failed: str = ""
    certificate: bool = False
    chunks: list[Chunk] = field(default_factory=list)
    cut: bool = False
    size: int = 0


class _OverError(Exception):
    """The connection has ended."""


class Gate:
    """Listens at an address of its own, at the operator's port, in front of one endpoint.

    Args:
        door: the operator's.
        bundle: PEM of the authorities.
        pairs: by DER, the certificates that software may show.

    Attributes:
        address: where it listens.
        stance: what it is now; for connections that begin.
        wires: connections since `take`.
    """

    def __init__(self, door: CheckedDoor, bundle: Path, pairs: Mapping[bytes, Pair]) -> None:
        self.door = door
        self.stance: Stance | None = None
        self._bundle, self._pairs = bundle, pairs
        self._listening, self.address = _listen(door.port)
        self._wires: list[GatedConnection] = []
        self._open: dict[int, socket.socket] = {}  # by the identity of the wire
        self._lock = threading.Condition()  # told whenever somebody has gone
        self._cut = 0

    def start(self) -> None:
        """Accept connections from now on."""
        threading.Thread(target=self._accept, name="gate", daemon=True).start()

    def close(self) -> None:
        """Hang up everywhere and listen no more."""
        with contextlib.suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        self.hang_up()

    def hang_up(self) -> None:
        """Cut what is open: who stays would carry one step's session into the next."""
        with self._lock:
            open_ = list(self._open.values())
        for each in open_:
            with contextlib.suppress(OSError):
                socket.socket.shutdown(each, socket.SHUT_RDWR)  # TLS is another thread's

    def take(self, stance: Stance) -> None:
        """Be this, and begin to count connections anew."""
        with self._lock:
            self.stance, self._wires, self._cut = stance, [], stance.cuts

    @property
    def wires(self) -> list[GatedConnection]:
        """Connections since the stance was taken."""
        with self._lock:
            return list(self._wires)

    def idle(self, seconds: float) -> bool:
        """Wait until nobody is connected, so long at most; tell whether that is so."""
        with self._lock:
            return self._lock.wait_for(lambda: not self._open, max(0.0, seconds))

    # Connections ----------------------------------------------------------------------------------

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                near, _ = self._listening.accept()
                with self._lock:
                    stance = self.stance
                    if stance is None:
                        near.close()
                        continue
                    wire = GatedConnection(self.door.protocol, time.time())
                    self._wires.append(wire)
                    self._open[id(wire)] = near
                threading.Thread(
                    target=self._serve, args=(near, stance, wire), name="gate", daemon=True
                ).start()

    def _serve(self, near: socket.socket, stance: Stance, wire: GatedConnection) -> None:
        try:
            with near, contextlib.suppress(OSError, _OverError, ValueError):
                near.setsockopt(
                    socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack("ll", SPEAK_SECONDS, 0)
                )
                self._pass(near, stance, wire)
        finally:
            with self._lock:
                del self._open[id(wire)]
                self._lock.notify_all()

    def _pass(self, near: socket.socket, stance: Stance, wire: GatedConnection) -> None:
        pair = None
        if self.door.tls == "implicit":
            near, pair = self.secure(near, stance, wire)
        with near:
            far = socket.create_connection(
                (self.door.address, self.door.port), SPEAK_SECONDS, (stance.source, 0)
            )
            with far:
                if self.door.tls == "implicit":
                    far = self.upstream(far, pair)
                passage = _Passage(self, stance, wire, near, far)
                try:
                    passage.run()
                finally:
                    passage.close()

    def upstream(self, far: socket.socket, pair: Pair | None) -> ssl.SSLSocket:
        """Do TLS with the operator; show it a certificate."""
        context = client_context(self._bundle)
        if pair is not None:
            context.load_cert_chain(pair.certificate, pair.key)
        return context.wrap_socket(far, server_hostname=self.door.host)

    def secure(
        self, near: socket.socket, stance: Stance, wire: GatedConnection
    ) -> tuple[ssl.SSLSocket, Pair | None]:
        """Do TLS with the software; return the connection and the certificate that it showed."""
        wire.hello = read_hello(_peeked(near))
        near.settimeout(SPEAK_SECONDS)
        try:
            tls = _context(stance, self._bundle).wrap_socket(near, server_side=True)
        except (ssl.SSLError, OSError) as error:
            wire.failed = getattr(error, "reason", None) or str(error) or type(error).__name__
            raise _OverError from None
        cipher = tls.cipher()
        wire.tls = f"{tls.version()} {cipher[0] if cipher else ''}"
        wire.chunks.append(Chunk("#", wire.tls.encode()))
        shown = tls.getpeercert(binary_form=True)
        wire.certificate = shown is not None
        with self._lock:
            self._open[id(wire)] = tls
        return tls, self._pairs.get(shown) if shown is not None else None

    def may_cut(self) -> bool:
        """Tell whether one more connection is to be cut."""
        with self._lock:
            self._cut -= 1
            return self._cut >= 0


class _Passage:
    """One connection, both ways; one thread, so that octets are kept in their order."""

    def __init__(
        self,
        gate: Gate,
        stance: Stance,
        wire: GatedConnection,
        near: socket.socket,
        far: socket.socket,
    ) -> None:
        self._gate, self._stance, self._wire = gate, stance, wire
        self._near, self._far = near, far

    def run(self) -> None:
        while True:
            both = (self._near, self._far)
            ready: list[socket.socket] = [
                each for each in both if isinstance(each, ssl.SSLSocket) and each.pending()
            ]
            ready = ready or select.select(both, (), (), IDLE_SECONDS)[0]
            if not ready:
                return
            for each in ready:
                data = _read(each)
                if data == b"":
                    return
                if data is None:
                    continue
                if each is self._near:
                    self._from_software(data)
                    if each is not self._near:
                        break  # STARTTLS: both sides are others now
                else:
                    self._from_operator(data)

    def close(self) -> None:
        """Hang up on both sides."""
        self._near.close()
        self._far.close()

    def _keep(self, who: str, data: bytes) -> None:
        self._wire.size += len(data)
        if self._wire.size > LARGEST:
            raise _OverError
        self._wire.chunks.append(Chunk(who, data))

    def _from_software(self, data: bytes) -> None:
        self._keep("C", data)
        starttls = _STARTTLS.fullmatch(data)
        if starttls and not isinstance(self._near, ssl.SSLSocket):
            self._starttls(data, starttls[1])
            return
        if self._stance.cuts and _OPENS.search(data) and self._gate.may_cut():
            self._wire.cut = True
            raise _OverError
        domain, mailbox = self._stance.alias
        if domain and self._wire.protocol == "smtp":
            pattern = rb"(?im)^(RCPT TO: ?<)[^>\r\n]*@" + re.escape(domain.encode()) + rb"(>)"
            data = re.sub(pattern, rb"\g<1>" + mailbox.encode() + rb"\g<2>", data)
        self._far.settimeout(SPEAK_SECONDS)
        self._far.sendall(data)

    def _from_operator(self, data: bytes) -> None:
        if self._stance.strips:
            data = data.replace(b"STARTTLS", b"AUTH PLAIN" if self._smtp else b"AUTH=PLAIN")
            data = data.replace(b" LOGINDISABLED", b"")
        self._keep("S", data)
        self._near.settimeout(SPEAK_SECONDS)
        self._near.sendall(data)

    @property
    def _smtp(self) -> bool:
        return self._wire.protocol == "smtp"

    def _starttls(self, line: bytes, tag: bytes | None) -> None:
        if self._stance.strips:
            no = b"502 5.5.1 no\r\n" if self._smtp else (tag or b"*") + b" BAD no\r\n"
            self._from_operator(no)
            return
        self._far.settimeout(SPEAK_SECONDS)
        self._far.sendall(line)
        reply = b""
        while not reply.endswith(b"\n"):
            more = self._far.recv(4096)
            if not more:
                raise _OverError
            reply += more
        self._from_operator(reply)
        good = b"220" if self._smtp else (tag or b"") + b" OK"
        if reply.upper().startswith(good.upper()):
            self._near, pair = self._gate.secure(self._near, self._stance, self._wire)
            self._far = self._gate.upstream(self._far, pair)


def _listen(port: int) -> tuple[socket.socket, str]:
    """Listen at a loopback address of the gates' block that is free at a port."""
    for number in range(1, 1 << 14):
        address = f"127.232.{number >> 8}.{number & 255}"
        with contextlib.suppress(OSError):
            return socket.create_server((address, port), backlog=64), address
    raise OSError(f"no address for a gate at port {port}")


def _peeked(near: socket.socket) -> bytes:
    """Return the first TLS record and leave it there."""
    near.settimeout(None)
    head = near.recv(5, socket.MSG_PEEK | socket.MSG_WAITALL)
    size = 5 + int.from_bytes(head[3:5])
    return near.recv(size, socket.MSG_PEEK | socket.MSG_WAITALL) if len(head) == 5 else head


def _context(stance: Stance, bundle: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    if stance.old:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            context.minimum_version = ssl.TLSVersion.TLSv1
            context.maximum_version = ssl.TLSVersion.TLSv1_1
        context.set_ciphers("ALL:!aNULL:@SECLEVEL=0")
    context.load_cert_chain(stance.pair.certificate, stance.pair.key)
    if stance.asks:
        context.verify_mode = ssl.CERT_OPTIONAL
        context.load_verify_locations(bundle)
    return context


def _read(side: socket.socket) -> bytes | None:
    """Return what came, nothing at the end, None where TLS had something of its own to say."""
    side.settimeout(0)
    try:
        return side.recv(65_536)
    except (ssl.SSLWantReadError, BlockingIOError):
        return None
    except (ssl.SSLError, OSError):
        return b""
