"""Relying parties that we did not write: Authlib, go-oidc, zitadel/oidc, mod_auth_openidc."""

from __future__ import annotations

import json
import os
import shutil
import socket
import ssl
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from sandbox.psc import Behaviour, ProviderOptions, Running, running
from tests.psc.conftest import BASE, DOCTOR, SECRET
from tests.psc.peers import PEERS
from tests.psc.test_keycloak_differential import free_port

CALLBACK = "https://localhost/callback"


@pytest.fixture(scope="module", params=["psc", "core"])
def provider(request) -> Iterator[Running]:
    options = ProviderOptions(clients=(BASE,), behaviour=Behaviour(kind="approve"))
    with running(request.param, options=options, sso_session=600) as server:
        yield server


@pytest.fixture
def authlib(monkeypatch):
    """Authlib's client for httpx, or skip."""
    if not (PEERS / "authlib").is_dir():
        pytest.skip("no Authlib: run .ci/peers-psc")
    monkeypatch.syspath_prepend(PEERS / "authlib")
    yield pytest.importorskip("authlib.integrations.httpx_client")
    for name in [name for name in sys.modules if name.partition(".")[0] == "authlib"]:
        monkeypatch.delitem(sys.modules, name)


def test_authlib_logs_in_reads_its_tokens_refreshes_and_revokes(provider, authlib):
    context = ssl.create_default_context(cafile=str(provider.files.ca))
    with httpx.Client(verify=context, trust_env=False) as browser:
        metadata = browser.get(f"{provider.issuer}/.well-known/openid-configuration").json()
        client = authlib.OAuth2Client(
            "basic", SECRET, scope="openid scope_all", redirect_uri=CALLBACK,
            code_challenge_method="S256", verify=context, trust_env=False,
            token_endpoint=metadata["token_endpoint"],
            revocation_endpoint_auth_method="client_secret_basic",
        )  # fmt: skip
        verifier = "v" * 48
        url, state = client.create_authorization_url(
            metadata["authorization_endpoint"], code_verifier=verifier, nonce="n", login_hint=DOCTOR
        )
        back = browser.get(url)  # the telephone approves at once
        token = client.fetch_token(
            authorization_response=back.headers["location"], state=state, code_verifier=verifier
        )
    from authlib.jose import JsonWebKey, jwt

    keys = JsonWebKey.import_key_set(httpx.get(metadata["jwks_uri"], verify=context).json())
    claims = jwt.decode(
        token["id_token"], keys,
        claims_options={
            "iss": {"essential": True, "value": provider.issuer},
            "aud": {"essential": True, "value": "basic"},
            "nonce": {"value": "n"},
        },
    )  # fmt: skip
    claims.validate()
    assert claims["preferred_username"] == DOCTOR
    who = client.get(metadata["userinfo_endpoint"]).json()
    assert who["SubjectNameID"] == DOCTOR
    fresh = client.refresh_token(metadata["token_endpoint"])
    assert fresh["access_token"] != token["access_token"]
    revoked = client.revoke_token(metadata["revocation_endpoint"], token=fresh["refresh_token"])
    assert revoked.status_code == 200
    assert client.get(metadata["userinfo_endpoint"]).status_code == 401
    client.close()


# --- Go -----------------------------------------------------------------------------------------

RELYING = PEERS / "relying-go" / "relying"


def by_go(provider: Running, library: str) -> dict[str, Any]:
    """Log in with a Go library; return what it learnt."""
    if not os.access(RELYING, os.X_OK):
        pytest.skip("no Go relying parties: run .ci/peers-psc")
    done = subprocess.run(
        [str(RELYING), library, provider.issuer, "basic", SECRET, CALLBACK, DOCTOR],
        env={"SSL_CERT_FILE": str(provider.files.ca)}, capture_output=True, text=True,
        timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout))


def test_go_oidc_logs_in_reads_who_it_is_and_refreshes(provider):
    told = by_go(provider, "go-oidc")
    assert told == {"subject": True, "nonce": "n1", "person": DOCTOR, "refreshed": True}


# To refresh it says its secret twice, which RFC 6749 2.3 forbids; a Keycloak takes it.
@pytest.mark.parametrize("provider", ["psc"], indirect=True)
def test_zitadel_logs_in_introspects_revokes_and_logs_out(provider):
    told = by_go(provider, "zitadel")
    assert told.pop("back") == f"{CALLBACK}?state=s2"
    assert told == {"subject": True, "person": DOCTOR, "refreshed": True,
                    "before": True, "after": False}  # fmt: skip


# --- Apache --------------------------------------------------------------------------------------

MODULES = Path("/usr/lib/apache2/modules")


def apache_config(folder: Path, server: Running, port: int) -> str:
    """A site that lets in who has logged in, and says who it is."""
    loaded = ("mpm_event", "authn_core", "authz_core", "authz_user", "auth_openidc", "headers",
              "alias", "rewrite")  # fmt: skip
    modules = "\n".join(
        f"LoadModule {name}_module {MODULES}/mod_{name}.so"
        for name in loaded
        if (MODULES / f"mod_{name}.so").exists()
    )
    return f"""
{modules}
ServerName localhost
Listen 127.0.0.1:{port}
PidFile {folder}/pid
ErrorLog {folder}/error.log
DocumentRoot {folder}
OIDCProviderMetadataURL {server.issuer}/.well-known/openid-configuration
OIDCCABundlePath {server.files.ca}
OIDCClientID basic
OIDCClientSecret {SECRET}
OIDCScope "openid scope_all"
OIDCPKCEMethod S256
OIDCRedirectURI http://127.0.0.1:{port}/callback
OIDCCryptoPassphrase a-passphrase-of-this-test
OIDCCookieSameSite On
OIDCAuthRequestParams login_hint={DOCTOR}
OIDCRemoteUserClaim preferred_username
<Location "/">
  AuthType openid-connect
  Require valid-user
  Header set X-Who "%{{OIDC_CLAIM_preferred_username}}e"
</Location>
"""


@pytest.fixture
def site(provider, tmp_path) -> Iterator[str]:
    """Apache with mod_auth_openidc in front of one page, or skip."""
    if not (MODULES / "mod_auth_openidc.so").exists() or shutil.which("apache2") is None:
        pytest.skip("no mod_auth_openidc: run .ci/peers-psc")
    port = free_port()
    (tmp_path / "index.html").write_text("inside", "utf-8")
    (tmp_path / "httpd.conf").write_text(apache_config(tmp_path, provider, port), "utf-8")
    redirect = f"http://127.0.0.1:{port}/callback"
    provider.provider.register(replace(BASE, redirect_uris=(redirect,)))
    words = ["apache2", "-f", str(tmp_path / "httpd.conf"), "-DFOREGROUND"]
    with (tmp_path / "output").open("wb") as output:
        child = subprocess.Popen(words, stdout=output, stderr=output)
    try:
        while child.poll() is None:
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                break
            except OSError:
                continue
        assert child.poll() is None, (tmp_path / "output").read_text()
        yield f"http://127.0.0.1:{port}"
    finally:
        child.terminate()
        child.wait(20)
        provider.provider.register(BASE)


def test_mod_auth_openidc_lets_in_who_has_logged_in(provider, site, tmp_path):
    context = ssl.create_default_context(cafile=str(provider.files.ca))
    with httpx.Client(verify=context, trust_env=False, timeout=20) as browser:
        sent = browser.get(f"{site}/index.html")
        assert sent.status_code == 302, (tmp_path / "error.log").read_text()
        back = browser.get(sent.headers["location"])  # the telephone approves at once
        assert urlsplit(back.headers["location"]).path == "/callback"
        inside = browser.get(back.headers["location"], follow_redirects=True)
        log = (tmp_path / "error.log").read_text()
        assert (inside.status_code, inside.text) == (200, "inside"), log
        assert inside.headers["x-who"] == DOCTOR
