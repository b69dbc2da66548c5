"""The SMTP client of a relay, without sockets: replies in, bytes to send out.

A transaction goes in two flights (PIPELINING, RFC 2920), each recipient has its own fate, and what
is unknown after a lost connection is known to be so. What was tried instead: `docs/decisions.md`.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

from sandbox.operators.mail import Envelope, Recipient
from sandbox.operators.relay import troubles
from sandbox.operators.relay.replies import PeerReply, ProtocolError
from sandbox.operators.relay.troubles import Trouble, of_reply

__all__ = [
    "Capabilities",
    "PeerTransaction",
    "capabilities",
    "obstacle",
    "wire_form",
]

_LONE = re.compile(rb"\r\n|\r|\n")


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a server offers (RFC 5321 §4.1.1.1): keywords in upper case, and its size limit."""

    keywords: frozenset[str] = frozenset()
    max_size: int = 0

    def __contains__(self, keyword: str) -> bool:
        return keyword in self.keywords


def capabilities(reply: PeerReply) -> Capabilities:
    """Read the reply to EHLO; what cannot be understood is not offered."""
    keywords, size = set(), 0
    for line in reply.lines[1:]:
        keyword, _, rest = line.partition(" ")
        keywords.add(keyword.upper())
        if keyword.upper() == "SIZE" and rest.strip().isdigit():
            size = int(rest)
    return Capabilities(frozenset(keywords), size)


def obstacle(envelope: Envelope, content: bytes, offered: Capabilities) -> Trouble | None:
    """Tell why a message cannot be sent to a server that offers no more; None when it can."""
    if _needs_utf8(envelope, content) and "SMTPUTF8" not in offered:
        return troubles.SMTPUTF8_MISSING
    if not content.isascii() and "8BITMIME" not in offered:
        return troubles.EIGHT_BIT_MISSING
    if offered.max_size and len(content) > offered.max_size:
        return troubles.TOO_BIG
    return None


def wire_form(content: bytes) -> bytes:
    """Return a content as DATA carries it: CRLF alone, dots doubled, the final dot."""
    breaks = content.count(b"\r\n")
    if content.count(b"\n") != breaks or content.count(b"\r") != breaks:
        # A lone CR or LF would let a message end where another server sees its end (smuggling).
        content = _LONE.sub(b"\r\n", content)
    if not content.endswith(b"\r\n"):
        content += b"\r\n"
    if content.startswith(b"."):
        content = b"." + content
    return content.replace(b"\r\n.", b"\r\n..") + b".\r\n"


@dataclass(slots=True)
class PeerTransaction:
    """One message to some recipients: MAIL, RCPT, DATA.

    Attributes:
        envelope: its recipients are those of this transaction.
        content: header and body.
        offered: what the server offers.
        reset: an earlier transaction was left open.
        results: for each recipient None when the message was accepted for it, else why not;
            complete once `is_done`.
        content_sent: the message went out, so that a lost reply leaves its fate unknown.
        closing: the server announced that it closes the connection (421).
        dirty: the transaction was left open: the next one starts with RSET.
    """

    envelope: Envelope
    content: bytes
    offered: Capabilities
    reset: bool = False
    results: list[Trouble | None] = field(default_factory=list)
    content_sent: bool = False
    closing: bool = False
    dirty: bool = False
    final: PeerReply | None = None
    _expected: deque[str] = field(default_factory=deque)
    _waiting: deque[tuple[str, bytes]] = field(default_factory=deque)
    _mail: PeerReply | None = None
    _rcpt: list[PeerReply] = field(default_factory=list)

    @property
    def is_done(self) -> bool:
        """Whether the fate of every recipient is known."""
        return not self._expected and not self._waiting and bool(self.results)

    def start(self) -> bytes:
        """Return what to send first."""
        if self.reset:
            self._waiting.append(("RSET", b"RSET\r\n"))
        self._waiting.append(("MAIL", self._mail_command()))
        for recipient in self.envelope.recipients:
            self._waiting.append(("RCPT", self._rcpt_command(recipient)))
        self._waiting.append(("DATA", b"DATA\r\n"))
        return self._next()

    def receive(self, reply: PeerReply) -> bytes:
        """Take a reply and return what to send now, which may be nothing.

        Raises:
            ProtocolError: nothing was asked.
        """
        if not self._expected:
            raise ProtocolError(f"a reply to nothing: {reply}")
        self.closing = self.closing or reply.code == 421
        step = self._expected.popleft()
        if step == "MAIL":
            self._mail = reply
        elif step == "RCPT":
            self._rcpt.append(reply)
        elif step == "DATA":
            return self._data(reply)
        elif step == "END":
            self.final = reply
            self._finish(None if reply.is_positive else reply)
            return b""
        if self.closing:
            return self._abandon(reply)
        if step == "MAIL" and not reply.is_positive and self._waiting:
            return self._abandon(reply)
        if step == "RCPT" and self._waiting and self._waiting[0][0] == "DATA" and self._none_taken:
            return self._abandon(reply)
        return b"" if self._expected else self._next()

    @property
    def _none_taken(self) -> bool:
        return not any(reply.is_positive for reply in self._rcpt)

    def _next(self) -> bytes:
        """Return the next flight: all that may be pipelined, else one command."""
        flight = b""
        while self._waiting:
            step, command = self._waiting.popleft()
            self._expected.append(step)
            flight += command
            if "PIPELINING" not in self.offered:
                break
        return flight

    def _data(self, reply: PeerReply) -> bytes:
        if reply.code != 354:
            self._finish(reply)
            self.dirty = not self.closing
            return b""
        self._expected.append("END")
        if self._none_taken:
            # RFC 2920 §3.1: a server that wants data for nobody gets an empty message.
            return b".\r\n"
        self.content_sent = True
        return wire_form(self.content)

    def _abandon(self, reply: PeerReply) -> bytes:
        """End a transaction whose next command would be in vain."""
        self._waiting.clear()
        self._expected.clear()
        self._finish(reply)
        self.dirty = not self.closing
        return b""

    def _finish(self, refusal: PeerReply | None) -> None:
        mail = self._mail
        for index, _ in enumerate(self.envelope.recipients):
            rcpt = self._rcpt[index] if index < len(self._rcpt) else None
            if mail is not None and not mail.is_positive:
                trouble: Trouble | None = of_reply(mail.code, mail.text)
            elif rcpt is not None and not rcpt.is_positive:
                # RFC 5321 §4.5.3.1.10: 552 to RCPT means too many recipients, for now.
                trouble = of_reply(452 if rcpt.code == 552 else rcpt.code, rcpt.text)
            elif refusal is not None:
                trouble = of_reply(max(refusal.code, 400), refusal.text)
            else:
                trouble = None
            self.results.append(trouble)

    def _mail_command(self) -> bytes:
        parts = [f"MAIL FROM:<{self.envelope.reverse_path}>"]
        if "SIZE" in self.offered:
            parts.append(f"SIZE={len(self.content)}")
        if "8BITMIME" in self.offered and not self.content.isascii():
            parts.append("BODY=8BITMIME")
        if "SMTPUTF8" in self.offered and _needs_utf8(self.envelope, self.content):
            parts.append("SMTPUTF8")
        if "DSN" in self.offered:
            if self.envelope.ret:
                parts.append(f"RET={self.envelope.ret}")
            if self.envelope.envid:
                parts.append(f"ENVID={self.envelope.envid}")
        return _command(parts)

    def _rcpt_command(self, recipient: Recipient) -> bytes:
        parts = [f"RCPT TO:<{recipient.address}>"]
        if "DSN" in self.offered:
            if recipient.notify:
                parts.append(f"NOTIFY={','.join(recipient.notify)}")
            if recipient.orcpt:
                parts.append(f"ORCPT={recipient.orcpt}")
        return _command(parts)


def _command(parts: Sequence[str]) -> bytes:
    line = " ".join(parts)
    if "\r" in line or "\n" in line:
        raise ProtocolError("an envelope with a line break")
    return line.encode() + b"\r\n"


def _needs_utf8(envelope: Envelope, content: bytes) -> bool:
    """Tell whether SMTPUTF8 is needed: given by the sender, and really used (RFC 6531 §3.6)."""
    if not envelope.smtputf8:
        return False
    paths = [envelope.reverse_path, *(each.address for each in envelope.recipients)]
    head, _, _ = content.partition(b"\r\n\r\n")
    return not all(path.isascii() for path in paths) or not head.isascii()
