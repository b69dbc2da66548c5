"""What every operator is: files, a store, a relay toward the others (API MSS-IO)."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sandbox.operators.auth.revocation import Revocation, RevocationPolicy
from sandbox.operators.fault_rules import MailFaults
from sandbox.operators.journal import Journal
from sandbox.operators.listener import Inbound, Listener, MailDoor
from sandbox.operators.model import Channel
from sandbox.operators.observing import Nobody, Observer
from sandbox.operators.post import PostOffice
from sandbox.operators.refusals import MailRefusal
from sandbox.operators.relay.names import Names
from sandbox.operators.relay.policy import check_peer, may_send
from sandbox.operators.relay.runner import Runner
from sandbox.operators.relay.settings import RelaySettings
from sandbox.operators.smtp import RelayServer
from sandbox.operators.store import MailStore, StoreError
from sandbox.serve import DoorLimits, Pool, client_context
from sandbox.trust import DN, CertificateChecker, DomainList, load_bundle

__all__ = ["MailHost", "OperatorSettings"]

_DAY = 86_400.0


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorSettings:
    """What an operator is.

    Attributes:
        label: its name under the suffix.
        domains: mail domains that it serves.
        folder: its files, its owner's only.
        listeners: endpoints of all designs; none at that of citizens.
        relay: where other operators deliver; its certificate is the one that the list names.
        chain, key: that certificate and its key, PEM, for the relay's client side.
        bundle: roots and intermediates, PEM.
        name_server: address and port of DNS.
        suffix: nothing outside it is looked up or connected to.
        relay_port: where all relays listen.
    """

    label: str
    domains: frozenset[str]
    folder: Path
    listeners: tuple[Listener, ...]
    relay: Listener
    chain: Path
    key: Path
    bundle: Path
    name_server: tuple[str, int]
    suffix: str
    relay_port: int


class MailHost:
    """Files, store and relay of one operator; both sides of the relay judge certificates alike.

    For one event loop, on which it is made, started and stopped.

    Args:
        settings: what the operator is.
        listed: the list of domains in force.
        revocation: how certificates are asked about.
        traffic_months: before the running one, for which indicators can be counted.
        faults: misbehaviours that were asked for.
        observer: told of sessions and deliveries.
        pool: further bounds on connections.

    Attributes:
        journal: what it did and why it refused.
        store: its mailboxes and queue; there once it has started.
        runner: the relay's outbound side; likewise.
        doors: its listening sockets.
    """

    store: MailStore
    runner: Runner

    def __init__(
        self,
        settings: OperatorSettings,
        *,
        listed: Callable[[], DomainList],
        revocation: RevocationPolicy,
        traffic_months: int,
        faults: MailFaults | None,
        observer: Observer | None,
        pool: Pool | None,
    ) -> None:
        self.settings = settings
        self.doors: list[MailDoor] = []
        self._listed, self._traffic_months = listed, traffic_months
        self._faults, self._observer = faults or MailFaults(), observer or Nobody()
        self._pool = pool
        # What is opened is closed in the reverse order, also after half a start.
        self._stack = contextlib.AsyncExitStack()
        settings.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.journal = Journal(settings.folder / "journal.jsonl")
        self._stack.callback(self.journal.close)
        authorities = load_bundle(settings.bundle.read_bytes())
        self._checker = CertificateChecker(bundle=authorities)
        self._revocation = Revocation(authorities, revocation)
        self._stack.push_async_callback(self._revocation.close)

    async def stop(self) -> None:
        """Refuse newcomers, cut who is there, finish what is being stored, close the files."""
        await self._stack.aclose()
        self.doors.clear()

    async def _open_store(self, full: Callable[[], bool] = lambda: False) -> None:
        path = self.settings.folder / "mail.db"
        self.store = await MailStore.open(path, full=full)
        self._stack.push_async_callback(self.store.close)
        self._beside(self._keep_forgetting())

    def _beside(self, work: Coroutine[Any, Any, None]) -> None:
        """Do something that never ends, until the operator stops."""
        task = asyncio.get_running_loop().create_task(work)

        async def ended() -> None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

        self._stack.push_async_callback(ended)

    async def _keep_forgetting(self) -> None:
        """Forget now and each day what was noted before the last whole months."""
        while True:
            try:
                forgotten = await self.store.forget(self._traffic_months)
            except StoreError as error:  # the disk refuses: tomorrow again
                self.journal.note("traffic-not-forgotten", error=str(error))
            else:
                if forgotten:
                    self.journal.note("traffic-forgotten", facts=forgotten)
            await asyncio.sleep(_DAY)

    async def _start_relay(self, post: PostOffice) -> RelayServer:
        """Take mail to other operators; return what takes it from them."""
        settings = self.settings
        server = RelayServer(
            post,
            self._check_peer,
            may_send=lambda dn, domain: may_send(self._listed(), dn, domain),
            journal=self.journal,
            observer=self._observer,
            faults=self._faults,
        )
        self.runner = Runner(
            self.store,
            RelaySettings(host=settings.relay.place.host, port=settings.relay_port),
            post=post,
            names=Names(*settings.name_server, suffix=settings.suffix),
            listed=self._listed,
            context=client_context(settings.bundle, settings.chain, settings.key),
            checker=self._checker,
            revocation=self._revocation,
            journal=self.journal,
        )
        self._stack.push_async_callback(self.runner.stop)
        await self.runner.start()
        self._stack.push_async_callback(server.settled)
        return server

    async def _listen(
        self,
        listeners: Sequence[Listener],
        protocol: Callable[[Inbound], asyncio.Protocol],
        limits: DoorLimits,
    ) -> None:
        door = MailDoor(listeners, protocol, limits, pool=self._pool)
        self._observer.watch(door)
        await door.start()
        self._stack.push_async_callback(door.stop)
        self.doors.append(door)

    async def _check_peer(self, channel: Channel) -> DN | MailRefusal:
        return await check_peer(
            channel.certificate,
            checker=self._checker,
            revocation=self._revocation,
            now=datetime.now(UTC),
        )
