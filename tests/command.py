"""The command line within this process: what a user types, and what comes of it.

A process of its own costs a second of imports each time; the tests of signals, floods and start-up
have one.
"""

from __future__ import annotations

import contextlib
import io
import sys
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

from sandbox.cli import main

__all__ = ["PROGRAM", "Finished", "mss"]

PROGRAM = [sys.executable, "-c", "from sandbox.cli import main; main()"]


@dataclass(frozen=True, slots=True)
class Finished:
    """A command that ended: its exit code and what it printed."""

    returncode: int
    stdout: str
    stderr: str


def mss(*arguments: str, cwd: Path | None = None) -> Finished:
    """Run `mss-sandbox ARGUMENTS` to its end, in folder `cwd`."""
    out, err = (io.TextIOWrapper(io.BytesIO(), "utf-8", write_through=True) for _ in range(2))
    with (
        mock.patch.object(sys, "argv", ["mss-sandbox", *arguments]),
        contextlib.chdir(cwd or Path.cwd()),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
    ):
        try:
            main()
        except SystemExit as end:
            code = end.code
    assert isinstance(code, int)
    said = []
    for each in (out, err):
        each.seek(0)
        said.append(each.buffer.read().decode("utf-8", "replace"))
    return Finished(code, *said)
