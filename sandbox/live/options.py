"""Command-line options of every verb that speaks with a live space."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

__all__ = ["folder_option"]

Decorator = Callable[[Any], Any]

folder_option: Decorator = click.option(
    "--dir",
    "folder",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("out/space"),
    help="Dossier de l'espace. / Folder of the space.",
)
