"""Mail software that others wrote: run with time bounds, or the test is skipped by its name."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from sandbox.conformance.software import names

PATIENCE = 60.0


@dataclass(frozen=True)
class Outcome:
    """What a program said; its two outputs are told together as `said`."""

    code: int
    out: str
    said: str


def needed(*programs: str) -> None:
    """Skip the test where a program is absent."""
    for program in programs:
        if shutil.which(program) is None:
            pytest.skip(f"{program} is not installed (.ci/peers-operators)")


def names_of(hosts: str | Path) -> dict[str, str]:
    """Return the environment in which names resolve as a hosts file says, or skip the test."""
    if not names.resolves():
        pytest.skip(f"{names.LIBRARY} is not installed (.ci/peers-operators)")
    return names.names_of(hosts)


def run(
    words: Sequence[str],
    *,
    text: str = "",
    env: Mapping[str, str] | None = None,
    folder: Path | None = None,
) -> Outcome:
    """Run a program to its end.

    Raises:
        subprocess.TimeoutExpired: it hangs.
    """
    needed(words[0])
    done = subprocess.run(
        words, input=text, capture_output=True, text=True, check=False, timeout=PATIENCE,
        cwd=folder, env={**os.environ, "LC_ALL": "C.UTF-8", **(env or {})}, errors="replace",
    )  # fmt: skip
    return Outcome(done.returncode, done.stdout, done.stdout + done.stderr)
