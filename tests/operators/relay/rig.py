"""One operator's relay with its store, a DNS server, and peers that do as a test says."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Coroutine
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509

from sandbox.operators.journal import Journal
from sandbox.operators.listener import Listener, MailDoor, endpoint_context
from sandbox.operators.mail import Envelope, Recipient
from sandbox.operators.observing import DeliveryObserved, Nobody
from sandbox.operators.post import PostOffice
from sandbox.operators.relay.backoff import Backoff
from sandbox.operators.relay.connection import Timeouts
from sandbox.operators.relay.names import Names
from sandbox.operators.relay.runner import Runner
from sandbox.operators.relay.settings import RelaySettings
from sandbox.operators.store import MailStore
from sandbox.serve import client_context
from sandbox.trust import (
    CertificateChecker,
    DomainList,
    Host,
    Issued,
    KeyKind,
    ListEntry,
    MailDomain,
    Organisation,
    RevocationStatus,
    TestCA,
    ZoneSpec,
    dn_of,
    load_bundle,
)
from sandbox.trust.dns_server import DnsServer
from sandbox.trust.resolver import Resolver
from tests.operators.listening import a_listener

from .peer import Behaviour, peer_door

ANNE = "anne@op1.mssante.test"
BOB = "bob@op2.mssante.test"
CARL = "carl@op2.mssante.test"
CONTENT = b"From: <anne@op1.mssante.test>\r\nMessage-ID: <m1@op1>\r\n\r\n.hello\r\n"
# Soon again, and patient beyond any test: a slow machine changes nothing.
QUICK = Backoff(first=0.02, ceiling=0.05)
PATIENT = Timeouts(connect=60, reply=60, final=60)
ONE = Organisation(name="OPERATEUR 1", department="Paris (75)", finess="750000018")
TWO = Organisation(name="OPERATEUR 2", department="Paris (75)", finess="750000026")
OTHER = Organisation(name="CH DE TEST", department="Aude (11)", finess="119999993")
HOST = "mx.op2.mssante.test"
SPARE = "mx2.op2.mssante.test"


class Pki:
    """Certificates on disk; keys are made once for a module."""

    def __init__(self, folder: Path) -> None:
        self.ca = TestCA(key_kind=KeyKind.P256)
        self.folder = folder
        self.bundle = self.ca.bundle_pem().decode()
        self.ours = self.save(self.ca.operator_server(ONE, ["mx.op1.mssante.test"]), "ours")
        self.theirs = self.save(self.ca.operator_server(TWO, [HOST, SPARE]), "theirs")

    def save(self, issued: Issued, name: str) -> Issued:
        issued.save(self.folder / name)
        return issued

    def listener(self, name: str, address: str, port: int) -> Listener:
        chain, key = self.folder / name / "chain.pem", self.folder / name / "key.pem"
        return a_listener(
            endpoint_context(chain, key, self.bundle, client_certificate="required"),
            operator="op2", design="", name="relay", host=HOST, protocol="relay", methods=(),
            address=address, port=port, tls="starttls", client_certificate="required",
        )  # fmt: skip


class Watching(Nobody):
    def __init__(self) -> None:
        self.deliveries: list[DeliveryObserved] = []

    def delivery(self, seen: DeliveryObserved) -> None:
        self.deliveries.append(seen)


def listed(pki: Pki, *, without: str = "") -> DomainList:
    pairs = [
        ("op1.mssante.test", pki.ours),
        ("op2.mssante.test", pki.theirs),
        ("null.mssante.test", pki.theirs),
        ("loop.mssante.test", pki.ours),
    ]
    return DomainList(
        datetime.now(UTC),
        tuple(
            ListEntry(domain=domain, certificate=dn_of(issued.certificate))
            for domain, issued in pairs
            if domain != without
        ),
    )


@dataclass
class Rig:
    """What a test has in hand; `start` may be called again after `stop`, as after a restart."""

    pki: Pki
    folder: Path
    dns: DnsServer
    port: int
    behaviour: Behaviour
    domains: DomainList
    journal: Journal = field(default_factory=Journal)
    watching: Watching = field(default_factory=Watching)
    store: MailStore | None = None
    runner: Runner | None = None
    clock: Callable[[], float] = lambda: datetime.now(UTC).timestamp()
    options: dict = field(default_factory=dict)

    async def start(self) -> None:
        pki = self.pki
        self.store = await MailStore.open(self.folder / "store.sqlite", clock=self.clock)
        await self.store.provision([ANNE])

        async def revocation(certificate: x509.Certificate) -> RevocationStatus:
            revoked = pki.ca.is_revoked(certificate)
            return RevocationStatus.REVOKED if revoked else RevocationStatus.GOOD

        ours = pki.folder / "ours"
        self.runner = Runner(
            self.store,
            RelaySettings(
                host="mx.op1.mssante.test", port=self.port,
                **{"backoff": QUICK, "recovery": QUICK, "timeouts": PATIENT} | self.options,
            ),
            names=Names("127.0.0.1", self.dns.port, suffix="mssante.test", seconds=60),
            listed=lambda: self.domains,
            post=PostOffice(
                self.store, operator="op1", domains=frozenset({"op1.mssante.test"}),
                host="mx.op1.mssante.test", journal=self.journal, observer=self.watching,
                clock=self.clock,
            ),
            context=client_context(pki.bundle, ours / "chain.pem", ours / "key.pem"),
            checker=CertificateChecker(bundle=load_bundle(pki.ca.bundle_pem())),
            revocation=revocation, journal=self.journal, clock=self.clock,
        )  # fmt: skip
        await self.runner.start()

    async def stop(self) -> None:
        if self.runner is not None:
            await self.runner.stop()
        if self.store is not None:
            await self.store.close()

    async def send(
        self, *recipients: str | Recipient, content: bytes = CONTENT, sender: str = ANNE,
        smtputf8: bool = False,
    ) -> None:  # fmt: skip
        remote = [Recipient(address=r) if isinstance(r, str) else r for r in recipients]
        envelope = Envelope(reverse_path=sender, recipients=tuple(remote), smtputf8=smtputf8)
        await self.store.accept(envelope, content, local=[], remote=remote)

    async def empty(self) -> None:
        await until(lambda: not self.store.queue())

    def events(self, kind: str) -> list[dict]:
        return [each for each in self.journal.since() if each["event"] == kind]

    async def event(self, kind: str) -> dict:
        await until(lambda: self.events(kind))
        return self.events(kind)[-1]

    def inbox(self) -> list[bytes]:
        folder = self.store.folder(ANNE, "INBOX")
        return [self.store.content(row.message) for row in self.store.rows(folder.id)]

    async def notice(self) -> bytes:
        await until(self.inbox)
        (found,) = self.inbox()
        return found


async def until(condition: Callable[[], object]) -> None:
    while not condition():
        await asyncio.sleep(0.005)


def zone() -> ZoneSpec:
    return ZoneSpec(
        hosts=(
            Host(HOST, ("127.0.12.1",)),
            Host(SPARE, ("127.0.12.2",)),
            Host("mx.op1.mssante.test", ("127.0.11.1",)),
        ),
        domains=(
            MailDomain(name="op2.mssante.test", relays=((10, HOST), (20, SPARE))),
            MailDomain(name="null.mssante.test", relays=((0, "."),)),
            MailDomain(name="loop.mssante.test", relays=((10, "mx.op1.mssante.test"), (20, HOST))),
        ),
    )


@contextlib.asynccontextmanager
async def rig(
    pki: Pki, folder: Path, *, certificate: str = "theirs", up: bool = True, **options: object
) -> AsyncIterator[tuple[Rig, Behaviour, MailDoor]]:
    """Bring it up: one peer at the first MX host, nobody at the second."""
    behaviour = Behaviour()
    dns = DnsServer(resolver=Resolver(zone()))
    await dns.start()
    door = peer_door(pki.listener(certificate, "127.0.12.1", 0), behaviour)
    await door.start()
    if not up:
        await door.stop()
    made = Rig(pki, folder, dns, door.port, behaviour, listed(pki), options=options)
    await made.start()
    try:
        yield made, behaviour, door
    finally:
        await made.stop()
        await door.stop()
        await dns.stop()


def run(work: Callable[[], Coroutine[None, None, None]]) -> None:
    asyncio.run(work())


async def waits(here: Rig, rule: str) -> None:
    """It is deferred for this reason, and its sender hears nothing yet."""
    told = await here.event("relay-deferred")
    assert told["reason"] == rule
    assert len(here.store.queue()) == 1
    assert here.inbox() == []


def one_host(host: str = HOST) -> ZoneSpec:
    """The zone with one MX for the peer's domain: what it fails is failed for good."""
    only = MailDomain(name="op2.mssante.test", relays=((10, host),))
    return replace(zone(), domains=(only,))
