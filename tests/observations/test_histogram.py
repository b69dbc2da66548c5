"""A histogram tells any duration within one per cent, and histograms add up."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.observations.histogram import BINS, bin_middle
from sandbox.simulation.recorder import bin_index

MIDDLES = bin_middle()
LINEAR = 64 * 1024  # ns: below, bins have one width, and the error is absolute
LARGEST = 2**47 - 1


@given(st.integers(LINEAR, LARGEST))
def test_a_duration_is_told_within_one_per_cent(duration: int) -> None:
    assert MIDDLES[bin_index(duration)] == pytest.approx(duration / 1e9, rel=0.01)


@given(st.integers(0, LINEAR))
def test_a_very_short_duration_is_told_within_a_microsecond(duration: int) -> None:
    assert abs(MIDDLES[bin_index(duration)] - duration / 1e9) <= 1.024e-6 / 2


@given(st.integers(0, LARGEST), st.integers(0, LARGEST))
def test_longer_durations_never_fall_in_lower_bins(a: int, b: int) -> None:
    low, high = sorted((a, b))
    assert bin_index(low) <= bin_index(high)


@pytest.mark.parametrize(("duration", "index"), [(-5, 0), (0, 0), (2**47, BINS - 1),
                                                 (2**62, BINS - 1)])  # fmt: skip
def test_what_is_out_of_range_goes_to_the_end_bins(duration: int, index: int) -> None:
    assert bin_index(duration) == index


def test_every_bin_is_reached_by_its_own_middle() -> None:
    assert [bin_index(round(middle * 1e9)) for middle in MIDDLES] == list(range(BINS))


def counts(durations: list[int]) -> np.ndarray:
    result = np.zeros(BINS, dtype=np.int64)
    for duration in durations:
        result[bin_index(duration)] += 1
    return result


DURATIONS = st.lists(st.integers(LINEAR, LARGEST), min_size=1, max_size=50)


@given(DURATIONS, DURATIONS)
def test_histograms_merge_by_addition(first: list[int], second: list[int]) -> None:
    np.testing.assert_array_equal(counts(first) + counts(second), counts(first + second))


@given(DURATIONS, st.sampled_from([0.5, 0.95, 0.99, 1.0]))
def test_a_quantile_is_the_nearest_rank_within_one_per_cent(durations: list[int], q: float) -> None:
    rank = max(1, math.ceil(q * len(durations)))
    found = MIDDLES[np.searchsorted(np.cumsum(counts(durations)), rank)]
    assert found == pytest.approx(sorted(durations)[rank - 1] / 1e9, rel=0.01)
