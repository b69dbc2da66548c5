"""Where the psc profile leaves the standard: one test per row of anchors.md C3."""

from __future__ import annotations

import pytest

from tests.psc.conftest import DOCTOR, NOTIFICATION_TOKEN, Dialogue, basic, make_provider
from tests.psc.test_request import refused


@pytest.mark.parametrize("hint", ["123", "899700000042"])
def test_unknown_or_disabled_user_is_invalid_request(psc, hint):
    reply = psc.request(login_hint=hint)
    refused(reply, 400, "invalid_request")
    assert reply.body["error_description"] == "invalid_user"


@pytest.mark.parametrize("hint", ["id_token_hint", "login_hint_token"])
def test_only_login_hint_is_a_hint(psc, hint):
    reply = psc.request(login_hint=None, **{hint: "x"})
    assert reply.body["error_description"] == "missing parameter : login_hint"
    assert psc.request(**{hint: "x"}).status == 200


def test_client_without_ciba_is_401_invalid_grant_then_400_invalid_grant(psc):
    refused(psc.request("no-ciba"), 401, "invalid_grant")
    refused(psc.poll("x", "no-ciba"), 400, "invalid_grant")


def test_a_wrong_secret_is_unauthorized_client(psc):
    reply = psc.raw(basic("basic", "wrong"), None, scope="openid", login_hint=DOCTOR)
    refused(reply, 401, "unauthorized_client")


def test_user_code_is_always_refused(psc):
    refused(psc.request("coded", user_code="2468"), 400, "invalid_request")


@pytest.mark.parametrize("message", ["two words", "", "x" * 51, "é", "a_b:c"])
def test_binding_message_outside_of_keycloaks_alphabet(psc, message):
    refused(psc.request(binding_message=message), 400, "invalid_binding_message")


@pytest.mark.parametrize("message", ["42", "a-b._+/!?#", "x" * 50])
def test_binding_message_inside_of_keycloaks_alphabet(psc, message):
    assert psc.request(binding_message=message).status == 200


def test_expires_in_echoes_the_policy_whatever_was_requested(psc):
    reply = psc.request(requested_expiry="10")
    assert reply.body["expires_in"] == 120
    psc.provider.advance(60)
    refused(psc.poll(reply.body["auth_req_id"]), 400, "authorization_pending")


@pytest.mark.parametrize("value", ["0", "-1"])
def test_requested_expiry_zero_or_negative_passes(psc, value):
    assert psc.request(requested_expiry=value).status == 200


def test_requested_expiry_that_is_no_number_is_refused(psc):
    refused(psc.request(requested_expiry="abc"), 400, "invalid_request")


def test_notification_token_is_refused_outside_of_ping(psc):
    refused(psc.request(client_notification_token=NOTIFICATION_TOKEN), 400, "invalid_request")


def test_interval_zero_is_left_out():
    assert "interval" not in Dialogue(make_provider("psc", interval=0)).request().body


def test_auth_req_id_is_a_long_jwe(psc):
    auth_req_id = psc.start()
    assert auth_req_id.count(".") == 4
    assert len(auth_req_id) > 400


def test_the_throttle_also_hits_an_approved_id(psc):
    auth_req_id = psc.start()
    refused(psc.poll(auth_req_id), 400, "authorization_pending")
    psc.decide()
    refused(psc.poll(auth_req_id), 400, "slow_down")
    psc.provider.advance(1)
    assert psc.poll(auth_req_id).status == 200


def test_a_refused_poll_does_not_restart_the_wait_nor_grow_it(psc):
    auth_req_id = psc.start()
    psc.poll(auth_req_id)
    psc.provider.advance(0.9)
    refused(psc.poll(auth_req_id), 400, "slow_down")
    psc.provider.advance(0.1)
    refused(psc.poll(auth_req_id), 400, "authorization_pending")


def test_expired_comes_before_slow_down(psc):
    auth_req_id = psc.start()
    psc.provider.advance(119.5)
    psc.poll(auth_req_id)
    psc.provider.advance(0.5)
    refused(psc.poll(auth_req_id), 400, "expired_token")


def test_an_expired_id_is_forgotten_after_interval_and_ten_seconds(psc):
    auth_req_id = psc.start()
    psc.provider.advance(120)
    refused(psc.poll(auth_req_id), 400, "expired_token")
    psc.provider.advance(13)
    refused(psc.poll(auth_req_id), 400, "invalid_grant")


def test_no_authentication_device_is_503_server_error(psc):
    psc.provider.devices.reachable = False
    reply = psc.request()
    refused(reply, 503, "server_error")
    assert reply.body["error_description"] == "Failed to send authentication request"


def test_scope_without_openid_passes_and_gives_no_id_token(psc):
    auth_req_id = psc.start(scope="profile")
    psc.decide()
    assert "id_token" not in psc.poll(auth_req_id).body


def test_the_grant_type_is_looked_at_before_the_client(psc):
    from sandbox.psc.client_auth import Credentials
    from sandbox.psc.grants import token

    refused(token(psc.provider, Credentials("", {})), 400, "invalid_request")
    refused(
        token(psc.provider, Credentials("", {"grant_type": "x"})), 400, "unsupported_grant_type"
    )


def test_a_refresh_token_stays_good_after_use(psc):
    first = psc.tokens()["refresh_token"]
    for _ in range(2):
        reply = psc.token(grant_type="refresh_token", refresh_token=first)
        assert reply.status == 200
