"""The rest of OpenID Connect: tokens in use, refresh, introspection, browser flow."""

from __future__ import annotations

import base64
import hashlib
import re
from urllib.parse import parse_qs, urlsplit

import pytest

from sandbox.psc import browser
from sandbox.psc.ciba import DeviceDecision
from sandbox.psc.client_auth import Credentials
from sandbox.psc.grants import userinfo
from sandbox.psc.jose import ASYMMETRIC, half_hash, read_jwt
from tests.psc.conftest import DOCTOR, REDIRECT, SECRET, basic
from tests.psc.test_request import refused

VERIFIER = "v" * 43
CHALLENGE = (
    base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()
)
ASKED = {
    "client_id": "basic",
    "response_type": "code",
    "redirect_uri": REDIRECT,
    "scope": "openid scope_all",
    "state": "s1",
    "nonce": "n1",
    "code_challenge": CHALLENGE,
    "code_challenge_method": "S256",
    "login_hint": DOCTOR,
}


def test_id_token_claims(either):
    body = either.tokens(scope="openid scope_all")
    keys = either.provider.ring.verification_keys(either.provider.now())
    header, claims = read_jwt(body["id_token"], keys, ASYMMETRIC)
    assert header["alg"] == "RS256"
    assert claims["iss"] == either.provider.issuer
    assert claims["aud"] == claims["azp"] == "basic"
    assert claims["acr"] == "eidas1"
    assert claims["at_hash"] == half_hash(body["access_token"])
    assert claims["exp"] > claims["iat"] >= claims["auth_time"]


def test_userinfo_has_the_claims_of_psc(either):
    body = either.tokens(scope="openid scope_all")
    claims = userinfo(either.provider, f"Bearer {body['access_token']}", {}, None).body
    assert claims["SubjectNameID"] == claims["preferred_username"] == DOCTOR
    assert re.fullmatch(rf"f:[0-9a-f-]{{36}}:{DOCTOR}", claims["sub"])
    assert claims["Secteur_Activite"] == "SA07^1.2.250.1.71.4.2.4"
    assert claims["Palier_Authentification"] == "APPPRIP3^1.2.250.1.213.1.5.1.1.1"
    assert claims["SubjectRefPro"]["exercices"][0]["codeProfession"] == "10"
    assert claims["otherIds"][0]["identifiant"] == DOCTOR


def test_userinfo_without_scope_all_is_narrow(core):
    body = core.tokens(scope="openid")
    assert set(userinfo(core.provider, f"Bearer {body['access_token']}", {}, None).body) == {"sub"}


@pytest.mark.parametrize("authorization", ["", "Basic eA==", "Bearer ", "Bearer x", "x"])
def test_userinfo_refusals_challenge(either, authorization):
    reply = userinfo(either.provider, authorization, {}, None)
    assert (reply.status, reply.body) == (401, None)
    known = "error=" in reply.headers["WWW-Authenticate"]
    assert known is (authorization == "Bearer x")


def test_an_access_token_expires(either):
    body = either.tokens()
    assert either.introspect(body["access_token"])["active"]
    either.provider.advance(body["expires_in"])
    assert either.introspect(body["access_token"]) == {"active": False}


def test_introspection_gives_subjectnameid_for_access_tokens_alone(either):
    body = either.tokens()
    access = either.introspect(body["access_token"])
    refresh = either.introspect(body["refresh_token"])
    assert access["SubjectNameID"] == DOCTOR
    assert {"exp", "iat", "auth_time", "jti", "iss", "sub", "azp", "scope"} <= set(access)
    assert refresh["active"] is True
    assert "SubjectNameID" not in refresh
    assert either.introspect("unknown") == {"active": False}


def test_refresh_gives_new_tokens_of_the_same_session(core):
    first = core.tokens()
    second = core.token(grant_type="refresh_token", refresh_token=first["refresh_token"])
    assert second.status == 200
    assert second.body["access_token"] != first["access_token"]


def test_refresh_rotates_in_core(core):
    first = core.tokens()["refresh_token"]
    assert core.token(grant_type="refresh_token", refresh_token=first).status == 200
    refused(core.token(grant_type="refresh_token", refresh_token=first), 400, "invalid_grant")


def test_refresh_refusals(either):
    first = either.tokens()["refresh_token"]
    refused(either.token(grant_type="refresh_token"), 400, "invalid_request")
    refused(either.token(grant_type="refresh_token", refresh_token="x"), 400, "invalid_grant")
    refused(
        either.token("other", grant_type="refresh_token", refresh_token=first),
        400,
        "invalid_grant",
    )
    refused(
        either.token(grant_type="refresh_token", refresh_token=first, scope="openid eidas2"),
        400,
        "invalid_scope",
    )


def test_refresh_expires(psc):
    first = psc.tokens()["refresh_token"]
    psc.provider.advance(350)
    refused(psc.token(grant_type="refresh_token", refresh_token=first), 400, "invalid_grant")


def test_revoking_the_refresh_token_ends_the_session(either):
    body = either.tokens()
    assert either.revoke(body["refresh_token"]).status == 200
    assert either.introspect(body["access_token"]) == {"active": False}


def test_revoking_another_clients_token_does_nothing(either):
    body = either.tokens()
    assert either.revoke(body["access_token"], "other").status == 200
    assert either.introspect(body["access_token"])["active"] is True


def test_logout_ends_the_session(either):
    body = either.tokens()
    assert either.logout(body["refresh_token"]).status == 204
    assert either.introspect(body["access_token"]) == {"active": False}


def go(dialogue, **changes):
    query = {k: v for k, v in {**ASKED, **changes}.items() if v is not None}
    return browser.start(dialogue.provider, query)


def arrive(dialogue, page):
    """Follow a waiting page after the phone's decision; return the redirect's parameters."""
    outcome = browser.show(dialogue.provider, page.values["handle"])
    assert isinstance(outcome, browser.Redirect)
    return {k: v[0] for k, v in parse_qs(urlsplit(outcome.url).query).items()}


def exchange(dialogue, code, client_id="basic", **changes):
    form = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": REDIRECT,
        "code_verifier": VERIFIER,
        **changes,
    }
    return dialogue.token(client_id, **{k: v for k, v in form.items() if v is not None})


def test_code_flow_with_pkce(either):
    waiting = go(either)
    assert waiting.name == "wait"
    either.decide()
    back = arrive(either, waiting)
    assert (back["state"], back["iss"]) == ("s1", either.provider.issuer)
    reply = exchange(either, back["code"])
    assert reply.status == 200
    keys = either.provider.ring.verification_keys(either.provider.now())
    assert read_jwt(reply.body["id_token"], keys, ASYMMETRIC)[1]["nonce"] == "n1"


def test_a_code_serves_once_and_its_replay_takes_the_tokens_back(core):
    waiting = go(core)
    core.decide()
    code = arrive(core, waiting)["code"]
    tokens = exchange(core, code).body
    refused(exchange(core, code), 400, "invalid_grant")
    assert core.introspect(tokens["access_token"]) == {"active": False}


@pytest.mark.parametrize(
    "changes",
    [
        {"code_verifier": "w" * 43},
        {"code_verifier": None},
        {"redirect_uri": "https://localhost/other"},
        {"client_id": "other"},
    ],
)
def test_a_code_is_bound_to_verifier_redirect_and_client(core, changes):
    waiting = go(core)
    core.decide()
    code = arrive(core, waiting)["code"]
    refused(exchange(core, code, **changes), 400, "invalid_grant")
    assert exchange(core, code).status == 200


def test_a_code_lives_a_minute(core):
    waiting = go(core)
    core.decide()
    code = arrive(core, waiting)["code"]
    core.provider.advance(60)
    refused(exchange(core, code), 400, "invalid_grant")


@pytest.mark.parametrize(
    "changes",
    [
        {"client_id": "nobody"},
        {"redirect_uri": "https://evil.mssante.test/"},
        {"redirect_uri": REDIRECT + "/"},
        {"redirect_uri": None},
        {"request_uri": "urn:ietf:params:oauth:request_uri:unknown"},
    ],
)
def test_errors_with_nobody_to_tell_are_shown_not_redirected(core, changes):
    outcome = go(core, **changes)
    assert isinstance(outcome, browser.HtmlPage)
    assert outcome.status == 400


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"scope": "profile"}, "invalid_scope"),
        ({"scope": "openid nope"}, "invalid_scope"),
        ({"code_challenge": None}, "invalid_request"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
        ({"prompt": "none"}, "login_required"),
        ({"prompt": "none login"}, "invalid_request"),
        ({"max_age": "soon"}, "invalid_request"),
        ({"request": "x.y.z"}, "request_not_supported"),
        ({"request_uri": "https://lps.mssante.test/r"}, "request_uri_not_supported"),
        ({"response_mode": "jwt"}, "invalid_request"),
    ],
)
def test_errors_for_the_client_are_redirected_with_state(core, changes, error):
    outcome = go(core, **changes)
    assert isinstance(outcome, browser.Redirect)
    query = parse_qs(urlsplit(outcome.url).query)
    assert (query["error"], query["state"]) == ([error], ["s1"])


@pytest.mark.parametrize("end", ["refuse", "expire"])
def test_a_refusal_or_silence_on_the_phone_goes_back_as_access_denied(core, end):
    waiting = go(core)
    if end == "refuse":
        core.decide("refuse")
    else:
        core.provider.advance(121)
    assert arrive(core, waiting)["error"] == "access_denied"


def test_pushed_authorization_request(core):
    form = {k: v for k, v in ASKED.items() if k != "client_id"}
    reply = browser.push_request(core.provider, Credentials(basic("basic"), form))
    assert reply.status == 201
    uri = reply.body["request_uri"]
    assert browser.start(core.provider, {"client_id": "other", "request_uri": uri}).status == 400
    pushed = {"client_id": "basic", "request_uri": uri}
    assert browser.start(core.provider, pushed).name == "wait"
    assert browser.start(core.provider, pushed).status == 400


@pytest.mark.parametrize(
    ("form", "error"),
    [
        ({"request_uri": "urn:x"}, "invalid_request"),
        ({"redirect_uri": "https://evil.mssante.test/"}, "invalid_request"),
        ({"response_type": "token"}, "unsupported_response_type"),
    ],
)
def test_pushed_requests_are_checked_when_pushed(core, form, error):
    full = {**{k: v for k, v in ASKED.items() if k != "client_id"}, **form}
    refused(browser.push_request(core.provider, Credentials(basic("basic"), full)), 400, error)


def test_the_browser_flow_over_http(core_server, core_http):
    start = core_http.get(core_server.url("authorization"), params={**ASKED, "login_hint": ""})
    assert "Identifiant national" in start.text
    assert start.headers["cache-control"] == "no-store"
    action = re.search(r'action="([^"]+)"', start.text)[1]
    asked = core_http.post(
        core_server.origin + action, data={"login_hint": DOCTOR, "channel": "CARD"}
    )
    assert "lecteur" in asked.text
    # Other tests leave requests of this person behind: answer the newest.
    core_server.provider.requests.decide(
        core_server.provider.requests.of(DOCTOR)[0].ticket, DeviceDecision.APPROVE
    )
    back = core_http.get(core_server.origin + action)
    assert back.status_code == 303
    code = parse_qs(urlsplit(back.headers["location"]).query)["code"][0]
    form = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": REDIRECT,
        "code_verifier": VERIFIER,
    }
    tokens = core_http.post(core_server.url("token"), data=form, auth=("basic", SECRET)).json()
    bye = core_http.get(
        core_server.url("end_session"),
        params={
            "id_token_hint": tokens["id_token"],
            "post_logout_redirect_uri": REDIRECT,
            "state": "z",
        },
    )
    assert bye.headers["location"] == f"{REDIRECT}?state=z"
    bearer = {"Authorization": f"Bearer {tokens['access_token']}"}
    assert core_http.get(core_server.url("userinfo"), headers=bearer).status_code == 401


def test_keys_rotate_and_the_old_ones_leave_after_the_grace(core):
    provider = core.provider
    before = core.tokens()["id_token"]
    provider.rotate_keys(grace=60)
    after = core.tokens()["id_token"]
    keys = provider.ring.verification_keys(provider.now())
    assert read_jwt(before, keys, ASYMMETRIC)
    assert read_jwt(after, keys, ASYMMETRIC)
    provider.advance(61)
    left = {key["kid"] for key in provider.ring.jwks(provider.now())["keys"]}
    assert len(left) == 4
    from tests.psc.conftest import RING

    assert not left & {key["kid"] for key in RING.jwks(0.0)["keys"]}
