"""The command line, as a user types it."""

from __future__ import annotations

import json
import signal
import ssl
import subprocess
import sys

import httpx
import pytest
from click.testing import CliRunner

from sandbox.psc.cli_psc import psc
from sandbox.psc.requests import ticket_of
from sandbox.space.errors import UserError
from tests.psc.conftest import CIBA, DOCTOR, Dialogue

BUILT_IN_SECRET = "sandbox-secret-that-is-public-0123456789"


def mss(*words: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", "from sandbox.cli import main; main()", "psc", *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def stop(process: subprocess.Popen[str]) -> int:
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=120)
    assert errors == ""
    return process.returncode


def run(home, *words: str):
    return CliRunner().invoke(psc, [*words, "--home", str(home)], catch_exceptions=True)


def test_serve_approve_refuse_advance_events_and_stop(tmp_path):
    server = mss(
        "serve",
        "--port",
        "0",
        "--mtls-port",
        "0",
        "--wallet-port",
        "0",
        "--access-life",
        "60",
        "--acr",
        "eidas3",
        "--json",
        "--home",
        str(tmp_path),
    )
    try:
        sheet = json.loads(server.stdout.readline())
        with httpx.Client(
            verify=ssl.create_default_context(cafile=sheet["ca"]), trust_env=False
        ) as client:
            found = client.get(sheet["discovery"]).json()
            auth = ("lps-poll", BUILT_IN_SECRET)
            form = {"scope": "openid scope_all", "login_hint": DOCTOR, "binding_message": "17"}
            begun = client.post(
                found["backchannel_authentication_endpoint"], data=form, auth=auth
            ).json()
            done = run(tmp_path, "approve", DOCTOR, "--json")
            assert json.loads(done.output)[0]["state"] == "approved"
            form = {"grant_type": CIBA, "auth_req_id": begun["auth_req_id"]}
            tokens = client.post(found["token_endpoint"], data=form, auth=auth)
            assert tokens.status_code == 200
            assert tokens.json()["expires_in"] == 60
            assert found["acr_values_supported"] == ["eidas3"]
        assert isinstance(run(tmp_path, "refuse").exception, UserError)
        assert run(tmp_path, "advance", "30").exit_code == 0
        assert "demande approuvée" in run(tmp_path, "events").output
        assert len(json.loads(run(tmp_path, "people", "--json").output)) == 6
    finally:
        code = stop(server)
    assert code == 0
    assert not (tmp_path / "psc.json").exists()
    assert oct((tmp_path / "tls" / "key.pem").stat().st_mode)[-3:] == "600"


def test_without_a_server_the_error_is_one_line_that_says_what_to_run(tmp_path):
    process = mss("approve", "--home", str(tmp_path))
    _, errors = process.communicate(timeout=120)
    assert process.returncode == 2
    assert errors.count("\n") == 1
    assert "mss-sandbox psc serve" in errors


def test_people_are_listed_without_a_server(tmp_path):
    assert DOCTOR in run(tmp_path, "people").output


@pytest.mark.parametrize(
    "words",
    [
        ("serve", "--faults", "absent.toml"),
        ("serve", "--clients", "absent.toml"),
        ("serve", "--fapi"),
        ("serve", "--host-name", "example.com"),
        ("serve", "--port", "0", "--mtls-port", "0", "--wallet-port", "0", "--interval", "30000"),
        ("serve", "--profile", "other"),
    ],
)
def test_bad_options_are_user_errors(tmp_path, words):
    result = run(tmp_path, *words)
    assert isinstance(result.exception, UserError) or result.exit_code == 2


def test_a_port_that_is_taken_is_a_user_error(tmp_path, core_server):
    result = run(
        tmp_path, "serve", "--port", str(core_server.port), "--mtls-port", "0", "--wallet-port", "0"
    )
    assert isinstance(result.exception, UserError)
    assert "choose another port" in str(result.exception)


def test_the_ad_brick_refuses_a_keycloak_elsewhere():
    result = CliRunner().invoke(
        psc, ["ad-brick", "--port", "0", "--callback", "https://example.com"]
    )
    assert isinstance(result.exception, UserError)


def test_the_ad_brick_serves_and_stops():
    process = mss("ad-brick", "--port", "0", "--json", "--callback", "http://127.0.0.1:9/callback")
    sheet = json.loads(process.stdout.readline())
    with httpx.Client(trust_env=False) as client:
        assert client.post(sheet["channel"], json={"login_hint": DOCTOR}).status_code == 400
        inbox = client.get(sheet["sms"], follow_redirects=True).text
        assert "Aucun message" in inbox
        assert "<title>SMS de l&#39;opérateur" in inbox
    assert stop(process) == 0


def test_approve_reaches_the_pro_sante_connect_of_a_space(tmp_path, core_server):
    provider = core_server.provider
    space = tmp_path / "space"
    space.mkdir()
    sheet = {
        "ca": {"bundle": str(core_server.files.ca)},
        "psc": {
            "control": f"{core_server.origin}/sandbox",
            "control_secret": provider.control_secret,
        },
    }
    (space / "space.json").write_text(json.dumps(sheet), "utf-8")
    begun = Dialogue(provider).start(login_hint="899700000034")
    words = ("approve", "899700000034", "--client", "basic", "--dir", str(space), "--json")
    (decided,) = json.loads(run(tmp_path / "home", *words).output)
    assert decided["state"] == "approved"
    assert decided["ticket"] == ticket_of(begun)
