"""`mss-sandbox twin`: how far the simulation is from what really happens."""

from __future__ import annotations

from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from sandbox.serve import stopped_by_sigterm
from sandbox.space.errors import EXIT_INTERRUPTED, UserError
from sandbox.space.loader import load_scenario
from sandbox.space.options import FILE
from sandbox.twin.calibration import read_calibration
from sandbox.twin.cli_calibrate import measure
from sandbox.twin.cores import confine
from sandbox.twin.display import showing
from sandbox.twin.minutes import duration_of
from sandbox.twin.options import minutes_options, wanted_of
from sandbox.twin.twins import Twin, run_twin

__all__ = ["twin"]

VERDICTS = {
    "within": "la simulation prédit dans les buts / within the goals",
    "outside": "hors des buts, voir missed / outside the goals, see missed",
    "undecided": "trop peu de connexions pour juger / too few logins to tell",
}


FIGURES = {
    "logins_per_second": "connexions/s / logins a second",
    "servers_utilisation": "processeur des serveurs / servers' processor, s/s",
    "clients_utilisation": "processeur des clients / clients' processor, s/s",
    "servers_pace_seconds": "allure du processeur des serveurs / pace of the servers' processor, s",
    "clients_pace_seconds": "allure du processeur des clients / pace of the clients' processor, s",
    "peak_connections": "connexions au plus / most connections",
    "mean_connections": "connexions en moyenne / mean connections",
}


def _show(found: Twin) -> None:
    """Print predicted and measured, ms; what is beyond the goals is marked."""
    console = Console(width=90, highlight=False)
    for level in found.levels:
        limit = "  clients !" if level.clients_were_the_limit else ""
        console.print(f"\n[bold]charge / load {level.load:.0%}[/bold]{limit}")
        table = Table(box=None, pad_edge=False, header_style="bold")
        for heading in ("", "n", "", "prédit\npredicted", "mesuré\nmeasured", "±", "écart\nerror"):
            table.add_column(heading, justify="right" if heading else "left", no_wrap=True)
        for row in level.rows:
            if row.predicted is None or row.measured is None:
                continue
            half = "" if row.ci95 is None else f"{500 * (row.ci95[1] - row.ci95[0]):.1f}"
            error = "" if row.relative_error is None else f"{row.relative_error:+.0%}"
            table.add_row(
                f"{row.design} {row.method} {row.measure}", str(row.count), row.statistic,
                f"{1000 * row.predicted:.1f}", f"{1000 * row.measured:.1f}", half,
                error + (" !" if row.missed else "" if row.judged else " ?"),
            )  # fmt: skip
        console.print(table)
        for each in level.figures:
            console.print(
                f"{each.design} {FIGURES[each.figure.partition(' ')[0]]}"
                f" {each.figure.partition(' ')[2]}: {each.predicted:.3g}"
                f" prédit / predicted, {each.measured:.3g} mesuré / measured",
                soft_wrap=True,
            )
    for storm in found.storms:
        said, seen = (storm.drain(run) for run in (storm.predicted, storm.measured))
        if said is not None and seen is not None:
            console.print(
                f"{storm.design} serveurs à l'arrêt {storm.weather.seconds:g} s, tous entrés après"
                f" / servers stood still, all are in after: {said:.3g} s prédit / predicted,"
                f" {seen:.3g} s mesuré / measured",
                soft_wrap=True,
            )
    console.print("\n[dim]ms ; ! : hors du but / beyond the goal ; ? : trop peu / too few[/dim]")
    console.print(f"{found.verdict}: {VERDICTS[found.verdict]}")


def _tell(line: str) -> None:
    click.echo(line, err=True)


@click.command()
@click.argument("scenario", default="demo")
@minutes_options("-twin", length="2h", scale=0.4)
@click.option(
    "--levels",
    type=click.IntRange(1, 20),
    default=4,
    help="Charges, jusqu'à 80 % de la saturation. / Loads, up to 80 % of saturation.",
)
@click.option(
    "--calibration",
    type=FILE,
    help="Fichier de calibrate ; sans lui, mesurée d'abord. / Without it, measured first.",
)
@click.option(
    "--storm",
    metavar="DURATION",
    help="Un essai de plus, serveurs à l'arrêt si longtemps : 2s."
    " / One more run, in which servers stand still for so long.",
)
@click.option(
    "--cores",
    type=click.IntRange(1),
    help="Sur tant de processeurs, mesurés et prédits (Linux). / On so many processors, in both.",
)
def twin(
    scenario: str, designs: tuple[str, ...], login_policy: str | None, levels: int, begin: str,
    length: str, scale: float, operators: int, processes: int, crews: int,
    space: tuple[Path, ...], seed: int, calibration: Path | None, storm: str | None,
    cores: int | None, out: Path | None,
) -> None:  # fmt: skip
    """Confronte la simulation aux sockets. / Compares the simulation with real sockets.

    The same minutes of a scenario in virtual time and on sockets, at several loads; the simulation
    knows the machine by its calibration alone. Writes twin.json. Exit codes: 0 within the goals (10
    % on mean and p50, 15 % on p95), 1 outside, 3 interrupted.
    """
    if space and (cores is not None or storm is not None):
        raise UserError(
            "les serveurs de --space ne sont pas à nous", "servers of --space are not ours",
            where="--storm" if cores is None else "--cores",
        )  # fmt: skip
    stands = None if storm is None else duration_of(storm)
    loaded = load_scenario(scenario)
    wanted = wanted_of(
        loaded, scenario, designs or (loaded.compare[0],), login_policy, begin, length, scale,
        operators, processes, crews, seed, space=space,
    )  # fmt: skip
    folder = out or Path("out") / f"{loaded.name}-twin"
    folder.mkdir(parents=True, exist_ok=True)
    known = None if calibration is None else read_calibration(calibration)
    with stopped_by_sigterm():
        if known is None:
            known = measure(wanted.scenario, folder / "calibration.toml", space=space)
        if cores is not None:
            confine(cores)
            known = known.on(cores)
        if crews:
            known = known.with_loops(crews)
        with showing() as show:
            found = run_twin(
                wanted, known, levels=levels, storm=stands, out=folder, show=show, tell=_tell
            )
    path = found.write(folder)
    _show(found)
    click.echo(f"\n{path}")
    if found.interrupted:
        click.echo(
            f"mss-sandbox: incomplet, les charges faites sont dans {path}"
            " / incomplete, the loads that are done are kept there",
            err=True,
        )
        raise click.exceptions.Exit(EXIT_INTERRUPTED)
    if found.verdict != "within":
        raise click.exceptions.Exit(1)
