"""What a session with software gives: bad luck is no verdict, secrets are not told, steps are."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import re
import signal
import subprocess
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from click.testing import CliRunner

from sandbox.conformance.api import check_client
from sandbox.conformance.cli_check import check
from sandbox.conformance.client.drivers import Script
from sandbox.conformance.client.judge import client_requirements, judged
from sandbox.conformance.client.record import Done, SessionRecord
from sandbox.conformance.client.session import SoftwareSession, played
from sandbox.conformance.client.steps import STEPS, SoftwareAction, SoftwareProfile, applies
from sandbox.conformance.findings import CheckResult, Finding, Report
from sandbox.conformance.reports import as_html, as_junit
from sandbox.live.space import LiveSpace
from sandbox.space.errors import UserError
from tests.conformance.mutants import found
from tests.conformance.software import Software


def test_software_that_never_comes_is_neither_good_nor_bad(space: LiveSpace) -> None:
    report = check_client("true", space.folder.path, method="cps")
    assert report.verdict is CheckResult.INCONCLUSIVE
    assert found(report, CheckResult.PASS) | found(report, CheckResult.FAIL) == set()


@pytest.mark.parametrize(
    ("usual", "asked", "result"),
    [(True, True, CheckResult.PASS), (True, False, CheckResult.FAIL),
     (False, False, CheckResult.INCONCLUSIVE)],
)  # fmt: skip
def test_who_never_logs_in_does_not_fail_for_the_certificate_that_is_asked_for(
    usual: bool, asked: bool, result: CheckResult
) -> None:
    def action(good: bool) -> Any:
        visit = SimpleNamespace(
            wire=SimpleNamespace(protocol="smtp", failed="", tls="TLSv1.3"),
            dialogue=SimpleNamespace(lines=[("C", "AUTH")]),
        )
        return SimpleNamespace(
            action=SoftwareAction.SEND, done=Done(worked=good), visits=(visit,),
            logins=[(visit, SimpleNamespace(good=good))],
        )  # fmt: skip

    record = SessionRecord(SoftwareProfile.MAIL_CLIENT, "ecps", starttls=False)
    record.played = {"send": [action(usual)], "asks-certificate": [action(asked)]}
    report = judged(record, "essai", datetime.now(UTC), {"client-certificate-request"})
    assert [each.result for each in report.findings] == [result]


def test_a_program_that_hangs_is_ended_and_says_nothing(space: LiveSpace, tmp_path: Path) -> None:
    script = Script("sh -c 'sleep 600'", 0.2)
    record = played(
        space.sheet, tmp_path, script, profile=SoftwareProfile.ROBOT, method="cps", only={"receive"}
    )
    (only,) = record.played["receive"]
    assert only.done.worked is None


def test_a_program_reads_what_to_do(space: LiveSpace, tmp_path: Path) -> None:
    script = tmp_path / "script"
    script.write_text(
        f'#!/bin/sh\nprintf "%s %s\\n" "$1" "$MSS_STEP" >> {tmp_path}/told\nexit 77\n'
    )
    script.chmod(0o700)
    record = played(
        space.sheet, tmp_path, Script(str(script), 30.0), profile=SoftwareProfile.MAIL_CLIENT,
        method="cps", only={"receive", "send"},
    )  # fmt: skip
    told = [line.partition(" ") for line in (tmp_path / "told").read_text().splitlines()]
    assert [action for action, _, _ in told] == ["receive", "send"]
    needs = json.loads(told[1][2])
    assert needs["message"]["to"] in [each["address"] for each in space.sheet["accounts"]]
    assert Path(needs["account"]["certificate"]).is_file()
    assert all(each.done.skipped for actions in record.played.values() for each in actions)


def test_no_report_holds_a_secret(space: LiveSpace, tmp_path: Path) -> None:
    record = played(
        space.sheet, tmp_path, Software(token=False), profile=SoftwareProfile.LPS, method="ecps",
        design="single-endpoint", only={"receive", "send", "wrong-secret"},
    )  # fmt: skip
    report = judged(record, "essai", datetime.now(UTC))
    texts = [json.dumps(report.as_json()), as_html(report), as_junit(report)]
    assert record.secrets
    assert not [each for each in record.secrets if any(each in text for text in texts)]
    asked = {each.id for each in report.findings} | {each[0] for each in report.not_checked}
    assert asked == {row.id for row in client_requirements()}


def test_the_page_has_every_step_in_its_order() -> None:
    page = (Path(__file__).parents[2] / "docs" / "conformance.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `([a-z-]+)` \| ([a-z, ]+) \| (.+?) \|", page, re.M)
    wanted = [(each.id, ", ".join(each.actions), each.text.english) for each in STEPS]
    assert [each for each in rows if each[0] in {step.id for step in STEPS}] == wanted


@pytest.mark.parametrize("result", CheckResult)
def test_the_example_for_an_editor_lets_pass_what_was_seen_to_be_good(result: CheckResult) -> None:
    page = (Path(__file__).parents[2] / "docs" / "conformance.md").read_text(encoding="utf-8")
    example = re.search(r"```python\n(import pytest\n.*?)```", page, re.DOTALL)
    assert example is not None
    names: dict[str, Any] = {}
    exec(example[1], names)
    report = Report("essai", "1", "2026-11-27", (Finding("tls", "RFC", result, "", ()),), ())
    bad = result in (CheckResult.FAIL, CheckResult.INCONCLUSIVE)
    with pytest.raises(AssertionError) if bad else contextlib.nullcontext():
        names["test_it_complies"](report)


@pytest.mark.parametrize("profile", SoftwareProfile)
def test_every_profile_receives_and_sends(profile: SoftwareProfile) -> None:
    asked = {each.id for each in STEPS if applies(each, profile, "ecps", starttls=True)}
    assert asked >= {"receive", "send", "expired", "strips"}


def test_a_person_is_asked_for_at_a_terminal_only() -> None:
    result = CliRunner().invoke(check, ["client"])
    assert isinstance(result.exception, UserError)
    assert "--script" in str(result.exception)


def test_a_person_at_a_terminal_is_asked_and_may_stop(space: LiveSpace) -> None:
    """As an editor does it: reads, does (nothing, here), answers; a typing error is asked again."""
    words = [sys.executable, "-c", "from sandbox.cli import main; main()", "check", "client",
             "--space", str(space.folder.path), "--only", "client-sends",
             "--method", "cps"]  # fmt: skip
    near, far = pty.openpty()
    process = subprocess.Popen(words, stdin=far, stdout=far, stderr=far, start_new_session=True)
    os.close(far)
    said = ""

    def until(mark: str) -> None:
        nonlocal said
        while mark not in said:
            said += os.read(near, 65536).decode("utf-8", "replace")
        said = said.partition(mark)[2]

    until("== receive (receive)")
    until("passer / skip")
    os.write(near, b"x\n")
    until("passer / skip")
    os.write(near, b"f\n")
    until("== send (send)")
    until("message: from ")
    until("passer / skip")
    process.send_signal(signal.SIGTERM)
    until("client-sends")
    until("interrompu / interrupted")
    assert process.wait(60) == 3
    os.close(near)


def test_an_operators_requirement_is_none_of_software() -> None:
    result = CliRunner().invoke(check, ["client", "--script", "true", "--only", "smtp-ehlo"])
    assert isinstance(result.exception, UserError)
    assert "smtp-ehlo" in str(result.exception)


def test_a_program_that_is_not_there_is_said(space: LiveSpace) -> None:
    with pytest.raises(UserError, match="no-such-program"):
        check_client("no-such-program", space.folder.path, method="cps")


@dataclass
class Patient:
    """A gate whose software comes back at once, or goes when it is hung up on."""

    clock: list[float]
    stays: bool
    connected: bool = True

    def hang_up(self) -> None:
        self.connected = self.stays

    def idle(self, seconds: float) -> bool:
        self.clock[0] += max(0.0, seconds) if self.connected else 0.0
        return not self.connected


@pytest.mark.parametrize("first", [True, False])
def test_software_that_never_leaves_one_gate_is_hung_up_on_at_the_other(
    monkeypatch: pytest.MonkeyPatch, first: bool
) -> None:
    clock = [0.0]
    monkeypatch.setattr("sandbox.conformance.client.session.time.monotonic", lambda: clock[0])
    gates = {"imap": Patient(clock, first), "smtp": Patient(clock, not first)}
    session: Any = SimpleNamespace(_driver=SimpleNamespace(alone=True), _gates=gates)
    SoftwareSession._settle(session)
    assert [each.connected for each in gates.values()] == [first, not first]
