"""The OpenID Foundation's RP-initiated logout plan, one test a module, named after the condition.

Module names are the suite's; what each checks is written from RP-Initiated Logout 1.0.
"""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import pytest

from sandbox.psc import browser
from sandbox.psc.discovery import discovery
from sandbox.psc.logout import end_session
from tests.psc.conftest import REDIRECT, Dialogue, make_provider
from tests.psc.single_sign_on import Browser


@pytest.fixture(params=["core", "psc"])
def lps(request) -> Browser:
    return Browser(Dialogue(make_provider(request.param, sso_session=3600)))


def silent(lps: Browser) -> str:
    """What prompt=none says: is the session still there?"""
    return lps.authorize(prompt="none").get("error", "")


def left(lps: Browser, **query: str):
    return end_session(lps.provider, query, lps.cookie)


def test_oidcc_rp_initiated_logout_discovery_endpoint_verification(lps):
    """The end_session_endpoint is published, over https."""
    provider = lps.provider
    document = discovery(provider.settings, provider.origin, None)
    assert document["end_session_endpoint"].startswith("https://")


def test_oidcc_rp_initiated_logout(lps):
    """A hint, a registered address, a state: back there with it, session and tokens gone."""
    tokens = lps.tokens()
    assert silent(lps) == ""
    out = left(
        lps, id_token_hint=tokens["id_token"], post_logout_redirect_uri=REDIRECT, state="s 1"
    )
    assert urlsplit(out.url)._replace(query="").geturl() == REDIRECT
    assert parse_qs(urlsplit(out.url).query) == {"state": ["s 1"]}
    assert out.session == ""
    assert silent(lps) == "login_required"
    assert not lps.dialogue.introspect(tokens["access_token"])["active"]


@pytest.mark.parametrize("uri", ["https://evil.mssante.test/", REDIRECT + "/more"])
def test_oidcc_rp_initiated_logout_bad_post_logout_redirect_uri(lps, uri):
    """An address that was not registered: an error page, and the browser goes nowhere."""
    out = left(lps, id_token_hint=lps.tokens()["id_token"], post_logout_redirect_uri=uri)
    assert (out.name, out.status) == ("error", 400)


def test_oidcc_rp_initiated_logout_query_added_to_post_logout_redirect_uri(lps):
    """A registered address with a query added is another address."""
    out = left(
        lps,
        id_token_hint=lps.tokens()["id_token"],
        post_logout_redirect_uri=REDIRECT + "?dummy=1",
    )
    assert (out.name, out.status) == ("error", 400)


def test_oidcc_rp_initiated_logout_modified_id_token_hint(lps):
    """A hint whose signature is damaged ends nothing."""
    token = lps.tokens()["id_token"]
    out = left(lps, id_token_hint=token[:-8] + "AAAAAAAA", post_logout_redirect_uri=REDIRECT)
    assert (out.name, out.status) == ("error", 400)
    assert silent(lps) == ""


def test_oidcc_rp_initiated_logout_bad_id_token_hint(lps):
    """A hint that is no token ends nothing."""
    lps.tokens()
    out = left(lps, id_token_hint="not-a-token", post_logout_redirect_uri=REDIRECT)
    assert (out.name, out.status) == ("error", 400)
    assert silent(lps) == ""


def test_oidcc_rp_initiated_logout_no_id_token_hint(lps):
    """Without a hint nobody knows whose address it is: no redirection there."""
    lps.tokens()
    out = left(lps, post_logout_redirect_uri=REDIRECT, state="s")
    assert isinstance(out, browser.HtmlPage)
    assert out.status == 400


def test_oidcc_rp_initiated_logout_no_params(lps):
    """Nothing said: the person is asked, and the answer logs out."""
    lps.tokens()
    assert left(lps).name == "leave"
    assert silent(lps) == ""
    assert left(lps, confirmed="yes").name == "bye"
    assert silent(lps) == "login_required"


def test_oidcc_rp_initiated_logout_only_state(lps):
    """A state alone goes nowhere; without a session nothing is asked either."""
    assert left(lps, state="s").name == "bye"


def test_oidcc_rp_initiated_logout_no_post_logout_redirect_uri(lps):
    """A hint alone logs out and stays on the provider's page."""
    assert left(lps, id_token_hint=lps.tokens()["id_token"]).name == "bye"
    assert silent(lps) == "login_required"


def test_oidcc_rp_initiated_logout_no_state(lps):
    """Without a state none comes back."""
    hint = lps.tokens()["id_token"]
    assert left(lps, id_token_hint=hint, post_logout_redirect_uri=REDIRECT).url == REDIRECT


def test_a_client_id_that_is_not_the_hints_is_refused(lps):
    """RP-Initiated Logout 2: both must name the same client."""
    out = left(lps, id_token_hint=lps.tokens()["id_token"], client_id="other")
    assert (out.name, out.status) == ("error", 400)
