"""A connection to another operator's relay: TCP, STARTTLS with certificates on both sides, SMTP."""

from __future__ import annotations

import asyncio
import ssl
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from sandbox.operators.mail import Envelope
from sandbox.operators.refusals import MailRefusal
from sandbox.operators.relay import refusals, troubles
from sandbox.operators.relay.client import Capabilities, PeerTransaction, capabilities, obstacle
from sandbox.operators.relay.replies import PeerReply, ProtocolError, ReplyReader
from sandbox.operators.relay.troubles import Trouble, of_refusal, of_reply
from sandbox.trust import DN, CertificateFinding

__all__ = ["Judge", "Peer", "PeerConnection", "Timeouts", "TroubleError"]

# What the other side's certificate (DER) proves when asked for a host; a rule when nothing.
Judge = Callable[[bytes | None, str], Awaitable[DN | MailRefusal]]

# X509_V_ERR_* of OpenSSL that say more than "untrusted".
_FINDINGS = {
    9: CertificateFinding.NOT_YET_VALID,
    10: CertificateFinding.EXPIRED,
    23: CertificateFinding.REVOKED,
    26: CertificateFinding.WRONG_USAGE,
    62: CertificateFinding.WRONG_NAME,
    66: CertificateFinding.WEAK_KEY,
}


class TroubleError(Exception):
    """An attempt that ended before the fate of each recipient was told.

    Attributes:
        trouble: why.
        refusal: by the space of trust, where it is one.
        host: that was tried, empty where none was.
        untouched: the connection had ended before it was used: another one may be tried at once.
    """

    def __init__(self, trouble: Trouble, refusal: MailRefusal | None = None) -> None:
        super().__init__(trouble.said)
        self.trouble = trouble
        self.refusal = refusal
        self.host = ""
        self.untouched = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeouts:
    """Seconds to wait for the other side (RFC 5321 §4.5.3.2).

    Attributes:
        connect: TCP and the TLS handshake, each.
        reply: greeting and replies to commands.
        final: reply to the end of the message.
    """

    connect: float = 30.0
    reply: float = 300.0
    final: float = 600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer:
    """Where to connect to.

    Attributes:
        host: name that its certificate must bear.
        address: of 127.0.0.0/8.
        port: TCP port.
    """

    host: str
    address: str
    port: int


class PeerConnection:
    """An open connection whose server has proved its name.

    Attributes:
        peer: where it goes.
        dn: subject of the server's certificate.
        sent: how many transactions it has carried.
    """

    def __init__(self, peer: Peer, timeouts: Timeouts) -> None:
        self.peer = peer
        self.dn = DN(())
        self.sent = 0
        self._timeouts = timeouts
        self._replies = ReplyReader()
        self._ready: deque[PeerReply] = deque()
        self._offered = Capabilities()
        self._dirty = False
        self._closing = False
        self._reader: asyncio.StreamReader
        self._writer: asyncio.StreamWriter

    @classmethod
    async def open(
        cls, peer: Peer, *, name: str, context: ssl.SSLContext, judge: Judge, timeouts: Timeouts
    ) -> PeerConnection:
        """Connect, start TLS, and check who is there.

        Args:
            peer: where.
            name: what EHLO says.
            context: from `serve.client_context`.
            judge: says what the server's certificate proves.
            timeouts: how long to wait.

        Raises:
            TroubleError: it cannot be reached, or is not who it should be.
        """
        connection = cls(peer, timeouts)
        try:
            async with asyncio.timeout(timeouts.connect):
                connection._reader, connection._writer = await asyncio.open_connection(
                    peer.address, peer.port
                )
        except OSError:  # a time-out is one too
            raise TroubleError(troubles.UNREACHABLE) from None
        try:
            await connection._greet(name, context, judge)
        except BaseException:
            connection.abort()
            raise
        return connection

    async def _greet(self, name: str, context: ssl.SSLContext, judge: Judge) -> None:
        self._must(await self._reply(self._timeouts.reply))
        if "STARTTLS" not in await self._ehlo(name):
            raise TroubleError(troubles.STARTTLS_MISSING)
        self._must(await self._command(b"STARTTLS\r\n"))
        if self._ready or not self._replies.is_empty:
            # Sent in clear after the go-ahead: someone between us may have put it there.
            raise TroubleError(troubles.GARBLED)
        await self._start_tls(context)
        connection: ssl.SSLObject = self._writer.get_extra_info("ssl_object")
        proved = await judge(connection.getpeercert(binary_form=True), self.peer.host)
        if isinstance(proved, MailRefusal):
            raise TroubleError(of_refusal(proved), proved)
        self.dn = proved
        self._offered = await self._ehlo(name)

    async def _start_tls(self, context: ssl.SSLContext) -> None:
        try:
            await self._writer.start_tls(
                context,
                server_hostname=self.peer.host,
                ssl_handshake_timeout=self._timeouts.connect,
            )
        except ssl.SSLCertVerificationError as error:
            refusal = refusals.BY_FINDING[
                _FINDINGS.get(error.verify_code, CertificateFinding.UNTRUSTED)
            ]
            raise TroubleError(of_refusal(refusal), refusal) from None
        except OSError:
            raise TroubleError(troubles.TLS_FAILED) from None

    async def _ehlo(self, name: str) -> Capabilities:
        reply = await self._command(f"EHLO {name}\r\n".encode())
        self._must(reply)
        return capabilities(reply)

    async def deliver(self, envelope: Envelope, content: bytes) -> PeerTransaction:
        """Send one message to the recipients of an envelope and return what became of it.

        Raises:
            TroubleError: the connection ended before that was known.
        """
        transaction = PeerTransaction(envelope, content, self._offered, reset=self._dirty)
        hindrance = obstacle(envelope, content, self._offered)
        if hindrance is not None:
            transaction.results = [hindrance] * len(envelope.recipients)
            return transaction
        used, self.sent = self.sent, self.sent + 1
        heard = False
        try:
            await self._send(transaction.start())
            while not transaction.is_done:
                wait = self._timeouts.final if transaction.content_sent else self._timeouts.reply
                reply = await self._reply(wait)
                if not heard and reply.code == 421:
                    # Often said into silence, when the server is tired of waiting.
                    self._must(reply)
                heard = True
                following = transaction.receive(reply)
                if following:
                    await self._send(following)
        except ProtocolError:
            self.abort()
            raise TroubleError(troubles.GARBLED) from None
        except TroubleError as error:
            self.abort()
            error.untouched = bool(used) and not heard
            raise
        except BaseException:
            self.abort()
            raise
        self._dirty = transaction.dirty
        self._closing = transaction.closing
        return transaction

    @property
    def offers_dsn(self) -> bool:
        """Whether the server takes over the duty to report success (RFC 3461)."""
        return "DSN" in self._offered

    @property
    def is_usable(self) -> bool:
        """Whether another transaction may be sent."""
        return not (self._closing or self._writer.is_closing() or self._reader.at_eof())

    def say_goodbye(self) -> None:
        """Send QUIT and close without waiting for the reply, which would change nothing."""
        if self.is_usable:
            self._writer.write(b"QUIT\r\n")
        self._writer.close()

    def abort(self) -> None:
        """Cut the connection."""
        self._writer.transport.abort()

    async def _command(self, line: bytes) -> PeerReply:
        await self._send(line)
        return await self._reply(self._timeouts.reply)

    async def _send(self, data: bytes) -> None:
        self._writer.write(data)
        try:
            async with asyncio.timeout(self._timeouts.reply):
                await self._writer.drain()
        except TimeoutError:
            raise TroubleError(troubles.TIMEOUT) from None
        except OSError:
            raise TroubleError(troubles.CONNECTION_LOST) from None

    async def _reply(self, seconds: float) -> PeerReply:
        while not self._ready:
            try:
                async with asyncio.timeout(seconds):
                    data = await self._reader.read(65536)
                if not data:
                    raise TroubleError(troubles.CONNECTION_LOST)
                self._ready.extend(self._replies.feed(data))
            except ProtocolError:
                raise TroubleError(troubles.GARBLED) from None
            except TimeoutError:
                raise TroubleError(troubles.TIMEOUT) from None
            except OSError:
                raise TroubleError(troubles.CONNECTION_LOST) from None
        return self._ready.popleft()

    def _must(self, reply: PeerReply) -> None:
        if not reply.is_positive:
            raise TroubleError(of_reply(max(reply.code, 400), reply.text))
