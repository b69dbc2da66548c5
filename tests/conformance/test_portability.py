"""Portability: another operator or other software at a space that runs; every loss is found."""

from __future__ import annotations

import json
import re
import shutil
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from sandbox.conformance import cli_portability
from sandbox.conformance.cli_check import check
from sandbox.conformance.findings import CheckResult
from sandbox.conformance.software.colleague import Colleague
from sandbox.conformance.software.portability import _kept, _own_copy
from sandbox.conformance.software.postbox import Held
from sandbox.live.space import LiveSpace
from sandbox.space.errors import UserError

BOTH = ("--client", "mbsync", "--client", "msmtp")
HELD: Held = Counter({("INBOX", "<a@x>", ""): 1, ("INBOX", "<b@x>", "\\Seen"): 1})


def walked(space: LiveSpace, *words: str) -> dict[str, Any]:
    if not all(map(shutil.which, ("curl", "mbsync", "msmtp"))):
        pytest.skip("curl, mbsync and msmtp (.ci/peers-operators)")
    folder = str(space.folder.path)
    result = CliRunner().invoke(check, ["portability", "--space", folder, "--json", *words])
    assert result.exit_code == 0, result.output
    told: dict[str, Any] = json.loads(result.stdout)
    assert {each["result"] for each in told["steps"]} == {"pass"}
    return told


def test_a_domain_and_its_holder_change_operator_and_two_settings(two: LiveSpace) -> None:
    before = {each["address"] for each in two.sheet["accounts"]}
    told = walked(two, *BOTH)
    steps = {each["id"]: each for each in told["steps"]}
    assert (told["verdict"], told["change"]) == ("pass", "operator")
    assert sorted(told["settings"]) == ["imap host", "smtp host"]
    assert "other-operator" in steps["old-closed"]["why"]
    # UIDs move with the mailbox: mbsync goes on with the copy that it has (RFC 9051 §2.3.1.1).
    assert re.search(r"its copy is exact \(2\d\), 0 fetched again", steps["reads"]["why"])
    assert {each["address"] for each in two.sheet["accounts"]} == before


def test_a_holder_changes_software_and_is_told_all_settings(two: LiveSpace) -> None:
    told = walked(two, *BOTH, "--next", "curl", "--method", "ecps")
    assert told["change"] == "software"
    assert {"user", "password", "imap host", "smtp port", "imap mechanism"} <= set(told["settings"])
    assert told["from"] == told["to"]


def colleague(*accepted: str) -> Colleague:
    return Colleague({}, "c@x", "d@y", accepted=list(accepted))


@pytest.mark.parametrize(
    ("now", "accepted"),
    [
        ({("INBOX", "<a@x>", ""): 1}, []),  # lost
        ({**HELD, ("INBOX", "<a@x>", ""): 2}, []),  # twice
        ({("INBOX", "<a@x>", ""): 1, ("INBOX", "<b@x>", ""): 1}, []),  # unread again
        ({("INBOX", "<a@x>", ""): 1, ("Autre", "<b@x>", "\\Seen"): 1}, []),  # in another folder
        (HELD, ["<c@x>"]),  # accepted meanwhile
    ],
)
def test_what_is_lost_or_changed_fails(
    now: dict[tuple[str, str, str], int], accepted: list[str]
) -> None:
    assert _kept(HELD, HELD, colleague())[0] is CheckResult.PASS
    assert _kept(HELD, Counter(now), colleague(*accepted))[0] is CheckResult.FAIL


def test_a_copy_of_software_that_is_not_exact_fails(tmp_path: Path) -> None:
    place = tmp_path / "mail" / "INBOX"
    for name in ("cur", "new"):
        (place / name).mkdir(parents=True)
    (place / "cur" / "1").write_text("Message-ID: <a@x>\n\nBonjour.\n")
    assert _own_copy(tmp_path, HELD, {}, "")[0] is CheckResult.FAIL
    (place / "new" / "2").write_text("Message-ID: <b@x>\n\nBonjour.\n")
    assert _own_copy(tmp_path, HELD, {}, "")[0] is CheckResult.PASS
    for before, again in (({"1": "<a@x>"}, 0), ({"0": "<a@x>"}, 1)):
        assert f"{again} fetched again" in _own_copy(tmp_path, HELD, before, "")[1]
    (place / "new" / "3").write_text("Message-ID: <b@x>\n\nBonjour.\n")
    assert _own_copy(tmp_path, HELD, {}, "")[0] is CheckResult.FAIL


@pytest.mark.parametrize(
    "words",
    [("--to", "nobody"), ("--operator", "x"), ("--design", "x"), ("--client", "msmtp"),
     ("--client", "pine"), ("--to", "nowhere.toml")],
)  # fmt: skip
def test_what_cannot_be_is_refused_in_one_line(two: LiveSpace, words: tuple[str, ...]) -> None:
    if words[0] != "--client":
        words = ("--client", "curl", *words)
    space = str(two.folder.path)
    result = CliRunner().invoke(check, ["portability", "--space", space, *words])
    assert isinstance(result.exception, UserError), result.output
    assert "\n" not in str(result.exception)


def test_steps_that_were_made_are_told_when_interrupted(
    two: LiveSpace, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(cli_portability.Walk, "_old", interrupted)
    words = ["portability", "--space", str(two.folder.path), "--client", "curl", "--json"]
    result = CliRunner().invoke(check, words)
    assert result.exit_code == 3
    told = json.loads(result.stdout)
    assert [each["id"] for each in told["steps"]][:3] == ["before-imap", "before-smtp", "move"]
