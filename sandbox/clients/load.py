"""An open loop: each session starts at its instant, whatever became of those before."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sandbox.clients.holder import AccessMemory
from sandbox.clients.plan import Intent, LoadPlan, Round, SessionOutcome
from sandbox.clients.telephone import DownError, Telephones
from sandbox.clients.visit import Visit
from sandbox.messages.stock import stock_document
from sandbox.space.methods import Mechanism

__all__ = ["Load", "Progress"]

LEAD = 0.5  # s before a session, when its telephone is told what to do
_GRACE = 1.0  # s that sessions have to end once the run is stopped


@dataclass(slots=True)
class Progress:
    """Where a run stands. `late` is how long starts came after their instants, s, in order."""

    started: int = 0
    over: int = 0
    open: int = 0
    late: list[float] = field(default_factory=list)


class Load:
    """Runs a plan.

    Args:
        plan: what.
        take: called with each outcome when it is whole.

    Attributes:
        progress: where it stands.
        broken: what went wrong in these clients themselves, which ended the run; None: nothing.
    """

    def __init__(self, plan: LoadPlan, take: Callable[[SessionOutcome], None]) -> None:
        self._plan, self._take = plan, take
        self._begin = time.monotonic()
        self._stop, self._over = asyncio.Event(), asyncio.Event()
        self._all_started = False
        self.broken: BaseException | None = None
        self._holders = {
            each.number: AccessMemory(each, plan.rules, Path(plan.authorities))
            for each in plan.accounts
        }
        self.progress = Progress()
        self._tasks: set[asyncio.Task[None]] = set()

    def begin(self, instant: float) -> None:
        """Count from an instant of the monotonic clock."""
        self._begin = instant

    def clock(self) -> float:
        """Seconds from the start of the run."""
        return time.monotonic() - self._begin

    async def prepare(self, telephones: Telephones) -> None:
        """Do before the run what is not measured.

        Documents, TLS contexts, what telephones will do first.
        """
        for intent in self._plan.intents:
            for each in intent.chain():
                if each.letter is not None:
                    stock_document(each.letter.document)
        first: dict[int, Intent] = {}
        for intent in self._plan.intents:
            first.setdefault(intent.account, intent)
        for intent in self._plan.intents:
            self._holders[intent.account].context(intent.protocol, resume=False)
        for number, intent in first.items():
            if self._rings(self._holders[number]):
                await telephones.will(self._holders[number], intent.rounds[0])

    async def run(self, telephones: Telephones, stop: asyncio.Event) -> None:
        """Start everything at its instant; wait until all is over, `stop` is set, or patience ends.

        What is still open then is cut, and what came of it until then is taken.
        """
        self._stop = stop
        stopping = asyncio.create_task(stop.wait())
        told = {intent.account for intent in self._plan.intents}
        for intent in self._plan.intents:
            wait = intent.at - LEAD - self.clock()
            if wait > 0:
                await asyncio.wait({stopping}, timeout=wait)
            if stop.is_set():
                break
            self._spawn(self._one(intent, telephones, first=intent.account in told))
            told.discard(intent.account)
        self._all_started = True
        over = asyncio.create_task(self._over.wait())
        if self._tasks and not stop.is_set():
            patience, left = self._plan.patience, None
            if patience is not None:
                left = max(0.0, self._plan.seconds + patience - self.clock())
            await asyncio.wait({over, stopping}, timeout=left, return_when=asyncio.FIRST_COMPLETED)
        over.cancel()
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=_GRACE)
        stopping.cancel()

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if self._all_started and not self._tasks:
            self._over.set()
        if not task.cancelled() and (error := task.exception()) is not None:
            self.broken = self.broken or error
            self._stop.set()

    @staticmethod
    def _rings(holder: AccessMemory) -> bool:
        return bool(holder.account.telephone)

    async def _one(self, intent: Intent, telephones: Telephones, *, first: bool) -> None:
        holder = self._holders[intent.account]
        if not first and self._rings(holder) and not self._silent(holder, intent):
            with contextlib.suppress(DownError):  # the session itself will find it so
                await telephones.will(holder, intent.rounds[0])
        await asyncio.sleep(max(0.0, intent.at - self.clock()))
        await self._conduct(intent, intent.at, telephones)

    def _silent(self, holder: AccessMemory, intent: Intent) -> bool:
        """Whether a session will ring nobody."""
        door = holder.account.smtp if intent.protocol == "smtp" else holder.account.imap
        if door.mechanism is Mechanism.XOAUTH2:
            return holder.token is not None
        return holder.honoured

    async def _conduct(self, intent: Intent, intended: float, telephones: Telephones) -> None:
        outcome = self._outcome(intent, intended, intent.number)
        visit = Visit(self._holders[intent.account], telephones, self._plan.run, self.clock)

        def opened(what: Round) -> None:
            self._spawn(self._beside(visit, intent, what))

        await self._booked(visit.conduct(intent, outcome, opened), outcome)
        if intent.then is not None:
            await self._conduct(intent.then, self.clock(), telephones)

    async def _beside(self, visit: Visit, intent: Intent, what: Round) -> None:
        outcome = self._outcome(intent, self.clock(), -1)
        outcome.attended = False
        await self._booked(visit.beside(intent, outcome, what), outcome)

    def _outcome(self, intent: Intent, intended: float, number: int) -> SessionOutcome:
        started = self.clock()
        self.progress.started += 1
        if number >= 0:
            self.progress.late.append(started - intended)
        return SessionOutcome(
            intent=number, account=intent.account, protocol=intent.protocol,
            attended=intent.attended, intended=intended, started=started,
        )  # fmt: skip

    async def _booked(self, session: Coroutine[Any, Any, None], outcome: SessionOutcome) -> None:
        self.progress.open += 1
        try:
            await session
        finally:
            self.progress.open -= 1
            self.progress.over += 1
            self._take(outcome)
