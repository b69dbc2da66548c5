"""`mss-sandbox decide`: which design, how sure, what to measure first."""

from __future__ import annotations

from pathlib import Path

import click

from sandbox.analysis.console import bars, report_console, say_lines
from sandbox.analysis.decide import decide as run_decision
from sandbox.analysis.decision_words import decision_lines
from sandbox.space.errors import EXIT_INTERRUPTED
from sandbox.space.options import (
    FILE,
    count_option,
    designs_option,
    folder_option,
    seed_option,
)
from sandbox.workers.options import crew_of, workers_options

__all__ = ["decide"]

STAGES = {
    "engine": "Moteur / Engine",
    "draws": "Tirages / Draws",
    "indices": "Indices / Indices",
}


@click.command()
@click.argument("scenario", default="aout-2021")
@count_option(
    "--runs", "Tirages complets, moteur compris, ou auto. / Whole draws, engine included, or auto."
)
@designs_option
@click.option(
    "--policy",
    metavar="NAME|all",
    help="Règle de connexion ; all : la choisir aussi ; défaut : tirée. / Login policy; all: choose"
    " it too; default: drawn.",
)
@click.option(
    "--ranges",
    type=FILE,
    help="CSV de plages (key, low, high, mode, law, expert). / CSV of ranges.",
)
@seed_option
@workers_options
@folder_option()
def decide(
    scenario: str, runs: int | None, designs: tuple[str, ...], policy: str | None,
    ranges: Path | None, seed: int, workers: int | None, backend: str, scheduler: str | None,
    out: Path | None,
) -> None:  # fmt: skip
    """Dit que choisir, avec quelle chance d'avoir raison. / Says what to choose, how surely.

    Toutes les entrées que personne n'a mesurées sont tirées ensemble. / Draws every input that
    nobody measured jointly, weighs the designs, says under which conditions each is best and what
    to measure first. Interrupted, it keeps finished draws: the same command resumes.
    """
    crew = crew_of(workers, backend, scheduler)
    folder = out or Path("out") / Path(scenario).stem
    try:
        with bars(STAGES) as progress:
            result = run_decision(
                scenario, designs=designs, policy=policy, ranges=ranges, runs=runs, seed=seed,
                workers=crew.count, scheduler=crew.scheduler, out=folder, progress=progress,
            )  # fmt: skip
    except KeyboardInterrupt:
        click.echo(
            "mss-sandbox: interrompu, les tirages finis sont gardés ; la même commande reprend"
            " / interrupted, finished draws are kept; the same command resumes",
            err=True,
        )
        raise click.exceptions.Exit(EXIT_INTERRUPTED) from None
    path = result.report(folder)  # first: what is said may go to a pipe that closes
    say_lines(report_console(), decision_lines(result.found))
    click.echo(f"\n{path}")
