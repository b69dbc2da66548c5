"""A browser with its cookie, logging in by code; for the tests that mirror conformance plans."""

from __future__ import annotations

import base64
import hashlib
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from sandbox.psc import browser
from tests.psc.conftest import DOCTOR, REDIRECT, Dialogue

VERIFIER = "v" * 43
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=")
ASKED = {
    "client_id": "basic",
    "response_type": "code",
    "redirect_uri": REDIRECT,
    "scope": "openid",
    "state": "s1",
    "nonce": "n1",
    "code_challenge": CHALLENGE.decode(),
    "code_challenge_method": "S256",
}


class Browser:
    """One person at one browser."""

    def __init__(self, dialogue: Dialogue) -> None:
        self.dialogue = dialogue
        self.provider = dialogue.provider
        self.cookie = ""
        self.prompts = 0  # how often the person was asked

    def ask(self, **changes: Any) -> browser.Outcome:
        """Go to the authorization endpoint; None leaves a parameter out."""
        query = {k: str(v) for k, v in {**ASKED, **changes}.items() if v is not None}
        return browser.start(self.provider, query, self.cookie)

    def authorize(self, **changes: Any) -> dict[str, str]:
        """Ask, answer as a person who approves, and return what the client receives."""
        return self.received(self.answered(self.ask(**changes)))

    def answered(self, outcome: browser.Outcome) -> browser.Outcome:
        """Go through the login page and the telephone, where they show."""
        if isinstance(outcome, browser.HtmlPage) and outcome.name == "login":
            self.prompts += 1
            outcome = browser.show(self.provider, outcome.values["handle"], national_id=DOCTOR)
        elif isinstance(outcome, browser.HtmlPage) and outcome.name == "wait":
            self.prompts += 1
        if isinstance(outcome, browser.HtmlPage) and outcome.name == "wait":
            self.dialogue.decide()
            outcome = browser.show(self.provider, outcome.values["handle"])
        if outcome.session is not None:
            self.cookie = outcome.session
        return outcome

    @staticmethod
    def received(outcome: browser.Outcome) -> dict[str, str]:
        """Return the parameters that reach the redirection address."""
        if isinstance(outcome, browser.HtmlPage):
            assert outcome.name == "form_post", outcome
            assert outcome.values["action"].startswith(REDIRECT)
            return dict(outcome.values["fields"])
        assert outcome.url.startswith(REDIRECT)
        parts = urlsplit(outcome.url)
        return dict(parse_qsl(parts.query or parts.fragment))

    def redeem(self, code: str, client_id: str = "basic", **changes: Any) -> Any:
        """Exchange a code."""
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": REDIRECT,
            "code_verifier": VERIFIER,
            **changes,
        }
        return self.dialogue.token(client_id, **form)

    def tokens(self, **changes: Any) -> dict[str, Any]:
        """Log in and return the token response."""
        reply = self.redeem(self.authorize(**changes)["code"])
        assert reply.status == 200, reply.body
        return reply.body
