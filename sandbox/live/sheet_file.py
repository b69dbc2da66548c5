"""`space.json`: where everything of a running space is, for other programs; written and read.

It is explained in docs/space-json.md, and there exactly while the space accepts connections. Who
reads it needs nothing of what makes a space.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from sandbox.live.folder import SpaceFolder
from sandbox.space.errors import UserError
from sandbox.space.files import write_private

__all__ = ["FORMAT", "read_sheet", "write_sheet"]

FORMAT = 1
Tree = dict[str, Any]


def write_sheet(folder: SpaceFolder, sheet: Tree) -> None:
    """Write the sheet, whole or not at all, for its owner only: it holds test passwords."""
    write_private(folder.sheet, json.dumps(sheet, ensure_ascii=False, indent=1).encode())


def read_sheet(path: Path) -> Tree:
    """Return the sheet of the space that runs in a folder.

    Raises:
        UserError: none runs there, or one of another version.
    """
    file = path / "space.json"
    try:
        sheet = json.loads(file.read_bytes())
    except (OSError, ValueError):
        raise UserError(
            "aucun espace ne tourne ici ; en démarrer un avec",
            "no space runs there; start one with",
            where=path,
            then=f"mss-sandbox up --dir {path}",
        ) from None
    if not isinstance(sheet, dict) or sheet.get("format") != FORMAT:
        raise UserError(
            "d'une autre version ; redémarrer l'espace",
            "of another version; start the space again",
            where=file,
        )
    return sheet
