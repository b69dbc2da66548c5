"""From the SASL credentials to the mailbox: directory, password, Pro Santé Connect, telephone."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from sandbox.directory import Directory
from sandbox.operators.auth.access_control import AccessControl
from sandbox.operators.auth.ecps_proxy import CibaProxy, HoldPolicy
from sandbox.operators.auth.ecps_token import TokenLogin, TokenPolicy
from sandbox.operators.auth.psc_client import Timing
from sandbox.operators.model import Accepted, Rejected, SaslName, TokenCredentials
from sandbox.operators.refusals import LoginAnswer
from sandbox.psc import Behaviour, ProviderOptions, Running
from sandbox.psc.ciba import RequestState
from sandbox.psc.from_directory import DirectoryPeople
from sandbox.psc.tokens import TokenGrant
from sandbox.space.methods import Method

from .ciba_space import (
    APPROVES,
    Held,
    client_of,
    frozen_provider,
    polls,
    run,
    until,
    virtual,
)
from .world import CHANNEL, ELSEWHERE, Try, World, password


@pytest.fixture(scope="module")
def started(annuaire: Directory) -> Iterator[Running]:
    options = ProviderOptions(people=DirectoryPeople(annuaire), behaviour=APPROVES)
    with frozen_provider(options=options) as running_psc:
        yield running_psc


@asynccontextmanager
async def operator(
    world: World, psc: Running, timing: Timing | None = None
) -> AsyncIterator[AccessControl]:
    timing = timing or virtual(psc)
    async with client_of(psc, timing) as client:
        proxy = CibaProxy(
            client, HoldPolicy(shared=300, hold=180, quiet=5), world.journal, timing=timing
        )
        policy = TokenPolicy(check="introspection", session_seconds=14_400)
        tokens = TokenLogin(client, policy, world.journal, timing=timing)
        try:
            async with world.operator(held={Method.ECPS: proxy}, tokens=tokens) as control:
                yield control
        finally:
            await proxy.close()


def outcome(world: World, psc: Running, step: Try) -> Accepted | Rejected:
    async def body() -> Accepted | Rejected:
        async with operator(world, psc) as control:
            return await control.authenticator.authenticate(step.credentials, step.channel)

    return run(body())


def token_of(psc: Running, identity: str) -> str:
    provider = psc.provider
    person = provider.people.find(identity)
    assert person is not None
    grant = TokenGrant(
        client=provider.clients["lps-poll"], person=person, scope="openid scope_all",
        auth_time=provider.now(), sid=f"session-{identity}",
    )  # fmt: skip
    return str(provider.tokens.issue(grant, provider.now())["access_token"])


def bearer(user: str, token: str) -> Try:
    return Try(
        TokenCredentials(mechanism=SaslName.OAUTHBEARER, user=user, token=token), CHANNEL
    )  # fmt: skip


def journaled(world: World, event: str) -> list[dict[str, Any]]:
    return [entry for entry in world.journal.since() if entry["event"] == event]


def test_a_password_and_a_telephone_open_the_mailbox(world: World, psc: Running) -> None:
    anne = world.holder()
    result = outcome(world, psc, password(anne.mailbox, anne.password))
    assert isinstance(result, Accepted)
    assert (result.actor.mailbox, result.actor.identity) == (anne.mailbox, anne.identity)
    assert result.person > 0
    assert psc.provider.requests.of(anne.identity)[0].state is RequestState.REDEEMED


def test_each_holder_of_an_organisational_mailbox_is_asked_and_traced(
    world: World, psc: Running
) -> None:
    box = world.organisational(holders=2)
    second = world.holder(box, 1)
    step = password(f"{box.address}*{second.identity}", second.password)
    result = outcome(world, psc, step)
    assert isinstance(result, Accepted)
    assert (result.actor.mailbox, result.actor.identity) == (box.address, second.identity)
    assert [entry["identity"] for entry in journaled(world, "login")] == [second.identity]


def test_a_wrong_password_does_not_reach_pro_sante_connect(world: World, psc: Running) -> None:
    anne = world.holder()
    before = len(psc.provider.requests.of(anne.identity))
    result = outcome(world, psc, password(anne.mailbox, "wrong"))
    assert isinstance(result, Rejected)
    assert len(psc.provider.requests.of(anne.identity)) == before


def test_a_refusal_is_journaled_once_with_its_clause(world: World, psc: Running) -> None:
    psc.provider.devices.behaviour = Behaviour(kind="refuse", delay=2)
    anne = world.holder()
    outcome(world, psc, password(anne.mailbox, anne.password))
    (entry,) = journaled(world, "refused")
    assert entry["reason"] == "ciba-refused"
    assert entry["clause"].startswith("CIBA Core")


def test_a_client_that_disconnects_leaves_nothing_behind(world: World, psc: Running) -> None:
    psc.provider.devices.behaviour = Behaviour(kind="manual")
    anne = world.holder()
    step = password(anne.mailbox, anne.password)

    async def body() -> None:
        held = Held(psc)
        async with operator(world, psc, held.timing) as control:
            login = asyncio.create_task(
                control.authenticator.authenticate(step.credentials, step.channel)
            )
            await until(lambda: held.waits == 1)
            login.cancel()
            await asyncio.wait([login])

    run(body())
    assert polls(psc, anne.identity) == 0
    assert [entry["reason"] for entry in journaled(world, "refused")] == ["client-gave-up"]


def test_a_token_opens_the_mailbox_of_its_person(world: World, psc: Running) -> None:
    anne = world.holder()
    result = outcome(world, psc, bearer(anne.mailbox, token_of(psc, anne.identity)))
    assert isinstance(result, Accepted)
    assert result.actor.mailbox == anne.mailbox
    assert result.actor.expires_at is not None


def test_a_token_opens_the_organisational_mailbox_that_its_person_holds(
    world: World, psc: Running
) -> None:
    box = world.organisational(holders=2)
    identity = world.directory.holders(box.address)[1].national_id
    result = outcome(world, psc, bearer(box.address, token_of(psc, identity)))
    assert isinstance(result, Accepted)
    assert (result.actor.mailbox, result.actor.identity) == (box.address, identity)


def test_a_token_without_a_mailbox_opens_its_persons_own(world: World, psc: Running) -> None:
    anne = world.holder()
    result = outcome(world, psc, bearer("", token_of(psc, anne.identity)))
    assert isinstance(result, Accepted)
    assert result.actor.mailbox == anne.mailbox


def test_a_token_of_another_person_does_not_open_it(world: World, psc: Running) -> None:
    anne = world.holder()
    stranger = world.directory.holders(world.organisational(holders=2).address)[0]
    result = outcome(world, psc, bearer(anne.mailbox, token_of(psc, stranger.national_id)))
    assert isinstance(result, Rejected)
    assert result.refusal.answer is LoginAnswer.NOT_AUTHORIZED
    assert b"invalid_token" in result.challenge


def test_a_token_opens_nothing_at_another_operator(world: World, psc: Running) -> None:
    elsewhere = world.personal(ELSEWHERE)
    assert elsewhere.person is not None
    token = token_of(psc, elsewhere.person.national_id)
    result = outcome(world, psc, bearer(elsewhere.address, token))
    assert isinstance(result, Rejected)
    assert result.refusal.answer is LoginAnswer.NOT_AUTHORIZED
