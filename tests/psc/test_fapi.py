"""Rows F1 to F8: the FAPI-CIBA overlay."""

from __future__ import annotations

import socket
import ssl
from urllib.parse import urlsplit

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa

from sandbox.psc import running, settings_for
from sandbox.psc.discovery import discovery
from sandbox.psc.jose import ASYMMETRIC, read_jwt
from sandbox.serve import client_context
from sandbox.space.errors import UserError
from sandbox.trust import TestCA
from tests.psc.conftest import (
    CIBA,
    DOCTOR,
    NOTIFICATION_TOKEN,
    RSA_KEY,
    Dialogue,
    client_certificate,
    http,
    make_provider,
)
from tests.psc.test_request import refused


def test_f1_secrets_are_not_enough(fapi):
    refused(fapi.request(), 401, "invalid_client")


def test_f1_push_is_forbidden():
    from dataclasses import replace

    fapi = Dialogue(make_provider("core", fapi=True))
    signed = fapi.provider.clients["signed"]
    pushed = replace(signed, delivery_mode="push", notification_endpoint="https://localhost:1/push")
    fapi.provider.register(pushed)
    refused(fapi.signed(client_notification_token=NOTIFICATION_TOKEN), 400, "unauthorized_client")


def test_f1_poll_is_supported(fapi):
    assert fapi.signed().status == 200


def test_f2_binding_message_is_required(fapi):
    refused(fapi.signed(binding_message=None), 400, "invalid_request")


@pytest.mark.parametrize(("choice", "status"), [("required", 400), ("optional", 200)])
def test_f3_signed_requests_are_a_setting(choice, status):
    from dataclasses import replace

    fapi = Dialogue(make_provider("core", fapi=True, signed_requests=choice))
    fapi.provider.register(replace(fapi.provider.clients["jwt"], request_signing_alg=None))
    form = {"scope": "openid", "login_hint": DOCTOR, "binding_message": "42"}
    assert fapi.raw("", None, **form, **fapi.assertion("jwt")).status == status


@pytest.mark.parametrize(
    ("nbf", "exp"), [(0, 70 * 60), (10 * 60, 20 * 60), (-70 * 60, 60), (-3_601, 60)]
)
def test_f4_the_window_is_60_minutes(fapi, nbf, exp):
    now = int(fapi.provider.now())
    refused(fapi.signed(nbf=now + nbf, exp=now + exp), 400, "invalid_request")


def test_f4_60_minutes_are_accepted(fapi):
    now = int(fapi.provider.now())
    assert fapi.signed(nbf=now, exp=now + 3_600).status == 200


def test_f5_rs256_is_refused_in_request_and_assertion(fapi):
    refused(fapi.signed(alg="RS256"), 400, "invalid_request")
    form = {"scope": "openid", **fapi.assertion("jwt", alg="RS256", key=RSA_KEY)}
    refused(fapi.raw("", None, **form), 401, "invalid_client")


@pytest.mark.parametrize("alg", ["PS256", "ES256"])
def test_f5_ps256_and_es256_are_accepted(alg):
    from dataclasses import replace

    fapi = Dialogue(make_provider("core", fapi=True))
    fapi.provider.register(replace(fapi.provider.clients["signed"], request_signing_alg=alg))
    assert fapi.signed(alg=alg).status == 200


def test_f5_metadata_says_so():
    document = discovery(settings_for("core", fapi=True), "https://h", "https://m")
    assert document["token_endpoint_auth_signing_alg_values_supported"] == ["PS256", "ES256"]
    assert document["token_endpoint_auth_methods_supported"] == [
        "private_key_jwt",
        "tls_client_auth",
    ]


def test_f6_acr_is_returned(core):
    id_token = core.tokens(acr_values="eidas1")["id_token"]
    keys = core.provider.ring.verification_keys(core.provider.now())
    assert read_jwt(id_token, keys, ASYMMETRIC)[1]["acr"] == "eidas1"


@pytest.mark.parametrize(
    "audience",
    [
        "https://localhost:9",
        "https://localhost:9/token",
        "https://localhost:9/backchannel-authentication",
    ],
)
def test_f7_issuer_token_and_backchannel_endpoints_are_audiences(audience):
    fapi = Dialogue(make_provider("core", fapi=True, signed_requests="optional"))
    form = {"scope": "openid", "login_hint": DOCTOR, "binding_message": "4"}
    form |= fapi.assertion("jwt", aud=audience)
    assert fapi.raw("", None, **form).status == 200


@pytest.mark.parametrize(
    ("audience", "status"),
    [
        ("https://localhost:9", 200),
        ("https://localhost:9/token", 401),
        (["https://localhost:9", "https://elsewhere.mssante.test"], 401),
    ],
)
def test_f7_the_audience_may_be_narrowed_to_the_issuer(audience, status):
    changes = {"fapi": True, "signed_requests": "optional", "audience": "issuer"}
    fapi = Dialogue(make_provider("core", **changes))
    form = {"scope": "openid", "login_hint": DOCTOR, "binding_message": "4"}
    form |= fapi.assertion("jwt", aud=audience)
    assert fapi.raw("", None, **form).status == status


@pytest.mark.parametrize("audience", ["https://localhost:9", "https://localhost:10/token"])
def test_f7_outside_of_fapi_the_endpoints_are_audiences_too(core, audience):
    form = {"scope": "openid", "login_hint": DOCTOR, **core.assertion("jwt", aud=audience)}
    assert core.raw("", None, **form).status == 200


def test_f8_tokens_are_bound_to_the_certificate(core_server, tmp_path):
    authority = TestCA.open(core_server.files.ca.parents[1] / "authority")
    good = client_certificate(authority, "lps-mtls", tmp_path)
    stranger = client_certificate(authority, "someone-else", tmp_path)
    person = "500000001815646/CPAT00045"
    form = {"client_id": "mtls", "scope": "openid scope_all", "login_hint": person}
    with http(core_server, cert=good) as client:
        begun = client.post(core_server.url("backchannel", mtls=True), data=form)
        assert begun.status_code == 200, begun.text
        core_server.approve(person)
        form = {
            "client_id": "mtls",
            "grant_type": CIBA,
            "auth_req_id": begun.json()["auth_req_id"],
        }
        with http(core_server) as bare:
            answer = bare.post(core_server.url("token"), data=form)
            assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")
        tokens = client.post(core_server.url("token", mtls=True), data=form).json()
        bearer = {"Authorization": f"Bearer {tokens['access_token']}"}
        mine = client.get(core_server.url("userinfo", mtls=True), headers=bearer)
        assert mine.json()["SubjectNameID"] == person
    with http(core_server, cert=stranger) as client:
        theirs = client.get(core_server.url("userinfo", mtls=True), headers=bearer)
        assert theirs.status_code == 401
        form = {**form, "auth_req_id": "x"}
        answer = client.post(core_server.url("token", mtls=True), data=form)
        assert answer.json()["error"] == "invalid_client"
    with http(core_server) as client:
        assert client.get(core_server.url("userinfo"), headers=bearer).status_code == 401


def test_f8_a_bound_token_needs_a_certificate_at_the_token_endpoint():
    from dataclasses import replace

    core = Dialogue(make_provider("core"))
    core.provider.register(replace(core.provider.clients["basic"], certificate_bound_tokens=True))
    auth_req_id = core.start()
    core.decide()
    refused(core.poll(auth_req_id), 400, "invalid_grant")


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1])
def test_f8_tls_older_than_1_2_is_not_spoken(core_server, version):
    import socket
    import warnings

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(core_server.files.ca)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = context.maximum_version = version
    with (
        socket.create_connection(("127.0.0.1", core_server.port), timeout=5) as raw,
        pytest.raises((ssl.SSLError, ConnectionError)),
        context.wrap_socket(raw, server_hostname="localhost"),
    ):
        pass


def test_fapi_is_for_the_core_profile():
    with pytest.raises(UserError):
        settings_for("psc", fapi=True)


def handshake(server, context: ssl.SSLContext, port: int = 0) -> ssl.SSLSocket:
    raw = socket.create_connection(("127.0.0.1", port or server.port), timeout=10)
    return context.wrap_socket(raw, server_hostname="localhost")


def trusting(server) -> ssl.SSLContext:
    return client_context(server.files.ca)


def test_f8_a_missing_certificate_is_answered_in_http_and_explained(core_server):
    with http(core_server) as client:
        answer = client.post(core_server.url("token", mtls=True), data={"grant_type": CIBA})
    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")
    refusals = [e for e in core_server.provider.events.since() if e.kind == "refusal"]
    assert refusals[-1].reason == "certificate-absent"


def presents(server, port: int, certificate) -> bool:
    """Whether a certificate that the client has reaches the server at this port."""
    context = trusting(server)
    context.load_cert_chain(*certificate)
    form = f"client_id=mtls&grant_type={CIBA}&auth_req_id=x"
    with handshake(server, context, port) as tls:
        tls.sendall(
            f"POST {server.provider.settings.paths['token']} HTTP/1.1\r\nHost: localhost\r\n"
            "Content-Type: application/x-www-form-urlencoded\r\n"
            f"Content-Length: {len(form)}\r\n\r\n{form}".encode()
        )
        return int(tls.recv(65_536).split()[1]) != 401


def test_in_psc_the_main_host_asks_for_a_certificate_and_the_browsers_host_does_not(
    psc_server, core_server, tmp_path
):
    authority = TestCA.open(psc_server.files.ca.parents[1] / "authority")
    own = client_certificate(authority, "lps-mtls", tmp_path)
    wallet = urlsplit(psc_server.provider.wallet_origin).port
    assert presents(psc_server, psc_server.port, own)
    assert not presents(psc_server, wallet, own)
    assert psc_server.phones.startswith(psc_server.provider.wallet_origin)
    authority = TestCA.open(core_server.files.ca.parents[1] / "authority")
    own = client_certificate(authority, "lps-mtls", tmp_path)
    assert not presents(core_server, core_server.port, own)


def test_in_psc_a_client_with_a_certificate_authenticates_at_the_main_address(psc_server, tmp_path):
    authority = TestCA.open(psc_server.files.ca.parents[1] / "authority")
    own = client_certificate(authority, "lps-mtls", tmp_path)
    form = {"client_id": "mtls", "scope": "openid scope_all", "login_hint": DOCTOR}
    with http(psc_server, cert=own) as client:
        assert client.post(psc_server.url("backchannel"), data=form).status_code == 200
    with http(psc_server) as client:
        assert client.post(psc_server.url("backchannel"), data=form).status_code == 401


def test_fapi_serves_an_rsa_certificate_and_only_its_suites():
    with running("core", fapi=True) as server:
        for port in (server.port, urlsplit(server.url("token", mtls=True)).port):
            context = trusting(server)
            context.maximum_version = ssl.TLSVersion.TLSv1_2
            with handshake(server, context, port) as tls:
                assert tls.cipher()[0].startswith("ECDHE-RSA-AES")
                key = x509.load_der_x509_certificate(tls.getpeercert(binary_form=True)).public_key()
                assert isinstance(key, rsa.RSAPublicKey)
            context.set_ciphers("ECDHE+CHACHA20")
            with pytest.raises(ssl.SSLError):
                handshake(server, context, port)
