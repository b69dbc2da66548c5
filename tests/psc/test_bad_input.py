"""Strangers' input: the standard's error, status 4xx, nothing secret in the log."""

from __future__ import annotations

import socket
import ssl
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sandbox.psc.forms import parse_form, parse_pairs
from sandbox.psc.jose import BadTokenError, key_set, read_jwt
from sandbox.psc.openapi import openapi
from sandbox.psc.refusals import Refused
from tests.psc.conftest import DOCTOR, EC_KEY, JWKS, SECRET, Dialogue, make_provider

FORM = {"Content-Type": "application/x-www-form-urlencoded"}
ENDPOINTS = ("backchannel", "token", "introspection", "revocation", "par")

BODIES = {
    "repeated": (b"scope=openid&scope=openid", 400),
    "repeated under another encoding": (b"scope=openid&%73cope=openid", 400),
    "invalid UTF-8": (b"scope=%ff%fe", 400),
    "raw invalid UTF-8": (b"scope=\xff\xfe", 400),
    "NUL": (b"scope=a%00b", 400),
    "lone surrogate": (b"scope=%ed%a0%80", 400),
    "huge": (b"scope=" + b"a" * 70_000, 413),
    "too many parameters": (b"&".join(b"p%d=1" % n for n in range(70)), 413),
}


@pytest.mark.parametrize("endpoint", ENDPOINTS)
@pytest.mark.parametrize("case", BODIES)
def test_ill_formed_forms(core_server, core_http, endpoint, case):
    body, status = BODIES[case]
    answer = core_http.post(core_server.url(endpoint), content=body, headers=FORM)
    assert (answer.status_code, answer.json()["error"]) == (status, "invalid_request")


@pytest.mark.parametrize("case", BODIES)
def test_ill_formed_forms_of_a_browser_are_answered_with_a_page(core_server, core_http, case):
    body, status = BODIES[case]
    answer = core_http.post(core_server.url("end_session"), content=body, headers=FORM)
    assert answer.status_code == status
    assert "Demande refusée" in answer.text


@pytest.mark.parametrize("endpoint", ENDPOINTS)
@pytest.mark.parametrize("media", ["application/json", "text/plain", "", "multipart/form-data"])
def test_other_content_types(core_server, core_http, endpoint, media):
    answer = core_http.post(
        core_server.url(endpoint), content=b"scope=openid", headers={"Content-Type": media}
    )
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")


def test_a_body_that_never_ends_is_cut(core_server):
    context = ssl.create_default_context(cafile=str(core_server.files.ca))
    with (
        socket.create_connection(("127.0.0.1", core_server.port), timeout=10) as raw,
        context.wrap_socket(raw, server_hostname="localhost") as tls,
    ):
        head = (
            "POST /token HTTP/1.1\r\nHost: localhost\r\nContent-Length: 999999999\r\n"
            "Content-Type: application/x-www-form-urlencoded\r\n\r\n"
        )
        tls.sendall(head.encode() + b"a" * 70_000)
        assert tls.recv(65_536).startswith(b"HTTP/1.1 413")


@pytest.mark.parametrize(
    "path", ["/nope", "/sandbox/requests/x/approve/y", "/..%2f..%2fetc/passwd"]
)
def test_unknown_paths_are_404(core_server, core_http, path):
    assert core_http.get(core_server.origin + path).status_code == 404


def test_nothing_secret_is_logged():
    core = Dialogue(make_provider("core"))
    core.raw("Basic YmFzaWM6c2VjcmV0LXRoYXQtbGVha3M=", None, scope="openid")
    core.raw("", None, client_id="post", client_secret="secret-that-leaks")
    body = core.tokens()
    log = str([event.to_dict() for event in core.provider.events.since()])
    assert "secret-that-leaks" not in log
    assert SECRET not in log
    for name in ("access_token", "refresh_token", "id_token"):
        assert body[name] not in log


@given(st.binary(max_size=300))
def test_any_bytes_are_a_form_or_a_refusal(body):
    try:
        form = parse_pairs(body)
    except Refused:
        return
    assert all("\0" not in name + value for name, value in form.items())


@given(st.dictionaries(st.text(min_size=1).filter(lambda t: "\0" not in t), st.text(), max_size=9))
def test_what_was_encoded_is_decoded(form):
    clean = {name: value.replace("\0", "") for name, value in form.items()}
    try:
        body = "&".join(f"{quote(n, safe='')}={quote(v, safe='')}" for n, v in clean.items())
    except UnicodeEncodeError:
        return
    assert parse_form("application/x-www-form-urlencoded", body.encode()) == clean


SEGMENT = st.text("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_=", max_size=80)
TOKENS = st.one_of(
    st.text(max_size=200),
    st.lists(SEGMENT, max_size=6).map(".".join),
    st.tuples(
        st.sampled_from(["none", "ES256", "RS256", "HS256", "x"]), st.binary(max_size=80)
    ).map(lambda pair: _forged(*pair)),
)


def _forged(alg: str, payload: bytes) -> str:
    import base64

    head = base64.urlsafe_b64encode(f'{{"alg":"{alg}"}}'.encode()).rstrip(b"=").decode()
    body = base64.urlsafe_b64encode(payload).rstrip(b"=").decode()
    return f"{head}.{body}.{'A' * 86}"


@given(TOKENS)
def test_no_string_is_a_jwt_of_ours_and_none_breaks_the_reader(token):
    with pytest.raises(BadTokenError):
        read_jwt(token, key_set(JWKS), ("ES256", "PS256", "RS256"))


@given(TOKENS)
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_string_authenticates_or_asks(token):
    core = FUZZED
    for form in (
        {
            "client_assertion": token,
            "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
        },
        {"request": token, **core.assertion("signed")},
        {"scope": "openid", "login_hint_token": token, **core.assertion("jwt")},
        {"scope": "openid", "id_token_hint": token, **core.assertion("jwt")},
    ):
        assert 400 <= core.raw("", None, **form).status < 500


FUZZED = Dialogue(make_provider("core"))


@given(
    st.dictionaries(
        st.sampled_from(
            ["scope", "login_hint", "binding_message", "user_code", "requested_expiry", "channel",
             "acr_values", "client_notification_token", "request", "id_token_hint"]
        ),
        st.text(max_size=40),
        max_size=6,
    ),
    st.sampled_from(["basic", "ping", "push", "coded", "no-ciba"]),
)  # fmt: skip
@settings(max_examples=150)
def test_any_parameters_get_an_answer_of_the_standard(form, client_id):
    for dialogue in (FUZZED, FUZZED_PSC):
        reply = dialogue.request(client_id, **form)
        assert reply.status in (200, 400, 401, 403)
        assert {"auth_req_id", "error"} & set(reply.body)


FUZZED_PSC = Dialogue(make_provider("psc"))


def test_a_jwt_with_a_payload_that_is_not_an_object_is_refused():
    from joserfc import jws

    for payload in (b"[]", b"3", b'"x"', b"null", b"\xff", b"{"):
        token = jws.serialize_compact({"alg": "ES256"}, payload, EC_KEY, algorithms=["ES256"])
        with pytest.raises(BadTokenError):
            read_jwt(token, key_set(JWKS), ("ES256",))


# --- from the OpenAPI description ----------------------------------------------------------------


@pytest.mark.parametrize("endpoint", [*ENDPOINTS, "userinfo", "jwks"])
@given(data=st.data())
@settings(
    max_examples=15,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_fuzz_from_the_openapi_description(core_server, endpoint, data):
    import schemathesis
    from schemathesis.checks import not_a_server_error

    schema = schemathesis.openapi.from_dict(
        openapi(core_server.provider.settings, core_server.origin)
    )
    method = "GET" if endpoint in ("userinfo", "jwks") else "POST"
    operation = schema[core_server.provider.settings.paths[endpoint]][method]
    case = data.draw(operation.as_strategy())
    response = case.call(base_url=core_server.origin, verify=str(core_server.files.ca))
    case.validate_response(response, checks=[not_a_server_error])
    assert response.status_code < 500


def test_the_description_is_served_and_names_the_endpoints(core_server, core_http):
    document = core_http.get(core_server.origin + "/sandbox/openapi.json").json()
    assert set(document["paths"]) >= {core_server.provider.settings.paths[n] for n in ENDPOINTS}
    assert DOCTOR not in str(document)
