"""Command-line options of every verb that tries software on a live space."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

__all__ = ["space_option"]

Decorator = Callable[[Any], Any]

space_option: Decorator = click.option(
    "--space",
    "space",
    type=click.Path(exists=True, path_type=Path),
    help="Dossier d'un espace ou son space.json ; sans elle, un espace est démarré."
    " / Folder of a space, or its space.json; without it a space is started.",
)
