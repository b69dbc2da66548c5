"""Compiled code follows its sources."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import sandbox

SCRIPT = """
from sandbox.simulation.kernel import run_until
from sandbox.simulation.recorder import bin_index
from sandbox.simulation.jit import jit
print(bin_index(1 << 20))
"""


def run(folder: Path) -> int:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], cwd=folder, capture_output=True, text=True, check=True
    )
    return int(done.stdout)


def test_a_change_in_one_module_forgets_the_machine_code_of_the_others(tmp_path: Path) -> None:
    copy = tmp_path / "sandbox"
    shutil.copytree(
        Path(sandbox.__file__).parent, copy, ignore=shutil.ignore_patterns("__pycache__")
    )
    before = run(tmp_path)
    cache = copy / "simulation" / "__pycache__"
    assert list(cache.glob("recorder.bin_index*.nbi"))
    kept = (cache / "numba-sources").read_text()
    histogram = copy / "observations" / "histogram.py"
    text = histogram.read_text(encoding="utf-8")
    histogram.write_text(text.replace("UNIT_BITS = 10", "UNIT_BITS = 11"), encoding="utf-8")
    assert run(tmp_path) == before - 64  # an octave lower: not the cached answer
    assert (cache / "numba-sources").read_text() != kept
