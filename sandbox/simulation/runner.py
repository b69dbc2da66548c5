"""Runs designs and replications side by side, keeps what is finished, and can be stopped."""

from __future__ import annotations

import hashlib
import json
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from sandbox.observations.observations import Observations
from sandbox.observations.schema import Phase
from sandbox.simulation import fast, reference
from sandbox.simulation.build import build_model
from sandbox.simulation.observe import observe
from sandbox.space.calendar import DayKind, day_kinds
from sandbox.space.compatibility import can_connect
from sandbox.space.errors import UserError
from sandbox.space.population import ROBOT, Space, build_space
from sandbox.space.scenario import Scenario
from sandbox.workers.progress import report
from sandbox.workers.spread import HERE, Workers, hand_out

__all__ = ["ENGINES", "Task", "run_tasks"]

ENGINES = {"fast": fast.run, "simpy": reference.run}
TRACE_COLUMNS = (
    "access", "kind", "key", "start_ns", "login_ns", "end_ns", "cause", "retries", "peer",
    *(f"{phase.name.lower()}_ns" for phase in Phase),
)  # fmt: skip
TRACE_ROWS = 1 << 16  # sessions written together
FORMAT = 4  # of a finished run on disk; a change makes old ones run again


@dataclass(frozen=True, slots=True)
class Task:
    """One replication of one design of one scenario, under one login policy.

    Attributes:
        among: (design, policy) compared together: the run has the traffic of those who can connect
            under all of them.
    """

    scenario: Scenario
    design: str
    policy: str
    replication: int
    seed: int
    scale: float
    engine: str
    trace: bool = False
    among: tuple[tuple[str, str], ...] = ()

    @property
    def fingerprint(self) -> str:
        """Tell whether a finished run on disk answers this task: hash of all that decides it."""
        values = asdict(self) | {
            "scenario": self.scenario.model_dump(mode="json", exclude={"title", "title_en"}),
            "format": FORMAT,
        }
        return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()[:16]

    def folder(self, root: Path) -> Path:
        """Return where the task's observations go."""
        return root / f"{self.design}.{self.policy}-r{self.replication:03d}"

    def trace_file(self, root: Path) -> Path:
        """Return where the task's trace goes, when it is asked for."""
        return root / f"{self.folder(root).name}-trace.parquet"


def _trace_writer(path: Path) -> tuple[Callable[[NDArray[np.int64]], None], Callable[[], None]]:
    """Return a function that appends rows to a Parquet file, and one that closes it."""
    schema = pa.schema([(name, pa.int64()) for name in TRACE_COLUMNS])
    partial = path.with_suffix(".partial")
    writer = pq.ParquetWriter(partial, schema, compression="zstd")

    waiting: list[NDArray[np.int64]] = []

    def flush() -> None:
        if waiting:
            rows = np.concatenate(waiting)
            columns = [pa.array(rows[:, number]) for number in range(rows.shape[1])]
            writer.write_table(pa.Table.from_arrays(columns, schema=schema))
            waiting.clear()

    def write(rows: NDArray[np.int64]) -> None:
        # The reference hands over one session at a time, the fast engine blocks of thousands.
        waiting.append(rows)
        if len(waiting) >= TRACE_ROWS or len(rows) > 1:
            flush()

    def close() -> None:
        flush()
        writer.close()
        partial.replace(path)

    return write, close


def _peak_memory() -> int:
    """Return the most memory that this process has held, bytes; 0 where the system does not say."""
    if sys.platform == "win32":
        return 0
    import resource

    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def _person_days(space: Space, kept: NDArray[np.bool_]) -> int:
    """Return accesses of people whose traffic is run, times the period's working days."""
    period = space.scenario.period
    working = int((day_kinds(period.start, period.days) == DayKind.WORKING).sum())
    return int((space.accesses.software[kept] != ROBOT).sum()) * max(working, 1)


def _run(task: Task, root: Path) -> Observations:
    """Run one task and return its observations; a trace goes straight to its file."""
    begin = time.perf_counter()
    space = build_space(
        task.scenario, seed=task.seed, scale=task.scale, replication=task.replication
    )
    design = task.scenario.design(task.design)
    policy = task.scenario.policy(task.policy)
    others = [(task.scenario.design(d), task.scenario.policy(p)) for d, p in task.among]
    kept = can_connect(space, others)
    model = build_model(space, design, policy, only=kept)
    trace, close = _trace_writer(task.trace_file(root)) if task.trace else (None, lambda: None)
    record = ENGINES[task.engine](model, progress=report, trace=trace)
    close()
    about = {
        "fingerprint": task.fingerprint,
        "scenario": task.scenario.name,
        "design": task.design,
        "policy": task.policy,
        "engine": task.engine,
        "seed": task.seed,
        "replication": task.replication,
        "scale": task.scale,
        "wall_seconds": round(time.perf_counter() - begin, 3),
        "peak_rss_bytes": _peak_memory(),
        "accesses": len(model.inputs.access_class),
        "person_days": _person_days(space, kept),
        "mailboxes": int(space.mailboxes.sum()),
    }
    return observe(space, design, model, record, about)


def finished(task: Task, root: Path) -> Observations | None:
    """Return the observations of a task that is already done, else None."""
    try:
        found = Observations.read(task.folder(root))
    except (OSError, ValueError):
        return None
    whole = not task.trace or task.trace_file(root).is_file()
    return found if whole and found.about.get("fingerprint") == task.fingerprint else None


def run_tasks(
    tasks: Iterable[Task],
    root: Path,
    *,
    workers: Workers = HERE,
    progress: Callable[[float], None] | None = None,
) -> list[Observations]:
    """Run what is not done yet and return the observations of all tasks, in their order.

    Args:
        tasks: what to run.
        root: folder of the finished runs, made when missing.
        workers: who runs them; that changes no result.
        progress: called with the share of all work that is done.

    Raises:
        KeyboardInterrupt: stopped; what is finished stays in `root` and is not run again.
        UserError: a run left no observations; traces are asked of a cluster.
    """
    tasks = list(tasks)
    root.mkdir(parents=True, exist_ok=True)
    todo = [task for task in tasks if finished(task, root) is None]
    if workers.scheduler and any(task.trace for task in todo):
        raise UserError(
            "une trace s'écrit sur ce poste : la faire avec --backend local",
            "a trace is written on this machine: make it with --backend local",
            where="--trace",
        )

    def keep(place: int, found: Observations) -> None:
        found.write(todo[place].folder(root))

    def tell(shares: list[float]) -> None:
        if progress is not None:
            progress((len(tasks) - len(todo) + sum(shares)) / len(tasks))

    hand_out(partial(_run, root=root), todo, keep, workers, progress=tell)
    done = [finished(task, root) for task in tasks]
    missing = [task for task, result in zip(tasks, done, strict=True) if result is None]
    if missing:
        raise UserError(
            "ses observations manquent ; relancer",
            "its observations are not there; run again",
            where=f"{root}: {missing[0].design}",
        )
    return [result for result in done if result is not None]
