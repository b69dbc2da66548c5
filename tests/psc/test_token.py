"""Rows K1 to K3 and T1 to T13: the acknowledgement and the token endpoint."""

from __future__ import annotations

import re
import threading
from dataclasses import replace

import pytest

from sandbox.psc import settings_for
from sandbox.psc.ciba import POLL_ORDER, AuthRequest, DeviceDecision, RequestState, decide, poll
from sandbox.space.errors import UserError
from tests.psc.conftest import CIBA, NOTIFICATION_TOKEN, SECRET, Dialogue, basic, make_provider
from tests.psc.test_request import refused


@pytest.mark.parametrize(("profile", "interval"), [("core", 5), ("psc", 1)])
def test_k1_acknowledgement_members(profile, interval):
    body = Dialogue(make_provider(profile)).request().body
    assert set(body) == {"auth_req_id", "expires_in", "interval"}
    assert (body["expires_in"], body["interval"]) == (120, interval)


def test_k1_interval_zero_is_left_out(psc):
    quick = Dialogue(make_provider("psc", interval=0))
    assert "interval" not in quick.request().body


def test_k1_push_needs_no_interval(core):
    body = core.request("push", client_notification_token=NOTIFICATION_TOKEN).body
    assert set(body) == {"auth_req_id", "expires_in"}


def test_k2_auth_req_id_is_unguessable_unique_and_in_the_alphabet(either):
    ids = [either.start() for _ in range(200)]
    assert len(set(ids)) == 200
    for value in ids:
        assert re.fullmatch(r"[A-Za-z0-9._-]+", value)
        # 24 random bytes are in it: 192 bits, more than the 160 recommended.
        assert len(value) >= 32


def test_k3_unknown_members_and_lacking_members_come_on_demand():
    from sandbox.psc import FaultRule

    core = Dialogue(make_provider("core"))
    core.provider.faults.replace((FaultRule(fault="unknown_members", nth=1, per="client"),))
    assert "x_unknown" in core.request().body
    core.provider.faults.replace((FaultRule(fault="missing_auth_req_id"),))
    assert "auth_req_id" not in core.request().body
    core.provider.faults.replace((FaultRule(fault="missing_expires_in"),))
    assert "expires_in" not in core.request().body


def test_t1_pending(either):
    refused(either.poll(either.start()), 400, "authorization_pending")


def test_t2_slow_down_and_five_more_seconds_from_then_on(core):
    auth_req_id = core.start()
    refused(core.poll(auth_req_id), 400, "authorization_pending")
    core.provider.advance(4)
    refused(core.poll(auth_req_id), 400, "slow_down")
    core.provider.advance(9)
    refused(core.poll(auth_req_id), 400, "slow_down")
    core.provider.advance(15)
    refused(core.poll(auth_req_id), 400, "authorization_pending")


def test_t2_a_client_that_obeys_is_never_slowed(core):
    auth_req_id = core.start()
    for _ in range(20):
        refused(core.poll(auth_req_id), 400, "authorization_pending")
        core.provider.advance(5)


def test_t3_abuse_closes_the_request(core):
    auth_req_id = core.start()
    answers = [core.poll(auth_req_id).body["error"] for _ in range(8)]
    assert answers == ["authorization_pending"] + ["slow_down"] * 5 + ["invalid_request"] * 2
    core.provider.advance(60)
    refused(core.poll(auth_req_id), 400, "invalid_request")
    assert core.provider.requests.pending == 0


@pytest.mark.parametrize("decision", ["refuse", "wrong_code"])
def test_t4_denied(either, decision):
    auth_req_id = either.start()
    for _ in range(3 if decision == "wrong_code" else 1):
        either.decide(decision)
    refused(either.poll(auth_req_id), 400, "access_denied")


def test_t4_two_wrong_codes_leave_a_third_try(core):
    auth_req_id = core.start()
    core.decide("wrong_code")
    core.decide("wrong_code")
    refused(core.poll(auth_req_id), 400, "authorization_pending")
    core.decide("approve")
    core.provider.advance(5)
    assert core.poll(auth_req_id).status == 200


def test_t5_expired_at_120_seconds_and_not_before(either):
    auth_req_id = either.start()
    either.provider.advance(119)
    refused(either.poll(auth_req_id), 400, "authorization_pending")
    either.provider.advance(1)
    refused(either.poll(auth_req_id), 400, "expired_token")


def test_t5_an_approval_that_nobody_fetched_expires_too(either):
    auth_req_id = either.start()
    either.decide()
    either.provider.advance(120)
    refused(either.poll(auth_req_id), 400, "expired_token")


def test_t6_unknown_id(either):
    refused(either.poll("unknown"), 400, "invalid_grant")


def test_t6_missing_id(either):
    refused(either.poll(None), 400, "invalid_request")


def test_t6_id_of_another_client(either):
    auth_req_id = either.start()
    refused(either.poll(auth_req_id, "other"), 400, "invalid_grant")
    refused(either.poll(auth_req_id), 400, "authorization_pending")


def test_t6_redeemed_once(either):
    auth_req_id = either.start()
    either.decide()
    assert either.poll(auth_req_id).status == 200
    for _ in range(2):
        either.provider.advance(10)
        refused(either.poll(auth_req_id), 400, "invalid_grant")


@pytest.mark.parametrize("client_id", ["no-ciba", "push"])
def test_t7_client_that_may_not_poll(core, client_id):
    refused(core.poll("x", client_id), 400, "unauthorized_client")


@pytest.mark.parametrize("authorization", ["", basic("basic", "wrong"), basic("nobody")])
def test_t8_bad_client_authentication(core, authorization):
    from sandbox.psc.client_auth import Credentials
    from sandbox.psc.grants import token

    form = {"grant_type": CIBA, "auth_req_id": "x"}
    refused(token(core.provider, Credentials(authorization, form)), 401, "invalid_client")


def test_t9_overload():
    small = Dialogue(make_provider("core", max_pending=2))
    small.start()
    small.start()
    reply = small.request()
    assert (reply.status, reply.headers["Retry-After"]) == (503, "5")
    small.decide("refuse")
    assert small.request().status == 200


def test_t10_success(core):
    body = core.tokens(scope="openid scope_all")
    assert {"access_token", "id_token", "token_type", "expires_in", "refresh_token"} <= set(body)
    assert body["token_type"] == "Bearer"


def test_t10_answers_are_not_stored(core_server, core_http):
    auth = ("basic", SECRET)
    form = {"scope": "openid", "login_hint": "899700000034"}
    begun = core_http.post(core_server.url("backchannel"), data=form, auth=auth).json()
    core_server.approve("899700000034")
    form = {"grant_type": CIBA, "auth_req_id": begun["auth_req_id"]}
    answer = core_http.post(core_server.url("token"), data=form, auth=auth)
    assert (answer.status_code, answer.headers["cache-control"]) == (200, "no-store")


def test_t11_a_pinged_client_may_poll_at_once(core):
    auth_req_id = core.start("ping", client_notification_token=NOTIFICATION_TOKEN)
    refused(core.poll(auth_req_id, "ping"), 400, "authorization_pending")
    core.decide()
    assert core.poll(auth_req_id, "ping").status == 200


def test_t12_one_of_many_overlapping_polls_redeems():
    core = Dialogue(make_provider("core", interval=0, patience=0))
    auth_req_id = core.start()
    core.decide()
    gate = threading.Barrier(8)
    answers: list[int] = []

    def redeem() -> None:
        gate.wait()
        answers.append(core.poll(auth_req_id).status)

    threads = [threading.Thread(target=redeem) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answers) == [200] + [400] * 7


def test_t12_one_of_many_overlapping_polls_is_within_the_interval(core):
    auth_req_id = core.start()
    gate = threading.Barrier(6)
    errors: list[str] = []

    def ask() -> None:
        gate.wait()
        errors.append(core.poll(auth_req_id).body["error"])

    threads = [threading.Thread(target=ask) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors.count("authorization_pending") == 1


def test_t12_a_state_file_has_one_provider_so_that_nothing_is_redeemed_twice(tmp_path):
    from sandbox.psc.store import ProviderStore

    held = ProviderStore(tmp_path / "state.db")
    with pytest.raises(UserError, match="autre fournisseur"):
        ProviderStore(tmp_path / "state.db")
    held.close()
    ProviderStore(tmp_path / "state.db").close()


@pytest.mark.parametrize(
    ("first_poll", "error"), [("allowed", "authorization_pending"), ("throttled", "slow_down")]
)
def test_t13_the_first_poll_is_a_setting(first_poll, error):
    core = Dialogue(make_provider("core", first_poll=first_poll))
    refused(core.poll(core.start()), 400, error)


# --- the pure machine ---------------------------------------------------------------------------

REQUEST = AuthRequest(
    ticket="t",
    id_hash="h",
    client_id="c",
    subject="s",
    scope="openid",
    mode="poll",
    created_at=0.0,
    expires_at=120.0,
    interval=5,
)


@pytest.mark.parametrize("profile", POLL_ORDER)
@pytest.mark.parametrize("state", RequestState)
def test_every_state_has_an_answer_and_only_approval_gives_tokens(profile, state):
    after, verdict = poll(replace(REQUEST, state=state), 10.0, settings_for(profile))
    assert (verdict is None) is (state is RequestState.APPROVED)
    assert after.polls == 1


@pytest.mark.parametrize("state", [s for s in RequestState if s is not RequestState.PENDING])
@pytest.mark.parametrize("decision", DeviceDecision)
def test_a_decision_after_the_end_changes_nothing(state, decision):
    ended = replace(REQUEST, state=state)
    assert decide(ended, decision, 10.0) is ended


def test_a_decision_after_the_expiry_changes_nothing():
    assert decide(REQUEST, DeviceDecision.APPROVE, 120.0) is REQUEST
