"""A scenario file is read whole or refused in one line: file, key, value, what is allowed."""

from __future__ import annotations

from copy import deepcopy
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from sandbox.space.errors import UserError
from sandbox.space.loader import (
    find_scenario,
    given_keys,
    json_schema,
    load_scenario,
    scenario_names,
    with_inputs,
)
from sandbox.space.reading import LARGEST_FILE
from sandbox.space.scenario import Scenario
from sandbox.space.tables import shipped

HEAD = 'title = "T"\ntitle_en = "T"\ncompare = ["single-endpoint"]\n'
PERIOD = "[period]\nstart = 2021-09-06\ndays = 7\n"
SHIPPED = {
    "aout-2021", "mai-2025", "demo", "panne-psc", "pare-feu", "bascule-ecps", "deux-portes",
}  # fmt: skip
ENDPOINT = """
[[designs.mine.endpoints]]
name = "{name}"
protocol = "{protocol}"
methods = {methods}
host = "{protocol}.{{operator}}"
address = "{name}"
port = 993
certificate = "one"
tls = "implicit"
client_certificate = "{asked}"
"""
MINE = '\n[designs.mine]\nlabel = "M"\nenglish = "M"\ndiscovery = "srv"\nshared_front = false\n'
ALL = '["cps", "totp", "ecps", "ciba-operateur", "certificat"]'


def endpoints(methods: str = ALL, asked: str = "optional", imap: str = "imap") -> str:
    """Return a design named `mine`, whose IMAP endpoint is as told and whose SMTP one is right."""
    return (
        MINE
        + ENDPOINT.format(name=imap, protocol="imap", methods=methods, asked=asked)
        + ENDPOINT.format(name="smtp", protocol="smtp", methods=ALL, asked="optional")
    )


def policy(**imap: str) -> str:
    """Return a login policy named `own`, EXTERNAL and PLAIN but for what is told of IMAP."""
    right = {"cps": '["EXTERNAL"]', "totp": '["PLAIN"]', "ecps": '["PLAIN"]',
             "ciba-operateur": '["PLAIN"]', "certificat": '["EXTERNAL"]'}  # fmt: skip
    lines = ['[login_policies.own]\nlabel = "O"\nenglish = "O"\n']
    for protocol, told in (
        ("imap", {k.replace("_", "-"): v for k, v in imap.items()}),
        ("smtp", {}),
    ):
        rows = [f"{method} = {names}\n" for method, names in (right | told).items() if names]
        lines += [f"[login_policies.own.{protocol}]\n", *rows]
    return "".join(lines)


MINE_HEAD = HEAD.replace("single-endpoint", "mine")
# What a user may get wrong -> the words that the one line must hold.
BAD: dict[str, tuple[str | bytes, tuple[str, ...]]] = {
    "unknown section": (HEAD + PERIOD + "[trafic]\nmessages = 1\n",
                        ("trafic", "unknown key", "traffic")),
    "unknown key": (HEAD + PERIOD + "[policies]\nciba_intervall = 5\n",
                    ("policies.ciba_intervall", "unknown key", "ciba_interval")),
    "unknown key of a population": (HEAD + PERIOD + "[populations.liberal]\nunit = 5\n",
                                    ("populations.liberal.unit", "unknown key", "units")),
    "share above one": (HEAD + PERIOD + "[populations.hospital]\ndeployment = 1.2\n",
                        ("populations.hospital.deployment", "1.2", "less than or equal to 1")),
    "methods above one": (HEAD + PERIOD + "[populations.liberal]\nmethod_ecps = 0.9\n",
                          ("populations.liberal", "method_ecps", "1.7", "must sum to 1")),
    "software below one": (HEAD + PERIOD + "[populations.ehpad]\nsoftware_lps = 0\n",
                           ("populations.ehpad", "software_lps", "0.7", "must sum to 1")),
    "messages above one": (HEAD + PERIOD + "[populations.ehpad]\nmessage_share = 0.5\n",
                           ("message_share", "1.48", "must sum to 1")),
    "products above one": (HEAD + PERIOD + "[products.lps-a]\nshare = 0.9\n",
                           ("products", "kind lps", "1.6", "must sum to 1")),
    "a capability nobody knows": (HEAD + PERIOD + "[products.lps-a]\nimap_extern = 1\n",
                                  ("products.lps-a.imap_extern", "unknown key", "imap_external")),
    "a capability above one": (HEAD + PERIOD + "[products.lps-a]\nsni = 2\n",
                               ("products.lps-a.sni", "2", "less than or equal to 1")),
    "negative rate": (HEAD + PERIOD + "[traffic]\nmessages = -1\n",
                      ("traffic.messages", "-1", "greater than or equal to 0")),
    "negative time": (HEAD + PERIOD + "[policies]\nciba_interval = -5\n",
                      ("policies.ciba_interval", "-5", "greater than 0")),
    "a design nobody knows": (HEAD.replace("single-", "triple-") + PERIOD,
                              ("compare", "triple-endpoint", "multi-endpoint")),
    "a method without endpoint": (
        MINE_HEAD + PERIOD + endpoints(methods='["cps", "totp", "ecps", "certificat"]'),
        ("mine", "imap", "none", "ciba-operateur", "exactly one endpoint"),
    ),
    "a login policy nobody knows": (
        HEAD + 'login_policy = "internal"\n' + PERIOD,
        ("internal", "external", "certificate-alone", "xoauth2"),
    ),
    "a method that its mechanism cannot carry": (
        HEAD + PERIOD + policy(totp='["EXTERNAL"]'),
        ("login_policies.own.imap.totp", "EXTERNAL cannot carry it", "PLAIN"),
    ),
    "a method without mechanism": (
        HEAD + PERIOD + policy(ecps=""),
        ("login_policies.own.imap.ecps", "no mechanism", "XOAUTH2, PLAIN"),
    ),
    "a method left without mechanism by a design": (
        HEAD.replace("single-endpoint", "api-lps-2023") + 'login_policy = "own"\n' + PERIOD
        + policy(cps='["NONE"]'),
        ("login_policies.own.imap.cps", "api-lps-2023", "imap.cps", "STARTTLS", "add EXTERNAL"),
    ),
    "a mechanism nobody knows": (
        HEAD + PERIOD + policy(totp='["CRAM-MD5"]'), ("login_policies.own.imap.totp", "CRAM-MD5"),
    ),
    "mechanisms in a design": (
        MINE_HEAD + PERIOD + endpoints() + 'mechanisms = ["PLAIN"]\n',
        ("designs.mine.endpoints", "mechanisms", "unknown key"),
    ),
    "a certificate that nobody asks for": (
        MINE_HEAD + PERIOD + endpoints(asked="none"), ("imap", "cps", "client_certificate"),
    ),
    "a certificate that not all have": (
        MINE_HEAD + PERIOD + endpoints(asked="required"), ("imap", "totp", "client_certificate"),
    ),
    "two endpoints of one name": (
        MINE_HEAD + PERIOD + endpoints(imap="smtp"), ("mine", "smtp", "name"),
    ),
    "no endpoint at all": (MINE_HEAD + PERIOD + MINE + "endpoints = []\n",
                           ("designs.mine.endpoints", "at least 1")),
    "no working day": (HEAD + "[period]\nstart = 2021-08-14\ndays = 2\n",
                       ("period", "no working day", "2021-08-14")),
    "no day": (HEAD + "[period]\nstart = 2021-08-14\ndays = 0\n", ("period.days", "0")),
    "no period": (HEAD, ("period", "missing")),
    "not a date": (HEAD + '[period]\nstart = "August"\ndays = 7\n', ("period.start", "August")),
    "not TOML": (HEAD + "[period\n", ("not TOML", "line 4")),
    "a number of 5,000 digits": (HEAD + "n = " + "9" * 5_000, ("cannot be read", "digits")),
    "lists without end": (HEAD + "n = " + "[" * 5_000, ("cannot be read",)),
    "not UTF-8": (b'title = "Ao\xfbt"\n', ("not UTF-8", "byte 11")),
    "too large": (HEAD + "#" * LARGEST_FILE, ("larger than", str(LARGEST_FILE))),
    "not a number": (HEAD + PERIOD + "[traffic]\nmessages = nan\n",
                     ("traffic.messages", "finite")),
    "infinite": (HEAD + PERIOD + "[traffic]\nmessages = inf\n", ("traffic.messages", "finite")),
    "a word for a number": (HEAD + PERIOD + '[traffic]\nmessages = "many"\n',
                            ("traffic.messages", "many", "number")),
    "a number for a word": (HEAD + PERIOD + "[policies]\nciba_mode = 3\n",
                            ("policies.ciba_mode", "3", "'poll' or 'ping'")),
    "a list for a table": (HEAD + "period = [1, 2]\n", ("period",)),
    "a sweep of a word": (
        HEAD + PERIOD + '[sweep]\nkey = "policies.ciba_mode"\nvalues = [1, 2]\n',
        ("sweep", "policies.ciba_mode", "not a number"),
    ),
    "a sweep of nothing": (HEAD + PERIOD + '[sweep]\nkey = "a.b"\nvalues = [1, 2]\n',
                           ("sweep", "a.b", "not a number")),
    "a sweep out of range": (
        HEAD + PERIOD
        + '[sweep]\nkey = "populations.liberal.port_blocked"\nvalues = [0.1, 1.5]\n',
        ("port_blocked", "1.5", "less than or equal to 1"),
    ),
    "labels that miss one": (
        HEAD + PERIOD
        + '[sweep]\nkey = "traffic.messages"\nvalues = [1, 2]\nlabels = ["one"]\n',
        ("sweep", "labels"),
    ),
    "operators without mailbox": (HEAD + PERIOD + "[operators]\nmailboxes = [0, 0]\n",
                                  ("operators", "at least one")),
    "names for other operators": (
        HEAD + PERIOD + '[operators]\nmailboxes = [2, 1]\ncertificates = []\nnames = ["a"]\n',
        ("operators", "names", "must be as many"),
    ),
    "a population without week": (
        HEAD + PERIOD + "[populations.vets]\nunits = 5\n", ("populations.vets",)
    ),
    "robots that nobody has": (
        HEAD + PERIOD + "[populations.liberal]\nmachine_share = 0.5\n",
        ("populations.liberal", "machine_share", "application_mailboxes"),
    ),
    "a poll that drifts": (HEAD + PERIOD + "[software.lps]\npoll_seconds = 700\n",
                           ("software.lps", "poll_seconds 700", "divide a day")),
    "an outage of nothing": (
        HEAD + PERIOD
        + '[[outages]]\nbackend = "mail"\nstart = 2021-09-06T09:00:00\nminutes = 5\n',
        ("outages.0.backend", "mail", "psc"),
    ),
    "an outage in another year": (
        HEAD + PERIOD
        + '[[outages]]\nbackend = "psc"\nstart = 2022-09-06T09:00:00\nminutes = 5\n',
        ("outages", "2022-09-06", "outside the period"),
    ),
    "closing before opening": (HEAD + PERIOD + "[populations.liberal]\nclosing_hour = 7\n",
                               ("populations.liberal", "opening_hour", "before closing_hour")),
    "no slot": (HEAD + PERIOD + "[resources.small]\nimap_connections = 0\n",
                ("resources.small.imap_connections", "0", "greater than or equal to 1")),
    "size classes in disorder": (
        HEAD + PERIOD + "[resources.medium]\nmailboxes = 10\n",
        ("resources", "small.mailboxes < medium.mailboxes < large.mailboxes"),
    ),
}  # fmt: skip


def written(folder: Path, content: str | bytes) -> Path:
    path = folder / "mine.toml"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


@pytest.mark.parametrize(("content", "words"), BAD.values(), ids=BAD)
def test_bad_input_is_refused_in_one_line_that_says_where(
    content: str | bytes, words: tuple[str, ...], tmp_path: Path
) -> None:
    path = written(tmp_path, content)
    with pytest.raises(UserError) as refused:
        load_scenario(path)
    message = str(refused.value)
    assert "\n" not in message
    assert len(message) < 1000
    for word in (str(path), *words):
        assert word in message


def test_a_scenario_that_does_not_exist_is_refused_with_those_that_do() -> None:
    with pytest.raises(UserError, match=r"no such file.*aout-2021.*demo"):
        load_scenario("september")


def test_a_folder_is_no_scenario(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no such file"):
        load_scenario(tmp_path)


def test_the_shipped_scenarios_are_those_of_the_brief() -> None:
    assert set(scenario_names()) == SHIPPED


@pytest.mark.parametrize("name", sorted(SHIPPED))
def test_a_shipped_scenario_loads_and_is_named_after_its_file(name: str) -> None:
    scenario = load_scenario(name)
    assert scenario.name == name
    for design in scenario.compare:
        assert scenario.design(design).name == design


def test_a_file_is_laid_over_the_defaults(tmp_path: Path) -> None:
    path = written(tmp_path, HEAD + PERIOD + "[policies]\nciba_interval = 2\n")
    changed, default = load_scenario(path), load_scenario("aout-2021")
    assert changed.policies.ciba_interval == 2
    assert changed.policies.ciba_expiry == default.policies.ciba_expiry
    assert given_keys(path) >= {"policies.ciba_interval", "period.days"}
    assert "policies.ciba_expiry" not in given_keys(path)


def test_a_path_comes_before_a_shipped_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "demo").write_text(HEAD + PERIOD)
    monkeypatch.chdir(tmp_path)
    assert find_scenario("demo") == Path("demo")


def test_a_share_that_moves_leaves_the_others_of_its_family_in_proportion() -> None:
    base = load_scenario("aout-2021")
    moved = with_inputs(base, {"populations.liberal.method_ecps": 0.6}).populations["liberal"]
    before = base.populations["liberal"]
    assert moved.method_ecps == 0.6
    assert moved.method_cps + moved.method_totp + moved.method_sms == pytest.approx(0.4)
    assert moved.method_cps / moved.method_totp == pytest.approx(
        before.method_cps / before.method_totp
    )


def test_message_shares_keep_their_sum_when_one_population_sends_more() -> None:
    moved = with_inputs(load_scenario("aout-2021"), {"populations.liberal.message_share": 0.3})
    assert sum(p.message_share for p in moved.populations.values()) == pytest.approx(1)


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [("policies.nothing", 1.0, "no such input"), ("policies.ciba_interval", -1.0, "greater than")],
)
def test_an_input_that_cannot_change_so_is_refused(key: str, value: float, words: str) -> None:
    with pytest.raises(UserError, match=words):
        with_inputs(load_scenario("demo"), {key: value})


class TestSchema:
    """The JSON Schema is what an editor shows: it must agree with the loader."""

    def tree(self, name: str) -> dict[str, Any]:
        import tomllib

        tree = tomllib.loads((shipped("scenarios") / f"{name}.toml").read_text(encoding="utf-8"))

        def plain(node: Any) -> Any:
            if isinstance(node, dict):
                return {key: plain(value) for key, value in node.items()}
            if isinstance(node, list):
                return [plain(value) for value in node]
            return node.isoformat() if hasattr(node, "isoformat") else node

        result: dict[str, Any] = plain(tree)
        return result

    def test_is_itself_a_schema(self) -> None:
        jsonschema.Draft202012Validator.check_schema(json_schema())

    @pytest.mark.parametrize("name", sorted(SHIPPED))
    def test_accepts_a_shipped_scenario(self, name: str) -> None:
        jsonschema.validate(self.tree(name), json_schema())

    @pytest.mark.parametrize(
        "change",
        [
            {"trafic": {"messages": 1}},
            {"traffic": {"messages": -1}},
            {"policies": {"ciba_mode": "push"}},
            {"populations": {"liberal": {"deployment": 1.2}}},
            {"compare": []},
            {"outages": [{"backend": "psc"}]},
        ],
        ids=str,
    )
    def test_refuses_what_the_loader_refuses(self, change: dict[str, Any]) -> None:
        tree = deepcopy(self.tree("demo")) | change
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(tree, json_schema())

    def test_tells_every_default_its_range_and_its_source(self) -> None:
        known = json_schema()["x-inputs"]
        assert known["policies.ciba_interval"]["default"] == 5
        assert known["policies.ciba_interval"]["knowledge"] == "published"
        assert set(known["traffic.messages"]) == {
            "default", "low", "high", "unit", "knowledge", "source"
        }  # fmt: skip


def test_a_scenario_cannot_be_changed_by_accident() -> None:
    scenario: Scenario = load_scenario("demo")
    with pytest.raises(ValueError, match="frozen"):
        scenario.policies.ciba_interval = 1  # type: ignore[misc]
