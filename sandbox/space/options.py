"""Command-line options that many verbs share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import click

from sandbox.space.errors import UserError

__all__ = [
    "EXISTING",
    "EXISTING_FILE",
    "FILE",
    "FOLDER",
    "PLACE",
    "Decorator",
    "among",
    "count_option",
    "designs_option",
    "folder_option",
    "json_option",
    "options",
    "port_option",
    "scale_option",
    "seed_option",
    "space_folder_option",
    "space_option",
]

Decorator = Callable[[Any], Any]

# What a path of the command line is.
EXISTING_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
EXISTING = click.Path(exists=True, path_type=Path)
FILE = click.Path(dir_okay=False, path_type=Path)
FOLDER = click.Path(file_okay=False, path_type=Path)
PLACE = click.Path(path_type=Path)


def options(*given: Decorator) -> Decorator:
    """Return what gives a command several options, in this order in its help."""

    def give(command: Any) -> Any:
        for option in reversed(given):
            command = option(command)
        return command

    return give


designs_option: Decorator = click.option(
    "--design",
    "designs",
    multiple=True,
    help="Architecture, répétable. / Design, repeatable.",
)
json_option: Decorator = click.option(
    "--json", "as_json", is_flag=True, help="Sortie JSON. / JSON output."
)
seed_option: Decorator = click.option(
    "--seed",
    type=click.IntRange(0),
    default=1,
    help="Graine de tous les tirages. / Seed of all draws.",
)


def scale_option(default: float) -> Decorator:
    """Return the option of the share of mailboxes and messages that is executed."""
    return click.option(
        "--scale",
        type=click.FloatRange(0, 100, min_open=True),
        default=default,
        help="Part des BAL et des messages. / Share of mailboxes and messages.",
    )


def folder_option(suffix: str = "") -> Decorator:
    """Return the option of the folder that is written, by default that of the scenario's name."""
    return click.option(
        "--out",
        type=FOLDER,
        help=f"Dossier de sortie ; défaut : out/SCÉNARIO{suffix}. / Output folder.",
    )


def count_option(name: str, text: str) -> Decorator:
    """Return the option of a number of things, or `auto`, which is None.

    The command raises UserError where it is neither.
    """
    return click.option(name, default="auto", callback=_count, help=text)


def _count(_context: click.Context, parameter: click.Parameter, value: str) -> int | None:
    if value == "auto":
        return None
    try:
        return int(value)
    except ValueError:
        raise UserError(
            "attendu un nombre entier, ou auto",
            "must be a whole number or auto",
            where=f"{parameter.opts[0]} {value}",
        ) from None


def among(asked: Sequence[str], known: Sequence[str], option: str) -> list[str]:
    """Return what was asked for, or all that is known.

    Raises:
        UserError: one is not known.
    """
    for each in asked:
        if each not in known:
            raise UserError.among("n'est pas ici", "is not here", f"{option} {each}", known)
    return list(dict.fromkeys(asked)) or list(known)


space_folder_option: Decorator = click.option(
    "--dir",
    "folder",
    type=FOLDER,
    default=Path("out/space"),
    help="Dossier de l'espace. / Folder of the space.",
)


space_option: Decorator = click.option(
    "--space",
    "space",
    type=EXISTING,
    help="Dossier d'un espace ou son space.json ; sans elle, un espace est démarré."
    " / Folder of a space, or its space.json; without it a space is started.",
)


def port_option(name: str, default: int, text: str) -> Callable[[Any], Any]:
    """Return the option of a port to listen on; `text` is a protocol, or French / English help."""
    if " / " not in text:
        text = f"Port {text} ; 0 : libre. / {text} port; 0: a free one."
    return click.option(name, type=click.IntRange(0, 65535), default=default, help=text)
