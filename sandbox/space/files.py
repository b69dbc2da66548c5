"""Files that are written whole or not at all."""

from __future__ import annotations

import contextlib
import os
import tempfile
from pathlib import Path

__all__ = ["write_private", "write_whole"]


def write_private(path: Path, data: bytes, *, keep: bool = False) -> None:
    """Write a file that only its owner reads (0600), whole or not at all.

    Args:
        path: The file; its folder is made when absent (0700).
        data: Its content.
        keep: Leave a file that is already there as it is, so that of two processes which make
            the same thing the first wins for both.
    """
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    # mkstemp creates with 0600 whatever the umask says.
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        if keep:
            with contextlib.suppress(FileExistsError):
                path.hardlink_to(name)
        else:
            Path(name).replace(path)
    finally:
        Path(name).unlink(missing_ok=True)


def write_whole(path: Path, text: str) -> Path:
    """Write a text in UTF-8, whole or not at all; return the path. Its folder is there."""
    partial = path.with_name(path.name + ".partial")
    partial.write_text(text, encoding="utf-8")
    return partial.replace(path)
