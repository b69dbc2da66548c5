"""The benchmarks stand on the project as it is: what they import is there."""

from __future__ import annotations

import runpy
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from sandbox.simulation import fast
from sandbox.simulation.build import build_model
from tests.simulation.small import everyone, slots, small_space

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


@pytest.mark.skipif(shutil.which("cc") is None, reason="no C compiler: apt-get install gcc")
def test_the_kernel_in_c_follows_the_engine_to_the_last_bit() -> None:
    peer = runpy.run_path(str(FOLDER / "kernel_c.py"), run_name="loaded")
    library = peer["build"]("cc")
    starved = everyone(method="ecps", software="mail_client") | slots(4) | {
        "policies.backlog": 1, "resources.small.front_cores": 1, "resources.user_connections": 7,
        "traffic.messages": 400, "processor.tls_full": 2.0,
        "outages": [{"backend": "psc", "start": "2021-09-06T07:00:00", "minutes": 240}],
    }  # fmt: skip
    for changes, design in (({}, "multi-endpoint"), (starved, "single-endpoint")):
        space = small_space(changes)
        model = build_model(space, space.scenario.design(design))
        record = fast.run(model)
        with peer["c_kernel"](library):
            other = fast.run(model)
        assert record.failures.sum() > 0
        assert peer["differing_cells"](record, other) == 0
