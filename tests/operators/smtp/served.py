"""A server of mail behind a real door, over real TLS, on a real store."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sandbox.operators.journal import Journal
from sandbox.operators.listener import MailDoor, endpoint_context
from sandbox.operators.login import Logins
from sandbox.operators.model import (
    Accepted,
    Actor,
    CertificateCredentials,
    Channel,
    Credentials,
    PasswordCredentials,
    Rejected,
    SaslName,
)  # fmt: skip
from sandbox.operators.observing import DeliveryObserved, LoginObserved, Nobody, SessionObserved
from sandbox.operators.post.office import PostOffice
from sandbox.operators.refusals import MailRefusal
from sandbox.operators.smtp import RelayServer, SmtpLimits, SubmissionServer
from sandbox.operators.store import MailStore
from sandbox.space.methods import Method
from sandbox.trust import DN, dn_of, read_certificate
from tests.operators.listening import a_listener
from tests.operators.smtp.scripted import (
    ALICE,
    BAD_PASSWORD,
    BOB,
    NOT_YOURS,
    UNLISTED,
    actor,
)  # fmt: skip

HOST = "smtp.op1.mssante.test"
PASSWORD = (SaslName.PLAIN, SaslName.LOGIN)


class Seen(Nobody):
    """Keeps what was observed."""

    def __init__(self) -> None:
        self.logins: list[LoginObserved] = []
        self.sessions: list[SessionObserved] = []
        self.deliveries: list[DeliveryObserved] = []
        self.connections: list[tuple[Channel, float]] = []

    def login(self, seen: LoginObserved) -> None:
        self.logins.append(seen)

    def session(self, seen: SessionObserved) -> None:
        self.sessions.append(seen)

    def delivery(self, seen: DeliveryObserved) -> None:
        self.deliveries.append(seen)

    def connected(self, channel: Channel, at: float) -> None:
        self.connections.append((channel, at))


class Authenticator:
    """Alice's password is `good`; a certificate is Alice's; `hold` waits for the telephone."""

    def __init__(self) -> None:
        self.asked = asyncio.Event()
        self.telephone = asyncio.Event()
        self.cancelled = asyncio.Event()
        self.channels: list[Channel] = []

    async def authenticate(self, credentials: Credentials, channel: Channel) -> Accepted | Rejected:
        self.channels.append(channel)
        if isinstance(credentials, CertificateCredentials):
            return Accepted(actor=actor())
        assert isinstance(credentials, PasswordCredentials)
        if credentials.password == "hold":
            self.asked.set()
            try:
                await self.telephone.wait()
            except asyncio.CancelledError:
                self.cancelled.set()
                raise
        if credentials.password in {"good", "hold"}:
            return Accepted(actor=actor())
        return Rejected(refusal=BAD_PASSWORD, method=Method.TOTP)

    async def again(self, actor: Actor, credentials: Credentials, channel: Channel) -> None:
        """Whoever was let in may stay."""


@dataclass
class Place:
    door: MailDoor
    store: MailStore
    journal: Journal
    keys: Path
    authenticator: Authenticator
    server: SubmissionServer | RelayServer
    seen: Seen = field(default_factory=Seen)

    @property
    def port(self) -> int:
        return self.door.port

    def context(self, certificate: str = "") -> ssl.SSLContext:
        context = ssl.create_default_context(cafile=str(self.keys / "bundle.pem"))
        context.check_hostname = False
        if certificate:
            context.load_cert_chain(
                self.keys / certificate / "chain.pem", self.keys / certificate / "key.pem"
            )
        return context

    def inbox(self, mailbox: str) -> list[bytes]:
        folder = self.store.folder(mailbox, "INBOX")
        assert folder is not None
        return [self.store.content(row.message) for row in self.store.rows(folder.id)]


@contextlib.asynccontextmanager
async def place(
    keys: Path,
    folder: Path,
    *,
    tls: str = "implicit",
    certificate: str = "none",
    mechanisms: tuple[SaslName, ...] = PASSWORD,
    relay: bool = False,
    limits: SmtpLimits | None = None,
) -> AsyncIterator[Place]:
    store = await MailStore.open(folder / "op1.db")
    await store.provision([ALICE, BOB])
    journal, seen, authenticator = Journal(), Seen(), Authenticator()
    post = PostOffice(store, operator="op1", domains=frozenset({"op1.mssante.test"}), host=HOST,
                      journal=journal, observer=seen)  # fmt: skip
    server: SubmissionServer | RelayServer
    if relay:
        server = RelayServer(post, check_peer, may_send=may_send, journal=journal, observer=seen,
                             limits=limits)  # fmt: skip
    else:
        server = SubmissionServer(
            post, Logins(judge=authenticator, journal=journal, observer=seen),
            may_receive=lambda domain: None if domain.endswith(".mssante.test") else UNLISTED,
            limits=limits,
        )  # fmt: skip
    context = endpoint_context(keys / "server" / "chain.pem", keys / "server" / "key.pem",
                             (keys / "bundle.pem").read_text(), client_certificate=certificate,
                             )  # fmt: skip
    listener = a_listener(
        context, name="smtp", host=HOST, protocol="relay" if relay else "smtp",
        methods=(Method.TOTP,), mechanisms=mechanisms, tls=tls, client_certificate=certificate,
    )  # fmt: skip
    door = MailDoor([listener], server.protocol)
    await door.start()
    try:
        yield Place(door, store, journal, keys, authenticator, server, seen)
    finally:
        await door.stop()
        await server.settled()
        await store.close()


async def check_peer(channel: Channel) -> DN | MailRefusal:
    if channel.certificate is None:
        return NOT_YOURS
    return dn_of(read_certificate(channel.certificate))


def may_send(dn: DN, domain: str) -> MailRefusal | None:
    return None if domain in {"", "op2.mssante.test"} and "2" in dn.get("O") else NOT_YOURS


async def in_thread(work: Callable[[], Any]) -> Any:
    return await asyncio.get_running_loop().run_in_executor(None, work)
