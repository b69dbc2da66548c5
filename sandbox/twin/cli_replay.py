"""`mss-sandbox replay`: the scenario's own minutes on real sockets."""

from __future__ import annotations

from pathlib import Path

import click

from sandbox.serve import stopped_by_sigterm
from sandbox.space.errors import EXIT_INTERRUPTED
from sandbox.space.loader import load_scenario
from sandbox.twin.display import showing
from sandbox.twin.options import minutes_options, wanted_of
from sandbox.twin.replay import Replay
from sandbox.twin.replay import replay as run_replay

__all__ = ["replay"]


def _told(found: Replay) -> None:
    for name, each in found.found.items():
        row = each.summary
        mail = (
            "messages non vérifiés / mail not checked"
            if row["lost"] is None
            else f"{row['accepted']} messages, {row['lost']} perdus / lost,"
            f" {row['duplicated']} doublés / doubled"
        )
        click.echo(
            f"{name}: {row['started']}/{row['intended']} sessions,"
            f" retard / lateness p99 {1000 * row['lateness_p99_seconds']:.1f} ms, {mail}"
        )
        for line in each.troubles:
            click.echo(f"{name}: {line}", err=True)


@click.command()
@click.argument("scenario", default="demo")
@minutes_options("-replay", length="10m", scale=0.1)
@click.option(
    "--speed",
    type=click.FloatRange(0.1, 1000),
    default=1.0,
    help="Les sessions commencent X fois plus vite. / Sessions start X times faster.",
)
def replay(
    scenario: str, designs: tuple[str, ...], login_policy: str | None, begin: str, length: str,
    speed: float, scale: float, operators: int, processes: int, crews: int,
    space: tuple[Path, ...], seed: int, out: Path | None,
) -> None:  # fmt: skip
    """Rejoue des minutes d'un scénario sur de vraies sockets. / Replays minutes on sockets.

    Real clients start the sessions of the simulation at their instants, on a live space, under each
    design; latency counts from the instant when a session had to start. Writes what compare writes.
    Ctrl-C keeps what there is; so does a client or server that ends by itself (exit code 3).
    """
    loaded = load_scenario(scenario)
    wanted = wanted_of(
        loaded, scenario, designs, login_policy, begin, length, scale, operators, processes, crews,
        seed, speed, space,
    )  # fmt: skip
    folder = out or Path("out") / f"{loaded.name}-replay"
    folder.mkdir(parents=True, exist_ok=True)
    with stopped_by_sigterm(), showing() as show:
        found = run_replay(wanted, out=folder, show=show)
    _told(found)
    if found.found:
        click.echo(f"\n{found.write(folder)}")
    if not found.whole:
        click.echo(
            f"mss-sandbox: incomplet, observations et résumé sont dans {folder}, sans rapport"
            " / incomplete: observations and summary are kept there, without report",
            err=True,
        )
        raise click.exceptions.Exit(EXIT_INTERRUPTED)
