"""`--workers`, `--backend` and `--scheduler`: who works, for every verb that spreads work."""

from __future__ import annotations

import click

from sandbox.space.errors import UserError
from sandbox.space.options import Decorator, options
from sandbox.workers.spread import Workers

__all__ = ["crew_of", "workers_options"]

# The options `workers`, `backend` and `scheduler`.
workers_options: Decorator = options(
    click.option(
        "--workers",
        type=click.IntRange(1),
        help="Processus à la fois ; défaut : un par cœur. / Processes; default: one a core.",
    ),
    click.option(
        "--backend",
        type=click.Choice(["local", "dask"]),
        default="local",
        help="Qui calcule : ce poste, ou un cluster Dask. / Who works: here, or a Dask cluster.",
    ),
    click.option(
        "--scheduler",
        metavar="ADDRESS",
        help="Ordonnanceur du cluster, tcp://HÔTE:PORT. / Scheduler of the cluster.",
    ),
)


def crew_of(workers: int | None, backend: str, scheduler: str | None) -> Workers:
    """Return who works.

    Raises:
        UserError: the options contradict each other.
    """
    if backend == "dask" and scheduler is None:
        raise UserError(
            "il faut --scheduler, l'adresse d'un ordonnanceur Dask (tcp://HÔTE:PORT)",
            "needs --scheduler, the address of a Dask scheduler (tcp://HOST:PORT)",
            where="--backend dask",
        )
    if backend == "local" and scheduler is not None:
        raise UserError(
            "ne vaut qu'avec --backend dask",
            "goes with --backend dask only",
            where=f"--scheduler {scheduler}",
        )
    if backend == "dask" and workers is not None:
        raise UserError(
            "ne vaut que sur ce poste : le cluster a les travailleurs qu'on lui donne",
            "is for this machine only: a cluster has the workers that it is given",
            where=f"--workers {workers}",
        )
    return Workers(workers, scheduler)
