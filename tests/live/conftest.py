"""What the tests of a live space share."""

from __future__ import annotations

import pytest

from sandbox.live.plan import SpacePlan
from sandbox.live.planning import plan_space
from sandbox.live.pytest_plugin import mss_space
from sandbox.space.loader import load_scenario

__all__ = ["mss_space"]


@pytest.fixture(scope="session")
def plan() -> SpacePlan:
    """Three operators, every design at once."""
    return plan_space(load_scenario("demo"), ("all",))
