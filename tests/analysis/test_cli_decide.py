"""`decide` as a user meets it: bad input is one line and exit code 2."""

from __future__ import annotations

from pathlib import Path

import pytest

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


def test_a_reversed_range_is_refused_where_it_stands(tmp_path: Path) -> None:
    ranges = tmp_path / "ranges.csv"
    ranges.write_text("key,low,high\ncosts.editors,3,1\n", encoding="utf-8")
    result = mss("decide", "demo", "--ranges", str(ranges), "--out", str(tmp_path / "out"))
    assert result.returncode == 2
    assert "ranges.csv: 2: costs.editors" in result.stderr
