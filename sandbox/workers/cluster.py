"""Workers of a Dask cluster: any number, anywhere; some die, some come late, some are slow.

Dask gives the task of a dead worker to another, computes again what was lost with it, and gives
work to those that join. What this module adds is that all of them are *like the client*: any of
them may answer, so before a task each compares its software with the client's, and its arithmetic
too: the last bit of a logarithm differs between some processors and C libraries, and a run with it.
"""

from __future__ import annotations

import hashlib
import math
import sys
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError, Future
from contextlib import contextmanager
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
from distributed import Client, KilledWorker, get_worker
from distributed.versions import VersionMismatchWarning

from sandbox.space.errors import UserError
from sandbox.space.tables import shipped
from sandbox.workers.progress import reporting

__all__ = ["cluster_crew", "software"]

OURS = "mssante-sandbox"
PACKAGES = ("distributed", "numba", "numpy", "pandas", "pyarrow", "scipy")
CONNECT = 10  # s to find the scheduler
DRAWS = 4096


def _sources() -> str:
    """Return a digest of this program and its tables."""
    package, digest = Path(__file__).parents[1], hashlib.sha256()
    for path in [*sorted(package.rglob("*.py")), *sorted(shipped("data").rglob("*.csv"))]:
        digest.update(path.name.encode() + path.read_bytes())
    return digest.hexdigest()[:12]


def _arithmetic() -> str:
    """Return a digest of what this machine's C library and NumPy make of some thousand numbers."""
    points = (np.arange(DRAWS) + 0.5) / DRAWS
    vectors = (np.log(points), np.exp(points), np.sqrt(points), np.power(points, 0.37))
    scalars = [(math.log(x), math.exp(x), math.pow(x, 0.37)) for x in points.tolist()]
    whole = b"".join(part.tobytes() for part in (*vectors, np.array(scalars)))
    return hashlib.sha256(whole).hexdigest()[:12]


def _installed(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "-"


@cache
def software() -> dict[str, str]:
    """Return what two machines must have in common to give the same bytes, by name."""
    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    packages = {name: _installed(name) for name in PACKAGES}
    return {OURS: _sources(), "python": python, "arithmetic": _arithmetic(), **packages}


def _refuse_other(theirs: dict[str, str], client: dict[str, str], where: str) -> None:
    """Raise UserError when a machine is not like the client."""
    other = [
        f"{name} {theirs.get(name, '-')}, client {value}"
        for name, value in client.items()
        if name in theirs and theirs[name] != value
    ]
    if other:
        raise UserError.because(
            "n'a pas les mêmes logiciels que ce poste : ses résultats différeraient ; "
            "y installer les mêmes",
            "has other software than this machine, so its results would differ; "
            "install the same there",
            where,
            "; ".join(other),
        )


def _work(
    function: Callable[..., Any], task: Any, client: dict[str, str], topic: str, place: int
) -> Any:
    """Do one task on a worker of the cluster, its reports going to the scheduler's log."""
    worker = get_worker()
    _refuse_other(software(), client, f"worker {worker.address}")
    with reporting(lambda share: worker.log_event(topic, (place, share))):
        return function(task)


class _Cluster:
    """A crew of whatever workers the cluster has, now or later."""

    def __init__(self, client: Client) -> None:
        self._topic = f"mss-sandbox-{uuid4().hex}"
        self._shares: dict[int, float] = {}
        self._executor = client.get_executor(pure=False)
        client.subscribe_topic(self._topic, self._note)

    def _note(self, event: tuple[float, tuple[int, float]]) -> None:
        place, share = event[1]
        self._shares[place] = share

    def submit(self, function: Callable[..., Any], task: Any, place: int) -> Future[Any]:
        future: Future[Any] = self._executor.submit(
            _work, function, task, software(), self._topic, place
        )
        return future

    def share(self, place: int) -> float:
        return self._shares.get(place, 0.0)

    def stop(self) -> None:
        self._executor.shutdown(wait=False)


def _connected(address: str) -> Client:
    try:
        with warnings.catch_warnings():  # versions are compared below, and it is an error
            warnings.simplefilter("ignore", VersionMismatchWarning)
            return Client(address, timeout=CONNECT, set_as_default=False)
    except (OSError, ValueError) as error:
        raise UserError.because(
            "aucun ordonnanceur Dask n'y répond ; attendu tcp://HÔTE:PORT, "
            "comme `dask scheduler` l'affiche",
            "no Dask scheduler answers there; expected tcp://HOST:PORT, as `dask scheduler` prints",
            f"--scheduler {address}",
            str(error) or type(error).__name__,
        ) from None


@contextmanager
def cluster_crew(address: str) -> Iterator[_Cluster]:
    """Yield the workers of the cluster whose scheduler is at `address`.

    Raises:
        UserError: no scheduler is there, or it went away; software differs; a task killed the
            workers that took it.
    """
    where = f"--scheduler {address}"
    with _connected(address) as client:
        # A scheduler runs no task: it need not have this program, only speak the same language.
        theirs = {"distributed": str(client.run_on_scheduler(version, "distributed"))}
        _refuse_other(theirs, software(), f"scheduler {address}")
        try:
            yield _Cluster(client)
        except KilledWorker:
            raise UserError(
                "une tâche a tué tous les travailleurs qui l'ont prise, sans doute faute de "
                "mémoire ; leur en donner plus, ce qui est fini est gardé",
                "a task killed every worker that took it, most likely for want of memory; "
                "give them more, what is finished is kept",
                where=where,
            ) from None
        except CancelledError:
            raise UserError(
                "l'ordonnanceur ne répond plus ; relancer la même commande, ce qui est fini "
                "est gardé",
                "the scheduler went away; run the same command again, what is finished is kept",
                where=where,
            ) from None
        except ModuleNotFoundError as error:
            raise UserError.because(
                "les travailleurs n'ont pas ce module ; y installer mssante-sandbox[dask]",
                "workers lack this module; install mssante-sandbox[dask] there",
                where,
                error.name,
            ) from None
