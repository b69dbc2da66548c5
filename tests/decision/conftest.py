"""A small space, ready to be evaluated."""

from __future__ import annotations

import pytest

from sandbox.decision.evaluation import Evaluation, prepare
from sandbox.space.loader import load_scenario
from sandbox.space.scenario import Scenario


@pytest.fixture(scope="session")
def demo() -> Scenario:
    return load_scenario("demo")


@pytest.fixture(scope="session")
def evaluation(demo: Scenario) -> Evaluation:
    return prepare(demo, designs=("single-endpoint", "multi-endpoint", "multi-port"))
