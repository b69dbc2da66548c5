"""Servers that stand still: predicted, one long service; on the wire, a stopped process."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from sandbox.space.errors import UserError
from sandbox.space.loader import load_scenario
from sandbox.twin.cores import confine, cores_of
from sandbox.twin.drive import Watch
from sandbox.twin.figures import write_storms
from sandbox.twin.options import wanted_of
from sandbox.twin.runs import Run, predicted
from sandbox.twin.storm import Stopping, Storm
from sandbox.twin.weather import Weather
from tests.twin.small import write_scenario
from tests.twin.test_calibration import calibration
from tests.twin.test_twins import minutes

MACHINE = calibration()
WEATHER = Weather(at=20.0, seconds=3.0)
PATIENCE = 60.0


@pytest.fixture(scope="module")
def storm(tmp_path_factory: pytest.TempPathFactory) -> Storm:
    schedule = minutes(write_scenario(tmp_path_factory.mktemp("storm")), MACHINE)
    calm, struck = (predicted(schedule, MACHINE, weather=each) for each in (None, WEATHER))
    return Storm("single-endpoint", 0.5, WEATHER, struck, calm)


def at(run: Run, begin: float, end: float) -> np.ndarray:
    rows = run.unattended
    return rows[(rows[:, 0] >= begin) & (rows[:, 0] < end)]


def test_who_comes_meanwhile_is_in_when_servers_go_on(storm: Storm) -> None:
    resumed = WEATHER.at + WEATHER.seconds
    came = at(storm.predicted, WEATHER.at, resumed)
    assert len(came) > 3
    assert (came[:, 1] > resumed).all()
    drain = storm.drain(storm.predicted)
    assert drain is not None
    assert 0 < drain < 1.0


def test_who_came_before_notices_nothing(storm: Storm) -> None:
    struck, calm = (at(each, 0, WEATHER.at - 1.0) for each in (storm.predicted, storm.measured))
    assert len(struck) > 3
    assert np.array_equal(struck, calm)


def test_a_timeline_is_drawn_and_said(storm: Storm, tmp_path: Path) -> None:
    [path] = write_storms(tmp_path, [storm])
    assert path.read_text(encoding="utf-8").count("<path") > 10
    assert storm.plain["drain_predicted"] > 0
    assert storm.plain["stopped_seconds"] == WEATHER.seconds


def state_of(process: subprocess.Popen[str]) -> str:
    return Path(f"/proc/{process.pid}/stat").read_text("ascii").rpartition(")")[2].split()[0]


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="/proc")
def test_all_processes_are_stopped_and_go_on() -> None:
    """The space's own, and those that its operators have."""
    program = "import sys; print('up', flush=True); sys.stdin.read()"
    with contextlib.ExitStack() as stack:
        children = [
            stack.enter_context(subprocess.Popen(
                [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                text=True,
            ))
            for _ in range(2)
        ]  # fmt: skip
        for child in children:
            assert child.stdout is not None
            assert child.stdout.readline() == "up\n"
        stop = Stopping(Weather(at=0.0, seconds=0.5), lambda _: None)
        stop.pids = {child.pid for child in children}
        stop.show(Watch(0))
        end = time.monotonic() + PATIENCE
        seen: list[set[str]] = [set(), set()]
        while not all(each >= {"T", "S"} for each in seen) and time.monotonic() < end:
            for child, states in zip(children, seen, strict=True):
                state = state_of(child)
                if state == "T" or "T" in states:
                    states.add(state)
            time.sleep(0.01)
        assert all(each >= {"T", "S"} for each in seen)
        for child in children:
            child.communicate("")


def test_more_crews_than_operators_is_one_line() -> None:
    with pytest.raises(UserError, match="--crews 4") as told:
        wanted_of(
            load_scenario("demo"), "demo", ("single-endpoint",), None, "lundi 08:45", "1h", 0.1, 3,
            1, 4, 1,
        )  # fmt: skip
    assert "0 … 3" in str(told.value)


@pytest.mark.skipif(sys.platform != "linux", reason="Linux")
def test_a_core_less_is_one_for_what_is_started_too() -> None:
    program = (
        "import subprocess, sys; from sandbox.twin.cores import confine, cores_of;"
        "confine(1); print(cores_of(), flush=True);"
        "subprocess.run([sys.executable, '-c', "
        "'import os; print(len(os.sched_getaffinity(0)))'], check=True)"
    )
    found = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert found.stdout.split() == ["1", "1"]


@pytest.mark.skipif(sys.platform != "linux", reason="Linux")
def test_more_cores_than_there_are_is_one_line() -> None:
    with pytest.raises(UserError, match="--cores 4096"):
        confine(4096)
    assert cores_of() < 4096
