"""The OpenID Foundation's basic plan (oidcc-basic), one test a module, named after the condition.

Module names are the suite's; what each checks is written from OpenID Connect Core 1.0.
"""

from __future__ import annotations

import asyncio
from urllib.parse import urlencode

import httpx
import pytest

from sandbox.psc import browser
from sandbox.psc.discovery import discovery
from sandbox.psc.grants import userinfo
from sandbox.psc.jose import ASYMMETRIC, half_hash, read_jwt
from sandbox.psc.web import application
from tests.psc.conftest import DOCTOR, PHARMACIST, Dialogue, make_provider
from tests.psc.single_sign_on import ASKED, Browser
from tests.psc.test_request import refused


@pytest.fixture(params=["core", "psc"])
def lps(request) -> Browser:
    return Browser(Dialogue(make_provider(request.param, sso_session=3600)))


def claims_of(lps: Browser, tokens: dict) -> dict:
    keys = lps.provider.ring.verification_keys(lps.provider.now())
    return read_jwt(tokens["id_token"], keys, ASYMMETRIC)[1]


def info(lps: Browser, **changes) -> dict:
    tokens = lps.tokens(**changes)
    return userinfo(lps.provider, f"Bearer {tokens['access_token']}", {}, None).body


def test_oidcc_server(lps):
    """A code, then an ID token that says who, for whom, when; nonce, state and iss come back."""
    back = lps.authorize()
    assert (back["state"], back["iss"]) == ("s1", lps.provider.issuer)
    tokens = lps.redeem(back["code"]).body
    claims = claims_of(lps, tokens)
    assert (claims["iss"], claims["aud"]) == (lps.provider.issuer, "basic")
    assert (claims["nonce"], claims["at_hash"]) == ("n1", half_hash(tokens["access_token"]))
    assert claims["iat"] <= lps.provider.now() < claims["exp"]
    assert tokens["token_type"] == "Bearer"


def test_oidcc_response_type_missing(lps):
    """No response_type: an error goes back, no code."""
    back = lps.authorize(response_type=None)
    assert back["error"] in ("invalid_request", "unsupported_response_type")
    assert "code" not in back


def test_oidcc_idtoken_signature(lps):
    """The ID token is signed with a published key that its header names."""
    token = lps.tokens()["id_token"]
    keys = lps.provider.ring.verification_keys(lps.provider.now())
    header = read_jwt(token, keys, ("RS256",))[0]
    assert header["kid"] in {key["kid"] for key in lps.provider.ring.jwks(0.0)["keys"]}


def test_oidcc_idtoken_unsigned(lps):
    """`none` is not offered for ID tokens."""
    document = discovery(lps.provider.settings, lps.provider.origin, None)
    assert "none" not in document["id_token_signing_alg_values_supported"]


def test_oidcc_userinfo_get(lps):
    """The token in Authorization; `sub` is the ID token's."""
    tokens = lps.tokens()
    got = userinfo(lps.provider, f"Bearer {tokens['access_token']}", {}, None)
    assert got.body["sub"] == claims_of(lps, tokens)["sub"]


@pytest.mark.parametrize("way", ["header", "body"])
def test_oidcc_userinfo_post(lps, way):
    """Modules -post-header and -post-body (RFC 6750 2.1, 2.2), over HTTP."""
    access = lps.tokens()["access_token"]
    given = {"headers": {"Authorization": f"Bearer {access}"}, "data": {"access_token": access}}
    chosen = {"header": "headers", "body": "data"}[way]
    answer = served(lps, "POST", "userinfo", **{chosen: given[chosen]})
    assert answer.json()["sub"].endswith(DOCTOR)
    assert served(lps, "POST", "userinfo", **given).status_code == 400


def served(lps: Browser, method: str, endpoint: str, **members) -> httpx.Response:
    """Ask the application itself, without a socket."""

    async def ask() -> httpx.Response:
        transport = httpx.ASGITransport(app=application(lps.provider, []))
        async with httpx.AsyncClient(transport=transport) as client:
            url = lps.provider.origin + lps.provider.settings.paths[endpoint]
            return await client.request(method, url, **members)

    return asyncio.run(ask())


def test_oidcc_ensure_request_without_nonce_succeeds_for_code_flow(lps):
    """A nonce is optional with a code."""
    assert "nonce" not in claims_of(lps, lps.tokens(nonce=None))


@pytest.mark.parametrize(
    ("scope", "member"), [("openid profile", "family_name"), ("openid email", "sub")]
)
def test_oidcc_scope_that_is_supported(lps, scope, member):
    """Modules scope-profile and scope-email."""
    assert member in info(lps, scope=scope)


@pytest.mark.parametrize("scope", ["address", "phone"])
def test_oidcc_scope_that_is_not_supported(lps, scope):
    """Modules scope-address and scope-phone: not in scopes_supported, and refused by name."""
    document = discovery(lps.provider.settings, lps.provider.origin, None)
    assert scope not in document["scopes_supported"]
    assert lps.authorize(scope=f"openid {scope}")["error"] == "invalid_scope"


def test_oidcc_scope_all(lps):
    """Every supported scope at once."""
    document = discovery(lps.provider.settings, lps.provider.origin, None)
    assert "SubjectRefPro" in info(lps, scope=" ".join(document["scopes_supported"]))


def test_oidcc_ensure_other_scope_order_succeeds(lps):
    """`openid` need not be first."""
    assert "id_token" in lps.tokens(scope="profile openid")


@pytest.mark.parametrize("display", ["page", "popup"])
def test_oidcc_display(lps, display):
    """Modules display-page and display-popup: accepted, without effect."""
    assert "code" in lps.authorize(display=display)


def test_oidcc_prompt_login(lps):
    """prompt=login asks the person again; auth_time is later."""
    first = claims_of(lps, lps.tokens())
    lps.provider.advance(5)
    before = lps.prompts
    again = claims_of(lps, lps.tokens(prompt="login"))
    assert lps.prompts > before
    assert again["auth_time"] > first["auth_time"]
    assert again["sub"] == first["sub"]


def test_oidcc_prompt_none_not_logged_in(lps):
    """prompt=none without a session: login_required, and nobody is asked."""
    assert lps.authorize(prompt="none")["error"] == "login_required"
    assert lps.provider.requests.of() == []


def test_oidcc_prompt_none_logged_in(lps):
    """prompt=none with a session: a code, nobody is asked, the same person and auth_time."""
    first = claims_of(lps, lps.tokens())
    lps.provider.advance(5)
    before = lps.prompts
    again = claims_of(lps, lps.tokens(prompt="none"))
    assert lps.prompts == before
    assert (again["sub"], again["auth_time"]) == (first["sub"], first["auth_time"])


def test_oidcc_max_age_1(lps):
    """A session older than max_age: the person is asked again."""
    first = claims_of(lps, lps.tokens())
    lps.provider.advance(2)
    again = claims_of(lps, lps.tokens(max_age=1))
    assert again["auth_time"] > first["auth_time"]


def test_oidcc_max_age_10000(lps):
    """A session younger than max_age serves, and auth_time is in the ID token."""
    first = claims_of(lps, lps.tokens())
    lps.provider.advance(5)
    assert claims_of(lps, lps.tokens(max_age=10_000))["auth_time"] == first["auth_time"]


def test_oidcc_ensure_request_with_unknown_parameter_succeeds(lps):
    """A parameter that nobody knows is ignored."""
    assert "code" in lps.authorize(extra="foobar")


def test_oidcc_id_token_hint(lps):
    """prompt=none with a hint of the person who is logged in: a code for that person."""
    tokens = lps.tokens()
    hinted = lps.tokens(prompt="none", id_token_hint=tokens["id_token"])
    assert claims_of(lps, hinted)["sub"] == claims_of(lps, tokens)["sub"]


def test_an_id_token_hint_of_somebody_else_is_login_required(lps):
    """OpenID Connect Core 3.1.2.2: never a code for another person than the hint's."""
    hint = lps.tokens(login_hint=PHARMACIST, prompt="login")["id_token"]
    lps.tokens(login_hint=DOCTOR, prompt="login")
    assert lps.authorize(prompt="none", id_token_hint=hint)["error"] == "login_required"


def test_oidcc_login_hint(lps):
    """The person who is hinted at is asked at once."""
    assert lps.ask(login_hint=DOCTOR).name == "wait"


@pytest.mark.parametrize("name", ["ui_locales", "claims_locales"])
def test_oidcc_locales(lps, name):
    """Modules ui-locales and claims-locales: accepted, without effect."""
    assert "code" in lps.authorize(**{name: "se"})


def test_oidcc_ensure_request_with_acr_values_succeeds(lps):
    """acr_values is accepted and acr says the level."""
    assert claims_of(lps, lps.tokens(acr_values="eidas1"))["acr"] == "eidas1"


@pytest.mark.parametrize("seconds", [0, 30], ids=["codereuse", "codereuse-30seconds"])
def test_oidcc_codereuse(lps, seconds):
    """A code serves once; a second use takes back what the first gave (RFC 6749 4.1.2)."""
    code = lps.authorize()["code"]
    access = lps.redeem(code).body["access_token"]
    lps.provider.advance(seconds)
    refused(lps.redeem(code), 400, "invalid_grant")
    assert userinfo(lps.provider, f"Bearer {access}", {}, None).status == 401


def test_oidcc_ensure_registered_redirect_uri(lps):
    """An address that was not registered: a page, never a redirection."""
    out = lps.ask(redirect_uri="https://evil.mssante.test/callback")
    assert isinstance(out, browser.HtmlPage)
    assert (out.name, out.status) == ("error", 400)


def test_oidcc_ensure_post_request_succeeds(lps):
    """The authorization endpoint takes a POST as it takes a GET (OpenID Connect Core 3.1.2.1)."""
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    answer = served(lps, "POST", "authorization", content=urlencode(ASKED), headers=headers)
    assert "Identifiant national" in answer.text


def test_oidcc_server_client_secret_post(lps):
    """A client registered for client_secret_post."""
    from tests.psc.conftest import SECRET

    code = lps.authorize(client_id="post")["code"]
    from sandbox.psc.client_auth import Credentials
    from sandbox.psc.grants import token
    from tests.psc.single_sign_on import VERIFIER

    form = {
        "grant_type": "authorization_code", "code": code, "code_verifier": VERIFIER,
        "redirect_uri": ASKED["redirect_uri"], "client_id": "post", "client_secret": SECRET,
    }  # fmt: skip
    assert token(lps.provider, Credentials("", form)).status == 200


def test_oidcc_request_uri_unsigned_supported_correctly_or_rejected_as_unsupported(lps):
    """request_uri of somewhere else: request_uri_not_supported (3.1.2.6)."""
    back = lps.authorize(request_uri="https://lps.mssante.test/request.jwt")
    assert (back["error"], back["state"]) == ("request_uri_not_supported", "s1")


def test_oidcc_unsigned_request_object_supported_correctly_or_rejected_as_unsupported(lps):
    """request: request_not_supported (3.1.2.6)."""
    back = lps.authorize(request="eyJhbGciOiJub25lIn0.e30.")
    assert (back["error"], back["state"]) == ("request_not_supported", "s1")


def test_oidcc_ensure_request_object_with_redirect_uri(lps):
    """A request object never leads anywhere that the query does not."""
    out = lps.ask(request="eyJhbGciOiJub25lIn0.e30.", redirect_uri="https://evil.mssante.test/")
    assert isinstance(out, browser.HtmlPage)
    assert out.status == 400


def test_oidcc_claims_essential(lps):
    """The claims parameter is said not to be supported, and is ignored."""
    document = discovery(lps.provider.settings, lps.provider.origin, None)
    assert document["claims_parameter_supported"] is False
    assert "code" in lps.authorize(claims='{"userinfo":{"name":{"essential":true}}}')


def test_oidcc_refresh_token(lps):
    """A refresh token gives tokens for the same person, to its client alone."""
    tokens = lps.tokens()
    form = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}
    refused(lps.dialogue.token("other", **form), 400, "invalid_grant")
    fresh = lps.dialogue.token("basic", **form).body
    assert claims_of(lps, fresh)["sub"] == claims_of(lps, tokens)["sub"]


def test_oidcc_ensure_request_with_valid_pkce_succeeds(lps):
    """S256 with its verifier; without it, no tokens."""
    code = lps.authorize()["code"]
    refused(lps.redeem(code, code_verifier="w" * 43), 400, "invalid_grant")
    assert lps.redeem(code).status == 200


@pytest.mark.parametrize("mode", ["query", "fragment", "form_post"])
def test_the_answer_comes_by_the_response_mode_that_was_asked(lps, mode):
    """OAuth 2.0 Multiple Response Types 2.1; Form Post Response Mode."""
    out = lps.answered(lps.ask(response_mode=mode))
    assert lps.received(out)["state"] == "s1"
    if mode == "form_post":
        assert out.name == "form_post"
    else:
        assert ("#code=" in out.url) == (mode == "fragment")
