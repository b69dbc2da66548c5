"""The benchmarks stand on the project as it is: what they import is there."""

from __future__ import annotations

import runpy
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
FOLDER, README = ROOT / "benchmarks", ROOT / "README.md"
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


def test_the_stopwatch_finds_the_quick_start_of_the_readme() -> None:
    found = runpy.run_path(str(FOLDER / "bench_first_mail.py"), run_name="loaded")["quick_start"]
    verbs = [words.split()[:2] for words in found(README.read_text(encoding="utf-8"))]
    command = ".venv/bin/mss-sandbox"
    wanted = [["make", "up"], *([command, verb] for verb in ("send", "inbox", "code", "journal"))]
    assert verbs == wanted
