"""One approval for the connections of one client: shared, joined, bounded, forgotten."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from sandbox.operators.auth import refusals_ciba
from sandbox.operators.auth.approvals import (
    ApprovalKey,
    ApprovalLimits,
    Approvals,
    TooManyError,
)
from sandbox.operators.auth.psc_client import Approval, Marks, PscError

KEY = ApprovalKey("camille@op1.mssante.test", "899700000018", "127.0.0.9")
ELSEWHERE = ApprovalKey(KEY.mailbox, KEY.identity, "127.0.0.10")
COLLEAGUE = ApprovalKey(KEY.mailbox, "899700000026", KEY.client)
YES = Approval("899700000018", Marks(1.0, 9.0))
NO = PscError(refusals_ciba.CIBA_REFUSED, marks=Marks(1.0, 9.0))
UNREACHABLE = PscError(refusals_ciba.PSC_UNREACHABLE)  # no telephone rang
QUIET = 5.0


class Phone:
    """Rings until it is told what to answer."""

    def __init__(self) -> None:
        self.rings = 0
        self.stopped = 0
        self._answers: list[asyncio.Future[Approval]] = []

    async def ask(self) -> Approval:
        self.rings += 1
        answer = asyncio.get_running_loop().create_future()
        self._answers.append(answer)
        try:
            return await answer
        except asyncio.CancelledError:
            self.stopped += 1
            raise

    def answer(self, what: Approval | Exception) -> None:
        for answer in self._answers:
            if not answer.done():
                if isinstance(what, Approval):
                    answer.set_result(what)
                else:
                    answer.set_exception(what)


class Bench:
    def __init__(self, seconds: float = 300.0, **limits: Any) -> None:
        self.now = 0.0
        self.phone = Phone()
        self.logins: list[asyncio.Task[Approval]] = []
        self.approvals = Approvals(
            seconds, quiet=QUIET, elapsed=lambda: self.now, limits=ApprovalLimits(**limits)
        )

    async def login(self, key: ApprovalKey = KEY) -> asyncio.Task[Approval]:
        """Start a login; it waits for the phone when this returns."""
        task = asyncio.create_task(self.approvals.obtain(key, self.phone.ask))
        self.logins.append(task)
        for _ in range(3):
            await asyncio.sleep(0)
        return task

    async def approved(self, key: ApprovalKey = KEY) -> None:
        task = await self.login(key)
        self.phone.answer(YES)
        assert await task is YES


@asynccontextmanager
async def bench(seconds: float = 300.0, **limits: Any) -> AsyncIterator[Bench]:
    made = Bench(seconds, **limits)
    try:
        yield made
    finally:
        await made.approvals.close()
        await asyncio.gather(*made.logins, return_exceptions=True)


async def test_five_connections_ring_once():
    async with bench() as b:
        logins = [await b.login() for _ in range(5)]
        b.phone.answer(YES)
        assert await asyncio.gather(*logins) == [YES] * 5
        assert b.phone.rings == 1


async def test_an_approval_opens_further_connections_until_its_time_is_over():
    async with bench(300.0) as b:
        await b.approved()
        b.now = 299.0
        assert await b.approvals.obtain(KEY, b.phone.ask) is YES
        b.now = 300.0
        await b.approved()
        assert b.phone.rings == 2


async def test_without_sharing_only_those_who_waited_share():
    async with bench(0.0) as b:
        await b.approved()
        await b.approved()
        assert b.phone.rings == 2


@pytest.mark.parametrize("other", [ELSEWHERE, COLLEAGUE], ids=["address", "holder"])
async def test_an_approval_is_not_another_clients(other: ApprovalKey):
    async with bench() as b:
        await b.approved()
        await b.approved(other)
        assert b.phone.rings == 2


async def test_a_refusal_answers_those_who_wait():
    async with bench() as b:
        logins = [await b.login() for _ in range(3)]
        b.phone.answer(NO)
        assert await asyncio.gather(*logins, return_exceptions=True) == [NO] * 3


async def told(b: Bench, what: PscError, key: ApprovalKey = KEY) -> PscError:
    """Log in; the telephone, where it rings, answers `what`. Return what the login is told."""
    task = await b.login(key)
    b.phone.answer(what)
    with pytest.raises(PscError) as caught:
        await task
    return caught.value


async def test_software_that_tries_again_after_a_refusal_does_not_ring():
    async with bench() as b:
        await told(b, NO)
        b.now = QUIET - 0.1
        again = await told(b, NO)
        assert (again.refusal, b.phone.rings) == (NO.refusal, 1)
        assert again.marks is None  # this login waited for nobody


async def test_a_person_who_tries_again_after_a_refusal_is_asked():
    async with bench() as b:
        await told(b, NO)
        b.now = QUIET
        await b.approved()
        assert b.phone.rings == 2


@pytest.mark.parametrize("other", [ELSEWHERE, COLLEAGUE], ids=["address", "holder"])
async def test_a_refusal_is_not_another_clients(other: ApprovalKey):
    async with bench() as b:
        await told(b, NO)
        await b.approved(other)
        assert b.phone.rings == 2


async def test_a_failure_that_rang_nobody_is_forgotten_at_once():
    async with bench() as b:
        await told(b, UNREACHABLE)
        await b.approved()


async def test_the_request_is_cancelled_with_the_last_login_that_waits():
    async with bench() as b:
        first, second = await b.login(), await b.login()
        first.cancel()
        await asyncio.wait([first])
        assert b.phone.stopped == 0
        second.cancel()
        await asyncio.wait([second])
        await asyncio.sleep(0)
        assert (b.phone.stopped, b.approvals.pending) == (1, 0)


async def test_a_login_after_a_cancelled_request_rings_anew():
    async with bench() as b:
        gone = await b.login()
        gone.cancel()
        await asyncio.wait([gone])
        await b.approved()
        assert b.phone.rings == 2


async def test_a_login_in_the_instant_of_the_cancellation_does_not_join_what_is_cancelled():
    async with bench() as b:
        gone = await b.login()
        gone.cancel()
        again = await b.login()
        b.phone.answer(YES)
        assert await again is YES


async def test_one_account_rings_from_a_bounded_number_of_addresses():
    async with bench(requests_per_account=1) as b:
        await b.login()
        with pytest.raises(TooManyError):
            await b.approvals.obtain(ELSEWHERE, b.phone.ask)
        await b.login(COLLEAGUE)
        assert b.phone.rings == 2
        b.phone.answer(YES)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        await b.approved(ELSEWHERE)  # the bound is on what waits


async def test_all_requests_together_are_bounded():
    async with bench(requests=1) as b:
        await b.login()
        with pytest.raises(TooManyError):
            await b.approvals.obtain(COLLEAGUE, b.phone.ask)


async def test_the_logins_that_join_a_request_are_bounded():
    async with bench(logins_per_request=2) as b:
        await b.login()
        await b.login()
        with pytest.raises(TooManyError):
            await b.approvals.obtain(KEY, b.phone.ask)


async def test_the_oldest_approval_is_forgotten_first():
    async with bench(kept=1) as b:
        await b.approved()
        await b.approved(COLLEAGUE)
        await b.approved()
        assert b.phone.rings == 3


async def test_closing_stops_what_waits():
    made = Bench()
    login = await made.login()
    await made.approvals.close()
    assert made.phone.stopped == 1
    with pytest.raises(asyncio.CancelledError):
        await login
