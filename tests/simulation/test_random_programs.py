"""The two engines give the same observation for every session of every well-formed program."""

from __future__ import annotations

from hypothesis import HealthCheck, given, settings

from sandbox.simulation.model import Model
from tests.simulation.engines import assert_engines_agree
from tests.simulation.random_programs import models


@given(models())
@settings(max_examples=80, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
def test_engines_agree_on_random_programs(model: Model) -> None:
    assert_engines_agree(model)
