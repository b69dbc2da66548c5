"""`decide` as a user meets it: bad input is one line and exit code 2."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from sandbox.decision import study
from sandbox.decision.criteria import SIMULATED
from sandbox.decision.evaluation import Evaluation
from tests.command import mss


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--runs", "many"), "must be a whole number or auto"),
        (("--runs", "3"), "must be 8 to 4096, or auto"),
        (("--policy", "nobody"), "not known; choose among"),
        (("--design", "nobody"), "not known; choose among"),
        (("--design", "single-endpoint", "--policy", "external"), "nothing to decide"),
        (("--ranges", "missing.csv"), "cannot be read"),
        (("--backend", "dask"), "needs --scheduler"),
    ],
)
def test_bad_input_is_one_line(options: tuple[str, ...], said: str, tmp_path: Path) -> None:
    result = mss("decide", "demo", *options, "--out", str(tmp_path / "out"))
    assert result.returncode == 2
    assert said in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1
    assert not (tmp_path / "out").exists()


def test_an_interruption_exits_3_and_keeps_finished_draws(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[int] = []

    def stopped(evaluation: Evaluation, u: np.ndarray) -> dict[str, np.ndarray]:
        calls.append(len(u))
        if len(calls) > 1:
            raise KeyboardInterrupt
        return {name: np.zeros((len(u), len(evaluation.names))) for name in SIMULATED}

    monkeypatch.setattr(study, "_evaluate", stopped)
    result = mss("decide", "demo", "--runs", "8", "--workers", "1", "--out", str(tmp_path))
    assert result.returncode == 3
    assert "finished draws are kept; the same command resumes" in result.stderr
    assert [path.suffix for path in (tmp_path / "draws").iterdir()] == [".npz"]
    assert not (tmp_path / "decision.json").exists()


def test_a_reversed_range_is_refused_where_it_stands(tmp_path: Path) -> None:
    ranges = tmp_path / "ranges.csv"
    ranges.write_text("key,low,high\ncosts.editors,3,1\n", encoding="utf-8")
    result = mss("decide", "demo", "--ranges", str(ranges), "--out", str(tmp_path / "out"))
    assert result.returncode == 2
    assert "ranges.csv: 2: costs.editors" in result.stderr
