"""A provider that is not ours: what its file says, and what is wrong with it, in a line.

A real Keycloak is measured in tests/psc/test_keycloak_differential.py, which runs one.
"""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest

from sandbox.space.errors import UserError
from sandbox.twin import provider as module
from sandbox.twin.provider import PROVIDER_STEPS, CibaProvider, calibrate_provider

ORIGIN = "http://127.0.0.1:9"  # discard: nobody listens
METADATA = {
    "issuer": ORIGIN, "token_endpoint": f"{ORIGIN}/token", "jwks_uri": f"{ORIGIN}/keys",
    "backchannel_authentication_endpoint": f"{ORIGIN}/ciba",
    "introspection_endpoint": f"{ORIGIN}/introspect",
}  # fmt: skip
WHO = CibaProvider(
    discovery=f"{ORIGIN}/metadata", client_id="lps", client_secret="s", login_hints=("1", "2")
)


class Answers:
    """A provider of CIBA in memory: `answers` replaces what it says by path."""

    def __init__(self, **answers: tuple[int, object]) -> None:
        self.answers, self.polled, self.hints = answers, 0, list[str]()

    def __call__(self, request: httpx.Request) -> httpx.Response:
        name = request.url.path.strip("/")
        if name in self.answers:
            status, body = self.answers[name]
            return httpx.Response(status, json=body)
        if name == "ciba":
            self.hints.append(request.content.decode().split("login_hint=")[1][0])
            return httpx.Response(200, json={"auth_req_id": "r", "interval": 0.01})
        if name == "token":
            self.polled += 1
            if self.polled % 10 <= 5 and self.polled % 10 > 0:
                return httpx.Response(400, json={"error": "authorization_pending"})
            return httpx.Response(200, json={"access_token": "t"})
        found = {"metadata": METADATA, "introspect": {"active": True}, "keys": {"keys": []}}
        return httpx.Response(200, json=found[name])


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "REST_SECONDS", 0.01)
    monkeypatch.setattr(module, "SETTLE", 0.0)


def served(answers: Answers, monkeypatch: pytest.MonkeyPatch) -> None:
    made = httpx.Client

    def client(**options: object) -> httpx.Client:
        del options
        return made(transport=httpx.MockTransport(answers))

    monkeypatch.setattr(module.httpx, "Client", client)


def test_each_step_is_measured_and_people_are_asked_in_turn(
    quick: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers, asked = Answers(), list[int]()
    served(answers, monkeypatch)
    found = calibrate_provider(WHO, blocks=2, warm=1, answer=asked.append)
    assert set(found.steps) == set(PROVIDER_STEPS)
    assert {each.count for each in found.steps.values()} == {2 * module.EACH}
    assert answers.hints[:4] == ["1", "2", "1", "2"]
    assert asked == [module.EACH] * 3
    assert found.inputs["backends.psc.poll"] > 0


@pytest.mark.parametrize(
    ("answers", "line"),
    [
        ({"metadata": (200, {"issuer": ORIGIN})}, "metadata"),
        ({"metadata": (200, [])}, "unreadable answer"),
        ({"ciba": (401, {"error": "invalid_client"})}, "401 invalid_client"),
        ({"token": (400, {"error": "access_denied"})}, "400 access_denied"),
        ({"introspect": (200, {"active": False})}, "unknown token"),
    ],
)
def test_a_provider_that_refuses_is_told_in_a_line(
    answers: dict[str, tuple[int, object]], line: str, quick: None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    served(Answers(**answers), monkeypatch)
    with pytest.raises(UserError, match=line):
        calibrate_provider(WHO, blocks=1, warm=0)


def test_a_provider_that_is_not_there_is_told_in_a_line() -> None:
    with pytest.raises(UserError, match="cannot be reached"):
        calibrate_provider(WHO, blocks=1)


WHOLE = "discovery = 'd'\nclient_id = 'c'\nclient_secret = 's'\nlogin_hints = ['h']\n"


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("discovery = ", "not TOML"),
        ("client_id = 'x'", "discovery: .*missing"),
        (f"{WHOLE}realm = 'x'", "realm: .*unknown key"),
        (WHOLE.replace("'c'", "3"), "client_id = 3: .*valid string"),
        (WHOLE.replace("'s'", "44"), "client_secret: .*valid string"),
        (WHOLE.replace("['h']", "[]"), "login_hints = .*at least 1"),
        (WHOLE.replace("['h']", "'h'"), 'login_hints = "h": .*valid'),
    ],
)
def test_a_wrong_file_is_refused_by_key(text: str, line: str, tmp_path: Path) -> None:
    path = tmp_path / "provider.toml"
    path.write_text(text, "utf-8")
    with pytest.raises(UserError, match=line):
        CibaProvider.of(path)


def test_the_roots_stand_beside_the_file(tmp_path: Path) -> None:
    path = tmp_path / "provider.toml"
    path.write_text(f"{WHOLE}roots = 'roots.pem'", "utf-8")
    found = CibaProvider.of(path)
    assert found.roots == tmp_path / "roots.pem"
    assert found.login_hints == ("h",)
