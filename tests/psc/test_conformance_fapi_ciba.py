"""The OpenID Foundation's FAPI-CIBA plans (poll, ping; private_key_jwt, mTLS), one test a module.

Module names are the suite's (plain FAPI: what only other ecosystems run is left out); what each
checks is written from FAPI-CIBA ID1, CIBA Core 1.0 and FAPI 1.0 part 2.
"""

from __future__ import annotations

import asyncio
import datetime as dt
from dataclasses import replace
from http import HTTPStatus
from typing import Any

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from joserfc.jwk import ECKey

from sandbox.psc.client_auth import Credentials
from sandbox.psc.discovery import discovery
from sandbox.psc.endpoints import Endpoints
from sandbox.psc.grants import token, userinfo
from sandbox.psc.jose import ASYMMETRIC, read_jwt
from sandbox.psc.notifications import Sender
from sandbox.psc.replies import HttpReply
from tests.psc.conftest import CIBA, DOCTOR, EC_KEY, NOTIFICATION_TOKEN, Dialogue, make_provider
from tests.psc.test_request import refused

OTHER_KEY = ECKey.generate_key("P-256", {"kid": "other-ec"})
MINUTE = 60


def certificate(common_name: str) -> bytes:
    """A client certificate (DER) as TLS hands it over."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
    now = dt.datetime.now(dt.UTC)
    made = x509.CertificateBuilder(
        issuer_name=name, subject_name=name, public_key=key.public_key(),
        serial_number=1, not_valid_before=now, not_valid_after=now + dt.timedelta(days=1),
    )  # fmt: skip
    return made.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.DER)


FIRST, SECOND = certificate("lps-1"), certificate("lps-2")


class Suite:
    """A FAPI client of one of the plans: how it authenticates, how it is told."""

    def __init__(self, auth: str, mode: str) -> None:
        self.provider = make_provider("core", fapi=True)
        self.dialogue = Dialogue(self.provider)
        self.auth, self.mode = auth, mode
        base = self.provider.clients["signed"]
        for name, key in (("lps-1", EC_KEY), ("lps-2", OTHER_KEY)):
            self.provider.register(
                replace(
                    base,
                    client_id=name,
                    jwks={"keys": [key.as_dict(private=False)]},
                    auth_method="tls_client_auth" if auth == "mtls" else "private_key_jwt",
                    tls_client_auth_subject_dn=f"CN={name}",
                    certificate_bound_tokens=True,
                    delivery_mode=mode,
                    notification_endpoint="https://localhost:1/ping",
                )
            )

    def authentication(self, name: str, **claims: Any) -> dict[str, str]:
        """The form members that authenticate a client, beside its certificate."""
        if self.auth == "mtls":
            return {"client_id": name}
        key = EC_KEY if name == "lps-1" else OTHER_KEY
        return self.dialogue.assertion(name, key=key, **claims)

    def send(
        self, name: str = "lps-1", *, form: dict[str, str] | None = None, **request: Any
    ) -> HttpReply:
        """Send a signed request; `form` replaces the client's authentication."""
        told = {"client_notification_token": NOTIFICATION_TOKEN} if self.mode == "ping" else {}
        key = EC_KEY if name == "lps-1" else OTHER_KEY
        request = {"iss": name, "key": key, **told, **request}
        signed = self.dialogue.request_object(**request)
        outside = self.authentication(name) if form is None else form
        return self.provider.backchannel(
            Credentials("", {"request": signed, **outside}, certificate_of(name))
        )

    def start(self, name: str = "lps-1", **request: Any) -> str:
        reply = self.send(name, **request)
        assert reply.status == HTTPStatus.OK, reply.body
        return reply.body["auth_req_id"]

    def call(
        self, name: str = "lps-1", *, form: dict[str, str] | None = None, **members: str
    ) -> HttpReply:
        """Call the token endpoint."""
        outside = self.authentication(name) if form is None else form
        return token(self.provider, Credentials("", {**members, **outside}, certificate_of(name)))

    def poll(self, auth_req_id: str, name: str = "lps-1", **members: Any) -> HttpReply:
        return self.call(name, grant_type=CIBA, auth_req_id=auth_req_id, **members)

    def tokens(self, name: str = "lps-1", **request: Any) -> dict[str, Any]:
        auth_req_id = self.start(name, **request)
        self.dialogue.decide()
        reply = self.poll(auth_req_id, name)
        assert reply.status == HTTPStatus.OK, reply.body
        return reply.body


def certificate_of(name: str) -> bytes:
    return FIRST if name == "lps-1" else SECOND


PLANS = [(auth, mode) for auth in ("private_key_jwt", "mtls") for mode in ("poll", "ping")]


@pytest.fixture(params=PLANS, ids=[" ".join(plan) for plan in PLANS])
def lps(request) -> Suite:
    return Suite(*request.param)


@pytest.fixture(params=["poll", "ping"])
def jwt_lps(request) -> Suite:
    return Suite("private_key_jwt", request.param)


@pytest.fixture(params=["poll", "ping"])
def mtls_lps(request) -> Suite:
    return Suite("mtls", request.param)


@pytest.fixture(params=["private_key_jwt", "mtls"])
def pinged(request) -> Suite:
    return Suite(request.param, "ping")


# --- discovery ------------------------------------------------------------------------------------


def test_fapi_ciba_id1_discovery_end_point_verification(lps):
    """Metadata: CIBA grant, poll and ping, PS256 and ES256, two ways to authenticate."""
    provider = lps.provider
    document = discovery(provider.settings, provider.origin, provider.mtls_origin)
    assert document["backchannel_authentication_endpoint"].startswith("https://")
    assert CIBA in document["grant_types_supported"]
    assert document["backchannel_token_delivery_modes_supported"] == ["poll", "ping"]
    name = "backchannel_authentication_request_signing_alg_values_supported"
    assert document[name] == ["PS256", "ES256"]
    methods = ["private_key_jwt", "tls_client_auth"]
    assert document["token_endpoint_auth_methods_supported"] == methods
    assert document["tls_client_certificate_bound_access_tokens"] is True


# --- a client that behaves ------------------------------------------------------------------------


def test_fapi_ciba_id1(lps):
    """Two clients, one after the other: tokens for each; a redeemed auth_req_id is spent."""
    first = lps.tokens("lps-1")
    auth_req_id = lps.start("lps-2", requested_expiry=300)
    lps.dialogue.decide()
    second = lps.poll(auth_req_id, "lps-2").body
    keys = lps.provider.ring.verification_keys(lps.provider.now())
    for name, tokens in (("lps-1", first), ("lps-2", second)):
        claims = read_jwt(tokens["id_token"], keys, ASYMMETRIC)[1]
        assert (claims["aud"], claims["iss"]) == (name, lps.provider.issuer)
        assert tokens["token_type"] == "Bearer"
    refused(lps.poll(auth_req_id, "lps-2"), 400, "invalid_grant")


def test_fapi_ciba_id1_the_auth_req_id_cannot_be_guessed(lps):
    """CIBA Core 7.3: at least 128 bits of randomness, 160 recommended; two are never alike."""
    ids = {lps.start() for _ in range(3)}
    assert len(ids) == 3
    assert all(len(each) >= 43 for each in ids)  # 256 bits in base64url


def test_fapi_ciba_id1_user_rejects_authentication(lps):
    """The person refuses: access_denied."""
    auth_req_id = lps.start()
    lps.dialogue.decide("refuse")
    refused(lps.poll(auth_req_id), 400, "access_denied")


def test_fapi_ciba_id1_multiple_call_to_token_endpoint(lps):
    """Polls without waiting: pending, slow_down, then invalid_request; a ping still comes."""
    auth_req_id = lps.start()
    said = {lps.poll(auth_req_id).body["error"] for _ in range(20)}
    assert said <= {"authorization_pending", "slow_down", "invalid_request"}
    assert "slow_down" in said
    if lps.mode == "ping":
        assert "invalid_request" not in said
        lps.dialogue.decide()
        assert lps.provider.requests.outbox[0].body == {"auth_req_id": auth_req_id}
        assert lps.poll(auth_req_id).status == HTTPStatus.OK


def test_fapi_ciba_id1_auth_req_id_expired(lps):
    """Nobody answers within requested_expiry: expired_token."""
    reply = lps.send(requested_expiry=10)
    assert reply.body["expires_in"] == 10
    lps.provider.advance(11)
    refused(lps.poll(reply.body["auth_req_id"]), 400, "expired_token")


def test_fapi_ciba_id1_ensure_authorization_request_with_binding_message_succeeds(lps):
    """A short binding message is shown and the flow completes."""
    auth_req_id = lps.start(binding_message="1234")
    assert lps.provider.requests.of(DOCTOR)[0].binding_message == "1234"
    lps.dialogue.decide()
    assert lps.poll(auth_req_id).status == HTTPStatus.OK


def test_fapi_ciba_id1_ensure_other_scope_order_succeeds(lps):
    """The order of scopes has no meaning (RFC 6749 3.3)."""
    assert set(lps.tokens(scope="scope_all openid")["scope"].split()) == {"openid", "scope_all"}


@pytest.mark.parametrize("value", [30, "30"])
def test_fapi_ciba_id1_ensure_requested_expiry_as_string_succeeds(lps, value):
    """requested_expiry in a signed request is a number or a string (CIBA Core 7.1.1)."""
    assert lps.send(requested_expiry=value).body["expires_in"] == 30


def test_fapi_ciba_id1_ensure_authorization_request_with_potentially_bad_binding_message(lps):
    """A message too long to show is invalid_binding_message, never shown in part."""
    refused(
        lps.send(binding_message="1234 \N{THUMBS UP SIGN} " * 20), 400, "invalid_binding_message"
    )


# --- request objects that are wrong ---------------------------------------------------------------


@pytest.mark.parametrize("member", ["aud", "iss", "exp", "iat", "nbf", "jti"])
def test_fapi_ciba_id1_ensure_request_object_missing_claim_fails(lps, member):
    """Modules missing-aud, -iss, -exp, -iat, -nbf, -jti."""
    refused(lps.send(**{member: None}), 400, "invalid_request")


@pytest.mark.parametrize(
    ("member", "value"),
    [("aud", "https://elsewhere.mssante.test"), ("iss", "https://elsewhere.mssante.test")],
)
def test_fapi_ciba_id1_ensure_request_object_bad_claim_fails(lps, member, value):
    """Modules bad-aud and bad-iss."""
    refused(lps.send(**{member: value}), 400, "invalid_request")


@pytest.mark.parametrize(
    ("member", "minutes"),
    [("exp", -5), ("exp", 70), ("nbf", 10), ("nbf", -70)],
    ids=["expired-exp", "exp-is-70-minutes-in-future", "nbf-is-10-minutes-in-future",
         "nbf-is-70-minutes-in-past"],
)  # fmt: skip
def test_fapi_ciba_id1_ensure_request_object_out_of_its_time_fails(lps, member, minutes):
    """Modules expired-exp, exp and nbf 70 minutes away, nbf 10 minutes in the future."""
    at = int(lps.provider.now()) + minutes * MINUTE
    refused(lps.send(**{member: at}), 400, "invalid_request")


def test_fapi_ciba_id1_ensure_request_object_signature_algorithm_is_none_fails(lps):
    """An unsigned request object."""
    signed = lps.dialogue.request_object(iss="lps-1")
    unsigned = "eyJhbGciOiJub25lIn0." + signed.split(".")[1] + "."
    form = {"request": unsigned, **lps.authentication("lps-1")}
    reply = lps.provider.backchannel(Credentials("", form, FIRST))
    refused(reply, 400, "invalid_request")


def test_fapi_ciba_id1_ensure_request_object_signature_algorithm_is_bad_fails(lps):
    """A signature that does not verify."""
    signed = lps.dialogue.request_object(iss="lps-1")
    form = {"request": signed[:-8] + "AAAAAAAA", **lps.authentication("lps-1")}
    reply = lps.provider.backchannel(Credentials("", form, FIRST))
    refused(reply, 400, "invalid_request")


def test_fapi_ciba_id1_ensure_request_object_signature_algorithm_is_rs256_fails(lps):
    """RS256 is not for FAPI (part 2, 8.6)."""
    refused(lps.send(alg="RS256", key=None), 400, "invalid_request")


def test_fapi_ciba_id1_ensure_request_object_signed_by_other_client_fails(lps):
    """The other client's key."""
    refused(lps.send("lps-1", key=OTHER_KEY), 400, "invalid_request")


def test_fapi_ciba_id1_ensure_backchannel_authorization_request_without_request_fails(lps):
    """Parameters in the form, nothing signed (FAPI-CIBA 5.2.2)."""
    form = {"scope": "openid", "login_hint": DOCTOR, "binding_message": "42"}
    form |= lps.authentication("lps-1")
    reply = lps.provider.backchannel(Credentials("", form, FIRST))
    refused(reply, 400, "invalid_request")


def test_fapi_ciba_id1_ensure_authorization_request_with_multiple_hints_fails(lps):
    """Exactly one hint (CIBA Core 7.1)."""
    refused(lps.send(login_hint_token="x.y.z"), 400, "invalid_request")


# --- the token endpoint ---------------------------------------------------------------------------


def test_fapi_ciba_id1_ensure_wrong_auth_req_id_in_token_endpoint_request(lps):
    """The first client's auth_req_id, sent by the second: invalid_grant."""
    auth_req_id = lps.start("lps-1")
    lps.dialogue.decide()
    refused(lps.poll(auth_req_id, "lps-2"), 400, "invalid_grant")


def test_fapi_ciba_id1_refresh_token(lps):
    """A refresh token gives new tokens to its client alone, and for the same person."""
    tokens = lps.tokens()
    form = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}
    refused(lps.call("lps-2", **form), 400, "invalid_grant")
    fresh = lps.call("lps-1", **form).body
    keys = lps.provider.ring.verification_keys(lps.provider.now())
    old, new = (read_jwt(t["id_token"], keys, ASYMMETRIC)[1] for t in (tokens, fresh))
    kept = ("sub", "iss", "aud", "auth_time")
    assert {k: old[k] for k in kept} == {k: new[k] for k in kept}
    assert old["jti"] != new["jti"]


# --- mTLS only ------------------------------------------------------------------------------------


def test_fapi_ciba_id1_ensure_different_client_id_and_issuer_in_backchannel_request(mtls_lps):
    """The request object is of the second client, the certificate of the first."""
    refused(mtls_lps.send("lps-1", iss="lps-2"), 400, "invalid_request")


def test_fapi_ciba_id1_ensure_wrong_client_id_in_backchannel_authorization_request(mtls_lps):
    """The second client's id with the first one's certificate."""
    refused(mtls_lps.send("lps-1", form={"client_id": "lps-2"}), 401, "invalid_client")


def test_fapi_ciba_id1_ensure_wrong_client_id_in_token_endpoint_request(mtls_lps):
    """The same at the token endpoint."""
    auth_req_id = mtls_lps.start()
    mtls_lps.dialogue.decide()
    wrong = {"client_id": "lps-2"}
    refused(mtls_lps.poll(auth_req_id, form=wrong), 401, "invalid_client")


# --- private_key_jwt only -------------------------------------------------------------------------


def test_fapi_ciba_id1_ensure_without_client_assertion_in_token_endpoint_fails(jwt_lps):
    """Only client_id: no authentication."""
    auth_req_id = jwt_lps.start()
    refused(jwt_lps.poll(auth_req_id, form={"client_id": "lps-1"}), 401, "invalid_client")


def test_fapi_ciba_id1_ensure_without_client_assertion_in_backchannel_request_fails(jwt_lps):
    """Only client_id: no authentication."""
    refused(jwt_lps.send(form={"client_id": "lps-1"}), 401, "invalid_client")


def test_fapi_ciba_id1_ensure_client_assertion_is_rs256_in_backchannel_request_fails(jwt_lps):
    """An assertion signed with RS256."""
    form = jwt_lps.dialogue.assertion("lps-1", alg="RS256")
    refused(jwt_lps.send(form=form), 401, "invalid_client")


def test_fapi_ciba_id1_ensure_client_assertion_is_rs256_in_token_endpoint_fails(jwt_lps):
    """An assertion signed with RS256."""
    form = jwt_lps.dialogue.assertion("lps-1", alg="RS256")
    refused(jwt_lps.poll(jwt_lps.start(), form=form), 401, "invalid_client")


@pytest.mark.parametrize("audience", ["", "/token", "/backchannel-authentication"])
def test_fapi_ciba_id1_ensure_client_assertion_with_iss_aud_succeeds(jwt_lps, audience):
    """The audience is the issuer, or an endpoint's address (CIBA Core 7.1)."""
    auth_req_id = jwt_lps.start()
    form = jwt_lps.authentication("lps-1", aud=jwt_lps.provider.issuer + audience)
    refused(jwt_lps.poll(auth_req_id, form=form), 400, "authorization_pending")


@pytest.mark.parametrize(
    "wrong",
    [{"aud": "https://elsewhere.mssante.test"}, {"exp": 1}, {"jti": None}, {"iss": "lps-2"}],
    ids=["aud", "exp", "jti", "iss"],
)
def test_fapi_ciba_id1_ensure_invalid_client_assertions_in_backchannel_request_fail(jwt_lps, wrong):
    """An assertion that is wrong in one claim."""
    refused(jwt_lps.send(form=jwt_lps.authentication("lps-1", **wrong)), 401, "invalid_client")


# --- bound tokens, resources ----------------------------------------------------------------------


def test_fapi_ciba_id1_ensure_mtls_holder_of_key_required(lps):
    """No tokens without a certificate, no access with another one (RFC 8705 3)."""
    auth_req_id = lps.start()
    lps.dialogue.decide()
    form = {"grant_type": CIBA, "auth_req_id": auth_req_id, **lps.authentication("lps-1")}
    reply = token(lps.provider, Credentials("", form))
    assert reply.status in (HTTPStatus.BAD_REQUEST, HTTPStatus.UNAUTHORIZED)
    access = lps.poll(auth_req_id).body["access_token"]
    bearer = f"Bearer {access}"
    assert userinfo(lps.provider, bearer, {}, FIRST).status == HTTPStatus.OK
    for held in (None, SECOND):
        assert userinfo(lps.provider, bearer, {}, held).status == HTTPStatus.UNAUTHORIZED


@pytest.mark.parametrize("given", ["c770aef3-6784-41f7-8e0e-ff5f97bddb3a", None])
def test_fapi_ciba_id1_the_interaction_id_comes_back(lps, given):
    """x-fapi-interaction-id is echoed, or made (FAPI 1.0 part 1, 6.2.1)."""
    endpoints = Endpoints(lps.provider)

    async def ask() -> httpx.Response:
        headers = {"x-fapi-interaction-id": given} if given else {}
        transport = httpx.ASGITransport(app=endpoints)
        async with httpx.AsyncClient(transport=transport) as client:
            return await client.get("https://localhost/userinfo", headers=headers)

    got = asyncio.run(ask()).headers["x-fapi-interaction-id"]
    assert got == given if given else len(got) == 36


# --- ping only ------------------------------------------------------------------------------------


def delivered(lps: Suite, status: int, body: bytes = b"") -> tuple[list[httpx.Request], str]:
    """Approve, send the ping to an endpoint that answers so; return what came and the outcome."""
    auth_req_id = lps.start()
    lps.dialogue.decide()
    came: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        came.append(request)
        headers = {"Location": "https://localhost/elsewhere"} if 300 <= status < 400 else {}
        return httpx.Response(status, content=body, headers=headers)

    async def send() -> str:
        sender = Sender(verify=True, transport=httpx.MockTransport(answer))
        outcomes = [await sender.send(one) for one in lps.provider.requests.outbox]
        await sender.close()
        (outcome,) = outcomes
        return outcome

    outcome = asyncio.run(send())
    assert lps.poll(auth_req_id).status == HTTPStatus.OK
    return came, outcome


def test_fapi_ciba_id1_ping_backchannel_notification_endpoint_response_has_body(pinged):
    """200 with a body is tolerated; the ping held the auth_req_id alone, and the bearer."""
    came, outcome = delivered(pinged, 200, b"hello")
    assert outcome.startswith("200")
    assert came[0].headers["authorization"] == f"Bearer {NOTIFICATION_TOKEN}"


@pytest.mark.parametrize("status", [401, 403])
def test_fapi_ciba_id1_ping_backchannel_notification_endpoint_response(pinged, status):
    """Modules -401 and -403: the flow completes all the same."""
    assert delivered(pinged, status)[1].startswith(str(status))


def test_fapi_ciba_id1_ping_endpoint_response_401_and_require_server_does_not_retry(pinged):
    """After 401 nothing is sent again (CIBA Core 10.2)."""
    assert len(delivered(pinged, 401)[0]) == 1


def test_fapi_ciba_id1_ping_backchannel_notification_endpoint_return_redirect_request(pinged):
    """A redirection is not followed (CIBA Core 10.2)."""
    came, outcome = delivered(pinged, 301)
    assert [request.url.path for request in came] == ["/ping"]
    assert "not followed" in outcome
