"""Another operator's relay that does as a test says: real sockets, TLS and certificates."""

from __future__ import annotations

import asyncio
from collections import defaultdict, deque
from collections.abc import Callable
from dataclasses import dataclass, field

from sandbox.operators.listener import Inbound, Listener, MailDoor

LOST = "lost"  # instead of a reply: cut the connection


@dataclass
class Delivered:
    """One transaction that was taken: commands as they came, content without dots doubled."""

    mail: str
    rcpt: list[str]
    content: bytes
    certificate: bytes | None


@dataclass
class Behaviour:
    """What a peer does; may be changed while it runs.

    Attributes:
        extensions: offered after STARTTLS.
        starttls: offered at all.
        replies: by step (GREET, EHLO, STARTTLS, MAIL, RCPT, DATA, END) or by `RCPT <address>`,
            what to say instead of yes, one after the other.
        hold: END is answered only once this is set.
        delivered: what was taken.
        connections: how many came, TLS or not.
        ends: how many messages came to their end, answered or not.
    """

    extensions: tuple[str, ...] = ("PIPELINING", "SIZE 1000000", "8BITMIME", "SMTPUTF8", "DSN")
    starttls: bool = True
    replies: dict[str, deque[str]] = field(default_factory=lambda: defaultdict(deque))
    hold: asyncio.Event | None = None
    delivered: list[Delivered] = field(default_factory=list)
    connections: int = 0
    ends: int = 0

    def say(self, step: str, *replies: str) -> None:
        self.replies[step].extend(replies)


class PeerProtocol(asyncio.Protocol):
    """Just enough of a server; strict enough to see a wrong client."""

    def __init__(self, arrival: Inbound, behaviour: Behaviour) -> None:
        self.arrival, self.behaviour = arrival, behaviour
        self.buffer = b""
        self.secured = False
        self.data = False
        self.mail, self.rcpt, self.wanted = "", [], []
        self.tasks: set[asyncio.Task] = set()

    def connection_made(self, transport) -> None:
        self.transport = transport
        if not self.secured:
            self.behaviour.connections += 1
            self.reply("GREET", "220 mx ready")

    def connection_lost(self, _) -> None:
        for task in self.tasks:
            task.cancel()

    def reply(self, step: str, default: str) -> str:
        queue = self.behaviour.replies[step]
        text = queue.popleft() if queue else default
        if text == LOST:
            self.transport.abort()
        else:
            self.transport.write(text.encode() + b"\r\n")
        return text

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        while True:
            if self.data:
                if not self.content():
                    return
                continue
            line, end, rest = self.buffer.partition(b"\r\n")
            if not end:
                return
            self.buffer = rest
            if line.upper() == b"STARTTLS":
                self.buffer = b""
                if not self.reply("STARTTLS", "220 go").startswith("220"):
                    continue
                self.secured = True
                self.start(self.arrival.secure())
                return
            self.command(line.decode())

    def start(self, work) -> None:
        task = asyncio.ensure_future(work)
        self.tasks.add(task)
        task.add_done_callback(lambda task: task.cancelled() or task.exception())

    def command(self, line: str) -> None:
        verb = line.split(":")[0].split(" ")[0].upper()
        if verb == "EHLO":
            offered = self.behaviour.extensions if self.secured else ()
            if self.behaviour.starttls and not self.secured:
                offered = ("STARTTLS",)
            lines = ["mx", *offered]
            text = [f"250-{each}" for each in lines[:-1]] + [f"250 {lines[-1]}"]
            self.reply("EHLO", "\r\n".join(text))
        elif verb == "MAIL":
            if self.mail:
                self.reply("", "503 5.5.1 one transaction at a time")
            elif self.reply("MAIL", "250 ok").startswith("250"):
                self.mail = line
        elif verb == "RCPT":
            address = line.partition("<")[2].partition(">")[0]
            step = f"RCPT {address}" if self.behaviour.replies[f"RCPT {address}"] else "RCPT"
            if not self.mail:
                self.reply("", "503 MAIL first")
            elif self.reply(step, "250 ok").startswith("250"):
                self.rcpt.append(line)
        elif verb == "DATA":
            if not self.rcpt:
                self.reply("", "503 RCPT first")
            elif self.reply("DATA", "354 go").startswith("354"):
                self.data = True
        elif verb == "RSET":
            self.mail, self.rcpt = "", []
            self.reply("", "250 ok")
        elif verb == "QUIT":
            self.reply("", "221 bye")
            self.transport.close()
        else:
            self.reply("", "500 what")

    def content(self) -> bool:
        raw, end, rest = (b"\r\n" + self.buffer).partition(b"\r\n.\r\n")
        if not end:
            return False
        self.buffer, self.data = rest, False
        content = (raw[2:] + b"\r\n").replace(b"\r\n..", b"\r\n.")
        taken = Delivered(self.mail, self.rcpt, content, self.arrival.channel.certificate)
        self.mail, self.rcpt = "", []
        self.behaviour.ends += 1
        self.start(self.end(taken))
        return True

    async def end(self, taken: Delivered) -> None:
        if self.behaviour.hold is not None:
            await self.behaviour.hold.wait()
        queue = self.behaviour.replies["END"]
        # A server that loses the connection here has the message all the same.
        if not queue or queue[0] == LOST or queue[0].startswith("250"):
            self.behaviour.delivered.append(taken)
        self.reply("END", "250 2.0.0 taken")


def peer_door(listener: Listener, behaviour: Behaviour) -> MailDoor:
    factory: Callable[[Inbound], asyncio.Protocol] = lambda arrival: PeerProtocol(  # noqa: E731
        arrival, behaviour
    )
    return MailDoor([listener], factory)
