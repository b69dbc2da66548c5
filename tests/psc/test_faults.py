"""Misbehaviour on demand: every fault of the table strikes, where and when it was told to."""

from __future__ import annotations

import json
import time

import pytest

from sandbox.psc import FAULTS, FaultRule
from sandbox.psc.client_auth import Credentials
from sandbox.psc.fault_rules import Faults, load_faults
from sandbox.psc.grants import introspect, userinfo
from sandbox.psc.jose import BadTokenError, half_hash, read_jwt
from sandbox.space.errors import UserError
from tests.psc.conftest import (
    DOCTOR,
    NOTIFICATION_TOKEN,
    PHARMACIST,
    SECRET,
    Dialogue,
    basic,
    make_provider,
)

# A claim that the client must refuse, read without verifying: what does the wire carry?
ID_CHECKS = {
    "id_missing_iss": lambda c, _: "iss" not in c,
    "id_wrong_iss": lambda c, d: c["iss"] != d.provider.issuer,
    "id_missing_aud": lambda c, _: "aud" not in c,
    "id_wrong_aud": lambda c, _: c["aud"] == "another-client",
    "id_untrusted_aud": lambda c, _: c["aud"] == ["basic", "another-client"],
    "id_wrong_azp": lambda c, _: c["azp"] == "another-client",
    "id_missing_sub": lambda c, _: "sub" not in c,
    "id_missing_exp": lambda c, _: "exp" not in c,
    "id_expired": lambda c, d: c["exp"] < d.provider.now(),
    "id_missing_iat": lambda c, _: "iat" not in c,
    "id_old_iat": lambda c, d: c["iat"] < d.provider.now() - 86_400,
    "id_missing_acr": lambda c, _: "acr" not in c,
    "id_wrong_acr": lambda c, _: c["acr"] == "eidas0",
    "id_wrong_at_hash": lambda c, _: c["at_hash"] == half_hash("another token"),
    "id_wrong_auth_req_id": lambda c, _: c["urn:openid:params:jwt:claim:auth_req_id"],
    "id_wrong_nonce": lambda c, _: c["nonce"] == "another-nonce",
}


def unverified(token: str, part: int = 1) -> dict:
    import base64

    piece = token.split(".")[part]
    return json.loads(base64.urlsafe_b64decode(piece + "=" * (-len(piece) % 4)))


def with_fault(name: str, profile: str = "core", **members) -> Dialogue:
    dialogue = Dialogue(make_provider(profile))
    dialogue.provider.faults.replace((FaultRule(fault=name, **members),))
    return dialogue


@pytest.mark.parametrize("name", ID_CHECKS)
def test_id_token_claims_are_spoiled(name):
    dialogue = with_fault(name)
    claims = unverified(dialogue.tokens()["id_token"])
    assert ID_CHECKS[name](claims, dialogue)


@pytest.mark.parametrize(
    "name", ["id_alg_none", "id_bad_signature", "id_unknown_kid", "id_wrong_alg"]
)
def test_id_token_signatures_are_spoiled(name):
    dialogue = with_fault(name)
    token = dialogue.tokens()["id_token"]
    keys = dialogue.provider.ring.verification_keys(dialogue.provider.now())
    with pytest.raises(BadTokenError):
        # The client registered RS256, and accepts nothing else.
        read_jwt(token, keys, ("RS256",))


def test_rotate_keys_changes_the_jwks_just_before_signing():
    dialogue = with_fault("rotate_keys")
    before = dialogue.provider.ring.jwks(dialogue.provider.now())
    header = unverified(dialogue.tokens()["id_token"], 0)
    after = dialogue.provider.ring.jwks(dialogue.provider.now())
    assert header["kid"] in {key["kid"] for key in after["keys"]}
    assert header["kid"] not in {key["kid"] for key in before["keys"]}
    assert not {k["kid"] for k in before["keys"]} & {k["kid"] for k in after["keys"]}


@pytest.mark.parametrize(
    ("name", "member"),
    [
        ("missing_access_token", "access_token"),
        ("missing_token_type", "token_type"),
        ("missing_id_token", "id_token"),
    ],
)
def test_token_responses_lack_a_member(name, member):
    assert member not in with_fault(name).tokens()


def test_acknowledgements_lack_interval_or_make_it_long():
    assert "interval" not in with_fault("missing_interval").request().body
    dialogue = with_fault("long_interval")
    reply = dialogue.request()
    assert reply.body["interval"] == 31
    dialogue.poll(reply.body["auth_req_id"])
    dialogue.provider.advance(30)
    assert dialogue.poll(reply.body["auth_req_id"]).body["error"] == "slow_down"


@pytest.mark.parametrize(
    ("name", "error"),
    [
        ("slow_down", "slow_down"),
        ("authorization_pending", "authorization_pending"),
        ("expired_token", "expired_token"),
        ("access_denied", "access_denied"),
        ("invalid_request", "invalid_request"),
    ],
)
def test_polls_are_answered_with_an_error_whatever_the_state(name, error):
    dialogue = with_fault(name, point="token", nth=1)
    auth_req_id = dialogue.start()
    dialogue.decide()
    assert dialogue.poll(auth_req_id).body["error"] == error
    dialogue.provider.advance(6)
    assert dialogue.poll(auth_req_id).status == 200


@pytest.mark.parametrize(("name", "status"), [("invalid_request", 400), ("access_denied", 403)])
def test_authentication_requests_are_refused(name, status):
    reply = with_fault(name, point="backchannel").request()
    assert (reply.status, reply.body["error"]) == (status, name)


def call(dialogue: Dialogue, point: str):
    if point == "backchannel":
        return dialogue.request()
    if point == "token":
        return dialogue.poll(dialogue.start())
    if point == "introspection":
        return introspect(dialogue.provider, Credentials(basic("basic"), {"token": "x"}))
    token = dialogue.tokens(scope="openid scope_all")["access_token"]
    return userinfo(dialogue.provider, f"Bearer {token}", {}, None)


@pytest.mark.parametrize("point", ["backchannel", "token", "introspection", "userinfo"])
@pytest.mark.parametrize("name", ["unavailable", "server_error", "not_json", "slow", "silence"])
def test_answers_that_are_none(name, point):
    dialogue = with_fault(name, point=point, seconds=2)
    reply = call(dialogue, point)
    if name == "unavailable":
        assert (reply.status, reply.headers["Retry-After"]) == (503, "2")
    elif name == "server_error":
        assert (reply.status, reply.headers["Content-Type"][:9]) == (500, "text/html")
    elif name == "not_json":
        assert reply.status == 200
        with pytest.raises(ValueError, match="Expecting"):
            json.loads(reply.body)
    else:
        assert (reply.delay, reply.hang) == (2, name == "silence")


@pytest.mark.parametrize(
    ("name", "check"),
    [
        ("wrong_bearer", lambda sent: sent[0].bearer != NOTIFICATION_TOKEN),
        ("missing_bearer", lambda sent: sent[0].bearer is None),
        ("double_ping", lambda sent: len(sent) == 2 and sent[0] == sent[1]),
        ("no_ping", lambda sent: not sent),
        ("unknown_ping_id", lambda sent: sent[0].body["auth_req_id"].endswith("never-issued")),
        ("ping_extra_members", lambda sent: len(sent[0].body) > 1),
    ],
)
def test_notifications_are_spoiled_and_the_flow_still_finishes_by_polling(name, check):
    dialogue = with_fault(name, point="notification")
    auth_req_id = dialogue.start("ping", client_notification_token=NOTIFICATION_TOKEN)
    dialogue.decide()
    assert check(list(dialogue.provider.requests.outbox))
    assert dialogue.poll(auth_req_id, "ping").status == 200


def test_an_early_ping_comes_before_the_decision():
    dialogue = with_fault("early_ping")
    auth_req_id = dialogue.start("ping", client_notification_token=NOTIFICATION_TOKEN)
    assert len(dialogue.provider.requests.outbox) == 1
    assert dialogue.poll(auth_req_id, "ping").body["error"] == "authorization_pending"


def test_discovery_and_jwks_are_spoiled(core_server, core_http):
    provider = core_server.provider
    try:
        provider.faults.replace((FaultRule(fault="wrong_issuer"), FaultRule(fault="stale_jwks")))
        document = core_http.get(f"{core_server.issuer}/.well-known/openid-configuration").json()
        assert document["issuer"] != core_server.issuer
        assert core_http.get(core_server.url("jwks")).json() == {"keys": []}
    finally:
        provider.faults.replace(())


def test_slow_and_silence_on_the_wire(core_server, core_http):
    import httpx

    provider = core_server.provider
    form = {"scope": "openid", "login_hint": DOCTOR}
    ask = lambda: core_http.post(  # noqa: E731
        core_server.url("backchannel"), data=form, auth=("basic", SECRET)
    )
    try:
        provider.faults.replace((FaultRule(fault="slow", point="backchannel", seconds=0.3),))
        begun = time.monotonic()
        assert ask().status_code == 200
        assert time.monotonic() - begun >= 0.3
        provider.faults.replace((FaultRule(fault="silence", point="backchannel", seconds=0.1),))
        with pytest.raises(httpx.RemoteProtocolError):
            ask()
    finally:
        provider.faults.replace(())


def test_the_third_poll_of_each_request():
    dialogue = with_fault("unavailable", point="token", nth=3)
    for _ in range(2):
        auth_req_id = dialogue.start()
        statuses = []
        for _ in range(4):
            statuses.append(dialogue.poll(auth_req_id).status)
            dialogue.provider.advance(5)
        assert statuses == [400, 400, 503, 400]


def test_a_rule_for_one_client_leaves_the_others_alone():
    dialogue = with_fault("unavailable", point="backchannel", client_id="other")
    assert dialogue.request().status == 200
    assert dialogue.request("other").status == 503


def test_nth_per_client_counts_over_requests():
    dialogue = with_fault("unavailable", point="backchannel", nth=2, per="client")
    assert [dialogue.request().status for _ in range(3)] == [200, 503, 200]


def test_a_rule_for_one_person_leaves_the_others_alone():
    """Their own occurrences are counted, at each point that knows of whom it answers."""
    dialogue = with_fault(
        "unavailable", point="backchannel", person=PHARMACIST, nth=2, per="client"
    )
    asked = [
        dialogue.request(login_hint=who).status for who in (PHARMACIST, DOCTOR, PHARMACIST, DOCTOR)
    ]
    assert asked == [200, 200, 503, 200]


@pytest.mark.parametrize("point", ["userinfo", "introspection", "token"])
def test_a_rule_for_one_person_strikes_their_tokens(point):
    dialogue = Dialogue(make_provider("core"))
    provider, tokens = dialogue.provider, dialogue.tokens()
    ask = {
        "userinfo": lambda: userinfo(provider, f"Bearer {tokens['access_token']}", {}, None),
        "introspection": lambda: introspect(
            provider, Credentials(basic("basic"), {"token": tokens["access_token"]})
        ),
        "token": lambda: dialogue.poll(dialogue.start()),
    }[point]
    statuses = {}
    for person in (PHARMACIST, DOCTOR):
        provider.faults.replace((FaultRule(fault="unavailable", point=point, person=person),))
        statuses[person] = ask().status
    assert statuses[PHARMACIST] in (200, 400)  # 400: nobody has answered the telephone yet
    assert statuses[DOCTOR] == 503


def strikes(seed: int) -> list[bool]:
    faults = Faults(seed, (FaultRule(fault="unavailable", point="token", probability=0.3),))
    return [bool(faults.pick("token", "basic", str(n))) for n in range(1_000)]


def test_a_probability_replays_by_seed_and_is_what_it_says():
    assert strikes(1) == strikes(1) != strikes(2)
    assert sum(strikes(1)) / 1_000 == pytest.approx(0.3, abs=4 * (0.21 / 1_000) ** 0.5)


def test_every_misbehaviour_is_owned_up_to_in_the_log():
    dialogue = with_fault("id_wrong_iss")
    dialogue.tokens()
    (event,) = [e for e in dialogue.provider.events.since() if e.kind == "fault"]
    assert event.reason == "id_wrong_iss"


def test_the_table_is_covered_here():
    import pathlib

    text = "".join(
        pathlib.Path(__file__).with_name(name).read_text("utf-8")
        for name in ("test_faults.py", "test_token.py", "test_notifications.py")
    )
    assert [name for name in FAULTS if f'"{name}"' not in text] == []


@pytest.mark.parametrize(
    "data",
    [
        {},
        {"fault": "unknown"},
        {"fault": "slow", "point": "notification"},
        {"fault": "slow", "nth": 0},
        {"fault": "slow", "nth": True},
        {"fault": "slow", "probability": 1.5},
        {"fault": "slow", "seconds": float("inf")},
        {"fault": "slow", "per": "day"},
        {"fault": "stale_jwks", "person": "899700000001"},
        {"fault": "slow", "color": "red"},
    ],
)
def test_a_rule_that_could_never_strike_is_a_user_error(data):
    with pytest.raises(UserError):
        FaultRule.from_dict(data)


@pytest.mark.parametrize(
    "members",
    [{"nth": 0}, {"nth": "2"}, {"nth": 1.5}, {"nth": True}, {"probability": 1.5},
     {"seconds": float("nan")}, {"seconds": 601.0}],
)  # fmt: skip
def test_a_rule_made_directly_has_the_same_bounds(members):
    with pytest.raises(UserError, match=f"^slow: {next(iter(members))} = "):
        FaultRule(fault="slow", **members)


def test_rules_are_read_from_toml(tmp_path):
    path = tmp_path / "faults.toml"
    path.write_text('seed = 4\n[[fault]]\nfault = "slow_down"\nnth = 2\n', "utf-8")
    seed, (rule,) = load_faults(path)
    assert (seed, rule.fault, rule.point, rule.nth) == (4, "slow_down", "token", 2)


@pytest.mark.parametrize("text", ["seed = ", "fault = 3", 'seed = "x"', "other = 1", "\xff"])
def test_a_bad_faults_file_is_a_user_error_that_names_it(tmp_path, text):
    path = tmp_path / "faults.toml"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(UserError, match=r"faults\.toml"):
        load_faults(path)
    with pytest.raises(UserError, match="absent"):
        load_faults(tmp_path / "absent.toml")
