"""The map itself: hand out tasks, keep answers as they come, stop at once."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from concurrent.futures import FIRST_COMPLETED, Future, wait
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from sandbox.space.errors import UserError
from sandbox.workers.progress import reporting

__all__ = [
    "HERE",
    "Crew",
    "Workers",
    "default_workers",
    "hand_out",
    "spread",
]

Task = TypeVar("Task")
Answer = TypeVar("Answer")
POLL = 0.2  # s between two looks at the progress


@dataclass(frozen=True, slots=True)
class Workers:
    """Who works.

    Attributes:
        count: processes of this machine; None: one a processor.
        scheduler: address of a Dask scheduler whose workers do it instead.
    """

    count: int | None = None
    scheduler: str | None = None


HERE = Workers()


class Crew(Protocol):
    """Workers that are ready."""

    def submit(self, function: Callable[..., Any], task: Any, place: int) -> Future[Any]:
        """Hand out one task, whose reports count for `place`."""
        ...

    def share(self, place: int) -> float:
        """Return what was last reported of a task, 0 to 1."""
        ...

    def stop(self) -> None:
        """Drop all that is not finished."""
        ...


def default_workers() -> int:
    """Return how many processes this machine runs at once."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _crew(workers: Workers, tasks: int) -> AbstractContextManager[Crew]:
    if workers.scheduler is not None:
        try:
            from sandbox.workers.cluster import cluster_crew  # an extra, which few install
        except ModuleNotFoundError as error:
            raise UserError.because(
                "il faut installer mssante-sandbox[dask]",
                "mssante-sandbox[dask] must be installed",
                f"--scheduler {workers.scheduler}",
                error.name,
            ) from None
        return cluster_crew(workers.scheduler)
    from sandbox.workers.processes import local_crew  # numpy and loky: only who spreads needs them

    return local_crew(min(workers.count or default_workers(), tasks), tasks)


def spread(
    function: Callable[[Task], Answer],
    tasks: Iterable[Task],
    workers: Workers = HERE,
    *,
    progress: Callable[[list[float]], None] | None = None,
) -> list[Answer]:
    """Return `function(task)` for every task, in the order of the tasks; see `hand_out`."""
    work = list(tasks)
    answers: dict[int, Answer] = {}
    hand_out(function, work, answers.__setitem__, workers, progress=progress)
    return [answers[place] for place in range(len(work))]


def hand_out(
    function: Callable[[Task], Answer],
    tasks: Iterable[Task],
    keep: Callable[[int, Answer], None],
    workers: Workers = HERE,
    *,
    progress: Callable[[list[float]], None] | None = None,
) -> None:
    """Let workers do `function(task)` for every task, and keep each answer as it comes.

    Args:
        function: of a module, so that it can be sent by name; `functools.partial` of one will do.
        tasks: anything that can be pickled.
        keep: called here with the place of a task and its answer as soon as it is finished.
        workers: who does it; that changes no answer.
        progress: called with the share of each task that is done.

    Raises:
        KeyboardInterrupt: stopped; `keep` has what was finished.
        UserError: there is no such cluster, it has other software, or a task is the death of its
            workers.
        Exception: whatever a task raised; the others are dropped.
    """
    work = list(tasks)
    if not work:
        return
    if workers.scheduler is None and min(workers.count or default_workers(), len(work)) == 1:
        _alone(function, work, keep, progress)
        return
    with _crew(workers, len(work)) as crew:
        try:
            places = {crew.submit(function, task, n): n for n, task in enumerate(work)}
            _gather(crew, places, keep, progress)
        except BaseException:
            crew.stop()
            raise


def _alone(
    function: Callable[[Task], Answer], work: list[Task], keep: Callable[[int, Answer], None],
    progress: Callable[[list[float]], None] | None,
) -> None:  # fmt: skip
    """Do all of it in this process."""
    shares = [0.0] * len(work)
    for place, task in enumerate(work):

        def note(share: float, place: int = place) -> None:
            shares[place] = share
            if progress is not None:
                progress(list(shares))

        with reporting(note):
            answer = function(task)
        keep(place, answer)
        note(1.0)


def _gather(
    crew: Crew, places: dict[Future[Answer], int], keep: Callable[[int, Answer], None],
    progress: Callable[[list[float]], None] | None,
) -> None:  # fmt: skip
    """Take answers as they come, and let go of them."""
    shares = [0.0] * len(places)
    while places:
        finished, _ = wait(places, timeout=POLL, return_when=FIRST_COMPLETED)
        # What succeeded is kept before a failure ends everything.
        for future in sorted(finished, key=lambda each: each.exception() is not None):
            place = places.pop(future)
            keep(place, future.result())
            shares[place] = 1.0
        if progress is not None:
            for place in places.values():
                shares[place] = crew.share(place)
            progress(list(shares))
