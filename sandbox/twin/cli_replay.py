"""`mss-sandbox replay`: the scenario's own minutes on real sockets."""

from __future__ import annotations

from pathlib import Path

import click

from sandbox.space.errors import EXIT_INTERRUPTED, UserError
from sandbox.space.loader import load_scenario
from sandbox.twin.display import showing
from sandbox.twin.minutes import duration_of, instant_of
from sandbox.twin.replay import OPERATORS, Replay, Wanted
from sandbox.twin.replay import replay as run_replay
from sandbox.twin.schedule import Window

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
        if row["generator_was_the_limit"]:
            click.echo(
                f"{name}: les clients étaient la limite, ces latences sont aussi les leurs"
                " (--processes, --speed) / clients were the limit: latencies are theirs too"
            )


@click.command()
@click.argument("scenario", default="demo")
@click.option(
    "--design",
    "designs",
    multiple=True,
    help="Architecture à rejouer, répétable. / Design to replay, repeatable.",
)
@click.option("--login-policy", metavar="NAME", help="Règle de connexion. / Login policy.")
@click.option(
    "--from",
    "begin",
    default="lundi 08:45",
    show_default=True,
    help="Première minute, dans la période du scénario. / First minute.",
)
@click.option(
    "--for",
    "length",
    default="10m",
    show_default=True,
    help="Combien de temps du scénario : 90s, 10m, 1h. / How long.",
)
@click.option(
    "--speed",
    type=click.FloatRange(0.1, 1000),
    default=1.0,
    show_default=True,
    help="Les sessions commencent X fois plus vite. / Sessions start X times faster.",
)
@click.option(
    "--scale",
    type=click.FloatRange(0, 100, min_open=True),
    default=0.1,
    show_default=True,
    help="Part des BAL et des messages. / Share of mailboxes and messages.",
)
@click.option(
    "--operators",
    type=click.IntRange(1),
    default=OPERATORS,
    show_default=True,
    help="Opérateurs vivants, les plus grands. / Live operators, the largest.",
)
@click.option(
    "--processes",
    type=click.IntRange(1, 64),
    default=1,
    show_default=True,
    help="Processus de clients. / Processes of clients.",
)
@click.option(
    "--seed",
    type=click.IntRange(0),
    default=1,
    show_default=True,
    help="Graine de tous les tirages. / Seed of all draws.",
)
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    help="Dossier de sortie ; défaut : out/SCÉNARIO-replay. / Output folder.",
)
def replay(
    scenario: str, designs: tuple[str, ...], login_policy: str | None, begin: str, length: str,
    speed: float, scale: float, operators: int, processes: int, seed: int, out: Path | None,
) -> None:  # fmt: skip
    """Rejoue des minutes d'un scénario sur de vraies sockets. / Replays minutes on sockets.

    Real clients start the sessions of the simulation at their instants, on a live space, under each
    design; latency counts from the instant when a session had to start. Writes what compare writes.
    Ctrl-C keeps what there is (exit code 3).
    """
    loaded = load_scenario(scenario)
    window = Window(begin=instant_of(begin, loaded), seconds=duration_of(length), speed=speed)
    if login_policy == "all":
        raise UserError("en donner une", "give one", where="--login-policy all")
    folder = out or Path("out") / f"{loaded.name}-replay"
    wanted = Wanted(
        scenario=str(Path(scenario).absolute()) if Path(scenario).is_file() else scenario,
        designs=designs, login_policy=login_policy,
        operators=min(operators, loaded.operators.count), window=window,
        scale=scale, seed=seed, processes=processes,
    )  # fmt: skip
    folder.mkdir(parents=True, exist_ok=True)
    with showing() as show:
        found = run_replay(wanted, out=folder, show=show)
    _told(found)
    if found.found:
        click.echo(f"\n{found.write(folder)}")
    if found.interrupted:
        click.echo(
            f"mss-sandbox: interrompu, ce qui est fait est dans {folder}"
            " / interrupted, what is done is kept there",
            err=True,
        )
        raise click.exceptions.Exit(EXIT_INTERRUPTED)
