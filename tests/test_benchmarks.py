"""The benchmarks stand on the project as it is: what they import is there."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

FOLDER = Path(__file__).parents[1] / "benchmarks"
LOAD = "import runpy, sys\nfor path in sys.argv[1:]: runpy.run_path(path, run_name='loaded')"


def test_every_benchmark_loads() -> None:
    files = sorted(map(str, FOLDER.glob("*.py")))
    done = subprocess.run(
        [sys.executable, "-c", LOAD, *files],
        env={"PYTHONPATH": str(FOLDER), "PATH": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (len(files) > 10, done.returncode, done.stderr) == (True, 0, "")
