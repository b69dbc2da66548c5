"""What every test file shares."""

from __future__ import annotations

import os

import matplotlib as mpl
from hypothesis import settings

mpl.use("Agg")
# The first call of a compiled function compiles it: no time limit on single examples.
# Examples are the same at each run, so that a run can be repeated; --hypothesis-seed draws others.
settings.register_profile("sandbox", deadline=None, derandomize=True)
settings.load_profile("sandbox")


def pytest_xdist_auto_num_workers() -> int:
    """Return one process more than cores: tests of a live space wait for it part of the time."""
    return (os.cpu_count() or 1) + 1
