"""The queue at work: one lane a domain, few connections each, every outcome written once."""

from __future__ import annotations

import asyncio
import ssl
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from sandbox.operators.journal import Journal
from sandbox.operators.mail import Queued
from sandbox.operators.observing import Observer
from sandbox.operators.post.dsn import Reporter
from sandbox.operators.relay.client import without_return_path
from sandbox.operators.relay.connection import Connection, TroubleError
from sandbox.operators.relay.names import Names
from sandbox.operators.relay.policy import Revocation, check_peer
from sandbox.operators.relay.pool import Pool
from sandbox.operators.relay.register import Attempt, Register
from sandbox.operators.relay.settings import RelaySettings
from sandbox.operators.relay.settlement import Fate, Settlement, bundles, settlement
from sandbox.operators.relay.troubles import Trouble
from sandbox.operators.rules import Rule
from sandbox.operators.store import MailStore
from sandbox.trust import DN, CertificateChecker, DomainList

__all__ = ["Runner"]

MOST_HELD = 5_000  # rows taken from the queue at once: bounds memory
GATHERING = 0.005  # seconds that new rows may wait for others while a lane is at work
STEP = 1e-5  # seconds more for each row under way: stepping over them costs
GRACE = 0.5  # seconds that a transaction under way may take when the runner stops
FAR = 10 * 365 * 86400.0  # seconds; beyond any schedule


@dataclass(slots=True, eq=False)
class _Lane:
    """Work for one domain."""

    domain: str
    pending: deque[list[Queued]] = field(default_factory=deque)
    workers: set[asyncio.Task[None]] = field(default_factory=set)


class Runner:
    """Relays what the store queues.

    Args:
        store: the operator's.
        settings: how it relays.
        names: DNS.
        listed: the list of domains in force.
        local: the operator's own domains.
        context: TLS, from `serve.client_context`.
        checker: of the other relays' certificates; without its own `revocation`.
        revocation: says whether a certificate is revoked.
        journal: told of every attempt.
        observer: told of notifications put into mailboxes here.
        clock: seconds since 1970.
    """

    def __init__(
        self,
        store: MailStore,
        settings: RelaySettings,
        *,
        names: Names,
        listed: Callable[[], DomainList],
        local: Callable[[], frozenset[str]],
        context: ssl.SSLContext,
        checker: CertificateChecker,
        revocation: Revocation,
        journal: Journal,
        observer: Observer,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._store = store
        self._settings = settings
        self._names = names
        self._checker = checker
        self._revocation = revocation
        self._clock = clock
        self._pool = Pool(
            settings,
            names=names,
            listed=listed,
            local=local,
            context=context,
            judge=self._judge,
            journal=journal,
        )
        self._register = Register(
            store, operator=settings.operator, local=local, journal=journal, observer=observer
        )
        self._reporter = Reporter(settings.host, settings.mailer)
        self._wake = asyncio.Event()
        self._slots = asyncio.Semaphore(settings.connections)
        self._lanes: dict[str, _Lane] = {}
        self._held: set[int] = set()
        self._records: set[asyncio.Task[None]] = set()
        self._pump: asyncio.Task[None] | None = None
        self._stopping = False
        self._flushing = False

    async def start(self) -> None:
        """Begin with what is due, also from before a restart."""
        self._store.on_queue(self._wake.set)
        self._pump = asyncio.get_running_loop().create_task(self._run(), name="relay")
        self._pump.add_done_callback(_loud)

    async def stop(self) -> None:
        """Stop within a second; what is not settled stays in the queue."""
        self._stopping = True
        if self._pump is not None:
            self._pump.cancel()
            await asyncio.gather(self._pump, return_exceptions=True)
        workers = [task for lane in self._lanes.values() for task in lane.workers]
        if workers:
            _, late = await asyncio.wait(workers, timeout=GRACE)
            for task in late:
                task.cancel()
            await asyncio.gather(*workers, return_exceptions=True)
        await asyncio.gather(*self._records)
        await self._pool.close()

    def flush(self) -> None:
        """Try everything now, whatever its schedule, and ask DNS anew."""
        self._names.forget()
        self._flushing = True
        self._wake.set()

    async def _run(self) -> None:
        while True:
            self._wake.clear()
            self._take()
            try:
                async with asyncio.timeout(self._pause()):
                    await self._wake.wait()
            except TimeoutError:
                continue
            if self._held:
                await asyncio.sleep(GATHERING + STEP * len(self._held))

    def _pause(self) -> float | None:
        if self._held:
            # The earliest row may be one that is being sent, so its instant tells nothing.
            return 1.0
        due = self._store.next_due()
        return None if due is None else max(0.0, due - self._clock())

    def _take(self) -> None:
        """Move what is due into lanes."""
        until = self._clock() + (FAR if self._flushing else 0)
        self._flushing = False
        room = MOST_HELD - len(self._held)
        if room < MOST_HELD // 10:
            return
        fresh = self._store.due(until, room, skip=self._held)
        if len(fresh) == room:
            # The last message may not be whole, and its recipients have to stay together.
            fresh = [row for row in fresh if row.message != fresh[-1].message] or fresh
        self._held.update(row.id for row in fresh)
        domains: dict[str, list[Queued]] = {}
        for row in fresh:
            domains.setdefault(row.recipient.address.rpartition("@")[2], []).append(row)
        for domain, items in domains.items():
            lane = self._lanes.setdefault(domain, _Lane(domain))
            lane.pending.extend(bundles(items, self._settings.per_transaction))
            self._staff(lane)

    def _staff(self, lane: _Lane) -> None:
        """Start workers: a second one only when there is enough to be worth a handshake."""
        wanted = min(self._settings.per_domain, 1 + len(lane.pending) // 8)
        while len(lane.workers) < wanted:
            task = asyncio.get_running_loop().create_task(self._work(lane))
            lane.workers.add(task)
            task.add_done_callback(lambda task: self._left(lane, task))

    def _left(self, lane: _Lane, task: asyncio.Task[None]) -> None:
        lane.workers.discard(task)
        if not lane.workers and not self._stopping:
            if lane.pending:
                self._staff(lane)
            else:
                self._lanes.pop(lane.domain, None)
        _loud(task)

    async def _work(self, lane: _Lane) -> None:
        async with self._slots:
            connection: Connection | None = None
            try:
                while lane.pending and not self._stopping:
                    bundle = lane.pending.popleft()
                    started = time.perf_counter()
                    held, connection = connection, None
                    try:
                        connection = await self._connection(lane, bundle, held)
                    except TroubleError as error:
                        self._unreached(lane, bundle, error, started)
                        return
                    await self._attempt(lane, bundle, connection, started)
            finally:
                if connection is not None:
                    self._pool.release(connection)

    async def _connection(
        self, lane: _Lane, bundle: list[Queued], held: Connection | None
    ) -> Connection:
        """Return the connection in hand, or another where it is of no more use."""
        if held is not None:
            worn = held.sent >= self._settings.per_connection or not held.is_usable
            if not worn and self._pool.allows(held, lane.domain):
                return held
            self._pool.release(held)
        first = bundle[0]
        return await self._pool.connection(lane.domain, f"{first.queue_id} {first.attempts}")

    async def _attempt(
        self, lane: _Lane, bundle: list[Queued], connection: Connection, started: float
    ) -> None:
        """Make one attempt for a bundle."""
        first = bundle[0]
        envelope = replace(first.envelope, recipients=tuple(each.recipient for each in bundle))
        try:
            transaction = await connection.deliver(envelope, self._content(first))
        except TroubleError as error:
            if error.untouched:
                lane.pending.appendleft(bundle)
                return
            results: list[Trouble | None] = [error.trouble] * len(bundle)
        else:
            results = transaction.results
        fates = [
            Fate(
                item=item,
                trouble=trouble,
                remote=connection.peer.host,
                reports=connection.offers_dsn,
            )
            for item, trouble in zip(bundle, results, strict=True)
        ]
        self._settle(fates, started, connection)

    def _content(self, item: Queued) -> bytes:
        return without_return_path(self._store.content(item.message))

    def _unreached(
        self, lane: _Lane, bundle: list[Queued], error: TroubleError, started: float
    ) -> None:
        """No connection: leave the work to the lane's others, or give all of it up for now."""
        if len(lane.workers) > 1:
            lane.pending.appendleft(bundle)
            return
        waiting = [bundle, *lane.pending]
        lane.pending.clear()
        for each in waiting:
            fates = [Fate(item=item, trouble=error.trouble, remote=error.host) for item in each]
            self._settle(fates, started, None)

    def _settle(
        self,
        fates: Sequence[Fate],
        started: float,
        connection: Connection | None,
    ) -> None:
        """Decide, and record it while the lane goes on; the rows stay taken until then."""
        now = self._clock()
        decided = settlement(
            fates,
            lambda: self._content(fates[0].item),
            backoff=self._settings.backoff,
            reporter=self._reporter,
            now=now,
        )
        attempt = Attempt(at=now, seconds=time.perf_counter() - started, connection=connection)
        task = asyncio.get_running_loop().create_task(self._record(decided, attempt))
        self._records.add(task)
        task.add_done_callback(self._records.discard)

    async def _record(self, decided: Settlement, attempt: Attempt) -> None:
        # Rows that could not be recorded stay taken: they are sent again only after a restart,
        # where the receiver knows them.
        if await self._register.record(decided, attempt):
            self._held.difference_update(each.fate.item.id for each in decided.decisions)
            self._wake.set()

    async def _judge(self, certificate: bytes | None, host: str) -> DN | Rule:
        return await check_peer(
            certificate,
            checker=self._checker,
            revocation=self._revocation,
            now=datetime.fromtimestamp(self._clock(), UTC),
            name=host,
        )


def _loud(task: asyncio.Task[None]) -> None:
    """Let the event loop report a fault of our own: nobody awaits these tasks."""
    if not task.cancelled() and (error := task.exception()) is not None:
        raise error
