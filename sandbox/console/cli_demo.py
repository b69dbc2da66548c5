"""`mss-sandbox demo`: the deck's question in ten steps, on a screen."""

from __future__ import annotations

import tempfile
import webbrowser
from functools import partial
from pathlib import Path

import click

from sandbox.console.console import SpaceConsole
from sandbox.console.demo import PACE
from sandbox.console.stopping import stopped_by_signals
from sandbox.live.launch import LiveOptions
from sandbox.live.space import LiveSpace
from sandbox.trust.keys import KeyKind

__all__ = ["demo"]

_DESIGNS = ("single-endpoint", "multi-endpoint", "multi-port")


@click.command()
@click.option("--auto", is_flag=True, help="Jouer seule, en trois minutes. / By itself, 3 minutes.")
@click.option(
    "--pace",
    type=click.FloatRange(0.0, 600.0),
    default=PACE,
    metavar="S",
    help="Secondes par étape, avec --auto. / Seconds a step, with --auto.",
)
@click.option(
    "--open/--no-open", "browse", default=True, help="Ouvrir le navigateur. / Open the browser."
)
def demo(*, auto: bool, pace: float, browse: bool) -> None:
    """Montrer la question en dix étapes. / Show the question in ten steps.

    L'espace est neuf et disparaît à la fin. / The space is new, and gone at the end.
    """
    tell = partial(click.echo, err=True)
    with (
        stopped_by_signals() as wait,
        tempfile.TemporaryDirectory(prefix="mssante-demo-") as folder,
    ):
        options = LiveOptions(
            designs=_DESIGNS, operators=2, folder=Path(folder), keys=KeyKind.P256.value
        )
        with LiveSpace(options, tell, console=SpaceConsole) as space:
            shown = space.console
            assert isinstance(shown, SpaceConsole)
            player = shown.player
            player.go(0)
            if not auto:
                wait.listen()
            click.echo(f"Console {space.sheet['console']}")
            if browse and not webbrowser.open(space.sheet["console"]):
                tell("aucun navigateur à ouvrir / no browser to open")
            if auto:
                player.play(pace)
                player.wait()
                return
            click.echo("Ctrl-C pour arrêter / to stop")
            wait.told()
