"""An editor's Keycloak that takes the emulator for its identity provider, and a browser before it.

The settings are those of ANS's plug-in for Keycloak: signatures checked against the JWKS, userinfo
asked, `acr_values=eidas1`, logout through the browser with `id_token_hint`, `state` and the
plug-in's `logout_response` address.
"""

from __future__ import annotations

import html
import re
from dataclasses import replace
from typing import Any

import httpx

from sandbox.psc import Client
from tests.psc.conftest import BASE, DOCTOR, SECRET

__all__ = ["APPLICATION", "Browser", "broker_client", "broker_realm"]

REALM = "editeur"
APPLICATION = "http://localhost/application"
FORM = re.compile(r'<form[^>]* action="([^"]+)"')
MISSING = {"username": DOCTOR, "email": "d@mssante.test", "firstName": "D", "lastName": "D"}


def broker_client(port: int) -> Client:
    """The Keycloak as it is registered at the emulator; `port` is Keycloak's."""
    endpoint = f"http://127.0.0.1:{port}/auth/realms/{REALM}/broker/psc/endpoint"
    return replace(
        BASE,
        client_id="keycloak",
        redirect_uris=(endpoint,),
        post_logout_redirect_uris=(f"{endpoint}/logout_response",),
    )


def broker_realm(metadata: dict[str, Any]) -> dict[str, Any]:
    """Return the realm, with the emulator of `metadata` as its identity provider."""
    provider = {
        "alias": "psc",
        "providerId": "oidc",
        "enabled": True,
        "config": {
            "issuer": metadata["issuer"],
            "authorizationUrl": metadata["authorization_endpoint"],
            "tokenUrl": metadata["token_endpoint"],
            "userInfoUrl": metadata["userinfo_endpoint"],
            "logoutUrl": metadata["end_session_endpoint"],
            "jwksUrl": metadata["jwks_uri"],
            "useJwksUrl": "true",
            "validateSignature": "true",
            "backchannelSupported": "false",
            "clientId": "keycloak",
            "clientSecret": SECRET,
            "clientAuthMethod": "client_secret_post",
            "defaultScope": "openid scope_all",
            "loginHint": "true",
        },
    }
    application = {
        "clientId": "application",
        "secret": SECRET,
        "redirectUris": [APPLICATION],
        "attributes": {"post.logout.redirect.uris": "+"},
    }
    return {
        "realm": REALM,
        "enabled": True,
        "sslRequired": "none",
        "identityProviders": [provider],
        "clients": [application],
    }


class Browser:
    """A person at a browser: follows every redirection, and fills what a first login asks for.

    Attributes:
        seen: addresses visited, without their query.
    """

    def __init__(self, origin: str, client: httpx.Client) -> None:
        self.endpoints = f"{origin}/auth/realms/{REALM}/protocol/openid-connect"
        self.client = client
        self.seen: list[str] = []

    def log_in(self) -> dict[str, Any]:
        """Return the tokens that the application gets of Keycloak."""
        back = self._go(
            f"{self.endpoints}/auth",
            client_id="application", redirect_uri=APPLICATION, response_type="code",
            scope="openid", kc_idp_hint="psc", login_hint=DOCTOR, acr_values="eidas1",
        )  # fmt: skip
        form = {"grant_type": "authorization_code", "code": back.params["code"],
                "redirect_uri": APPLICATION}  # fmt: skip
        answer = self.client.post(
            f"{self.endpoints}/token", data=form, auth=("application", SECRET)
        )
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    def log_out(self, id_token: str) -> httpx.URL:
        """Return where the application finds the browser back."""
        return self._go(
            f"{self.endpoints}/logout",
            id_token_hint=id_token, post_logout_redirect_uri=APPLICATION, state="s1",
        )  # fmt: skip

    def _go(self, address: str, **query: str) -> httpx.URL:
        answer = self.client.get(address, params=query)
        for _ in range(20):
            self.seen.append(str(answer.url.copy_with(query=None)))
            for cookie in self.client.cookies.jar:
                cookie.secure = False  # as in browsers, the loopback is secure without TLS
            if answer.is_redirect:
                target = answer.url.join(answer.headers["location"])
                if str(target).startswith(APPLICATION):
                    return target
                answer = self.client.get(target)
                continue
            form = FORM.search(answer.text)
            assert answer.status_code == 200, (self.seen, answer.text)
            assert form, (self.seen, answer.text)
            answer = self.client.post(html.unescape(form[1]), data=MISSING)
        raise AssertionError(self.seen)
