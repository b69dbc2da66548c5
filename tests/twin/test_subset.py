"""What of a scenario a live space can hold."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from sandbox.live.planning import plan_space
from sandbox.space.loader import load_scenario
from sandbox.twin.subset import largest_operators
from tests.twin.small import write_scenario


def test_the_operators_are_those_that_a_live_space_has(tmp_path: Path) -> None:
    full = load_scenario(write_scenario(tmp_path))
    live = plan_space(full, ("single-endpoint",), operators=2)
    small = largest_operators(full, 2)
    assert small.operators.names == tuple(each.label for each in live.operators)
    weights = small.operators.mailboxes["liberal"]  # type: ignore[call-overload,index]
    np.testing.assert_allclose(np.array(weights) / sum(weights), [0.6, 0.4])
