"""Rows R1 to R14: the authentication request. Each row in the core profile, then psc's answer."""

from __future__ import annotations

import re

import pytest

from sandbox.psc.refusals import Refusal
from tests.psc.conftest import DOCTOR, EC_KEY, NOTIFICATION_TOKEN, SECRET, basic
from tests.psc.refusals import REFUSALS


def refused(reply, status: int, error: str) -> None:
    assert (reply.status, reply.body["error"]) == (status, error), reply.body


def test_r1_the_request_is_a_post(core_server, core_http):
    assert core_http.get(core_server.url("backchannel")).status_code == 405


def test_r1_the_request_is_a_form(core_server, core_http):
    answer = core_http.post(core_server.url("backchannel"), json={"scope": "openid"})
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")


def test_r1_plain_http_is_not_spoken(core_server):
    import httpx

    with httpx.Client(trust_env=False) as client, pytest.raises(httpx.HTTPError):
        client.post(core_server.url("backchannel").replace("https:", "http:"), data={})


R2 = {
    "no credentials": ("", {}),
    "unknown client": (basic("nobody"), {}),
    "wrong secret": (basic("basic", "wrong"), {}),
    "method of another client": (basic("post"), {}),
    "Basic that is not base64": ("Basic ***", {}),
    "Basic without colon": ("Basic YWJj", {}),
    "certificate client without certificate": ("", {"client_id": "mtls"}),
    "assertion that is no JWT": (
        "",
        {
            "client_assertion": "x",
            "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
        },
    ),
}


@pytest.mark.parametrize("case", R2)
def test_r2_client_authentication_failures_are_401_invalid_client(core, case):
    authorization, form = R2[case]
    reply = core.raw(authorization, None, scope="openid", login_hint=DOCTOR, **form)
    refused(reply, 401, "invalid_client")
    assert ("WWW-Authenticate" in reply.headers) is bool(authorization)


def test_r2_two_methods_at_once_are_refused(core):
    reply = core.raw(basic("basic"), None, client_secret=SECRET, client_id="basic", scope="openid")
    refused(reply, 400, "invalid_request")


@pytest.mark.parametrize("client_id", ["post", "jwt", "hmac"])
def test_r2_every_registered_method_is_accepted(core, client_id):
    from joserfc.jwk import OctKey

    form = {"scope": "openid", "login_hint": DOCTOR}
    if client_id == "post":
        form |= {"client_id": "post", "client_secret": SECRET}
    elif client_id == "jwt":
        form |= core.assertion("jwt")
    else:
        form |= core.assertion("hmac", alg="HS256", key=OctKey.import_key(SECRET))
    assert core.raw("", None, **form).status == 200


ASSERTIONS = {
    "wrong iss": {"iss": "other"},
    "wrong audience": {"aud": "https://elsewhere.mssante.test"},
    "no audience": {"aud": None},
    "expired": {"exp": 1},
    "exp a day away": {"exp": 1_800_086_400},
    "no exp": {"exp": None},
    "no jti": {"jti": None},
    "nbf in the future": {"nbf": 1_800_000_600},
    "exp that is a string": {"exp": "tomorrow"},
    "exp that is true": {"exp": True},
}


@pytest.mark.parametrize("case", ASSERTIONS)
def test_r2_a_client_assertion_with_wrong_claims_is_refused(core, case):
    form = core.assertion("jwt", **ASSERTIONS[case])
    refused(core.raw("", None, scope="openid", login_hint=DOCTOR, **form), 401, "invalid_client")


def test_r2_a_client_assertion_serves_once(core):
    form = {"scope": "openid", "login_hint": DOCTOR, **core.assertion("jwt")}
    assert core.raw("", None, **form).status == 200
    refused(core.raw("", None, **form), 401, "invalid_client")
    assert core.refusals[-1].detail == "jti was already used"


def test_r2_a_client_assertion_signed_by_a_stranger_is_refused(core):
    from joserfc.jwk import ECKey

    stranger = ECKey.generate_key("P-256", {"kid": "client-ec"})
    form = core.assertion("jwt", key=stranger)
    refused(core.raw("", None, scope="openid", login_hint=DOCTOR, **form), 401, "invalid_client")


def test_r2_an_unsigned_client_assertion_is_refused(core):
    import base64

    signed = core.assertion("jwt")
    payload = signed["client_assertion"].split(".")[1]
    head = base64.urlsafe_b64encode(b'{"alg":"none"}').rstrip(b"=").decode()
    form = {**signed, "client_assertion": f"{head}.{payload}."}
    refused(core.raw("", None, scope="openid", login_hint=DOCTOR, **form), 401, "invalid_client")


def test_r3_scope_absent_is_invalid_request(core):
    refused(core.request(scope=None), 400, "invalid_request")


@pytest.mark.parametrize("scope", ["profile", "openid unknown"])
def test_r3_scope_without_openid_or_unknown_is_invalid_scope(core, scope):
    refused(core.request(scope=scope), 400, "invalid_scope")


HINTS = {
    "none": {},
    "login_hint and id_token_hint": {"login_hint": DOCTOR, "id_token_hint": "x"},
    "login_hint and login_hint_token": {"login_hint": DOCTOR, "login_hint_token": "x"},
    "the two tokens": {"id_token_hint": "x", "login_hint_token": "y"},
}


@pytest.mark.parametrize("case", HINTS)
def test_r4_exactly_one_hint(core, case):
    hints = {"login_hint": None, **HINTS[case]}
    refused(core.request(**hints), 400, "invalid_request")


@pytest.mark.parametrize("hint", ["123", "899700000042", "é", "' OR 1=1"])
def test_r5_unknown_or_disabled_user(core, hint):
    refused(core.request(login_hint=hint), 400, "unknown_user_id")


def hint_token(**claims):
    from joserfc import jwt

    return jwt.encode({"alg": "ES256"}, claims, EC_KEY, algorithms=["ES256"])


def by_hint_token(core, token):
    form = {"scope": "openid", "login_hint_token": token, **core.assertion("jwt")}
    return core.raw("", None, **form)


def test_r5_login_hint_token_resolves(core):
    token = hint_token(sub=DOCTOR, exp=int(core.provider.now()) + 60)
    assert by_hint_token(core, token).status == 200


def test_r5_expired_login_hint_token(core):
    token = hint_token(sub=DOCTOR, exp=int(core.provider.now()) - 1)
    refused(by_hint_token(core, token), 400, "expired_login_hint_token")


@pytest.mark.parametrize("token", ["x", "", hint_token(exp=4_000_000_000), hint_token(sub=3)])
def test_r5_unusable_login_hint_token(core, token):
    refused(by_hint_token(core, token), 400, "invalid_request")


def test_r5_id_token_hint_resolves_even_expired(core):
    id_token = core.tokens()["id_token"]
    core.provider.advance(86_400)
    reply = core.request(login_hint=None, id_token_hint=id_token)
    assert reply.status == 200
    assert core.provider.requests.of()[0].subject == DOCTOR


def test_r5_id_token_hint_of_another_issuer_is_refused(core):
    stranger = hint_token(sub="f:x:" + DOCTOR, iss=core.provider.issuer, typ="ID")
    refused(core.request(login_hint=None, id_token_hint=stranger), 400, "invalid_request")


def test_r6_client_without_ciba(core):
    refused(core.request("no-ciba"), 400, "unauthorized_client")


@pytest.mark.parametrize("client_id", ["ping", "push"])
def test_r7_notification_token_is_required_in_ping_and_push(core, client_id):
    refused(core.request(client_id), 400, "invalid_request")
    assert core.request(client_id, client_notification_token=NOTIFICATION_TOKEN).status == 200


@pytest.mark.parametrize(
    "token",
    ["short", "a" * 43, "has space in it and is long enough", "é" * 43, "b" * 1025],
    ids=["short", "no entropy", "not Bearer syntax", "not ASCII", "too long"],
)
def test_r7_weak_or_ill_formed_notification_token(core, token):
    refused(core.request("ping", client_notification_token=token), 400, "invalid_request")


def test_r7_random_tokens_of_128_bits_always_pass(core):
    import random

    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    draw = random.Random(7)
    for _ in range(300):
        token = "".join(draw.choices(alphabet, k=22))
        assert core.request("ping", client_notification_token=token).status == 200


def test_r7_notification_token_is_not_needed_in_poll(core):
    assert core.request().status == 200
    assert core.request(client_notification_token="ignored").status == 200


@pytest.mark.parametrize("message", ["x" * 65, "line\nbreak", "bell\a", "bidi\u202e"])
def test_r8_binding_message_that_cannot_be_shown(core, message):
    refused(core.request(binding_message=message), 400, "invalid_binding_message")


@pytest.mark.parametrize("message", ["42", "Code : 42 été", "x" * 64, None])
def test_r8_binding_message_that_can(core, message):
    assert core.request(binding_message=message).status == 200


def test_r9_user_code(core):
    pharmacist = {"login_hint": "899700000026"}
    refused(core.request("coded", **pharmacist), 400, "missing_user_code")
    refused(core.request("coded", **pharmacist, user_code="0"), 400, "invalid_user_code")
    assert core.request("coded", **pharmacist, user_code="2468").status == 200


def test_r9_user_code_of_a_client_without_the_parameter_is_refused(core):
    refused(core.request(user_code="2468"), 400, "invalid_request")


@pytest.mark.parametrize("value", ["0", "-1", "1.5", "abc", "٣", "9" * 10, "1e3", " 60"])
def test_r10_requested_expiry_must_be_a_positive_integer(core, value):
    refused(core.request(requested_expiry=value), 400, "invalid_request")


def test_r10_requested_expiry_is_honoured(core):
    reply = core.request(requested_expiry="30")
    assert reply.body["expires_in"] == 30
    core.provider.advance(30)
    refused(core.poll(reply.body["auth_req_id"]), 400, "expired_token")


@pytest.mark.parametrize("value", [30, "30"], ids=["number", "string"])
def test_r10_requested_expiry_in_a_signed_request_may_be_number_or_string(core, value):
    assert core.signed(requested_expiry=value).body["expires_in"] == 30


@pytest.mark.parametrize("profile", ["core", "psc"])
def test_r11_repeated_parameters(profile, request):
    server = request.getfixturevalue(f"{profile}_server")
    client = request.getfixturevalue(f"{profile}_http")
    body = f"scope=openid&login_hint={DOCTOR}&scope=openid"
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    answer = client.post(
        server.url("backchannel"), content=body, headers=headers, auth=("basic", SECRET)
    )
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")


def test_r12_a_signed_request_is_accepted(core):
    assert core.signed().status == 200


R12 = {
    "wrong iss": {"iss": "basic"},
    "no iss": {"iss": None},
    "wrong aud": {"aud": "https://elsewhere.mssante.test"},
    "no aud": {"aud": None},
    "no exp": {"exp": None},
    "expired": {"exp": 1_799_999_000},
    "no iat": {"iat": None},
    "no nbf": {"nbf": None},
    "nbf in the future": {"nbf": 1_800_000_600},
    "no jti": {"jti": None},
    "algorithm not registered": {"alg": "PS256"},
    "parameter outside": {"outside": {"scope": "openid"}},
}


@pytest.mark.parametrize("case", R12)
def test_r12_a_signed_request_that_is_not_acceptable(core, case):
    refused(core.signed(**R12[case]), 400, "invalid_request")


def test_r12_a_signed_request_serves_once(core):
    assert core.signed(jti="same").status == 200
    refused(core.signed(jti="same"), 400, "invalid_request")


def test_r12_none_and_encryption_and_foreign_keys_are_refused(core):
    from joserfc.jwk import ECKey

    refused(core.signed(key=ECKey.generate_key("P-256")), 400, "invalid_request")
    for request in ("eyJhbGciOiJub25lIn0.e30.", "a.b.c.d.e", "x"):
        form = {"request": request, **core.assertion("signed")}
        refused(core.raw("", None, **form), 400, "invalid_request")


def test_r12_a_client_that_registered_an_algorithm_must_sign(core):
    form = {"scope": "openid", "login_hint": DOCTOR, **core.assertion("signed")}
    refused(core.raw("", None, **form), 400, "invalid_request")


def test_r12_a_client_that_registered_none_may_not_sign(core):
    refused(core.request(request="x"), 400, "invalid_request")


def test_r13_policy_refusal_before_any_prompt(core):
    refused(core.request(login_hint="899700000059"), 403, "access_denied")
    assert core.provider.requests.of() == []


def test_r13_unreachable_device(either):
    either.provider.devices.reachable = False
    refused(either.request(), 503, "server_error")


@pytest.mark.parametrize("refusal", REFUSALS.values(), ids=REFUSALS)
def test_r14_every_error_answer_keeps_to_the_characters_of_the_standard(refusal: Refusal):
    for answer in (refusal.core, refusal.psc):
        assert re.fullmatch(r"[\x20-\x21\x23-\x5b\x5d-\x7e]*", answer.error)
        assert re.fullmatch(r"[\x20-\x21\x23-\x5b\x5d-\x7e]*", answer.description)
        assert 400 <= answer.status < 600


@pytest.mark.parametrize("refusal", REFUSALS.values(), ids=REFUSALS)
def test_r14_every_refusal_is_explained_in_both_languages_with_a_remedy(refusal: Refusal):
    for text in (*refusal.reason.what, *refusal.reason.remedy):
        assert text.endswith((".", "»"))
    assert refusal.rows
    assert refusal.reason.clause


def test_r14_errors_are_json_without_storing(core_server, core_http):
    answer = core_http.post(core_server.url("backchannel"), data={"scope": "openid"})
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["cache-control"] == "no-store"
    assert set(answer.json()) == {"error", "error_description"}


def test_a_refusal_logs_cause_clause_and_remedy_and_no_secret(core):
    core.request(client_id="basic", binding_message="x" * 65)
    event = core.refusals[-1].to_dict()
    assert event["reason"] == "binding-message"
    assert event["clause"].startswith("CIBA Core")
    assert event["remedy_fr"]
    assert event["remedy_en"]
    assert SECRET not in str(event)


def test_channel_is_card_or_mobile(psc):
    assert psc.request(channel="CARD").status == 200
    assert psc.provider.requests.of()[0].channel == "CARD"
    refused(psc.request(channel="FAX"), 400, "invalid_request")


def test_empty_parameters_count_as_absent_in_core(core):
    refused(core.request(login_hint=""), 400, "invalid_request")
    assert core.request(binding_message="").status == 200
