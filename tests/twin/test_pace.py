"""The pace of the machine's processors: watched beside, and in the prediction moment by moment."""

from __future__ import annotations

import math
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from unittest import mock

import numpy as np
import pytest

from sandbox.twin.calibration import Calibration
from sandbox.twin.cores import Placement, place, placed, shared_out
from sandbox.twin.pace import Pace, Paces, pace_watch
from sandbox.twin.runs import Run, predicted
from tests.twin.small import write_scenario
from tests.twin.test_calibration import MACHINE, calibration
from tests.twin.test_twins import minutes

PACE = 0.0004
KNOWN = Calibration({**MACHINE, "pace_seconds": PACE}, 1, calibration().steps)
linux = pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="Linux")


def pace(*seconds: float, each: float = 1.0) -> Pace:
    return Pace(each * np.arange(len(seconds)), np.array(seconds))


def test_a_moment_has_the_mean_of_its_notes_or_the_pace_before() -> None:
    noted = Pace(np.array([0.5, 10.1, 10.2, 12.1]), np.array([9.0, 1.0, 3.0, 4.0]))
    assert noted.moments(10.0, 1.0, 4).tolist() == [2.0, 2.0, 4.0, 4.0]


def test_before_the_first_note_of_an_interval_its_pace_is_taken() -> None:
    assert pace(1.0, 2.0, each=5.0).moments(-3.0, 2.0, 3).tolist() == [1.0, 1.0, 1.0]


def test_without_a_note_nothing_is_known() -> None:
    nothing = pace()
    assert math.isnan(nothing.mean())
    assert np.isnan(nothing.moments(0.0, 1.0, 3)).all()
    assert math.isnan(pace(1.0, 2.0).mean(5.0))
    assert pace(1.0, 2.0, 6.0).mean(1.0, 2.0) == 2.0


def test_every_processor_is_watched_beside() -> None:
    cores = shared_out(1)
    with pace_watch(cores) as watch:
        found = {
            core: os.sched_getaffinity(each.process.pid)
            for core, each in watch.watchers.items()
            if core >= 0
        }
        paces = watch.paces()
    assert set(found) == {*cores.servers, *cores.clients}
    assert all(where == {core} for core, where in found.items())
    for each in (paces.servers, paces.clients):
        assert 0 < each.mean() < 1
    before = len(paces.servers.at)
    assert len(watch.paces().servers.at) == before  # they have ended: what was noted is kept


def test_a_watcher_that_ends_says_nothing_and_nobody_waits_for_it() -> None:
    with (
        mock.patch.object(sys, "executable", shutil.which("true")),
        pace_watch(Placement()) as watch,
    ):
        assert math.isnan(watch.paces().servers.mean())


@linux
def test_servers_have_their_processors_and_clients_the_others() -> None:
    there = tuple(sorted(os.sched_getaffinity(0)))
    assert shared_out(len(there)) == Placement(there, there)
    if len(there) > 1:
        assert shared_out(1) == Placement(there[:1], there[1:])


@linux
def test_what_is_placed_works_there_and_what_it_starts_too() -> None:
    core = max(os.sched_getaffinity(0))
    program = (
        "import subprocess, sys; sys.stdin.readline();"
        "subprocess.run([sys.executable, '-c', 'import os; print(os.sched_getaffinity(0))'])"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as child:
        place(child.pid, (core,))
        assert child.communicate("\n")[0].strip() == f"{{{core}}}"


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_scenario(tmp_path_factory.mktemp("pace"))


def run(
    path: Path, servers: Pace | None, clients: Pace | None = None, *, speed: float = 100.0
) -> Run:
    always = pace(PACE)
    paces = None if servers is None else Paces(servers, clients or always, 0.0)
    return predicted(minutes(path, KNOWN, speed=speed), KNOWN, paces=paces)


def mean(found: Run) -> float:
    return float(found.samples["totp", "machine"].mean())


def test_the_pace_of_the_calibration_changes_nothing(path: Path) -> None:
    for samples, same in zip(
        run(path, None).samples.values(), run(path, pace(PACE)).samples.values(), strict=True
    ):
        assert np.array_equal(samples, same)


def test_on_slower_processors_what_works_there_takes_longer(path: Path) -> None:
    before, servers = run(path, None), run(path, pace(1.25 * PACE))
    assert servers.servers == pytest.approx(1.25 * before.servers, rel=0.02)
    assert servers.clients == pytest.approx(before.clients, rel=0.02)
    clients = run(path, pace(PACE), pace(1.25 * PACE))
    assert clients.clients == pytest.approx(1.25 * before.clients, rel=0.02)


def test_servers_that_are_now_fast_now_slow_have_longer_queues_than_those_of_the_mean(
    path: Path,
) -> None:
    turns = pace(*[0.5 * PACE, 1.5 * PACE] * 60)
    always, now_and_then = (run(path, each, speed=450.0) for each in (pace(PACE), turns))
    assert 0.5 < always.servers / 16.0 < 0.8  # 7 200 s at that speed
    assert mean(now_and_then) > 1.1 * mean(always)


def test_of_a_machine_whose_pace_nobody_knows_the_times_are_taken_as_they_are(path: Path) -> None:
    unknown = replace(KNOWN, machine=MACHINE)
    slow = Paces(pace(1.25 * PACE), pace(PACE), 0.0)
    schedule = minutes(path, unknown)
    assert predicted(schedule, unknown, paces=slow).servers == predicted(schedule, unknown).servers


@linux
def test_who_drives_works_where_clients_do_for_so_long() -> None:
    there = os.sched_getaffinity(0)
    core = min(there)
    with placed((core,)):
        assert os.sched_getaffinity(0) == {core}
    assert os.sched_getaffinity(0) == there
    with placed(()):
        assert os.sched_getaffinity(0) == there
