"""Rows M1 to M7: discovery and registration."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sandbox.psc import Client, settings_for
from sandbox.psc.discovery import discovery
from sandbox.psc.settings import CIBA_GRANT
from sandbox.space.errors import UserError
from tests.psc.conftest import BASE, JWKS, SECRET


def metadata(profile: str = "core", **changes):
    return discovery(settings_for(profile, **changes), "https://h", "https://m")


@pytest.mark.parametrize("profile", ["core", "psc"])
def test_m1_backchannel_endpoint_is_published(profile):
    document = metadata(profile)
    expected = {
        "core": "https://h/backchannel-authentication",
        "psc": "https://h/auth/realms/esante-wallet/protocol/openid-connect/ext/ciba/auth",
    }
    assert document["backchannel_authentication_endpoint"] == expected[profile]


@pytest.mark.parametrize(
    ("profile", "changes", "modes"),
    [
        ("core", {}, ["poll", "ping", "push"]),
        ("core", {"fapi": True}, ["poll", "ping"]),
        ("psc", {}, ["poll", "ping"]),
    ],
)
def test_m2_delivery_modes_are_published(profile, changes, modes):
    assert metadata(profile, **changes)["backchannel_token_delivery_modes_supported"] == modes


@pytest.mark.parametrize("profile", ["core", "psc"])
def test_m3_the_ciba_grant_is_published(profile):
    assert CIBA_GRANT in metadata(profile)["grant_types_supported"]


@pytest.mark.parametrize(
    ("changes", "algs"),
    [
        ({}, ["RS256", "PS256", "ES256"]),
        ({"fapi": True}, ["PS256", "ES256"]),
        ({"signed_requests": "refused"}, None),
    ],
)
def test_m4_request_signing_algorithms_are_published_when_accepted(changes, algs):
    name = "backchannel_authentication_request_signing_alg_values_supported"
    assert metadata(**changes).get(name) == algs


@pytest.mark.parametrize(("profile", "supported"), [("core", True), ("psc", False)])
def test_m5_user_code_support_is_published(profile, supported):
    assert metadata(profile)["backchannel_user_code_parameter_supported"] is supported


BAD_REGISTRATIONS = {
    "unknown mode": {"delivery_mode": "pull"},
    "ping without endpoint": {"delivery_mode": "ping"},
    "push without endpoint": {"delivery_mode": "push"},
    "endpoint outside of the sandbox": {
        "delivery_mode": "ping",
        "notification_endpoint": "https://example.com/ping",
    },
    "unknown signing algorithm": {"request_signing_alg": "none"},
    "no secret": {"client_secret": None},
    "short HMAC secret": {"auth_method": "client_secret_jwt", "client_secret": "short"},
    "private_key_jwt without keys": {"auth_method": "private_key_jwt"},
    "private key in the JWKS": {
        "jwks": {"keys": [{"kty": "oct", "k": "c2VjcmV0LXNlY3JldC1zZWNyZXQ"}]}
    },
    "JWKS that is none": {"jwks": {"keys": [{"kty": "?"}]}},
    "certificate without subject": {"auth_method": "tls_client_auth"},
    "unknown method": {"auth_method": "password"},
    "redirect with fragment": {"redirect_uris": ("https://localhost/#x",)},
    "empty id": {"client_id": ""},
}


@pytest.mark.parametrize("case", BAD_REGISTRATIONS)
def test_m6_a_registration_that_cannot_work_is_refused(case):
    with pytest.raises(UserError):
        replace(BASE, **BAD_REGISTRATIONS[case])


def test_m6_a_client_has_one_delivery_mode_and_may_register_signing_and_user_code():
    client = Client.from_dict(
        {
            "client_id": "x",
            "client_secret": SECRET,
            "delivery_mode": "ping",
            "notification_endpoint": "https://lps.mssante.test/ping",
            "request_signing_alg": "PS256",
            "user_code_parameter": True,
            "jwks": JWKS,
        }
    )
    assert (client.delivery_mode, client.request_signing_alg) == ("ping", "PS256")


@pytest.mark.parametrize(
    "data",
    [
        {"client_id": 3},
        {"client_id": "x", "color": "red"},
        {"client_id": "x", "client_secret": SECRET, "user_code_parameter": "yes"},
        {"client_id": "x", "client_secret": SECRET, "redirect_uris": "https://localhost/"},
        {"client_id": "x", "client_secret": 4},
        {"client_id": "x", "client_secret": SECRET, "jwks": "keys"},
    ],
)
def test_m6_ill_typed_registration_is_a_user_error(data):
    with pytest.raises(UserError):
        Client.from_dict(data)


def test_m7_login_hint_token_types_are_published_where_accepted():
    name = "backchannel_endpoint_login_hint_token_types_supported"
    assert metadata("core")[name] == ["jwt"]
    assert name not in metadata("psc")


def test_metadata_offers_tls_client_auth_only_with_an_mtls_listener():
    alone = discovery(settings_for("core"), "https://h", None)
    assert "tls_client_auth" not in alone["token_endpoint_auth_methods_supported"]
    assert "mtls_endpoint_aliases" not in alone
    assert alone["tls_client_certificate_bound_access_tokens"] is False


def test_discovery_is_served_at_both_paths(psc_server, psc_http):
    standard = psc_http.get(f"{psc_server.issuer}/.well-known/openid-configuration")
    wallet = psc_http.get(f"{psc_server.issuer}/.well-known/wallet-openid-configuration")
    root = psc_http.get(f"{psc_server.origin}/.well-known/wallet-openid-configuration")
    assert standard.json() == wallet.json() == root.json()
    assert standard.json()["issuer"] == psc_server.issuer


def test_every_published_endpoint_answers(core_server, core_http):
    document = core_http.get(f"{core_server.issuer}/.well-known/openid-configuration").json()
    for name, url in document.items():
        if name.endswith("_endpoint") or name == "jwks_uri":
            assert core_http.request("OPTIONS", url).status_code == 405, name
