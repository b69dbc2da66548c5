"""Some minutes of a model alone, as they are replayed on sockets."""

from __future__ import annotations

import numpy as np
import pytest

from sandbox.simulation import fast
from sandbox.simulation.build import build_model
from sandbox.simulation.model import Model
from sandbox.simulation.window import windowed
from sandbox.space.designs import BUILT_IN
from tests.simulation.engines import assert_engines_agree, run_traced
from tests.simulation.small import HOUR, SECOND, small_space

DAY = 24 * 3600


@pytest.fixture(scope="module")
def model() -> Model:
    return build_model(small_space(), BUILT_IN["multi-endpoint"])


def test_a_window_over_the_whole_period_is_the_period(model: Model) -> None:
    _, streamed = run_traced(fast, model)
    _, listed = run_traced(fast, windowed(model, 0, DAY))
    np.testing.assert_array_equal(listed, streamed)


def test_both_engines_run_a_window_alike(model: Model) -> None:
    _, rows = assert_engines_agree(windowed(model, 8 * 3600, 3600, speed=7.0))
    assert len(rows) > 20


def test_a_window_holds_the_sessions_that_the_period_starts_in_it(model: Model) -> None:
    whole, part = model, windowed(model, 9 * 3600, 1800)
    _, streamed = run_traced(fast, whole)
    begin, end = 9 * HOUR, 9 * HOUR + 1800 * SECOND
    spawned = streamed[:, 1] == 3
    inside = ~spawned & (streamed[:, 3] >= begin) & (streamed[:, 3] < end)
    expected = {(access, key, start - begin) for access, _, key, start in streamed[inside, :4]}
    listed = {(row[0], row[2], row[5]) for row in part.inputs.listed}
    assert listed == expected
    assert listed


def test_speed_brings_starts_together_and_nothing_else(model: Model) -> None:
    slow, quick = windowed(model, 9 * 3600, 1800), windowed(model, 9 * 3600, 1800, speed=10.0)
    np.testing.assert_array_equal(slow.inputs.listed[:, :3], quick.inputs.listed[:, :3])
    np.testing.assert_array_equal(slow.inputs.listed[:, 5] // 10, quick.inputs.listed[:, 5])
    np.testing.assert_array_equal(slow.code.table, quick.code.table)


def test_kept_connections_end_with_the_window(model: Model) -> None:
    part = windowed(model, 8 * 3600, 3600)
    assert (part.inputs.listed[:, 3] <= part.inputs.horizon[0]).all()
