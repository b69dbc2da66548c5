"""What the tests ask of workers: functions of a module, as workers import them by name."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import numpy as np

from sandbox.decision.evaluation import Evaluation
from sandbox.observations.observations import Observations
from sandbox.simulation import runner
from sandbox.simulation.runner import Task
from sandbox.workers.progress import report


def square(number: int) -> int:
    report(0.5)
    return number * number


def whose(number: int) -> tuple[int, int]:
    return number, os.getpid()


def fail_at_three(number: int) -> int:
    if number == 3:
        raise ValueError(f"number {number}")
    return number


def die(_number: int) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def wait_for(path: str) -> str:
    """Report half of it, then wait until a file is there."""
    report(0.5)
    while not Path(path).exists():
        time.sleep(0.01)
    return path


def _first_dies(marks: Path) -> None:
    try:
        (marks / "died").touch(exist_ok=False)
    except FileExistsError:
        return
    os.kill(os.getpid(), signal.SIGKILL)


def die_once(task: Task, root: Path, marks: Path) -> Observations:
    """Run a task, but kill the worker in the middle of the second design, the first time."""
    if task.design == "multi-endpoint":
        _first_dies(marks)
    return runner._run(task, root)


def evaluate_dying_once(
    marks: Path, evaluation: Evaluation, points: np.ndarray
) -> dict[str, np.ndarray]:
    """Replay draws of a decision, but kill the worker that is the first to try."""
    _first_dies(marks)
    return evaluation.simulated(evaluation.values(points))
