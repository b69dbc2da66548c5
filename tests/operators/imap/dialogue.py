"""A client and a server without sockets: what the client sends, what it has to get back."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sandbox.observations.schema import Cause
from sandbox.operators.imap import ImapService, ImapSettings
from sandbox.operators.imap.core import Core
from sandbox.operators.journal import Journal
from sandbox.operators.login import Logins
from sandbox.operators.mail import Envelope, Recipient
from sandbox.operators.model import (
    Accepted,
    Actor,
    Channel,
    Credentials,
    PasswordCredentials,
    Rejected,
    SaslName,
    TokenCredentials,
)
from sandbox.operators.observing import LoginObserved, Nobody, SessionObserved
from sandbox.operators.refusals import LoginAnswer, LoginRefusal, login_refusal
from sandbox.operators.store import MailStore
from sandbox.space.methods import Method

BOX = "anne.roux@op1.mssante.test"
NOW = 1_767_225_600.0  # 2026-01-01 00:00:00 UTC


def refused(answer: LoginAnswer) -> LoginRefusal:
    return login_refusal("wrong", answer, Cause.CREDENTIALS, "", ("", ""), ("", ""))


class Seen(Nobody):
    """An observer that remembers."""

    def __init__(self) -> None:
        self.logins: list[LoginObserved] = []
        self.sessions: list[SessionObserved] = []

    def login(self, seen: LoginObserved) -> None:
        self.logins.append(seen)

    def session(self, seen: SessionObserved) -> None:
        self.sessions.append(seen)


class Gate:
    """Accepts the password `good` and the token `good`; answers when `open` is set."""

    def __init__(self) -> None:
        self.asked: list[Credentials] = []
        self.open = asyncio.Event()
        self.open.set()
        self.answer = LoginAnswer.CREDENTIALS
        self.expires_at: float | None = None
        self.cancelled = 0

    async def authenticate(self, credentials: Credentials, channel: Channel) -> Accepted | Rejected:
        self.asked.append(credentials)
        try:
            await self.open.wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        if isinstance(credentials, PasswordCredentials):
            good = credentials.password == "good"
        elif isinstance(credentials, TokenCredentials):
            good = credentials.token == "good"
        else:
            good = channel.certificate == b"good"
        if good:
            return Accepted(
                actor=Actor(
                    mailbox=BOX, identity="899700000001", name="Anne ROUX", method=Method.TOTP,
                    expires_at=self.expires_at,
                ),
                backend=1.0,
                person=2.0,
            )  # fmt: skip
        token = isinstance(credentials, TokenCredentials)
        return Rejected(
            refusal=refused(self.answer), challenge=b'{"status":"401"}' if token else b""
        )

    async def again(self, actor: Actor, credentials: Credentials, channel: Channel) -> None:
        """Whoever was let in may stay."""


def channel(**changes: Any) -> Channel:
    values: dict[str, Any] = {
        "operator": "op1", "design": "d", "endpoint": "one", "host": "imap.op1.mssante.test",
        "port": 143, "protocol": "imap", "methods": tuple(Method),
        "mechanisms": (
            SaslName.PLAIN, SaslName.LOGIN, SaslName.XOAUTH2, SaslName.OAUTHBEARER,
            SaslName.EXTERNAL,
        ),
        "client": "127.0.0.1", "tls": "TLSv1.3",
    }  # fmt: skip
    return Channel(**(values | changes))


@dataclass
class World:
    """One operator."""

    service: ImapService
    gate: Gate
    seen: Seen
    journal: Journal

    def client(self, **changes: Any) -> Client:
        return Client(Core(self.service, channel(**changes), NOW))

    async def holder(self, folder: str = "INBOX", *, rev2: bool = False) -> Client:
        """Return a client that has logged in and, where named, selected a folder."""
        client = self.client()
        await client.run("a LOGIN anne good")
        if rev2:
            await client.run("b ENABLE IMAP4rev2")
        if folder:
            await client.run(f"c SELECT {folder}")
        return client

    async def deliver(self, content: bytes) -> None:
        envelope = Envelope(reverse_path="", recipients=(Recipient(address=BOX),))
        await self.service.store.accept(envelope, content, local=[BOX], remote=[])

    def validity(self, name: str) -> int:
        """Return a folder's UIDVALIDITY."""
        found = self.service.store.folder(BOX, name)
        assert found is not None
        return found.uid_validity

    async def append(self, *contents: bytes, folder: str = "INBOX", flags: str = "") -> None:
        found = self.service.store.folder(BOX, folder)
        assert found is not None
        for content in contents:
            await self.service.store.append(found.id, content, frozenset(flags.split()), NOW)


@dataclass
class Client:
    """What a client sends and gets."""

    core: Core
    heard: bytearray = field(default_factory=bytearray)

    async def send(self, *data: bytes) -> bytes:
        """Send bytes; return what came back."""
        for each in data:
            self.core.receive(each)
            await self._work()
        return b"".join(self.core.output())

    async def _work(self) -> None:
        while done := self.core.step():
            if not isinstance(done, bool):
                await done

    async def run(self, line: str | bytes, *more: bytes) -> list[str]:
        """Send a line (and literals after it); return the lines that came back."""
        raw = line.encode() if isinstance(line, str) else line
        answer = await self.send(raw + b"\r\n", *more)
        return lines(answer)

    async def untagged(self, line: str | bytes, *more: bytes) -> list[str]:
        """Like `run`, for a command that succeeds; return what came before its OK."""
        got = await self.run(line, *more)
        assert re.match(r"\S+ OK ", got[-1]), got
        return got[:-1]

    async def last(self, line: str | bytes, *more: bytes) -> str:
        """Like `run`; return only the end."""
        return (await self.run(line, *more))[-1]

    def pushed(self) -> list[str]:
        """Return what IDLE tells now."""
        self.core.push()
        return lines(b"".join(self.core.output()))


def lines(answer: bytes) -> list[str]:
    """Cut at line ends, but not within literals."""
    found, at, start = [], 0, 0
    while at < len(answer):
        end = answer.index(b"\r\n", at)
        literal = re.search(rb"\{(\d+)\}$", answer[at:end])
        at = end + 2
        if literal:
            at += int(literal[1])
            continue
        found.append(answer[start:end].decode("utf-8", "surrogateescape"))
        start = at
    return found


@asynccontextmanager
async def world(path: Path, settings: ImapSettings | None = None) -> AsyncIterator[World]:
    store = await MailStore.open(path / "mail.sqlite", clock=lambda: NOW)
    gate, seen, journal = Gate(), Seen(), Journal(clock=lambda: NOW)
    try:
        await store.provision([BOX])
        logins = Logins(judge=gate, journal=journal, observer=seen, clock=lambda: NOW)
        service = ImapService(store, logins, settings=settings)
        yield World(service, gate, seen, journal)
    finally:
        await store.close()
        journal.close()


def talk(
    path: Path, work: Callable[[World], Awaitable[None]], settings: ImapSettings | None = None
) -> None:
    """Run a test's own work in a world of its own."""

    async def inside() -> None:
        async with world(path, settings) as here:
            await work(here)

    asyncio.run(inside())


__all__ = ["BOX", "NOW", "Client", "Gate", "Seen", "World", "channel", "lines", "talk", "world"]
