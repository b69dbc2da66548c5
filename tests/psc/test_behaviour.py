"""What people do with their phones: set, or drawn from the stated law."""

from __future__ import annotations

import statistics

import pytest

from sandbox.psc import Behaviour, ProviderOptions
from sandbox.psc.behaviour import plan
from sandbox.space.errors import UserError
from tests.psc.conftest import CLIENTS, DOCTOR, PHARMACIST, Dialogue, make_provider
from tests.psc.test_request import refused


@pytest.mark.parametrize(
    ("kind", "error"),
    [
        ("approve", None),
        ("refuse", "access_denied"),
        ("wrong_code", "access_denied"),
        ("manual", "authorization_pending"),
        ("ignore", "authorization_pending"),
        ("offline", "authorization_pending"),
    ],
)
def test_each_behaviour(core, kind, error):
    core.provider.behave(Behaviour(kind=kind, delay=3), DOCTOR)
    auth_req_id = core.start()
    core.provider.advance(3)
    reply = core.poll(auth_req_id)
    assert (reply.body.get("error"), reply.status == 200) == (error, error is None)


def test_a_behaviour_is_one_persons(core):
    core.provider.behave(Behaviour(kind="approve"), DOCTOR)
    refused(core.poll(core.start(login_hint=PHARMACIST)), 400, "authorization_pending")
    assert core.poll(core.start()).status == 200


def test_the_approval_bears_its_own_instant_even_if_the_clock_jumped(core):
    core.provider.behave(Behaviour(kind="approve", delay=8))
    auth_req_id = core.start()
    core.provider.advance(60)
    core.poll(auth_req_id)
    assert core.provider.requests.of()[0].decided_at == core.provider.now() - 52


def test_a_phone_out_of_network_cannot_decide(core):
    core.provider.behave(Behaviour(kind="offline"), DOCTOR)
    core.start()
    with pytest.raises(UserError, match="hors réseau"):
        core.decide()


def draws(seed: int, count: int = 4_000):
    law = Behaviour(kind="draw")
    return [plan(law, seed, DOCTOR, ordinal) for ordinal in range(count)]


def test_the_drawn_law_has_the_mean_and_shares_that_it_states():
    plans = draws(1)
    approvals = [p.delay for p in plans if p.decision == "approve"]
    law = Behaviour().law
    # Four standard errors of the mean; binomial for the shares.
    margin = 4 * law.wait.deviation / len(approvals) ** 0.5
    assert statistics.fmean(approvals) == pytest.approx(law.wait.mean, abs=margin)
    never = sum(p.decision is None for p in plans) / len(plans)
    assert never == pytest.approx(law.never, abs=4 * (law.never / len(plans)) ** 0.5)
    assert min(approvals) >= law.wait.shift


def test_the_same_seed_draws_the_same_and_another_does_not():
    assert draws(7, 50) == draws(7, 50)
    assert draws(7, 50) != draws(8, 50)


def test_a_draw_does_not_depend_on_who_else_is_asked():
    alone, crowded = (
        Dialogue(make_provider("core", options=ProviderOptions(clients=CLIENTS, seed=3)))
        for _ in range(2)
    )
    for dialogue in (alone, crowded):
        dialogue.provider.behave(Behaviour(kind="draw"))
    crowded.start(login_hint=PHARMACIST)
    alone.start()
    crowded.start()
    mine = [d.provider.requests.of(DOCTOR)[0].planned_at for d in (alone, crowded)]
    assert mine[0] == mine[1]


@pytest.mark.parametrize(
    "data",
    [
        {"kind": "sleep"},
        {"delay": -1},
        {"kind": "draw", "refuse": 0.9, "wrong_code": 0.2},
        {"mean": 0.5},
        {"color": 1},
        {"delay": "3"},
        {"delay": True},
        {"delay": float("nan")},
    ],
)
def test_a_behaviour_that_is_none_is_a_user_error(data):
    with pytest.raises(UserError):
        Behaviour.from_dict(data, Behaviour().law)
