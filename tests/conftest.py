"""What every test file shares."""

from __future__ import annotations

import os

import matplotlib as mpl
import pytest
from hypothesis import settings

mpl.use("Agg")
# The first call of a compiled function compiles it: no time limit on single examples.
# Examples are the same at each run, so that a run can be repeated; --hypothesis-seed draws others.
settings.register_profile("sandbox", deadline=None, derandomize=True)
settings.load_profile("sandbox")

# Files that take a minute or so begin first, so that no process is left alone with one at the end.
LONG = (
    "tests/live/test_kill.py",
    "tests/test_notebooks.py",
    "tests/live/test_processes.py",
    "tests/test_cli.py",
    "tests/conformance/test_postfix_dovecot.py",
    "tests/psc/test_keycloak_differential.py",
    "tests/live/test_strangers.py",
    "tests/live/clients/test_thunderbird.py",
    "tests/twin/test_replay.py",
    "tests/test_quality.py",
    "tests/analysis/test_comparison.py",
    "tests/live/test_job.py",
    "tests/conformance/test_ours.py",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the tests of long files first; the others keep their order."""
    items.sort(key=lambda item: item.nodeid.partition("::")[0] not in LONG)


def pytest_xdist_auto_num_workers() -> int:
    """Return one process more than cores: tests of a live space wait for it part of the time."""
    return (os.cpu_count() or 1) + 1
