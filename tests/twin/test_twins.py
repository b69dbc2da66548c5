"""Predicted and measured side by side: errors, verdict, and what must make it fail.

What stands for the measure is the simulation of a machine that is known.
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from sandbox.space.candidates import candidates
from sandbox.space.loader import load_scenario
from sandbox.twin.calibration import Calibration
from sandbox.twin.compared import GOALS, Level
from sandbox.twin.minutes import instant_of
from sandbox.twin.runs import predicted
from sandbox.twin.schedule import Schedule, Window, schedule_of
from sandbox.twin.structure import calibrated_scenario
from sandbox.twin.subset import largest_operators
from sandbox.twin.twins import Twin, rows_of
from tests.twin.small import write_scenario
from tests.twin.test_calibration import calibration

TRUE = calibration()


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_scenario(tmp_path_factory.mktemp("twin"))


def minutes(path: Path, machine: Calibration, *, speed: float = 100.0) -> Schedule:
    scenario = calibrated_scenario(largest_operators(load_scenario(path), 2), machine)
    each = candidates(scenario)["single-endpoint"]
    window = Window(begin=instant_of("lundi 08:00", scenario), seconds=7200, speed=speed)
    return schedule_of(scenario, each, [each], window, scale=4.0)


def judged(path: Path, machine: Calibration, *, speed: float = 100.0) -> Twin:
    """Compare what a calibration predicts with what the true one does."""
    seen = predicted(minutes(path, TRUE, speed=speed), TRUE).samples
    said = predicted(minutes(path, machine, speed=speed), machine).samples
    return Twin(
        [Level(0.5, rows_of("single-endpoint", said, seen))], {"single-endpoint": 1.0}, TRUE
    )


def means(path: Path, machine: Calibration, *, speed: float = 100.0) -> dict[str, float]:
    said = predicted(minutes(path, machine, speed=speed), machine).samples
    return {method: v.mean() for (method, measure), v in said.items() if measure == "machine"}


def test_a_true_calibration_is_within_the_goals(path: Path) -> None:
    twin = judged(path, TRUE)
    assert twin.verdict == "within"
    assert sum(row.judged for level in twin.levels for row in level.rows) >= 6


def test_a_wrong_calibration_makes_the_verdict_fail(path: Path) -> None:
    twin = judged(path, calibration(times=3.0))
    assert twin.verdict == "outside"
    assert all(each["relative_error"] > GOALS[each["statistic"]] for each in twin.missed)


def test_a_delay_of_each_login_is_in_the_prediction(path: Path) -> None:
    before, after = means(path, TRUE), means(path, calibration(beyond=0.501))
    for method in ("totp", "certificat"):
        assert 0.49 <= after[method] - before[method] <= 0.51


def test_a_server_less_is_in_the_prediction(path: Path) -> None:
    pair, single = calibration(servers=2), calibration(servers=1)
    speed = 3000.0  # near saturation of one
    assert means(path, single, speed=speed)["totp"] > 1.5 * means(path, pair, speed=speed)["totp"]


def test_too_few_logins_are_not_judged() -> None:
    values = {("totp", "machine"): np.full(5, 0.1)}
    twin = Twin([Level(0.2, rows_of("d", values, values))], {"d": 1.0}, TRUE)
    assert twin.verdict == "undecided"


def test_what_was_run_is_drawn(path: Path, tmp_path: Path) -> None:
    twin = judged(path, calibration(times=3.0))
    seen = predicted(minutes(path, TRUE), TRUE).samples
    drawn = replace(twin, samples={"single-endpoint": (seen, seen)})
    drawn.write(tmp_path)
    for kind in ("quantiles", "load"):
        text = (tmp_path / f"{kind}-single-endpoint.svg").read_text(encoding="utf-8")
        assert text.count("<path") > 20
    before = (tmp_path / "load-single-endpoint.svg").read_bytes()
    drawn.write(tmp_path)
    assert (tmp_path / "load-single-endpoint.svg").read_bytes() == before


def test_the_file_is_as_the_contract_says(path: Path, tmp_path: Path) -> None:
    twin = judged(path, calibration(times=3.0))
    found = json.loads(twin.write(tmp_path).read_text(encoding="utf-8"))
    assert {"levels", "saturation", "verdict", "missed"} <= set(found)
    assert {
        "design", "method", "measure", "statistic", "predicted", "measured", "ci95",
        "relative_error",
    } <= set(found["levels"][0]["rows"][0])  # fmt: skip
    rows = found["levels"][0]["rows"]
    assert {row["measure"] for row in rows} == {"machine", "user"}
    assert {row["statistic"] for row in rows} == {"mean", "p50", "p95"}
