"""A crew of processes of this machine, which stay for the next crew (loky)."""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from joblib.externals.loky import get_reusable_executor

from sandbox.space.errors import UserError
from sandbox.workers.progress import reporting

__all__ = ["local_crew"]

# A process a core: threads of a library inside of them would only stand in each other's way.
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
IDLE = 300  # s until a process without work ends


def _work(function: Callable[..., Any], task: Any, path: str, place: int) -> Any:
    """Do one task in a worker, its reports going to a file that all share."""
    shares = np.memmap(path, dtype=np.float64, mode="r+")

    def note(share: float) -> None:
        shares[place] = share

    with reporting(note):
        return function(task)


class _Processes:
    """A crew of processes."""

    def __init__(self, count: int, tasks: int, folder: str) -> None:
        self._path = str(Path(folder) / "shares")
        self._shares = np.memmap(self._path, dtype=np.float64, mode="w+", shape=(tasks,))
        self._executor = get_reusable_executor(max_workers=count, timeout=IDLE, env=ONE_THREAD)

    def submit(self, function: Callable[..., Any], task: Any, place: int) -> Future[Any]:
        future: Future[Any] = self._executor.submit(_work, function, task, self._path, place)
        return future

    def share(self, place: int) -> float:
        return float(self._shares[place])

    def stop(self) -> None:
        self._executor.shutdown(wait=False, kill_workers=True)


@contextmanager
def local_crew(count: int, tasks: int) -> Iterator[_Processes]:
    """Yield `count` processes; they stay for the next crew.

    Raises:
        UserError: the system killed one, as it does when memory runs out.
    """
    # Windows keeps a mapped file that a process still holds: it goes with the next clean-up.
    with (
        tempfile.TemporaryDirectory(prefix="mss-workers-", ignore_cleanup_errors=True) as folder,
        warnings.catch_warnings(),
    ):
        # loky replaces a process whose memory has grown, as a run makes it do, and says so.
        warnings.filterwarnings("ignore", "A worker stopped while some jobs", UserWarning)
        try:
            yield _Processes(count, tasks, folder)
        except BrokenProcessPool:
            raise UserError(
                "un processus a été tué, sans doute faute de mémoire ; "
                "relancer avec moins de --workers, ce qui est fini est gardé",
                "a process was killed, most likely for want of memory; "
                "run again with fewer --workers, what is finished is kept",
                where=f"--workers {count}",
            ) from None
