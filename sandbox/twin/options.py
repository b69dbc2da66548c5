"""Command-line options of the verbs that take minutes of a scenario to real sockets."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from sandbox.space.errors import UserError
from sandbox.space.options import (
    EXISTING_FILE,
    designs_option,
    folder_option,
    options,
    scale_option,
    seed_option,
)
from sandbox.space.scenario import Scenario
from sandbox.twin.minutes import duration_of, instant_of
from sandbox.twin.replay import OPERATORS, Wanted
from sandbox.twin.schedule import Window

__all__ = ["minutes_options", "space_option", "wanted_of"]

space_option = click.option(
    "--space",
    type=EXISTING_FILE,
    multiple=True,
    help="Fichier d'un opérateur qui n'est pas le nôtre, un par opérateur ; voir check operator."
    " / File of an operator that is not ours, one each; see check operator.",
)


def minutes_options(suffix: str, *, length: str, scale: float) -> Callable[[Any], Any]:
    """Give a command what `wanted_of` reads; `length` and `scale` are its defaults."""
    given = (
        designs_option,
        click.option("--login-policy", metavar="NAME", help="Règle de connexion. / Login policy."),
        click.option(
            "--from",
            "begin",
            default="lundi 08:45",
            help="Première minute, dans la période du scénario. / First minute.",
        ),
        click.option(
            "--for",
            "length",
            default=length,
            help="Combien de temps du scénario : 90s, 10m, 1h. / How long.",
        ),
        scale_option(scale),
        click.option(
            "--operators",
            type=click.IntRange(1),
            default=OPERATORS,
            help="Opérateurs vivants, les plus grands. / Live operators, the largest.",
        ),
        click.option(
            "--processes",
            type=click.IntRange(1, 64),
            default=1,
            help="Processus de clients. / Processes of clients.",
        ),
        click.option(
            "--crews",
            type=click.IntRange(0),
            default=0,
            help="Processus d'opérateurs, comme up --processes."
            " / Processes of operators, as up --processes.",
        ),
        space_option,
        seed_option,
        folder_option(suffix),
    )

    return options(*given)


def wanted_of(
    loaded: Scenario, scenario: str, designs: tuple[str, ...], login_policy: str | None,
    begin: str, length: str, scale: float, operators: int, processes: int, crews: int, seed: int,
    speed: float = 1.0, space: tuple[Path, ...] = (),
) -> Wanted:  # fmt: skip
    """Return what to replay.

    Args:
        loaded: the scenario, read.
        scenario: its name or path, as given.

    Raises:
        UserError: every policy at once, or minutes that the scenario does not have.
    """
    if space and not designs:
        designs = (loaded.compare[0],)
    if login_policy == "all":
        raise UserError("en donner une", "give one", where="--login-policy all")
    live = len(space) or min(operators, loaded.operators.count)
    if crews > (0 if space else live):
        raise UserError.expected(f"--crews {crews}", "0" if space else f"0 … {live}")
    return Wanted(
        scenario=str(Path(scenario).absolute()) if Path(scenario).is_file() else scenario,
        designs=designs, login_policy=login_policy,
        operators=live,
        window=Window(begin=instant_of(begin, loaded), seconds=duration_of(length), speed=speed),
        scale=scale, seed=seed, processes=processes, crews=crews, space=space,
    )  # fmt: skip
