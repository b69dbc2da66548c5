"""Clients that we did not write: npm openid-client (OpenID certified), curl, the pytest fixture."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from sandbox.psc import running
from tests.psc.conftest import DOCTOR
from tests.psc.peers import node_modules

SECRET = "sandbox-secret-that-is-public-0123456789"


@pytest.fixture(scope="module")
def reports(tmp_path_factory):
    """Run openid-client against both profiles, at the same time: it mostly waits to poll."""
    folder = tmp_path_factory.mktemp("node")
    (folder / "node_modules").symlink_to(node_modules("openid-client"))
    script = folder / "openid_client.mjs"
    shutil.copy(Path(__file__).with_name("openid_client.mjs"), script)
    with running("psc") as psc, running("core", interval=1) as core:
        children = {
            server.provider.settings.profile: subprocess.Popen(
                [
                    "node",
                    str(script),
                    server.issuer,
                    server.origin,
                    "lps-poll",
                    SECRET,
                    DOCTOR,
                    server.provider.control_secret,
                ],
                env={**os.environ, "NODE_EXTRA_CA_CERTS": str(server.files.ca)},
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
            for server in (psc, core)
        }
        found = {}
        for profile, child in children.items():
            output, errors = child.communicate(timeout=90)
            assert child.returncode == 0, errors
            found[profile] = json.loads(output)
    return found


@pytest.fixture(params=["psc", "core"])
def report(request, reports):
    return reports[request.param]


def test_openid_client_completes_every_flow(report):
    assert report["interval"] == 1
    assert report["acr"] == "eidas1"
    assert report["userinfo"] == report["code"] == DOCTOR
    assert (report["refreshed"], report["active"], report["revoked"]) == (True, True, False)
    assert report["refused"] == "access_denied"


def test_openid_client_refuses_what_a_client_must_refuse(report):
    survived = report["survived"]
    assert survived.pop("unknown_members") == "accepted"
    assert survived.pop("authorization_pending") == "accepted"
    assert set(survived.values()) == {"refused"}, survived


def test_curl_completes_ciba_over_tls(psc_server, tmp_path):
    if shutil.which("curl") is None:
        pytest.skip("no curl")

    def curl(endpoint: str, **form: str) -> dict:
        words = ["curl", "--silent", "--cacert", str(psc_server.files.ca), "-u", f"basic:{SECRET}"]
        for name, value in form.items():
            words += ["--data-urlencode", f"{name}={value}"]
        done = subprocess.run(
            [*words, psc_server.url(endpoint)], capture_output=True, check=True, timeout=20
        )
        return json.loads(done.stdout)

    person = "500000001815646/CPAT00045"
    begun = curl("backchannel", scope="openid scope_all", login_hint=person, channel="CARD")
    psc_server.approve(person)
    grant = "urn:openid:params:grant-type:ciba"
    tokens = curl("token", grant_type=grant, auth_req_id=begun["auth_req_id"])
    assert curl("introspection", token=tokens["access_token"])["SubjectNameID"] == person


def test_the_pytest_fixture_serves_a_test_that_asks_for_it(tmp_path):
    (tmp_path / "test_it.py").write_text(
        'pytest_plugins = ["sandbox.psc.pytest_plugin"]\n'
        "def test_one(psc, psc_core):\n"
        '    assert psc.provider.settings.profile == "psc"\n'
        '    assert psc_core.issuer.startswith("https://localhost:")\n',
        "utf-8",
    )
    words = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(tmp_path)]
    done = subprocess.run(words, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout
