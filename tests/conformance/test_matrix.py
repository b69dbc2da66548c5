"""The matrix: real clients (curl, Python) at a space that runs, and clients that do one thing."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import jsonschema
import lxml.html
import pytest
from click.testing import CliRunner, Result

from sandbox.conformance import cli_matrix
from sandbox.conformance.software.attempts import LoginAttempt, MailClient, ProgramCall
from sandbox.conformance.software.capabilities import CapabilityRow, Tried, read, write
from sandbox.conformance.software.capabilities import _waits as waits_of
from sandbox.conformance.software.clients import CLIENTS
from sandbox.conformance.software.matrix import MatrixCell, cells_of, judged, places_of
from sandbox.conformance.software.trials import TrialRecord
from sandbox.conformance.software.trials import told as line_of
from sandbox.conformance.software.world import World
from sandbox.live.space import LiveSpace
from sandbox.space.errors import UserError
from sandbox.space.methods import Method

MEMBERS = ("client", "version", "operator", "method", "design", "protocol", "result", "why")
SHAPE = {
    "type": "array",
    "items": {
        "type": "object",
        "required": list(MEMBERS),
        "additionalProperties": False,
        "properties": {name: {"type": "string"} for name in MEMBERS}
        | {"result": {"enum": ["pass", "fail", "inconclusive", "not-applicable"]},
           "protocol": {"enum": ["imap", "smtp"]}},
    },
}  # fmt: skip
CURL = next(each for each in CLIENTS if each.software == "curl")


@pytest.fixture(scope="module")
def space(two: LiveSpace) -> LiveSpace:
    return two


def matrix(space: LiveSpace, *words: str) -> Result:
    folder = str(space.folder.path)
    return CliRunner().invoke(cli_matrix.matrix, ["--space", folder, *words])


def cells(space: LiveSpace, client: MailClient, folder: Path, method: Method) -> list[MatrixCell]:
    world = World(space.sheet)
    places = places_of(world, [world.first], ["single-endpoint", "api-lps-2023"], [method])
    return list(cells_of([client], places, folder, lambda _: None))


def doing(command: ProgramCall | str, *needs: str) -> MailClient:
    return MailClient("some client", ("imap",), needs, lambda: "1.0", lambda _: command,
                  resolver=False)  # fmt: skip


def told(found: Sequence[MatrixCell]) -> set[tuple[str, str]]:
    return {(each.result.value, each.why) for each in found}


def test_curl_and_python_come_in_by_card_in_both_designs(space: LiveSpace, tmp_path: Path) -> None:
    page, second = tmp_path / "matrix.html", space.sheet["operators"][1]["name"]
    result = matrix(space, "--client", "curl", "--client", "python", "--method", "cps", "--json",
                    "--operator", second, "--html", str(page))  # fmt: skip
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    jsonschema.validate(found, SHAPE)
    keys = {(c["client"], c["design"], c["protocol"]) for c in found}
    assert len(found) == len(keys) == 8
    unresolved = {"inconclusive"} if any("libnss" in c["why"] for c in found) else set()
    assert {c["result"] for c in found} == {"pass"} | unresolved
    assert {c["why"] for c in found if c["result"] == "pass"} == {"EXTERNAL"}
    tree = lxml.html.fromstring(page.read_text(encoding="utf-8"))
    assert len(tree.xpath("//table")) == 2
    assert len(tree.xpath("//td[@class='pass']")) == sum(c["result"] == "pass" for c in found)
    assert tree.xpath("//*[@lang='en']")
    assert not tree.xpath("//@src | //@href")


def test_a_one_time_code_is_new_in_each_cell(space: LiveSpace, tmp_path: Path) -> None:
    found = cells(space, CURL, tmp_path, Method.TOTP)
    assert [each.result.value for each in found] == ["pass"] * 4, found


def test_the_operators_refusal_is_the_reason(space: LiveSpace, tmp_path: Path) -> None:
    def wrong(attempt: LoginAttempt) -> ProgramCall | str:
        return CURL.command(replace(attempt, login=replace(attempt.login, password="x")))

    (first, *_) = cells(space, replace(CURL, command=wrong), tmp_path, Method.TOTP)
    assert first.result.value == "fail"
    assert first.why.startswith("PLAIN : ")
    assert "The password is wrong. (wrong-password" in first.why


def test_software_that_says_who_it_is_to_anybody_fails(space: LiveSpace, tmp_path: Path) -> None:
    def careless(attempt: LoginAttempt) -> ProgramCall | str:
        call = CURL.command(attempt)
        assert isinstance(call, ProgramCall)
        return replace(call, words=[*call.words, "--insecure"])

    found = cells(space, replace(CURL, command=careless), tmp_path, Method.CPS)
    assert {each.result.value for each in found} == {"fail"}
    assert all("a server of an unknown authority too" in each.why for each in found)


def test_cells_of_an_earlier_run_are_not_tried_again(space: LiveSpace, tmp_path: Path) -> None:
    words = ["--client", "curl", "--method", "cps", "--design", "single-endpoint", "--json"]
    first = space.sheet["operators"][0]["name"]
    done = json.loads(matrix(space, *words, "--operator", first).stdout)
    earlier = tmp_path / "earlier.json"
    earlier.write_text(json.dumps([each | {"why": "earlier"} for each in done]))
    result = matrix(space, *words, "--resume", str(earlier))
    assert [each["why"] for each in json.loads(result.stdout)] == ["earlier"] * 2 + ["EXTERNAL"] * 2


@pytest.mark.parametrize("text", ["", "{}", '[{"client": "curl"}]', "[1]"])
def test_what_is_no_earlier_run_is_said(space: LiveSpace, tmp_path: Path, text: str) -> None:
    earlier = tmp_path / "earlier.json"
    earlier.write_text(text)
    result = matrix(space, "--resume", str(earlier))
    assert isinstance(result.exception, UserError)
    assert "earlier.json" in str(result.exception)


def test_what_cannot_be_told_to_software_is_the_reason(space: LiveSpace, tmp_path: Path) -> None:
    found = cells(space, doing("it has no EXTERNAL"), tmp_path, Method.CPS)
    assert told(found) == {("fail", "EXTERNAL : it has no EXTERNAL")}


def test_software_that_says_yes_without_a_login_is_not_believed(
    space: LiveSpace, tmp_path: Path
) -> None:
    (one, *_) = cells(space, doing(ProgramCall(["true"])), tmp_path, Method.CPS)
    assert one.result.value == "inconclusive"
    assert "the operator's journal has no login" in one.why


def silent(space: LiveSpace) -> World:
    """The space, whose operators do not tell what they saw: as foreign ones."""
    operators = [{k: v for k, v in each.items() if k != "journal"}
                 for each in space.sheet["operators"]]  # fmt: skip
    return World({**space.sheet, "operators": operators})


def test_where_an_operator_tells_nothing_software_has_to_be_refused_with_a_wrong_secret(
    space: LiveSpace, tmp_path: Path
) -> None:
    world = silent(space)
    places = places_of(world, [world.first], ["single-endpoint"], [Method.CPS])
    found = cells_of([CURL, doing(ProgramCall(["true"]))], places, tmp_path, lambda _: None)
    curl, _, believed = found
    assert (curl.result.value, curl.why) == ("pass", "EXTERNAL")
    assert believed.result.value == "inconclusive"
    assert "with a wrong secret too" in believed.why


def test_software_that_is_not_installed_is_named(space: LiveSpace, tmp_path: Path) -> None:
    found = cells(space, doing("", "/nowhere/mailer"), tmp_path, Method.CPS)
    why = "mailer n'est pas installé / mailer is not installed"
    assert told(found) == {("not-applicable", why)}


def test_what_was_known_is_kept_when_interrupted(
    space: LiveSpace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(_: LoginAttempt) -> ProgramCall | str:
        raise KeyboardInterrupt

    last = replace(CURL, software="last", command=interrupted)
    monkeypatch.setattr(cli_matrix, "named", lambda *_: [doing("no"), last])
    page = tmp_path / "matrix.html"
    result = matrix(space, "--method", "cps", "--json", "--html", str(page))
    assert result.exit_code == 3
    assert {each["client"] for each in json.loads(result.stdout)} == {"some client"}
    assert "Interrompu" in page.read_text(encoding="utf-8")


@pytest.mark.parametrize("words", [("--client", "pine"), ("--operator", "x"), ("--design", "x"),
                                   ("--capabilities", "f.csv")])  # fmt: skip
def test_bad_names_are_refused_in_one_line(space: LiveSpace, words: tuple[str, ...]) -> None:
    result = matrix(space, *words)
    assert isinstance(result.exception, UserError)
    assert "\n" not in str(result.exception)


@pytest.mark.parametrize(
    ("value", "held", "seconds", "waits", "how"),
    [
        ("1", 111.0, 100, "1", "waited 110 s for the telephone"),
        ("1", 90.0, 60, "1", "let in after 90 s"),
        ("1", 90.0, 100, "", "let in after 90 s"),
        ("0", 61.0, 30, "1", "closed after 60 s: timed out"),
        ("0", 61.0, 100, "0", "closed after 60 s: timed out"),
        ("", 1.0, 30, "", "closed after 0 s: timed out"),
    ],
)
def test_software_waits_as_long_as_it_was_seen_to_wait(
    value: str, held: float, seconds: int, waits: str, how: str
) -> None:
    result = Tried(value, "" if value == "1" else "timed out", held=held)
    assert waits_of(result, seconds) == (waits, how)


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ("no news\nis good news\nerror 7", "error 7"),
        ("Licensed, with an OpenSSL exception\nasks for a password", "asks for a password"),
        ("=== TLS no local certificate set\n*** No type succeeded", "*** No type succeeded"),
        ("reading\nnot found", "not found"),
        ("", "nothing said"),
        (
            "\x1b>OAUTH token is too big: 1024\nNo authenticators available or wrong credentials",
            "OAUTH token is too big: 1024",
        ),
    ],
)
def test_the_line_that_says_most_is_told(said: str, why: str) -> None:
    assert line_of(said) == why


def test_rows_of_other_software_stay_in_the_table_of_capabilities(tmp_path: Path) -> None:
    table = tmp_path / "capabilities.csv"
    old, kept = (
        CapabilityRow(name, "1", "imap", "imap_plain", "0", "why") for name in ("Go", "curl")
    )
    write(table, [old, kept])
    new = replace(old, version="2", value="1")
    write(table, [new])
    assert read(table) == [kept, new]


def test_refused_for_what_was_tried_before_is_inconclusive() -> None:
    entry = {"fr": "Trop d'échecs.", "en": "Too many failures.", "reason": "too-many-attempts"}
    used = {"fr": "Code déjà utilisé.", "en": "Code used.", "reason": "code-used"}
    before = judged("PLAIN", TrialRecord(good=False, said="no", refusals=(entry,)))
    own = judged("PLAIN", TrialRecord(good=False, said="no", refusals=(used, entry)))
    assert [before[0].value, own[0].value] == ["inconclusive", "fail"]
    assert "code-used" in own[1]
