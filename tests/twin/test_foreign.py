"""Operators that we did not write: Postfix and Dovecot, calibrated, replayed on, predicted."""

from __future__ import annotations

import json
import math
import os
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.mail_peers import PASSWORD, operator_file, peer_file, peers
from sandbox.space.errors import UserError
from sandbox.space.loader import load_scenario
from sandbox.space.methods import Method
from sandbox.twin.calibration import OPTIONAL, STEPS, Calibration
from sandbox.twin.foreign import fitted, subjects_of
from sandbox.twin.measuring import calibrate
from sandbox.twin.minutes import instant_of
from sandbox.twin.replay import Replay, Replayed, Wanted, replay_one, schedules
from sandbox.twin.runs import predicted
from sandbox.twin.schedule import Window
from tests.twin.small import write_scenario

installed = pytest.mark.skipif(
    os.geteuid() != 0 or not all(map(shutil.which, ("postfix", "dovecot", "doveadm"))),
    reason="Postfix and Dovecot as root (.ci/peers-operators)",
)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, ...]]:
    folder = tmp_path_factory.mktemp("theirs")
    with peers() as (ca, *both, _):
        (folder / "roots.pem").write_bytes(ca.roots_pem())
        yield tuple(peer_file(folder, each) for each in both)


@pytest.fixture(scope="module")
def wanted(files: tuple[Path, ...], tmp_path_factory: pytest.TempPathFactory) -> Wanted:
    path = write_scenario(tmp_path_factory.mktemp("scenario"))
    begin = instant_of("lundi 08:40", load_scenario(path))
    return Wanted(
        scenario=str(path), designs=("single-endpoint",), operators=2, space=files,
        window=Window(begin=begin, seconds=1800, speed=300.0),
    )  # fmt: skip


@pytest.fixture(scope="module")
def replayed(wanted: Wanted) -> Replayed:
    _, makers = schedules(wanted)
    return replay_one(wanted, makers["single-endpoint"]())


@pytest.fixture(scope="module")
def theirs(files: tuple[Path, ...]) -> Calibration:
    return calibrate(blocks=2, each=3, space=files)


@installed
def test_a_replay_on_them_loses_and_doubles_nothing(replayed: Replayed) -> None:
    assert replayed.whole, replayed.troubles
    assert replayed.driven.started == replayed.driven.intended > 30
    assert all(each.login is not None for each in replayed.driven.outcomes)
    assert replayed.checked is not None
    assert replayed.checked.accepted > 0
    assert replayed.checked.whole, replayed.checked


@installed
def test_their_processes_are_seen(replayed: Replayed) -> None:
    assert replayed.processor > 0.01 * replayed.driven.started / 10


@installed
def test_they_are_calibrated_in_what_they_offer(theirs: Calibration) -> None:
    assert set(theirs.steps) == (set(STEPS) - OPTIONAL) | {"relay"}
    assert all(step.wall > 0 for step in theirs.steps.values())
    assert theirs.steps["login_totp"].processor > 0
    assert theirs.servers == os.cpu_count()


@installed
def test_they_are_predicted(wanted: Wanted, theirs: Calibration, replayed: Replayed) -> None:
    _, makers = schedules(wanted)
    said = predicted(makers["single-endpoint"](), theirs)
    seen = [each for each in replayed.driven.outcomes if each.login is not None]
    assert said.logins == pytest.approx(len(seen), rel=0.1)
    assert said.servers > 0


@installed
def test_what_clients_saw_is_written(wanted: Wanted, replayed: Replayed, tmp_path: Path) -> None:
    scenario, _ = schedules(wanted)
    report = Replay(wanted, scenario, {"single-endpoint": replayed}).write(tmp_path)
    assert report.name == "report.html"
    summary = json.loads((tmp_path / "summary.json").read_text(encoding="utf-8"))
    assert summary["engine"] == "live"
    assert summary["lost"] == summary["duplicated"] == 0
    assert summary["started"] == summary["intended"]
    assert summary["replay"]["single-endpoint"]["servers_processor_share"] > 0


@installed
def test_an_account_that_does_not_log_in_is_one_line(
    wanted: Wanted, files: tuple[Path, ...], tmp_path: Path
) -> None:
    shutil.copy(files[0].parent / "roots.pem", tmp_path)
    wrong = tmp_path / files[0].name
    text = files[0].read_text(encoding="utf-8")
    wrong.write_text(text.replace(f'"{PASSWORD}"', '"wrong"'), encoding="utf-8")
    asked = replace(wanted, space=(wrong, files[1]))
    _, makers = schedules(asked)
    with pytest.raises(UserError, match=r"box0@a\.mssante\.test, imap: .*does not log in"):
        replay_one(asked, makers["single-endpoint"]())


def nobody(tmp_path: Path) -> Path:
    (tmp_path / "roots.pem").write_text("", encoding="ascii")
    return operator_file(tmp_path, "c.mssante.test", "mx.c.mssante.test", 1, 1)


def test_an_operator_that_cannot_be_reached_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"imaps 127\.0\.0\.1:1: injoignable / cannot be reached"):
        calibrate(space=[nobody(tmp_path)])


def test_a_wrong_file_is_one_line(tmp_path: Path) -> None:
    file = nobody(tmp_path)
    text = file.read_text(encoding="utf-8")
    file.write_text(text.replace('protocol = "smtp"', 'protocol = "imap"'), encoding="utf-8")
    with pytest.raises(UserError, match=r"c\.mssante\.test\.toml: smtp: .*no endpoint"):
        subjects_of([file])


def test_who_has_no_account_by_his_method_logs_in_by_password(tmp_path: Path) -> None:
    scenario = load_scenario(write_scenario(tmp_path))
    found = fitted(scenario, subjects_of([nobody(tmp_path)]))
    for people in found.populations.values():
        assert people.method_totp == 1.0
        assert people.application_mailboxes == 0.0
    assert found.methods.totp.mistyped == 0.0
    assert math.isclose(found.methods.totp.typing_mean, 1e-6)
    assert Method.TOTP.value == "totp"
