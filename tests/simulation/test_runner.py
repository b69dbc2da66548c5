"""Runs are kept, resumed, and the same however many processes made them."""

from __future__ import annotations

import hashlib
import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from sandbox.observations.observations import Observations
from sandbox.simulation import runner
from sandbox.simulation.runner import TRACE_COLUMNS, Task, finished, run_tasks
from sandbox.space.loader import with_inputs
from sandbox.workers.spread import Workers
from tests.simulation.small import run, small_scenario

SCENARIO = small_scenario()
ONE = Workers(1)
DESIGNS = ("single-endpoint", "multi-endpoint", "multi-port")


def tasks(**changes: object) -> list[Task]:
    return [
        replace(Task(SCENARIO, design, "external", 0, 1, 1.0, "fast"), **changes)  # type: ignore[arg-type]
        for design in DESIGNS
    ]


def digests(root: Path) -> dict[str, str]:
    """Return a digest of each table written; about.json also holds the time that a run took."""
    return {
        str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(root.rglob("*.parquet"))
    }


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("done")
    run_tasks(tasks(), root, workers=ONE)
    return root


def test_a_run_that_lost_its_trace_is_run_again(tmp_path: Path) -> None:
    task = tasks(trace=True)[0]
    run_tasks([task], tmp_path, workers=ONE)
    task.trace_file(tmp_path).unlink()
    assert finished(task, tmp_path) is None
    run_tasks([task], tmp_path, workers=ONE)
    assert task.trace_file(tmp_path).is_file()


def test_the_number_of_workers_changes_no_byte(done: Path, tmp_path: Path) -> None:
    run_tasks(tasks(), tmp_path, workers=Workers(2))
    assert len(digests(done)) == 10 * len(DESIGNS)
    assert digests(tmp_path) == digests(done)


def test_a_worker_that_is_replaced_is_no_news(tmp_path: Path) -> None:
    def meanwhile(share: float) -> None:
        if share < 1:
            warnings.warn("A worker stopped while some jobs were given", UserWarning, stacklevel=1)

    assert len(run_tasks(tasks(), tmp_path, workers=Workers(2), progress=meanwhile)) == len(DESIGNS)


def test_the_engine_changes_no_byte(done: Path, tmp_path: Path) -> None:
    run_tasks(tasks(engine="simpy"), tmp_path, workers=ONE)
    assert digests(tmp_path) == digests(done)


def test_answers_come_in_the_order_of_the_tasks(done: Path) -> None:
    found = run_tasks(list(reversed(tasks())), done, workers=ONE)
    assert [run.about["design"] for run in found] == list(reversed(DESIGNS))


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """List the designs that are really run."""
    ran: list[str] = []
    original = runner._run

    def counting(task: Task, root: Path) -> Observations:
        ran.append(task.design)
        return original(task, root)

    monkeypatch.setattr(runner, "_run", counting)
    return ran


def test_an_interrupted_run_keeps_what_is_finished_and_resumes(
    tmp_path: Path, counted: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    original = runner._run

    def interrupted(task: Task, root: Path) -> Observations:
        if task.design == DESIGNS[1]:
            raise KeyboardInterrupt
        return original(task, root)

    monkeypatch.setattr(runner, "_run", interrupted)
    with pytest.raises(KeyboardInterrupt):
        run_tasks(tasks(), tmp_path, workers=ONE)
    assert [finished(task, tmp_path) is not None for task in tasks()] == [True, False, False]
    monkeypatch.setattr(runner, "_run", original)
    run_tasks(tasks(), tmp_path, workers=ONE)
    assert counted == list(DESIGNS)


def test_what_is_finished_is_not_run_again(done: Path, counted: list[str]) -> None:
    run_tasks(tasks(), done, workers=ONE)
    assert counted == []


@pytest.mark.parametrize(
    "changes",
    [
        {"seed": 2}, {"scale": 2.0}, {"replication": 1}, {"engine": "simpy"}, {"trace": True},
        {"scenario": with_inputs(SCENARIO, {"policies.ciba_interval": 1})},
    ],
    ids=lambda changes: next(iter(changes)),
)  # fmt: skip
def test_an_answer_to_another_question_is_not_reused(
    changes: dict[str, object], done: Path
) -> None:
    assert finished(tasks()[0], done) is not None
    assert finished(tasks(**changes)[0], done) is None


def test_a_title_is_no_reason_to_run_again(done: Path) -> None:
    retitled = SCENARIO.model_copy(update={"title": "Autre", "title_en": "Other"})
    assert finished(tasks(scenario=retitled)[0], done) is not None


@pytest.mark.parametrize("broken", ["about.json", "logins.parquet"])
def test_a_run_that_lost_a_file_is_run_again(
    broken: str, tmp_path: Path, counted: list[str]
) -> None:
    run_tasks(tasks()[:1], tmp_path, workers=ONE)
    (tmp_path / f"{DESIGNS[0]}.external-r000" / broken).unlink()
    run_tasks(tasks()[:1], tmp_path, workers=ONE)
    assert counted == [DESIGNS[0]] * 2


@pytest.mark.parametrize("broken", ["about.json", "logins.parquet"])
def test_a_run_whose_file_is_damaged_is_run_again(
    broken: str, tmp_path: Path, counted: list[str]
) -> None:
    run_tasks(tasks()[:1], tmp_path, workers=ONE)
    (tmp_path / f"{DESIGNS[0]}.external-r000" / broken).write_bytes(b"\xff half")
    run_tasks(tasks()[:1], tmp_path, workers=ONE)
    assert counted == [DESIGNS[0]] * 2


def test_nothing_half_written_is_taken_for_a_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The disk fills while a table is written."""
    written = []
    original = pq.write_table

    def full(table: object, path: Path, **options: object) -> None:
        if len(written) == 3:
            raise OSError(28, "No space left on device", str(path))
        written.append(path)
        original(table, path, **options)

    monkeypatch.setattr(pq, "write_table", full)
    with pytest.raises(OSError, match="No space left"):
        run_tasks(tasks()[:1], tmp_path, workers=ONE)
    assert not (tmp_path / f"{DESIGNS[0]}.external-r000").exists()
    assert finished(tasks()[0], tmp_path) is None
    monkeypatch.setattr(pq, "write_table", original)
    assert len(run_tasks(tasks()[:1], tmp_path, workers=ONE)) == 1
    assert [path.name for path in tmp_path.iterdir()] == [f"{DESIGNS[0]}.external-r000"]


@pytest.mark.parametrize("engine", ["fast", "simpy"])
def test_the_trace_holds_every_session_of_the_engine(engine: str, tmp_path: Path) -> None:
    run_tasks(tasks(trace=True, engine=engine)[:1], tmp_path, workers=ONE)
    table = pq.read_table(tmp_path / f"{DESIGNS[0]}.external-r000-trace.parquet")
    assert table.column_names == list(TRACE_COLUMNS)
    rows = np.stack([table[name].to_numpy() for name in TRACE_COLUMNS], axis=1)
    expected = run(design=DESIGNS[0]).trace
    np.testing.assert_array_equal(rows[np.lexsort(rows.T[::-1])], expected)


def test_progress_rises_to_the_whole(tmp_path: Path) -> None:
    shares: list[float] = []
    run_tasks(tasks(), tmp_path, workers=ONE, progress=shares.append)
    assert shares == sorted(shares)
    assert shares[-1] == pytest.approx(1)
