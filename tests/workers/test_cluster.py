"""A real Dask scheduler and worker processes on loopback: nothing is lost, nothing differs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import pytest

from sandbox.analysis.decision_summary import summarise_decision
from sandbox.decision import study as study_module
from sandbox.decision.evaluation import prepare
from sandbox.decision.study import study
from sandbox.observations.observations import Observations
from sandbox.simulation.runner import run_tasks
from sandbox.space.errors import UserError
from sandbox.space.loader import load_scenario
from sandbox.workers import cluster as cluster_module
from sandbox.workers.spread import Workers, hand_out, spread
from tests.simulation.test_runner import DESIGNS, digests, tasks
from tests.workers.tasks import (
    die,
    die_once,
    evaluate_dying_once,
    fail_at_three,
    square,
    wait_for,
    whose,
)

ROOT = Path(__file__).parents[2]
DASK = (sys.executable, "-m", "dask")


@dataclass
class Cluster:
    """A scheduler and the workers that were started."""

    folder: Path
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)
    address: str = ""

    def start(self, *arguments: str, **environment: str) -> subprocess.Popen[bytes]:
        with (self.folder / f"{len(self.processes)}.log").open("wb") as log:
            process = subprocess.Popen(
                [*DASK, *arguments], cwd=ROOT, stdout=log, stderr=log,
                env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
            )  # fmt: skip
        self.processes.append(process)
        return process

    def open(self) -> None:
        file = self.folder / "scheduler.json"
        self.start("scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard",
                   "--scheduler-file", str(file),
                   DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES="1")  # fmt: skip
        while not file.exists():
            assert self.processes[0].poll() is None, (self.folder / "0.log").read_text()
            time.sleep(0.02)
        self.address = json.loads(file.read_text())["address"]

    def add_worker(self, **environment: str) -> subprocess.Popen[bytes]:
        return self.start("worker", self.address, "--nthreads", "1", "--no-dashboard",
                          "--no-nanny", "--host", "127.0.0.1",
                          "--local-directory", str(self.folder), **environment)  # fmt: skip

    @property
    def workers(self) -> Workers:
        return Workers(scheduler=self.address)

    def close(self) -> None:
        for process in reversed(self.processes):
            process.kill()
            process.wait()


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """Two workers from the start."""
    made = Cluster(tmp_path_factory.mktemp("cluster"))
    made.open()
    made.add_worker()
    made.add_worker()
    yield made
    made.close()


def test_answers_come_in_the_order_of_the_tasks(cluster: Cluster) -> None:
    assert spread(square, range(20), cluster.workers) == [n * n for n in range(20)]


def test_work_is_done_by_the_workers(cluster: Cluster) -> None:
    pids = {pid for _, pid in spread(whose, range(10), cluster.workers)}
    assert pids <= {process.pid for process in cluster.processes[1:]}


def test_runs_are_byte_for_byte_those_of_this_machine_though_a_worker_is_killed(
    cluster: Cluster, tmp_path: Path
) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    run_tasks(tasks(), here, workers=Workers(1))
    cluster.add_worker()  # joins late, for the one that dies

    def keep(place: int, found: Observations) -> None:
        found.write(tasks()[place].folder(there))

    hand_out(partial(die_once, root=there, marks=tmp_path), tasks(), keep, cluster.workers)
    assert (tmp_path / "died").exists()
    assert len(digests(there)) == 10 * len(DESIGNS)
    assert digests(there) == digests(here)


def test_a_decision_is_byte_for_byte_that_of_this_machine_though_a_worker_is_killed(
    cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    designs = ("single-endpoint", "multi-endpoint")
    whole = prepare(load_scenario("demo"), designs=designs, policy="external")
    kept = [f for f in whole.factors if f.key.startswith(("costs.e", "methods.t"))]
    evaluation = replace(whole, factors=tuple(kept))
    here = study(evaluation, runs=12, draws=256, workers=Workers(1))
    cluster.add_worker()  # joins late, for the one that dies
    monkeypatch.setattr(study_module, "_evaluate", partial(evaluate_dying_once, tmp_path))
    there = study(evaluation, runs=12, draws=256, workers=cluster.workers)
    assert (tmp_path / "died").exists()
    assert json.dumps(summarise_decision(there)) == json.dumps(summarise_decision(here))


def test_what_a_task_raises_reaches_the_caller(cluster: Cluster) -> None:
    with pytest.raises(ValueError, match="number 3"):
        spread(fail_at_three, range(5), cluster.workers)


def test_shares_are_reported_while_a_task_runs(cluster: Cluster, tmp_path: Path) -> None:
    seen: list[float] = []

    def progress(shares: list[float]) -> None:
        seen.append(shares[0])
        if shares[0] == 0.5:
            (tmp_path / "go").touch()

    spread(wait_for, [str(tmp_path / "go")], cluster.workers, progress=progress)
    assert 0.5 in seen
    assert seen[-1] == 1.0


def test_an_interruption_keeps_what_is_finished(cluster: Cluster, tmp_path: Path) -> None:
    kept: dict[int, str] = {}
    (tmp_path / "first").touch()

    def keep(place: int, answer: str) -> None:
        kept[place] = answer
        raise KeyboardInterrupt

    paths = [str(tmp_path / "first"), str(tmp_path / "second")]
    with pytest.raises(KeyboardInterrupt):
        hand_out(wait_for, paths, keep, cluster.workers)
    (tmp_path / "second").touch()  # lets the worker go
    assert kept == {0: paths[0]}


def test_a_trace_is_refused(cluster: Cluster, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"--trace: .* / a trace is written on this machine"):
        run_tasks(tasks(trace=True), tmp_path, workers=cluster.workers)


def test_a_worker_with_other_software_is_refused(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = cluster_module.software()
    monkeypatch.setattr(cluster_module, "software", lambda: {**mine, "numpy": "1.0"})
    words = r"worker tcp://127.0.0.1:\d+: .* / has other software .*\(numpy \S+, client 1\.0\)"
    with pytest.raises(UserError, match=words):
        spread(square, range(2), cluster.workers)


def test_another_last_bit_is_other_software(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = cluster_module.software()
    monkeypatch.setattr(cluster_module, "software", lambda: {**mine, "arithmetic": "0"})
    with pytest.raises(UserError, match=r"has other software .*arithmetic"):
        spread(square, range(2), cluster.workers)


@pytest.mark.parametrize("address", ["tcp://127.0.0.1:1", "nowhere:x", "ftp://127.0.0.1:1"])
def test_a_scheduler_that_is_not_there_is_one_line(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cluster_module, "CONNECT", 0.5)
    with pytest.raises(UserError, match=r"--scheduler .*: .* / no Dask scheduler answers there"):
        spread(square, range(2), Workers(scheduler=address))


def test_a_task_that_kills_every_worker_is_one_line(cluster: Cluster) -> None:
    """The last test: it leaves no worker."""
    with pytest.raises(UserError, match="a task killed every worker that took it"):
        spread(die, [0], cluster.workers)
