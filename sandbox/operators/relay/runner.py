"""The queue at work: one lane a domain, few connections each, every outcome written once."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
import ssl
import time
from collections import Counter, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial

from sandbox.operators.journal import Journal
from sandbox.operators.mail import Queued
from sandbox.operators.post import PostOffice
from sandbox.operators.post.trace import without_return_path
from sandbox.operators.refusals import MailRefusal
from sandbox.operators.relay import refusals, troubles
from sandbox.operators.relay.connection import PeerConnection, TroubleError
from sandbox.operators.relay.names import Names
from sandbox.operators.relay.policy import Revocation, check_peer, is_listed
from sandbox.operators.relay.pool import ConnectionPool
from sandbox.operators.relay.register import DeliveryAttempt, SettlementRegister
from sandbox.operators.relay.settings import RelaySettings
from sandbox.operators.relay.settlement import RowFate, Settlement, bundles, settlement
from sandbox.operators.relay.troubles import Trouble, of_refusal
from sandbox.operators.store import MailStore, StoreError
from sandbox.trust import DN, CertificateChecker, DomainList

__all__ = ["Runner"]

LOG = logging.getLogger(__name__)

MOST_HELD = 5_000  # rows taken from the queue at once: bounds memory
GATHERING = 0.005  # seconds that new rows may wait for others while a lane is at work
STEP = 1e-5  # seconds more for each row under way: stepping over them costs
GRACE = 0.5  # seconds that a transaction under way may take when the runner stops
_PUMP = "the queue"
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
        post: what is here, and where notifications go.
        names: DNS.
        listed: the list of domains in force.
        context: TLS, from `serve.client_context`.
        checker: of the other relays' certificates; without its own `revocation`.
        revocation: says whether a certificate is revoked.
        journal: told of every attempt.
        clock: seconds since 1970.
    """

    def __init__(
        self,
        store: MailStore,
        settings: RelaySettings,
        *,
        post: PostOffice,
        names: Names,
        listed: Callable[[], DomainList],
        context: ssl.SSLContext,
        checker: CertificateChecker,
        revocation: Revocation,
        journal: Journal,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._store = store
        self._settings = settings
        self._names = names
        self._listed = listed
        self._checker = checker
        self._revocation = revocation
        self._journal = journal
        self._clock = clock
        self._pool = ConnectionPool(
            settings,
            names=names,
            listed=listed,
            serves=post.serves,
            context=context,
            judge=self._judge,
            journal=journal,
        )
        self._register = SettlementRegister(store, post=post, journal=journal)
        self._post = post
        self._wake = asyncio.Event()
        self._slots = asyncio.Semaphore(settings.connections)
        self._lanes: dict[str, _Lane] = {}
        self._held: set[int] = set()
        self._records: set[asyncio.Task[None]] = set()
        self._pump: asyncio.Task[None] | None = None
        self._stopping = asyncio.Event()
        self._faults: Counter[str] = Counter()  # of ours, in a row: by domain, or of the pump
        self._flushing = False
        self._leaving = False

    async def start(self) -> None:
        """Begin with what is due, also from before a restart."""
        self._store.on_queue(self._wake.set)
        self._start_pump()

    async def stop(self) -> None:
        """Stop within a second; what is not settled stays in the queue."""
        self._stopping.set()
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

    def leave(self) -> None:
        """Give up what waits, and tell its senders: nobody will be here to try again."""
        self._leaving = True
        self.flush()

    def _start_pump(self) -> None:
        if not self._stopping.is_set():
            self._pump = asyncio.get_running_loop().create_task(self._run(), name="relay")
            self._pump.add_done_callback(self._pumped)

    def _pumped(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            # A queue that cannot be read now may be read later.
            self._later(_PUMP, error, self._start_pump)

    def _later(self, what: str, error: BaseException, act: Callable[[], None]) -> None:
        """Have something tried again after a fault of ours: nothing waits for a restart."""
        self._faults[what] += 1
        pause = self._settings.recovery.pause(self._faults[what], what)
        self._journal.note("relay-fault", what=what, error=repr(error), pause=round(pause, 3))
        LOG.error("relay: %s", what, exc_info=error)
        asyncio.get_running_loop().call_later(pause, act)

    def _release(self, bundle: Sequence[Queued]) -> None:
        """Let rows be taken from the queue again."""
        self._held.difference_update(each.id for each in bundle)
        self._wake.set()

    async def _run(self) -> None:
        while True:
            self._wake.clear()
            self._take()
            self._faults.pop(_PUMP, None)
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
        fresh = self._of_the_space(fresh)
        domains: dict[str, list[Queued]] = {}
        for row in fresh:
            domains.setdefault(row.recipient.address.rpartition("@")[2], []).append(row)
        for domain, items in domains.items():
            lane = self._lanes.setdefault(domain, _Lane(domain))
            lane.pending.extend(bundles(items, self._settings.per_transaction))
            self._staff(lane)

    def _of_the_space(self, fresh: list[Queued]) -> list[Queued]:
        """Return what may be relayed; what comes from a domain that left the list fails at once.

        No other operator would take it, and its sender is to know while he can still read.
        """
        kept: list[Queued] = []
        ended: list[Queued] = []
        for row in fresh:
            sender = row.envelope.reverse_path.rpartition("@")[2]
            refused = sender and (self._leaving or is_listed(self._listed(), sender))
            (ended if refused else kept).append(row)
        trouble = troubles.OPERATOR_LEFT if self._leaving else of_refusal(refusals.DOMAIN_UNLISTED)
        for bundle in bundles(ended, self._settings.per_transaction):
            self._settle([RowFate(item=item, trouble=trouble) for item in bundle],
                         time.perf_counter(), None)  # fmt: skip
        return kept

    def _staff(self, lane: _Lane) -> None:
        """Start workers: a second one only when there is enough to be worth a handshake."""
        wanted = min(self._settings.per_domain, 1 + len(lane.pending) // 8)
        while len(lane.workers) < wanted:
            task = asyncio.get_running_loop().create_task(self._work(lane))
            lane.workers.add(task)
            task.add_done_callback(lambda task: self._left(lane, task))

    def _left(self, lane: _Lane, task: asyncio.Task[None]) -> None:
        lane.workers.discard(task)
        if not lane.workers and not self._stopping.is_set():
            if lane.pending:
                self._staff(lane)
            else:
                self._lanes.pop(lane.domain, None)

    async def _work(self, lane: _Lane) -> None:
        async with self._slots:
            connection: PeerConnection | None = None
            try:
                while lane.pending and not self._stopping.is_set():
                    bundle = lane.pending.popleft()
                    started = time.perf_counter()
                    held, connection = connection, None
                    try:
                        connection = await self._connection(lane, bundle, held)
                        await self._attempt(lane, bundle, connection, started)
                    except TroubleError as error:
                        self._unreached(lane, bundle, error, started)
                        return
                    except Exception as error:  # noqa: BLE001 - ours; others' mail goes on
                        self._later(lane.domain, error, partial(self._release, bundle))
            finally:
                if connection is not None:
                    self._pool.release(connection)

    async def _connection(
        self, lane: _Lane, bundle: list[Queued], held: PeerConnection | None
    ) -> PeerConnection:
        """Return the connection in hand, or another where it is of no more use."""
        if held is not None:
            worn = held.sent >= self._settings.per_connection or not held.is_usable
            if not worn and self._pool.allows(held, lane.domain):
                return held
            self._pool.release(held)
        first = bundle[0]
        return await self._pool.connection(lane.domain, f"{first.queue_id} {first.attempts}")

    async def _attempt(
        self, lane: _Lane, bundle: list[Queued], connection: PeerConnection, started: float
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
            RowFate(
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
            fates = [RowFate(item=item, trouble=error.trouble, remote=error.host) for item in each]
            self._settle(fates, started, None)

    def _settle(
        self, fates: Sequence[RowFate], started: float, connection: PeerConnection | None
    ) -> None:
        """Record what came of it while the lane goes on; the rows stay taken until then."""
        seconds = time.perf_counter() - started
        attempt = DeliveryAttempt(at=self._clock(), seconds=seconds, connection=connection)
        task = asyncio.get_running_loop().create_task(self._record(fates, attempt))
        self._records.add(task)
        task.add_done_callback(self._records.discard)

    async def _record(self, fates: Sequence[RowFate], attempt: DeliveryAttempt) -> None:
        bundle = [each.item for each in fates]
        domain = bundle[0].recipient.address.rpartition("@")[2]
        try:
            decided = settlement(
                fates,
                lambda: self._content(bundle[0]),
                backoff=self._settings.backoff,
                reporter=self._post.reporter,
                now=attempt.at,
            )
            await self._write(decided, attempt, domain)
        except Exception as error:  # noqa: BLE001 - sent again, and the receiver knows it
            self._later(domain, error, partial(self._release, bundle))
        else:
            self._faults.pop(domain, None)
            self._release(bundle)

    async def _write(self, decided: Settlement, attempt: DeliveryAttempt, domain: str) -> None:
        """Write a settlement, as often as it takes: what was sent is not to be sent again."""
        for tries in itertools.count(1):
            try:
                await self._register.record(decided, attempt)
            except StoreError as error:
                if error.kind != "failed" or self._stopping.is_set():
                    raise
                pause = self._settings.recovery.pause(tries, domain)
                self._journal.note("relay-not-recorded", error=str(error), pause=round(pause, 3))
                await self._pause_or_stop(pause)
            else:
                return

    async def _pause_or_stop(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._stopping.wait()

    async def _judge(self, certificate: bytes | None, host: str) -> DN | MailRefusal:
        return await check_peer(
            certificate,
            checker=self._checker,
            revocation=self._revocation,
            now=datetime.fromtimestamp(self._clock(), UTC),
            name=host,
        )
