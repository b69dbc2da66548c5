"""The CIBA proxy: a login with a password that is held until the telephone answers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import pytest

from sandbox.observations.schema import Cause
from sandbox.operators.auth.approvals import ApprovalLimits
from sandbox.operators.auth.ecps_proxy import CibaProxy, HoldPolicy
from sandbox.operators.auth.psc_client import Timing
from sandbox.operators.auth.verifier import Account
from sandbox.operators.journal import Journal
from sandbox.operators.model import Accepted, PasswordCredentials, Rejected, SaslName
from sandbox.operators.refusals import LoginAnswer
from sandbox.psc import Behaviour, Running
from sandbox.space.methods import Method

from .ciba_space import (
    DOCTOR,
    PHARMACIST,
    Held,
    channel,
    client_of,
    faulty,
    polls,
    run,
    until,
    virtual,
)

MAILBOX = "accueil@op1.mssante.test"
DOCTOR_HERE = Account(mailbox=MAILBOX, identity=DOCTOR, name="CAMILLE TESTMEDECIN")
PHARMACIST_HERE = Account(mailbox=MAILBOX, identity=PHARMACIST, name="DOMINIQUE TESTPHARMACIEN")
QUIET = 5.0
PASSWORD = PasswordCredentials(mechanism=SaslName.PLAIN, authcid=MAILBOX, password="secret")


@dataclass
class Operator:
    psc: Running
    proxy: CibaProxy
    journal: Journal

    async def login(
        self, account: Account = DOCTOR_HERE, client: str = "127.0.0.9"
    ) -> Accepted | Rejected:
        return await self.proxy.verify(PASSWORD, channel(client), account)

    def start(self, *args: Any, **kwargs: Any) -> asyncio.Task[Accepted | Rejected]:
        return asyncio.create_task(self.login(*args, **kwargs))

    def rings(self, national_id: str = DOCTOR) -> int:
        """Requests that this operator made."""
        noted = [e for e in self.journal.since() if e["event"] == "ciba-request"]
        return sum(event["identity"] == national_id for event in noted)


@asynccontextmanager
async def operator(
    psc: Running,
    timing: Timing | None = None,
    *,
    shared: float = 300.0,
    hold: float = 180.0,
    limits: ApprovalLimits | None = None,
    timeout: float = 10.0,
) -> AsyncIterator[Operator]:
    timing = timing or virtual(psc)
    journal = Journal(clock=timing.now)
    async with client_of(psc, timing, timeout=timeout) as client:
        policy = HoldPolicy(shared=shared, hold=hold, quiet=QUIET)
        proxy = CibaProxy(client, policy, journal, timing=timing, limits=limits)
        try:
            yield Operator(psc, proxy, journal)
        finally:
            await proxy.close()


def rejected(outcome: Accepted | Rejected) -> Rejected:
    assert isinstance(outcome, Rejected)
    assert outcome.method is Method.ECPS
    return outcome


async def test_the_holder_who_approves_acts_under_his_own_identity(psc: Running):
    async with operator(psc) as op:
        outcome = await op.login()
        assert isinstance(outcome, Accepted)
        assert outcome.actor == DOCTOR_HERE.actor(Method.ECPS)
        assert outcome.actor.expires_at is None


async def test_the_wait_is_split_into_the_persons_time_and_the_back_ends(psc: Running):
    async with operator(psc) as op:
        outcome = await op.login()
        assert outcome.person == pytest.approx(8.0, abs=1.0)
        # In virtual time answers take none: what is left is at most one polling interval.
        assert 0.0 <= outcome.backend <= 1.0


async def test_the_number_to_compare_is_in_the_journal(psc: Running):
    async with operator(psc) as op:
        await op.login()
        (noted,) = [e for e in op.journal.since() if e["event"] == "ciba-request"]
        assert noted["binding_message"] == psc.provider.requests.of(DOCTOR)[0].binding_message


@pytest.mark.parametrize(
    ("behaviour", "rule", "cause"),
    [
        (Behaviour(kind="refuse", delay=3), "ciba-refused", Cause.REFUSED),
        (Behaviour(kind="manual"), "ciba-no-answer", Cause.NO_ANSWER),
        (Behaviour(kind="offline"), "ciba-no-answer", Cause.NO_ANSWER),
    ],
    ids=["refuses", "never answers", "out of network"],
)
async def test_without_an_approval_nobody_enters(
    psc: Running, behaviour: Behaviour, rule: str, cause: Cause
):
    psc.provider.devices.behaviour = behaviour

    async with operator(psc) as op:
        outcome = rejected(await op.login())
        assert (outcome.refusal.name, outcome.refusal.cause) == (rule, cause)
        # The wire says the same as for a wrong password.
        assert outcome.refusal.answer is LoginAnswer.CREDENTIALS
        assert outcome.person > 0


async def test_the_operator_does_not_hold_longer_than_it_says(psc: Running):
    psc.provider.devices.behaviour = Behaviour(kind="manual")

    async with operator(psc, hold=40.0) as op:
        outcome = rejected(await op.login())
        assert outcome.refusal.cause is Cause.CLIENT_TIMEOUT
        assert outcome.person + outcome.backend <= 40.0


@pytest.mark.parametrize("point", ["discovery", "backchannel", "token", "jwks"])
async def test_a_provider_that_is_down_is_a_temporary_failure(psc: Running, point: str):
    faulty(psc, "unavailable", point=point)

    async with operator(psc) as op:
        outcome = rejected(await op.login())
        assert outcome.refusal.answer is LoginAnswer.UNAVAILABLE
        assert outcome.refusal.cause is Cause.BACKEND_DOWN


async def test_a_silent_provider_is_given_up_in_bounded_time(psc: Running):
    faulty(psc, "silence", point="backchannel", seconds=0.6)

    async with operator(psc, timeout=0.1) as op:
        async with asyncio.timeout(5):
            outcome = rejected(await op.login())
        assert outcome.refusal.name == "psc-unreachable"


async def test_an_answer_that_cannot_be_believed_opens_nothing(psc: Running):
    faulty(psc, "id_bad_signature", point="token")

    async with operator(psc) as op:
        assert rejected(await op.login()).refusal.cause is Cause.TOKEN_REFUSED
        # Nor is it an approval that a next connection could share.
        assert rejected(await op.login()).refusal.cause is Cause.TOKEN_REFUSED


# --- several connections ------------------------------------------------------------------------


async def test_five_connections_ring_once(psc: Running):
    psc.provider.devices.behaviour = Behaviour(kind="manual")

    held = Held(psc)
    async with operator(psc, held.timing) as op:
        logins = [op.start() for _ in range(5)]
        await until(lambda: held.waits == 1)
        psc.approve(DOCTOR)
        held.step()
        outcomes = await asyncio.gather(*logins)
        assert all(isinstance(outcome, Accepted) for outcome in outcomes)
        assert op.rings() == 1


async def test_a_connection_after_the_approval_does_not_wait(psc: Running):
    async with operator(psc) as op:
        await op.login()
        outcome = await op.login()
        assert isinstance(outcome, Accepted)
        assert (outcome.backend, outcome.person, op.rings()) == (0.0, 0.0, 1)


async def test_a_connection_that_joins_waits_only_from_its_own_start(psc: Running):
    psc.provider.devices.behaviour = Behaviour(kind="manual")

    held = Held(psc)
    async with operator(psc, held.timing) as op:
        first = op.start()
        await until(lambda: held.waits == 1)
        for count in (2, 3, 4):
            held.step()
            await until(lambda count=count: held.waits == count)
        second = op.start()
        await asyncio.sleep(0)
        psc.approve(DOCTOR)
        held.step()
        early, late = await asyncio.gather(first, second)
        assert early.person > 3.0
        # Approved as soon as it had joined: the rest of its wait was for the next poll.
        assert late.person <= 0.6
        assert late.person + late.backend == pytest.approx(1.0)


async def test_the_approval_is_asked_again_when_its_time_is_over(psc: Running):
    async with operator(psc, shared=300.0) as op:
        await op.login()
        psc.advance(301.0)
        await op.login()
        assert op.rings() == 2


async def test_another_address_rings_again(psc: Running):
    async with operator(psc) as op:
        await op.login(client="127.0.0.9")
        await op.login(client="127.0.0.10")
        assert op.rings() == 2


async def test_two_holders_of_one_mailbox_are_each_asked(psc: Running):
    async with operator(psc) as op:
        doctor = await op.login(DOCTOR_HERE)
        pharmacist = await op.login(PHARMACIST_HERE)
        assert isinstance(doctor, Accepted)
        assert isinstance(pharmacist, Accepted)
        assert pharmacist.actor.identity == PHARMACIST
        assert (op.rings(DOCTOR), op.rings(PHARMACIST)) == (1, 1)


async def test_a_refusal_rings_once_for_software_that_tries_all_it_knows(psc: Running):
    psc.provider.devices.behaviour = Behaviour(kind="refuse", delay=1)

    async with operator(psc) as op:
        first, *others = [rejected(await op.login()) for _ in range(6)]
        assert {each.refusal for each in others} == {first.refusal}
        assert [each.person for each in others] == [0.0] * 5
        assert op.rings() == 1


async def test_after_a_refusal_a_person_who_tries_again_is_asked_again(psc: Running):
    psc.provider.devices.behaviour = Behaviour(kind="refuse", delay=1)

    timing = virtual(psc)
    async with operator(psc, timing) as op:
        rejected(await op.login())
        psc.provider.devices.behaviour = Behaviour(kind="approve", delay=1)
        await timing.sleep(QUIET)
        assert isinstance(await op.login(), Accepted)


def test_a_client_that_leaves_stops_the_polls(psc: Running):
    psc.provider.devices.behaviour = Behaviour(kind="manual")

    async def body() -> None:
        held = Held(psc)
        async with operator(psc, held.timing) as op:
            login = op.start()
            await until(lambda: held.waits == 1)
            held.step()
            await until(lambda: held.waits == 2)
            login.cancel()
            await asyncio.wait([login])
            assert login.cancelled()
            assert op.proxy.approvals.pending == 0
            for _ in range(3):
                held.step()
            await asyncio.sleep(0.05)

    run(body())
    assert polls(psc) == 1


async def test_one_of_two_clients_that_leaves_disturbs_nobody(psc: Running):
    psc.provider.devices.behaviour = Behaviour(kind="manual")

    held = Held(psc)
    async with operator(psc, held.timing) as op:
        first, second = op.start(), op.start()
        await until(lambda: held.waits == 1)
        first.cancel()
        await asyncio.wait([first])
        psc.approve(DOCTOR)
        held.step()
        assert isinstance(await second, Accepted)


async def test_a_person_is_not_rung_from_everywhere_at_once(psc: Running):
    psc.provider.devices.behaviour = Behaviour(kind="manual")

    held = Held(psc)
    async with operator(psc, held.timing, limits=ApprovalLimits(requests_per_account=1)) as op:
        waiting = op.start(client="127.0.0.9")
        await until(lambda: held.waits == 1)
        outcome = rejected(await op.login(client="127.0.0.10"))
        assert outcome.refusal.answer is LoginAnswer.LIMITED
        waiting.cancel()
        await asyncio.wait([waiting])
