"""A dialogue with a provider in memory, on a frozen clock; and real listeners, once a session."""

from __future__ import annotations

import base64
import copy
import itertools
import ssl
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import quote_plus

import httpx
import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey

from sandbox.psc import Client, Clock, Provider, ProviderOptions, Running, running, settings_for
from sandbox.psc.client_auth import Credentials
from sandbox.psc.grants import introspect, logout, revoke, token
from sandbox.psc.jose import KeyRing
from sandbox.psc.replies import HttpReply
from sandbox.trust import Organisation, TestCA

SECRET = "sandbox-secret-that-is-public-0123456789"
CIBA = "urn:openid:params:grant-type:ciba"
DOCTOR = "899700000018"
PHARMACIST = "899700000026"
START = 1_800_000_000.0
SERIAL = itertools.count()
NOTIFICATION_TOKEN = "8d67dc78-7faa-4d41-aabd-67707b374255"
EC_KEY = ECKey.generate_key("P-256", {"kid": "client-ec"})
RSA_KEY = RSAKey.generate_key(2048, {"kid": "client-rsa"})
JWKS = {"keys": [EC_KEY.as_dict(private=False), RSA_KEY.as_dict(private=False)]}
RING = KeyRing.generate()
REDIRECT = "https://localhost/callback"
EDITOR = Organisation(name="EDITEUR DE TEST", department="Paris (75)", finess="119999993")
LPS = TestCA().plans.org_client(EDITOR, "lps-mtls").subject

BASE = Client(
    client_id="basic",
    client_secret=SECRET,
    redirect_uris=(REDIRECT,),
    post_logout_redirect_uris=(REDIRECT,),
    web_origins=("+",),
)
CLIENTS = (
    BASE,
    replace(BASE, client_id="other"),
    replace(BASE, client_id="post", auth_method="client_secret_post"),
    replace(BASE, client_id="hmac", auth_method="client_secret_jwt"),
    replace(BASE, client_id="jwt", auth_method="private_key_jwt", jwks=JWKS),
    replace(BASE, client_id="no-ciba", delivery_mode=None),
    replace(
        BASE,
        client_id="ping",
        delivery_mode="ping",
        notification_endpoint="https://localhost:1/ping",
    ),
    replace(
        BASE,
        client_id="push",
        delivery_mode="push",
        notification_endpoint="https://localhost:1/push",
    ),
    replace(BASE, client_id="coded", user_code_parameter=True),
    replace(
        BASE,
        client_id="signed",
        auth_method="private_key_jwt",
        jwks=JWKS,
        request_signing_alg="ES256",
        id_token_signed_response_alg="ES256",
    ),
    replace(
        BASE,
        client_id="mtls",
        auth_method="tls_client_auth",
        tls_client_auth_subject_dn=LPS.rfc4514_string(),
        certificate_bound_tokens=True,
    ),
)


def client_certificate(authority: TestCA, label: str, folder: Path) -> tuple[Path, Path]:
    """Issue the certificate of an editor's software; return its chain and key."""
    authority.org_client(EDITOR, label).save(folder / label)
    return folder / label / "chain.pem", folder / label / "key.pem"


def basic(client_id: str, secret: str = SECRET) -> str:
    pair = f"{quote_plus(client_id)}:{quote_plus(secret)}"
    return "Basic " + base64.b64encode(pair.encode()).decode()


def make_provider(profile: str = "core", **changes: Any) -> Provider:
    options = changes.pop("options", ProviderOptions(clients=CLIENTS))
    if changes.get("store") is None:
        # One generated ring for all tests: RSA keys are slow to make.
        options = replace(options, ring=copy.copy(RING))
    store = changes.pop("store", None)
    return Provider(
        settings_for(profile, **changes),
        "https://localhost:9",
        mtls_origin="https://localhost:10",
        options=options,
        store=store,
        clock=Clock(START),
    )


class Dialogue:
    """Asks as a client and remembers nothing."""

    def __init__(self, provider: Provider) -> None:
        self.provider = provider

    def request(self, client_id: str = "basic", **form: Any) -> HttpReply:
        """A valid authentication request; a value None leaves a parameter out."""
        full = {"scope": "openid", "login_hint": DOCTOR, "binding_message": "42", **form}
        kept = {name: str(value) for name, value in full.items() if value is not None}
        return self.provider.backchannel(Credentials(basic(client_id), kept))

    def raw(self, authorization: str, certificate: bytes | None = None, **form: str) -> HttpReply:
        return self.provider.backchannel(Credentials(authorization, form, certificate))

    def start(self, client_id: str = "basic", **form: Any) -> str:
        reply = self.request(client_id, **form)
        assert reply.status == 200, reply.body
        return reply.body["auth_req_id"]

    def poll(self, auth_req_id: str | None, client_id: str = "basic", **form: str) -> HttpReply:
        sent = {"grant_type": CIBA, **form}
        if auth_req_id is not None:
            sent["auth_req_id"] = auth_req_id
        return token(self.provider, Credentials(basic(client_id), sent))

    def token(
        self, client_id: str = "basic", certificate: bytes | None = None, **f: str
    ) -> HttpReply:
        return token(self.provider, Credentials(basic(client_id), f, certificate))

    def decide(self, decision: str = "approve") -> None:
        from sandbox.psc.ciba import DeviceDecision, RequestState

        pending = [r for r in self.provider.requests.of() if r.state is RequestState.PENDING]
        self.provider.requests.decide(pending[0].ticket, DeviceDecision(decision))

    def tokens(self, client_id: str = "basic", **form: Any) -> dict[str, Any]:
        """Go through a whole CIBA flow and return the token response."""
        auth_req_id = self.start(client_id, **form)
        self.decide()
        self.provider.advance(10)
        reply = self.poll(auth_req_id, client_id)
        assert reply.status == 200, reply.body
        return reply.body

    def introspect(self, value: str) -> dict[str, Any]:
        return introspect(self.provider, Credentials(basic("basic"), {"token": value})).body

    def revoke(self, value: str, client_id: str = "basic") -> HttpReply:
        return revoke(self.provider, Credentials(basic(client_id), {"token": value}))

    def logout(self, value: str) -> HttpReply:
        return logout(self.provider, Credentials(basic("basic"), {"refresh_token": value}))

    def assertion(self, client_id: str, *, alg: str = "ES256", key: Any = None, **changes: Any):
        """The form members of a private_key_jwt authentication."""
        now = int(self.provider.now())
        claims = {
            "iss": client_id,
            "sub": client_id,
            "aud": self.provider.issuer,
            "exp": now + 60,
            "iat": now,
            "jti": f"assertion-{next(SERIAL)}",
            **changes,
        }
        claims = {name: value for name, value in claims.items() if value is not None}
        key = key or (EC_KEY if alg == "ES256" else RSA_KEY)
        return {
            "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
            "client_assertion": jwt.encode({"alg": alg}, claims, key, algorithms=[alg]),
        }

    def request_object(self, *, alg: str = "ES256", key: Any = None, **changes: Any) -> str:
        """A request as a signed JWT; `changes` change its claims (None drops one)."""
        now = int(self.provider.now())
        claims = {
            "iss": "signed",
            "aud": self.provider.issuer,
            "exp": now + 300,
            "iat": now,
            "nbf": now,
            "jti": f"request-{next(SERIAL)}",
            "scope": "openid",
            "login_hint": DOCTOR,
            "binding_message": "42",
            **changes,
        }
        claims = {name: value for name, value in claims.items() if value is not None}
        key = key or (EC_KEY if alg == "ES256" else RSA_KEY)
        return jwt.encode({"alg": alg}, claims, key, algorithms=[alg])

    def signed(self, *, outside: Any = None, **request: Any) -> HttpReply:
        """Send a signed request."""
        signed = self.request_object(**request)
        form = {"request": signed, **self.assertion("signed"), **(outside or {})}
        return self.provider.backchannel(Credentials("", form))

    @property
    def refusals(self):
        return [event for event in self.provider.events.since() if event.kind == "refusal"]


@pytest.fixture
def core() -> Dialogue:
    return Dialogue(make_provider("core"))


@pytest.fixture
def psc() -> Dialogue:
    return Dialogue(make_provider("psc"))


@pytest.fixture
def fapi() -> Dialogue:
    return Dialogue(make_provider("core", fapi=True))


@pytest.fixture(params=["core", "psc"])
def either(request: pytest.FixtureRequest) -> Dialogue:
    return Dialogue(make_provider(request.param))


def http(server: Running, **members: Any) -> httpx.Client:
    context = ssl.create_default_context(cafile=str(server.files.ca))
    if "cert" in members:
        context.load_cert_chain(*map(str, members.pop("cert")))
    client = httpx.Client(verify=context, trust_env=False, timeout=10, **members)
    client.cookies.set(f"sandbox_control_{server.port}", server.provider.control_secret)
    return client


@pytest.fixture(scope="session")
def core_server() -> Iterator[Running]:
    with running("core", options=ProviderOptions(clients=CLIENTS)) as server:
        yield server


@pytest.fixture(scope="session")
def psc_server() -> Iterator[Running]:
    with running("psc", options=ProviderOptions(clients=CLIENTS)) as server:
        yield server


@pytest.fixture
def core_http(core_server: Running) -> Iterator[httpx.Client]:
    with http(core_server) as client:
        yield client


@pytest.fixture
def psc_http(psc_server: Running) -> Iterator[httpx.Client]:
    with http(psc_server) as client:
        yield client


def begin(core_server, core_http, person=DOCTOR, client_id="basic"):
    form = {"scope": "openid", "login_hint": person, "binding_message": "<b>77</b>"}
    url = core_server.url("backchannel")
    return core_http.post(url, data=form, auth=(client_id, SECRET)).json()["auth_req_id"]
