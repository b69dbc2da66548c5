"""What a machine takes for each step: its file, and the inputs that follow from it."""

from __future__ import annotations

from pathlib import Path

import pytest

from sandbox.space.errors import UserError
from sandbox.space.tables import inputs
from sandbox.twin.calibration import STEPS, Calibration, Measured, measured, read_calibration
from sandbox.twin.structure import inputs_of

MILLISECONDS = {
    "tls_full": 1.0, "tls_resumed": 0.6, "tls_mutual": 1.4, "login_totp": 3.0,
    "login_certificate": 4.0, "login_ecps": 8.0, "read": 4.5, "submit": 5.0, "relay": 8.0,
}  # fmt: skip


def calibration(*, times: float = 1.0, beyond: float = 0.002, servers: int = 1) -> Calibration:
    """Return one whose servers take so many times the above, and clients `beyond` s more."""
    steps = {}
    for name, value in MILLISECONDS.items():
        processor = times * value / 1000
        wall = processor + beyond
        steps[name] = Measured(processor, processor, processor, wall, wall, wall, 0.2, 40)
    return Calibration({"processor": 'a "fast" one', "cores": 2}, servers, steps)


def test_every_step_is_measured() -> None:
    assert set(MILLISECONDS) == set(STEPS)


def test_a_file_gives_back_what_was_written(tmp_path: Path) -> None:
    made = calibration()
    made.write(tmp_path / "calibration.toml")
    read = read_calibration(tmp_path / "calibration.toml")
    assert read.steps["relay"].processor == pytest.approx(0.008)
    assert (read.servers, read.machine["cores"]) == (1, 2)


@pytest.mark.parametrize("text", ["", "machine = 1", "[steps.tls_full]\nprocessor = 1\n", "é"])
def test_another_file_is_refused_with_what_makes_one(tmp_path: Path, text: str) -> None:
    path = tmp_path / "wrong.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(UserError, match="mss-sandbox calibrate"):
        read_calibration(path)


def test_a_missing_file_is_refused_with_what_makes_one(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="mss-sandbox calibrate"):
        read_calibration(tmp_path / "none.toml")


def test_the_inputs_that_it_gives_exist() -> None:
    assert set(inputs_of(calibration())) <= set(inputs())


@pytest.mark.parametrize(
    ("keys", "step"),
    [
        (("tls_full", "login", "password"), "login_totp"),
        (("tls_client_certificate", "login"), "login_certificate"),
    ],
)
def test_the_parts_of_a_login_make_up_what_was_measured(keys: tuple[str, ...], step: str) -> None:
    found = inputs_of(calibration())
    total = sum(found[f"processor.{key}"] for key in keys)
    if step == "login_certificate":
        total += found["backends.directory.lookup"]
    assert total == pytest.approx(MILLISECONDS[step] / 1000, abs=1e-5)


def test_a_step_has_an_interval_over_its_blocks() -> None:
    found = measured([0.9, 1.0, 1.1], [1.0] * 9)
    assert found.processor == pytest.approx(1.0)
    assert found.high - found.low == pytest.approx(2 * 4.303 * 0.1 / 3**0.5, rel=1e-3)
