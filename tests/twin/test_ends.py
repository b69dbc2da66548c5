"""However a replay ends, what it saw is kept, one line says why, and no process is left."""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from sandbox.observations.observations import Observations
from sandbox.observations.schema import Cause
from sandbox.twin.drive import Driven, Watch, drive
from sandbox.twin.host import Hosted, Order, hosted
from sandbox.twin.plan import plan_of
from sandbox.twin.replay import Replayed, Wanted, replay_one
from sandbox.twin.schedule import Schedule
from tests.twin.small import schedules, write_scenario

PROGRAM = [sys.executable, "-c", "from sandbox.cli import main; main()"]
MINUTES = ["--design", "single-endpoint", "--from", "lundi 08:40", "--for", "10m",
           "--operators", "2", "--scale", "1"]  # fmt: skip
PATIENCE = 120.0


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_scenario(tmp_path_factory.mktemp("ends"))


@pytest.fixture(scope="module")
def schedule(path: Path) -> Schedule:
    return schedules(path)["single-endpoint"]


@pytest.fixture(scope="module")
def host(path: Path, schedule: Schedule, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    order = Order(
        scenario=str(path), designs=("single-endpoint",),
        login_policy=schedule.candidate.policy.name, operators=2, cast=schedule.cast,
        folder=str(tmp_path_factory.mktemp("space") / "space"), share=86_400.0,
    )  # fmt: skip
    with hosted(order) as space:
        yield space


def of(driven: Driven, *, gone: bool = False) -> Replayed:
    """Return the replay of which clients saw that."""
    return Replayed(
        driven=driven, checked=None, observations=Observations({}, {}), processor=1.0, seconds=1.0,
        gone=gone,
    )  # fmt: skip


def test_a_client_that_is_killed_is_told_and_what_it_saw_is_kept(
    host: Hosted, schedule: Schedule
) -> None:
    killed: list[int] = []

    def kill(watch: Watch) -> None:
        if watch.sessions > 5 and not killed:
            killed.append(watch.processes[0])
            os.kill(watch.processes[0], signal.SIGKILL)

    driven = drive(plan_of(schedule, host.sheet, "killed"), show=kill)
    assert killed
    assert driven.crashed == ["signal 9"]
    assert not driven.stopped
    assert 0 < driven.started < driven.intended
    found = of(driven)
    assert not found.whole
    assert found.summary["clients_crashed"] == 1
    assert any("signal 9" in line for line in found.troubles)


def test_clients_without_descriptors_say_so_and_blame_no_server(
    host: Hosted, schedule: Schedule, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = subprocess.Popen

    def limited(*words: Any, **options: Any) -> Any:
        def few() -> None:
            resource.setrlimit(resource.RLIMIT_NOFILE, (24, 24))

        return original(*words, **options, preexec_fn=few)

    monkeypatch.setattr(subprocess, "Popen", limited)
    driven = drive(plan_of(schedule, host.sheet, "few"))
    assert len(driven.crashed) == 1
    assert "ulimit -n 24" in driven.crashed[0]
    assert Cause.CONNECTION_LOST not in {c for e in driven.outcomes for c in e.failures}


def test_servers_that_are_killed_are_told_and_what_clients_saw_is_kept(
    schedule: Schedule, path: Path
) -> None:
    space: list[Hosted] = []

    def kill(watch: Watch) -> None:
        if watch.sessions > 5 and space[0].alive:
            space[0].process.kill()
            space[0].process.wait()

    wanted = Wanted(scenario=str(path), operators=2, window=schedule.window)
    found = replay_one(wanted, schedule, show=kill, during=space.append)
    assert not found.whole
    assert found.gone
    assert found.summary["lost"] is None
    assert found.driven.started == found.driven.intended  # an open loop waits for nobody
    lost = sum(Cause.CONNECTION_LOST in each.failures for each in found.driven.outcomes)
    assert lost > 0
    assert any(f"{lost} sessions" in line for line in found.troubles)


def test_a_clock_that_is_set_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    from sandbox.clients import process

    real = time.time
    clock = process._Clock()
    monkeypatch.setattr(process.time, "time", lambda: real() + 3600.0)
    clock.look()
    clock.look()
    assert clock.set == pytest.approx(3600.0, abs=0.5)


def started(*words: str, folder: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [*PROGRAM, *words, "--out", str(folder)], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        text=True, start_new_session=True,
    )  # fmt: skip


def children_of(pid: int) -> list[int]:
    """Return the processes that a process started, which it has not yet ended."""
    tasks = Path(f"/proc/{pid}/task").glob("*/children")
    return [int(each) for task in tasks for each in task.read_text().split()]


@pytest.fixture
def gone() -> Callable[[list[int]], None]:
    def check(pids: list[int]) -> None:
        limit = time.monotonic() + PATIENCE
        while alive := [pid for pid in pids if Path(f"/proc/{pid}").exists()]:
            assert time.monotonic() < limit, alive
            time.sleep(0.1)

    return check


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_replay_that_is_stopped_exits_3_and_keeps_what_it_had(
    path: Path, tmp_path: Path, gone: Callable[[list[int]], None], number: signal.Signals
) -> None:
    process = started("replay", str(path), *MINUTES, "--speed", "2", folder=tmp_path)
    assert process.stderr is not None
    told = process.stderr.readline()  # sessions have begun
    assert "sessions" in told, told + process.stderr.read()
    children = children_of(process.pid)
    assert len(children) == 2  # the space and the clients
    process.send_signal(number)
    output, errors = process.communicate(timeout=PATIENCE)
    assert process.returncode == 3, errors
    assert "Traceback" not in errors
    gone(children)
    summary = json.loads((tmp_path / "summary.json").read_text(encoding="utf-8"))
    assert summary["interrupted"]
    assert summary["replay"]["single-endpoint"]["started"] < summary["intended"]
    assert "single-endpoint" in output


@pytest.mark.parametrize("verb", ["calibrate", "twin"])
def test_a_calibration_that_is_stopped_exits_3_and_writes_nothing(
    path: Path, tmp_path: Path, gone: Callable[[list[int]], None], verb: str
) -> None:
    file = tmp_path / "calibration.toml"
    where = file if verb == "calibrate" else tmp_path
    process = started(verb, str(path), folder=where)
    assert process.stderr is not None
    assert process.stderr.readline()  # a step has begun
    children = children_of(process.pid)
    assert children
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate(timeout=PATIENCE)
    assert process.returncode == 3, errors
    assert "Traceback" not in errors
    assert "interrompu" in errors
    assert not file.exists()
    gone(children)


def test_clients_whose_reader_is_gone_end_without_a_word(
    host: Hosted, schedule: Schedule, tmp_path: Path
) -> None:
    """The pipe that they write to is closed, as when whoever drives them is killed."""
    file = tmp_path / "plan.json"
    file.write_text(json.dumps(asdict(plan_of(schedule, host.sheet, "orphan"))), encoding="utf-8")
    with subprocess.Popen(
        [sys.executable, "-m", "sandbox.clients.process", str(file)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    ) as child:  # fmt: skip
        assert child.stdin is not None
        assert child.stdout is not None
        assert child.stderr is not None
        assert json.loads(child.stdout.readline()) == {"ready": True}
        child.stdin.write(f"{time.monotonic()!r}\n")
        child.stdin.flush()
        child.stdout.close()
        child.wait(PATIENCE)
        assert child.stderr.read() == ""
