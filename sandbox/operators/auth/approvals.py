"""Approvals, and the requests that wait for one: shared by the connections of one client.

A mail client opens several connections at once (Thunderbird: five), each with its own login. Those
that come while the telephone rings join the request; those that come after an approval use it for
as long as the policy says. A refusal, or silence, answers those who wait and, for some seconds,
those who come after: told no, Thunderbird at once tries its other mechanisms and its other
connections, six logins and more, and each would ring again until the person gives in.
Everything is bounded, and a request that nobody waits for any more is cancelled at once.
"""

from __future__ import annotations

import asyncio
from collections import Counter, OrderedDict
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any, TypeAlias, TypeVar

from sandbox.operators.auth.psc_client import Approval, PscError

__all__ = ["ApprovalKey", "ApprovalLimits", "Approvals", "TooManyError"]

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class ApprovalKey:
    """Who shares an approval: one holder of one mailbox, from one client address."""

    mailbox: str
    identity: str
    client: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ApprovalLimits:
    """Bounds; what is beyond is refused (requests, logins) or forgotten first (kept).

    Attributes:
        requests: telephones ringing at once.
        requests_per_account: of them for one holder of one mailbox. Whoever knows a password may
            not ring a person from many addresses until she gives in.
        logins_per_request: connections that wait for one answer.
        kept: approvals in memory; as many refusals.
    """

    requests: int = 5_000
    requests_per_account: int = 3
    logins_per_request: int = 32
    kept: int = 50_000


_Kept: TypeAlias = OrderedDict[ApprovalKey, tuple[float, T]]  # until when, what


class TooManyError(Exception):
    """A bound of `ApprovalLimits` is reached."""


@dataclass(slots=True)
class _Pending:
    task: asyncio.Task[Approval]
    waiting: int = 0


class Approvals:
    """The approvals of one operator and method.

    Args:
        seconds: how long an approval answers further logins; 0: only those that waited with it.
        quiet: how long a telephone that rang for nothing is not rung again for the same client.
        elapsed: a clock in seconds.
        limits: bounds.
    """

    def __init__(
        self,
        seconds: float,
        *,
        quiet: float,
        elapsed: Callable[[], float],
        limits: ApprovalLimits | None = None,
    ) -> None:
        self._seconds = seconds
        self._quiet = quiet
        self._elapsed = elapsed
        self._limits = limits or ApprovalLimits()
        self._kept: _Kept[Approval] = OrderedDict()
        self._in_vain: _Kept[PscError] = OrderedDict()
        self._pending: dict[ApprovalKey, _Pending] = {}
        self._rung: Counter[tuple[str, str]] = Counter()
        self._tasks: set[asyncio.Task[Approval]] = set()

    @property
    def pending(self) -> int:
        """How many requests wait for a person."""
        return len(self._pending)

    async def obtain(
        self, key: ApprovalKey, ask: Callable[[], Coroutine[Any, Any, Approval]]
    ) -> Approval:
        """Return an approval: one that is still good, that of a pending request, or a new one.

        What the last request ended with answers too, while the telephone is left in peace.

        `ask` rings the telephone. It is cancelled when the last login that waits is cancelled.

        Raises:
            TooManyError: too many wait already.
            Exception: what `ask` raises, for all who wait.
        """
        kept = self._still_good(self._kept, key)
        if kept is not None:
            return kept
        error = self._still_good(self._in_vain, key)
        if error is not None:
            raise PscError(error.refusal)  # without marks: for this login no telephone rang
        pending = self._pending.get(key) or self._ring(key, ask)
        if pending.waiting >= self._limits.logins_per_request:
            raise TooManyError
        pending.waiting += 1
        try:
            return await asyncio.shield(pending.task)
        finally:
            pending.waiting -= 1
            if not pending.waiting and not pending.task.done():
                self._forget(key, pending)
                pending.task.cancel()

    async def close(self) -> None:
        """Stop every request, and wait until they have stopped."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    def _ring(self, key: ApprovalKey, ask: Callable[[], Coroutine[Any, Any, Approval]]) -> _Pending:
        account = (key.mailbox, key.identity)
        if (
            len(self._pending) >= self._limits.requests
            or self._rung[account] >= self._limits.requests_per_account
        ):
            raise TooManyError
        pending = _Pending(asyncio.create_task(ask()))
        self._pending[key] = pending
        self._rung[account] += 1
        self._tasks.add(pending.task)
        pending.task.add_done_callback(lambda task: self._ended(key, pending, task))
        return pending

    def _ended(self, key: ApprovalKey, pending: _Pending, task: asyncio.Task[Approval]) -> None:
        self._tasks.discard(task)
        self._forget(key, pending)
        if task.cancelled():
            return
        # Reading the exception also covers the case where all who waited left at that instant.
        error = task.exception()
        if error is None:
            self._keep(self._kept, key, self._seconds, task.result())
        elif isinstance(error, PscError) and error.marks is not None:
            self._keep(self._in_vain, key, self._quiet, error)

    def _keep(self, kept: _Kept[T], key: ApprovalKey, seconds: float, what: T) -> None:
        kept[key] = (self._elapsed() + seconds, what)
        kept.move_to_end(key)
        while len(kept) > self._limits.kept:
            kept.popitem(last=False)

    def _forget(self, key: ApprovalKey, pending: _Pending) -> None:
        if self._pending.get(key) is not pending:
            return
        del self._pending[key]
        account = (key.mailbox, key.identity)
        self._rung[account] -= 1
        if not self._rung[account]:
            del self._rung[account]

    def _still_good(self, kept: _Kept[T], key: ApprovalKey) -> T | None:
        now = self._elapsed()
        # All of one kind live equally long: the oldest is the first to end.
        while kept and next(iter(kept.values()))[0] <= now:
            kept.popitem(last=False)
        found = kept.get(key)
        return None if found is None else found[1]
