"""`mss-sandbox compare`: the main job, from the shell."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Iterable
from pathlib import Path

import click
from rich.table import Table

from sandbox.analysis.comparison import Comparison
from sandbox.analysis.console import bars, report_console, say_lines
from sandbox.analysis.decision_words import decision_lines
from sandbox.analysis.headroom import Headroom
from sandbox.analysis.metrics import COMPARED, METRICS
from sandbox.analysis.result import compare as run_comparison
from sandbox.analysis.statistics import Estimate, estimate
from sandbox.space.errors import EXIT_INTERRUPTED
from sandbox.space.loader import load_scenario
from sandbox.space.options import (
    count_option,
    designs_option,
    folder_option,
    scale_option,
    seed_option,
)
from sandbox.workers.options import crew_of, workers_options

__all__ = ["compare"]

STAGES = {
    "comparison": "Comparaison / Comparison",
    "sweep": "Balayage / Sweep",
    "headroom": "Marge / Headroom",
    "decision": "Décision / Decision",
}
# Columns of the two tables: attribute or metric, then its short name in French and English.
COSTS = {
    "certificates": ("certif.", "certs"),
    "dns_records": ("DNS", "DNS"),
    "public_addresses": ("IP", "IP"),
    "firewall_openings": ("pare-feu", "firewall"),
    "editor_urls": ("URL", "URL"),
}


def _cell(found: Estimate, unit: str) -> str:
    """Return mean and, under it, half-width of the interval."""
    factor, suffix = (100, "%") if unit == "share" else (1, "s")
    value, half = found.mean * factor, found.half_width * factor
    digits = 3 if unit != "share" and value < 1 else 2 if value < 10 else 1
    text = f"{value:.{digits}f}{suffix}"
    if found.interval is not None and half > 0:
        text += f"\n±{half:.{digits}f}"
    return text


def _table(first: str, headings: Iterable[tuple[str, str]]) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 0, 0, 1), header_style="bold")
    table.add_column(first, no_wrap=True)
    for french, english in headings:
        table.add_column(f"{french}\n{english}", justify="right", no_wrap=True)
    return table


def _headroom(found: Headroom) -> str:
    """Return the multiplier and, under it, what breaks."""
    if found.breach is None:
        return f">{found.multiplier:.0f}×"
    return f"{found.multiplier:.1f}×\n{found.breach.endpoint}"


def show(comparison: Comparison) -> None:
    """Print costs and metrics, one design a row: two tables that fit 80 columns."""
    console = report_console()
    scenario = comparison.scenario
    console.print(f"\n[bold]{scenario.title}[/bold] / {scenario.title_en}\n")
    costs = _table("", [*COSTS.values(), ("k€/an", "k€/year")])
    metrics = _table("", [*(metric.short for metric in COMPARED.values()), ("marge", "headroom")])
    for name in comparison.designs:
        cost = comparison.costs[name]
        costs.add_row(
            name, *(str(getattr(cost, field)) for field in COSTS),
            f"{cost.central.total / 1000:,.0f}".replace(",", " "),
        )  # fmt: skip
        out = comparison.compatibility[name].whole.cannot_connect
        metrics.add_row(name, _cell(estimate([out]), "share"), *(
            _cell(comparison.estimate(name, metric.name), metric.unit)
            for metric in METRICS.values()
        ), _headroom(comparison.headroom[name]))  # fmt: skip
    console.print(costs)
    console.print()
    console.print(metrics)
    console.print()
    for metric in COMPARED.values():
        console.print(f"[dim]{metric.short[0]}: {metric.french} / {metric.english}[/dim]")
    console.print(
        "[dim]marge: trafic d'aujourd'hui multiplié, au premier défaut de service / "
        "headroom: today's traffic times this, when the service first breaks[/dim]"
    )

    if comparison.decision is not None:
        say_lines(console, decision_lines(comparison.decision)[:2])


@click.command()
@click.argument("scenario", default="aout-2021")
@designs_option
@click.option(
    "--login-policy",
    metavar="NAME|all",
    help="Règle de connexion (external, certificate-alone, xoauth2, ou du scénario), ou toutes."
    " / Login policy, or every one.",
)
@click.option(
    "--engine",
    type=click.Choice(["fast", "simpy"]),
    default="fast",
    help="Moteur : rapide ou de référence. / Fast engine, or the reference.",
)
@count_option(
    "--replications",
    "Nombre de réplications, ou ce qu'il en faut. / How many, or as many as it takes.",
)
@seed_option
@scale_option(1.0)
@workers_options
@folder_option()
@click.option(
    "--trace",
    is_flag=True,
    help="Écrire chaque session en Parquet. / Write every session as Parquet.",
)
@click.option(
    "--decision/--no-decision",
    default=True,
    help="Tirer les hypothèses fragiles, peser le choix. / Draw the weak assumptions.",
)
def compare(
    scenario: str, designs: tuple[str, ...], login_policy: str | None, engine: str,
    replications: int | None, seed: int, scale: float, workers: int | None, backend: str,
    scheduler: str | None, out: Path | None, *, trace: bool, decision: bool,
) -> None:  # fmt: skip
    """Rejoue un scénario sous chaque architecture et les compare. / Replays a scenario.

    Replays a scenario under each design and compares them. SCENARIO is a shipped name
    (aout-2021, mai-2025, demo, panne-psc, pare-feu, bascule-ecps, deux-portes) or a TOML file.
    Interrupted, it keeps what is finished: the same command resumes.
    """
    crew = crew_of(workers, backend, scheduler)
    loaded = load_scenario(scenario)
    folder = out or Path("out") / loaded.name
    try:
        with bars(STAGES) as progress:
            result = run_comparison(
                loaded, out=folder, progress=progress, designs=designs,
                login_policy=login_policy, engine=engine,
                replications=replications, seed=seed, scale=scale, workers=crew.count,
                scheduler=crew.scheduler, trace=trace, decision=decision,
            )  # fmt: skip
    except KeyboardInterrupt:
        again = shlex.join(["mss-sandbox", *sys.argv[1:]])
        click.echo(
            f"mss-sandbox: interrompu, ce qui est fini est gardé ; reprendre : {again}"
            f" / interrupted, finished runs are kept; resume with the same command",
            err=True,
        )
        raise click.exceptions.Exit(EXIT_INTERRUPTED) from None
    path = result.report(folder)  # first: what is shown may go to a pipe that closes
    show(result)
    click.echo(f"\n{path}")
