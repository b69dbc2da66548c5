"""The operator's own CIBA: a link in an SMS, opened once, lost sometimes."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import httpx

from sandbox.live.wire import OWN_PROFILE, own_settings
from sandbox.observations.schema import Cause
from sandbox.operators.auth.ciba_operator import own_registration, sms_fate
from sandbox.operators.auth.ecps_proxy import CibaProxy, HoldPolicy
from sandbox.operators.auth.psc_client import PscClient, Timing
from sandbox.operators.auth.verifier import Account
from sandbox.operators.journal import Journal
from sandbox.operators.model import Accepted, PasswordCredentials, Rejected, SaslName
from sandbox.psc import BuiltInPeople, Client, ProviderOptions, Running
from sandbox.psc.people import BUILT_IN
from sandbox.psc.sms import SmsLaw
from sandbox.serve import client_context
from sandbox.space.loader import load_scenario, with_inputs
from sandbox.space.methods import Method

from .ciba_space import (
    DOCTOR,
    PEOPLE,
    SECRET,
    Held,
    channel,
    frozen_provider,
    run,
    until,
    virtual,
)

CLIENT = "operator-op1"
MAILBOX = "camille.testmedecin@op1.mssante.test"
ACCOUNT = Account(mailbox=MAILBOX, identity=DOCTOR, name="CAMILLE TESTMEDECIN", held=Method.SMS)
PASSWORD = PasswordCredentials(mechanism=SaslName.PLAIN, authcid=MAILBOX, password="secret")
NUMBER = PEOPLE[DOCTOR].phone_number


@contextmanager
def own_provider(lost: float = 0.0) -> Iterator[Running]:
    scenario = with_inputs(load_scenario("demo"), {"methods.sms.lost": lost})
    options = ProviderOptions(
        people=BuiltInPeople(BUILT_IN),
        clients=(Client(client_id=CLIENT, client_secret=SECRET),),
        sms=SmsLaw.of(scenario.methods.sms),
    )
    with frozen_provider(OWN_PROFILE, options=options, **own_settings(scenario)) as provider:
        yield provider


@asynccontextmanager
async def proxy(own: Running, timing: Timing, hold: float = 600.0) -> AsyncIterator[CibaProxy]:
    registration = own_registration(own.issuer, CLIENT, SECRET)
    trust = client_context(Path(own.files.ca))
    async with PscClient(registration, trust, timeout=10, timing=timing) as client:
        made = CibaProxy(
            client, HoldPolicy(shared=300.0, hold=hold, quiet=5.0), Journal(), method=Method.SMS,
            timing=timing, unanswered=sms_fate(own.provider),
        )  # fmt: skip
        try:
            yield made
        finally:
            await made.close()


async def click(own: Running, decision: str) -> tuple[int, int]:
    """Open the newest link twice, deciding each time; return both statuses."""
    link = own.provider.devices.sms.arrived(own.provider.now(), NUMBER)[0]["link"]
    trust = ssl.create_default_context(cafile=str(own.files.ca))
    async with httpx.AsyncClient(verify=trust) as browser:
        assert (await browser.get(link)).status_code == 200  # reading decides nothing
        first = await browser.post(link, data={"decision": decision})
        second = await browser.post(link, data={"decision": decision})
    return first.status_code, second.status_code


async def answered(own: Running, decision: str) -> tuple[Accepted | Rejected, tuple[int, int]]:
    held = Held(own)
    async with proxy(own, held.timing) as held_login:
        login = asyncio.create_task(held_login.verify(PASSWORD, channel(), ACCOUNT))
        await until(lambda: held.waits == 1)
        while not own.provider.devices.sms.arrived(own.provider.now(), NUMBER):
            held.step()
            seen = held.waits
            await until(lambda seen=seen: held.waits > seen)
        statuses = await click(own, decision)
        held.step()
        return await login, statuses


def test_the_link_in_the_sms_lets_its_holder_in():
    with own_provider() as own:
        outcome, _ = run(answered(own, "approve"))
        assert isinstance(outcome, Accepted)
        assert (outcome.actor.identity, outcome.actor.method) == (DOCTOR, Method.SMS)


def test_the_link_answers_once():
    with own_provider() as own:
        _, statuses = run(answered(own, "approve"))
        assert statuses == (200, 410)


def test_the_link_can_refuse():
    with own_provider() as own:
        outcome, _ = run(answered(own, "refuse"))
        assert isinstance(outcome, Rejected)
        assert outcome.refusal.cause is Cause.REFUSED


def unanswered(own: Running, hold: float = 600.0) -> Rejected:
    async def body() -> Accepted | Rejected:
        timing = virtual(own)
        async with proxy(own, timing, hold) as held_login:
            return await held_login.verify(PASSWORD, channel(), ACCOUNT)

    outcome = run(body())
    assert isinstance(outcome, Rejected)
    assert outcome.method is Method.SMS
    return outcome


def test_a_link_that_nobody_opens_is_no_answer():
    with own_provider() as own:
        assert unanswered(own).refusal.cause is Cause.NO_ANSWER


def test_a_lost_sms_is_told_from_a_person_who_does_not_answer():
    with own_provider(lost=1.0) as own:
        assert unanswered(own).refusal.cause is Cause.SMS_LOST


def test_the_request_lives_as_long_as_the_scenario_says():
    with own_provider() as own:
        outcome = unanswered(own)
        expiry = load_scenario("demo").methods.sms.expiry
        interval = load_scenario("demo").policies.ciba_interval
        assert expiry - interval <= outcome.person <= expiry


def test_an_operator_that_holds_less_says_so():
    with own_provider() as own:
        assert unanswered(own, hold=60.0).refusal.cause is Cause.CLIENT_TIMEOUT


def test_the_operator_is_the_only_client_of_its_provider():
    with own_provider() as own:
        assert list(own.provider.clients) == [CLIENT]
        assert own.provider.settings.device == "sms"
