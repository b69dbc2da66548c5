"""The psc profile against a real Keycloak: same questions, and every difference explained.

Keycloak's authentication channel is our own AD brick, so its decisions are links in SMS: the brick
is proved against a real Keycloak in the same run.

`MSS_UPDATE_DOCS=1` writes the table to docs/psc-keycloak.md.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from joserfc import jws

from sandbox.psc import Behaviour, BuiltInPeople, Client, ProviderOptions, Running, running
from sandbox.psc.ad_brick import AdBrick
from sandbox.psc.people import BUILT_IN
from sandbox.psc.sms import SmsLaw
from sandbox.serve import HttpServer, bind
from sandbox.serve import running as serving
from sandbox.space.loader import find_scenario, load_scenario
from sandbox.twin.provider import PROVIDER_STEPS, CibaProvider, calibrate_provider
from tests.psc.conftest import CLIENTS, DOCTOR, SECRET, http
from tests.psc.keycloak_broker import APPLICATION, Browser, broker_client, broker_realm
from tests.psc.peers import keycloak_home
from tests.psc.questions import DIFFERENCES, FORM, KEY, QUESTIONS, realm

DEMO = find_scenario("demo")
DOCS = Path(__file__).parents[2] / "docs" / "psc-keycloak.md"
# One short life: what the second compiler would win later costs more than it brings.
JVM = "-Xmx600m -XX:TieredStopAtLevel=1"
CHANNEL = "--spi-ciba-auth-channel--ciba-http-auth-channel--http-authentication-channel-uri"
PATHS = {
    "backchannel": "ext/ciba/auth",
    "token": "token",
    "introspection": "token/introspect",
    "revocation": "revoke",
    "end_session": "logout",
    "par": "ext/par/request",
}


class _Asking:
    """Posts forms; `client` is a client id, `id:secret`, or None."""

    client: httpx.Client

    def url(self, endpoint: str) -> str:
        raise NotImplementedError

    def post(self, endpoint, form, client="basic", media=FORM):
        auth = None
        if client is not None:
            name, _, secret = client.partition(":")
            auth = (name, secret or SECRET)
        body = {"content": form, "headers": {"Content-Type": media}}
        if not isinstance(form, bytes):
            body = {"data": form}
        return self.client.post(self.url(endpoint), auth=auth, **body)


class Emulator(_Asking):
    def __init__(self, server, client) -> None:
        self.server, self.client, self.issuer = server, client, server.issuer

    def url(self, endpoint):
        return self.server.url(endpoint)

    def decide(self, decision):
        newest = self.server.provider.requests.of()[0]
        from sandbox.psc.ciba import DeviceDecision

        self.server.provider.requests.decide(newest.ticket, DeviceDecision(decision))

    def wait(self, seconds):
        self.server.advance(seconds)

    def now(self):
        return self.server.provider.now()


BRICK_SECRET = "the-inbox-of-this-test"


class Keycloak(_Asking):
    def __init__(self, port: int, brick: str, client) -> None:
        self.issuer = f"http://127.0.0.1:{port}/auth/realms/esante-wallet"
        self.brick, self.client = brick, client

    def url(self, endpoint):
        return f"{self.issuer}/protocol/openid-connect/{PATHS[endpoint]}"

    def decide(self, decision):
        held = {"Authorization": f"Bearer {BRICK_SECRET}"}
        newest = self.client.get(f"{self.brick}/sandbox/sms", headers=held).json()["sms"][0]
        answer = self.client.post(newest["link"], data={"decision": decision})
        assert answer.status_code == 200, answer.text

    def wait(self, seconds):
        time.sleep(seconds)  # a real Keycloak has a real clock

    def now(self):
        return time.time()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture(scope="module")
def brick_and_port() -> Iterator[tuple[str, int]]:
    """Our AD brick on loopback, told where Keycloak will be."""
    port = free_port()
    callback = (
        f"http://127.0.0.1:{port}/auth/realms/esante-wallet/protocol/openid-connect"
        "/ext/ciba/auth/callback"
    )
    listener = bind("127.0.0.1", 0)
    origin = f"http://127.0.0.1:{listener.getsockname()[1]}"
    people = BuiltInPeople(BUILT_IN)
    brick = AdBrick(origin, callback, people, SmsLaw(), control_secret=BRICK_SECRET)
    with serving(HttpServer(app=brick.application, bound=listener)):
        yield origin, port


@pytest.fixture(scope="module")
def identity_provider(brick_and_port) -> Iterator[Running]:
    """The emulator as an editor's Keycloak has it for its identity provider; telephones approve."""
    _, port = brick_and_port
    options = ProviderOptions(clients=(broker_client(port),), behaviour=Behaviour(kind="approve"))
    with running("psc", options=options) as server:
        yield server


@pytest.fixture(scope="module")
def keycloak(brick_and_port, identity_provider, tmp_path_factory) -> Iterator[tuple[Keycloak, str]]:
    origin, port = brick_and_port
    home = keycloak_home()
    folder = tmp_path_factory.mktemp("keycloak")
    # A copy of links: Keycloak writes its augmentation and its database beside itself.
    for name in ("bin", "conf", "providers", "themes"):
        shutil.copytree(home / name, folder / name)
    shutil.copytree(home / "lib", folder / "lib", copy_function=os.link)
    (folder / "data" / "import").mkdir(parents=True)
    with http(identity_provider) as client:
        metadata = client.get(f"{identity_provider.issuer}/.well-known/openid-configuration").json()
    for each in (realm(), broker_realm(metadata)):
        path = folder / "data" / "import" / f"{each['realm']}-realm.json"
        path.write_text(json.dumps(each), "utf-8")
    shutil.copy(home / "version.txt", folder)
    log = (folder / "log.txt").open("wb")
    process = subprocess.Popen(
        [
            str(folder / "bin" / "kc.sh"),
            "start",
            "--optimized",
            "--http-enabled=true",
            "--hostname-strict=false",
            "--http-host=127.0.0.1",
            f"--http-port={port}",
            "--import-realm",
            f"--truststore-paths={identity_provider.files.ca}",
            f"{CHANNEL}={origin}/channel",
        ],
        stdout=log,
        stderr=subprocess.STDOUT,
        env={**os.environ, "JAVA_OPTS_APPEND": JVM},
    )
    version = (folder / "version.txt").read_text().strip()
    with httpx.Client(trust_env=False, timeout=60) as client:
        side = Keycloak(port, origin, client)
        try:
            deadline = time.monotonic() + 300  # a busy machine takes its time
            while True:
                assert process.poll() is None, (folder / "log.txt").read_text()[-2000:]
                assert time.monotonic() < deadline, (folder / "log.txt").read_text()[-2000:]
                try:
                    well_known = f"{side.issuer}/.well-known/openid-configuration"
                    if client.get(well_known, timeout=2).status_code == 200:
                        break
                except httpx.HTTPError:
                    pass
                time.sleep(0.2)
            yield side, version
        finally:
            process.terminate()
            process.wait(30)
            log.close()


@pytest.fixture(scope="module")
def emulator() -> Iterator[Emulator]:
    signed = Client(
        client_id="signed",
        auth_method="private_key_jwt",
        jwks={"keys": [KEY.as_dict(private=False)]},
        request_signing_alg="ES256",
    )
    options = ProviderOptions(clients=(*CLIENTS, signed))
    with running("psc", options=options) as server, http(server) as client:
        yield Emulator(server, client)


def shape(answer: httpx.Response) -> tuple[int, str, tuple[str, ...]]:
    """Return what is compared: status, error, names of the members."""
    try:
        body = answer.json()
    except ValueError:
        body = {}
    return answer.status_code, body.get("error", ""), tuple(sorted(body))


def words(shapes) -> str:
    lines = []
    for status, error, members in shapes:
        lines.append(f"{status} {error or ', '.join(members)}".strip())
    return "<br>".join(lines)


@pytest.fixture(scope="module")
def answers(keycloak, emulator):
    """Ask everything once, of both."""
    side, version = keycloak
    table = {}
    for name, (rows, question) in QUESTIONS.items():
        both = tuple([shape(a) for a in question(one)] for one in (side, emulator))
        table[name] = (rows, *both)
    return version, table


def test_a_real_keycloak_is_calibrated_as_a_foreign_provider(keycloak, tmp_path):
    """`calibrate --provider`: its own processor time and waits, as inputs of a scenario."""
    side, version = keycloak

    def answer(count: int) -> None:
        held = {"Authorization": f"Bearer {BRICK_SECRET}"}
        newest = side.client.get(f"{side.brick}/sandbox/sms", headers=held).json()["sms"][:count]
        for sms in newest:
            side.client.post(sms["link"], data={"decision": "approve"})

    path = tmp_path / "keycloak.toml"
    path.write_text(
        f'discovery = "{side.issuer}/.well-known/openid-configuration"\nclient_id = "basic"\n'
        f'client_secret = "{SECRET}"\nlogin_hints = ["{DOCTOR}"]\n',
        "utf-8",
    )
    found = calibrate_provider(CibaProvider.of(path), blocks=1, warm=0, answer=answer)
    assert set(found.steps) == set(PROVIDER_STEPS)
    for name, step in found.steps.items():
        # Beyond what it does at rest, which of one that still compiles is as much as a poll.
        assert 0 <= step.processor < 5, name
        assert 0 < step.client < step.wall + 1, name
    assert found.steps["psc_token"].processor > 0
    found.write(tmp_path / "calibration.toml")
    scenario = tmp_path / "with.toml"
    scenario.write_text('calibration = "calibration.toml"\n' + DEMO.read_text("utf-8"), "utf-8")
    loaded = load_scenario(scenario)
    assert loaded.backends.psc.token == pytest.approx(found.steps["psc_token"].processor, abs=1e-6)
    if where := os.environ.get("MSS_KEYCLOAK_CALIBRATION"):  # the file of docs/twin.md
        whole = calibrate_provider(CibaProvider.of(path), blocks=6, answer=answer)
        whole.named(version).write(Path(where))


def documented_answers() -> dict[str, str]:
    """Return what the page says that the emulator answers, by question."""
    found = {}
    for line in DOCS.read_text("utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip("|").split(" | ")]
        if len(cells) == 4 and cells[1] in QUESTIONS:
            found[cells[1]] = cells[2] if cells[3] == "the same" else cells[3]
    return found


def test_the_emulator_answers_as_it_did_beside_keycloak(emulator):
    """Needs no Keycloak: what was measured then holds of today's emulator."""
    documented = documented_answers()
    assert set(documented) == set(QUESTIONS)
    for name, (_, question) in QUESTIONS.items():
        assert words([shape(a) for a in question(emulator)]) == documented[name], name


def test_every_difference_with_keycloak_is_explained(answers):
    _, table = answers
    unexplained = {
        name: (theirs, ours)
        for name, (_, theirs, ours) in table.items()
        if theirs != ours and name not in DIFFERENCES
    }
    assert unexplained == {}


def test_every_explained_difference_is_still_one(answers):
    _, table = answers
    assert [name for name in DIFFERENCES if table[name][1] == table[name][2]] == []


def test_the_documented_table_is_what_was_measured(answers):
    version, table = answers
    lines = [
        "# The psc profile beside a real Keycloak",
        "",
        f"Measured by `tests/psc/test_keycloak_differential.py` against {version} on Java, its",
        "authentication channel being our AD brick. Compared: status, `error`, names of the",
        "members. Several answers in a cell are the successive answers of one dialogue.",
        "",
        "| row | question | Keycloak | emulator |",
        "|---|---|---|---|",
    ]
    for name, (rows, theirs, ours) in table.items():
        same = "the same" if theirs == ours else words(ours)
        lines.append(f"| {rows} | {name} | {words(theirs)} | {same} |")
    lines += ["", "## The differences, on purpose", ""]
    lines += [f"- **{name}**: {why}" for name, why in DIFFERENCES.items()]
    text = "\n".join(lines) + "\n"
    if os.environ.get("MSS_UPDATE_DOCS"):
        DOCS.write_text(text, "utf-8")
    documented = DOCS.read_text("utf-8")
    if version not in documented:
        pytest.skip(f"docs/psc-keycloak.md was measured with another version than {version}")
    assert documented == text


def test_a_keycloak_with_the_settings_of_ans_s_plug_in_logs_people_in_and_out(
    keycloak, identity_provider
):
    """The provider's answers are judged by Keycloak: signature, nonce, audience, userinfo."""
    side, _ = keycloak
    origin = side.issuer.partition("/auth/")[0]
    context = ssl.create_default_context(cafile=str(identity_provider.files.ca))
    with httpx.Client(verify=context, trust_env=False, timeout=60) as client:
        known = f"{identity_provider.issuer}/.well-known/openid-configuration"
        metadata = client.get(known).json()
        browser = Browser(origin, client)
        tokens = browser.log_in()
        claims = json.loads(jws.extract_compact(tokens["id_token"].encode()).payload)
        assert claims["preferred_username"] == DOCTOR
        assert metadata["authorization_endpoint"] in browser.seen
        browser.seen.clear()
        back = browser.log_out(tokens["id_token"])
    assert (str(back.copy_with(query=None)), back.params["state"]) == (APPLICATION, "s1")
    assert browser.seen[1] == metadata["end_session_endpoint"]
    assert browser.seen[2].endswith("/broker/psc/endpoint/logout_response")
