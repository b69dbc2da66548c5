"""Measured and simulated together: from the files of the command line and the jobs of the page."""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sandbox.analysis.result import compare
from sandbox.console.beside import Beside, Job
from sandbox.console.comparing import Choices, Comparing
from sandbox.console.replaying import _replay, replay_order
from sandbox.console.results import Figures, Results
from sandbox.console.sources import sources
from sandbox.space.errors import UserError

DESIGN: dict[str, Any] = {
    "metrics": {
        "machine_latency": {"mean": 0.1, "ci95": [0.08, 0.12]},
        "failure_share": {"mean": 0.01, "ci95": None},
        "person_wait": {"mean": 12.0, "ci95": None},
    },
    "compatibility": {"cannot_connect": 0.25},
}
ROW = {
    "design": "single-endpoint", "measure": "machine", "statistic": "mean", "predicted": 0.02,
    "measured": 0.04, "logins": 30,
}  # fmt: skip


def summary(folder: Path, name: str, engine: str, at: float) -> None:
    path = folder / name / "summary.json"
    path.parent.mkdir()
    tree = {"engine": engine, "scenario": "demo", "scale": 0.1, "designs": {"multi-port": DESIGN}}
    path.write_text(json.dumps(tree))
    os.utime(path, (at, at))


def test_the_newest_compare_and_replay_are_told_apart(tmp_path: Path) -> None:
    summary(tmp_path, "old", "fast", 1.0)
    summary(tmp_path, "new", "fast", 2.0)
    summary(tmp_path, "live", "live", 1.0)
    found = Results(tmp_path).last(["multi-port"])
    assert Path(found["compare"].folder).name == "new"
    assert found["compare"].designs["multi-port"] == Figures(
        machine_latency=0.1, half=pytest.approx(0.02), failure_share=0.01, cannot_connect=0.25,
        person_wait=12.0,
    )  # fmt: skip
    assert found["replay"].designs["multi-port"].cannot_connect is None


def test_a_twin_says_what_was_predicted_and_measured_of_its_heaviest_load(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    levels = [
        {"load": 0.8, "rows": [ROW, {**ROW, "predicted": 0.05, "measured": 0.1, "logins": 10}]},
        {"load": 0.2, "rows": [{**ROW, "predicted": 9.0}]},
    ]
    (tmp_path / "a" / "twin.json").write_text(json.dumps({"levels": levels, "verdict": "outside"}))
    twin = Results(tmp_path).last(["single-endpoint"])["twin"]
    assert twin.predicted["single-endpoint"].machine_latency == pytest.approx(0.0275)
    assert twin.designs["single-endpoint"].machine_latency == pytest.approx(0.055)
    rows = sources({}, Job(), Job(), {"twin": twin})
    assert [(row.name, row.measured) for row in rows] == [
        ("now", True), ("twin", True), ("predicted", False),
    ]  # fmt: skip


@pytest.mark.parametrize("text", ["", "[]", '{"engine": "fast"}', '{"levels": []}', "{" * 5000])
def test_a_file_that_is_no_result_is_passed_over(tmp_path: Path, text: str) -> None:
    summary(tmp_path, "good", "fast", 1.0)
    for name in ("summary.json", "twin.json"):
        (tmp_path / name).mkdir()
        (tmp_path / name / name).write_text(text)
    assert set(Results(tmp_path).last(["multi-port"])) == {"compare"}


def test_results_of_other_designs_say_nothing_here(tmp_path: Path) -> None:
    summary(tmp_path, "a", "fast", 1.0)
    assert Results(tmp_path).last(["my-design"]) == {}


@pytest.mark.parametrize(
    ("asked", "named"),
    [({"minutes": 0}, "minutes"), ({"speed": 1e9}, "speed"), ({"x": 1}, "x"),
     ({"minutes": True}, "minutes"), ({"speed": float("nan")}, "speed")],
)  # fmt: skip
def test_a_replay_that_cannot_be_is_refused(asked: dict[str, Any], named: str) -> None:
    with pytest.raises(UserError) as caught:
        replay_order(asked)
    assert caught.value.where == named


IMPOSSIBLE = {
    "scenario": "rien", "designs": [], "policy": "x", "operators": 1, "minutes": 1, "speed": 60,
}  # fmt: skip


def over(beside: Beside) -> Job:
    """Return its job when it is over."""
    end = time.monotonic() + 300
    while beside.job.word == "running":
        assert time.monotonic() < end
        time.sleep(0.05)
    return beside.job


def test_a_job_that_fails_says_why_and_the_next_is_done_all_the_same() -> None:
    beside = Beside("sandbox.console.replaying", 60.0, lambda: None)
    for name in ("rien", "non plus"):
        beside.start({}, {**IMPOSSIBLE, "scenario": name})
        assert over(beside).word == "failed"
        assert name in beside.job.error
    beside.stop()
    assert beside.job.word == "failed"


def test_a_process_that_nobody_uses_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sandbox.console.beside._IDLE", 0.0)
    beside = Beside("sandbox.console.replaying", 60.0, lambda: None)
    beside.warm(IMPOSSIBLE)
    end = time.monotonic() + 60
    while any(each.name == "replaying" for each in threading.enumerate()):  # who follows it
        assert time.monotonic() < end
        time.sleep(0.05)
    beside.start({}, IMPOSSIBLE)
    assert "rien" in over(beside).error
    beside.stop()


@pytest.fixture
def comparing(monkeypatch: pytest.MonkeyPatch) -> Iterator[Comparing]:
    monkeypatch.setattr("sandbox.console.comparing.MESSAGES", 2_000)
    warm = Comparing("demo", ("single-endpoint", "multi-port"), "external")
    warm.ready()
    yield warm
    warm.stop()


def test_the_small_comparison_says_what_the_summary_of_compare_says(
    comparing: Comparing, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sandbox.analysis.headroom.SAMPLES", 1)
    comparing.compare(Choices(blocked=0.9))
    comparing.compare(Choices())  # who changes their mind waits for one of them only
    said = over(comparing).said or {}
    assert comparing.job.asked == {"policy": "", "blocked": None, "servers": None}
    designs = tuple(said["designs"])
    whole = compare("demo", designs=designs, login_policy="external", replications=2,
                    scale=said["scale"], workers=1, decision=False)  # fmt: skip
    told = whole.summary["designs"]
    for name in designs:
        figures, summary = said["designs"][name], told[name]
        assert figures["cannot_connect"]["mean"] == summary["compatibility"]["cannot_connect"]
        for metric in ("failure_share", "person_wait", "machine_latency"):
            assert figures[metric]["mean"] == summary["metrics"][metric]["mean"]
        for kind, hours in figures["incidents"].items():
            assert round(hours, 3) == summary["incidents"][kind]["person_hours"]
    comparing.compare(Choices(blocked=0.9))
    ports = (over(comparing).said or {})["designs"]["multi-port"]
    assert ports["cannot_connect"]["mean"] > told["multi-port"]["compatibility"]["cannot_connect"]


def test_a_small_replay_measures_a_design_on_sockets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sandbox.console.replaying.PATIENCE", 2.0)
    told: list[dict[str, Any]] = []
    order = {
        "scenario": "demo", "designs": ["single-endpoint"], "policy": "external", "operators": 1,
        "minutes": 2, "speed": 60,
    }  # fmt: skip
    figures = _replay(order, told.append)["designs"]["single-endpoint"]
    assert figures["machine_latency"]["mean"] > 0
    assert figures["sessions"] > 0
    assert told[0] == {"design": "single-endpoint", "over": 0, "intended": None, "designs": {}}
    assert told[-1]["intended"] == figures["sessions"]
    so_far = told[-1]["designs"]["single-endpoint"]
    assert so_far["machine_latency"]["mean"] > 0
    assert so_far["failure_share"]["mean"] == figures["failure_share"]["mean"]
