"""What every test file shares."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import matplotlib as mpl
import pytest
from hypothesis import settings

ROOT = Path(__file__).parents[1]

mpl.use("Agg")
# The first call of a compiled function compiles it: no time limit on single examples.
# Examples are the same at each run, so that a run can be repeated; --hypothesis-seed draws others.
settings.register_profile("sandbox", deadline=None, derandomize=True)
settings.load_profile("sandbox")

# Files that take a minute or so begin first, so that no process is left alone with one at the end;
# at their head are some that need no kernel, which is being compiled then.
LONG = (
    "tests/live/test_kill.py",
    "tests/live/test_processes.py",
    "tests/conformance/test_postfix_dovecot.py",
    "tests/psc/test_keycloak_differential.py",
    "tests/test_notebooks.py",
    "tests/test_cli.py",
    "tests/live/test_strangers.py",
    "tests/live/clients/test_thunderbird.py",
    "tests/twin/test_replay.py",
    "tests/twin/test_ends.py",
    "tests/twin/test_foreign.py",
    "tests/test_quality.py",
    "tests/analysis/test_comparison.py",
    "tests/live/test_job.py",
    "tests/conformance/test_ours.py",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the tests of long files first; the others keep their order."""
    items.sort(key=lambda item: item.nodeid.partition("::")[0] not in LONG)


def pytest_configure(config: pytest.Config) -> None:
    """Compile the engine's kernel once, beside the first tests, instead of in each process."""
    if config.getoption("numprocesses", None) and not hasattr(config, "workerinput"):
        compiling = subprocess.Popen([sys.executable, "-m", "tests.compiled"], cwd=ROOT)
        config.add_cleanup(lambda: compiling.wait() and None)


def pytest_xdist_auto_num_workers() -> int:
    """Return two processes a core: tests of servers wait half of the time."""
    return 2 * (os.cpu_count() or 1)
