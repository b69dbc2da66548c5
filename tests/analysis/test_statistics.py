"""Intervals over replications are Student's, paired and corrected; replications stop in time."""

from __future__ import annotations

import math

import numpy as np
import pytest

from sandbox.analysis.statistics import estimate, paired_difference, replications_needed

NAN = math.nan


@pytest.mark.parametrize(("n", "t"), [(3, 4.30), (5, 2.78), (10, 2.26), (20, 2.09), (30, 2.05)])
def test_the_interval_is_students(n: int, t: float) -> None:
    """simulation.md §2.3 rule 6: t at 97.5 % for n replications."""
    values = np.arange(n, dtype=float)
    found = estimate(values.tolist())
    assert found.half_width == pytest.approx(t * values.std(ddof=1) / math.sqrt(n), rel=0.003)
    assert found.interval == (found.mean - found.half_width, found.mean + found.half_width)


def test_the_interval_covers_as_often_as_it_says() -> None:
    """2 000 samples of 5: 95 % within four standard errors."""
    rng = np.random.default_rng(1)
    covered = 0
    for sample in rng.normal(10, 2, size=(2000, 5)):
        low, high = estimate(sample.tolist()).interval or (0, 0)
        covered += low <= 10 <= high
    assert abs(covered / 2000 - 0.95) < 4 * math.sqrt(0.95 * 0.05 / 2000)


@pytest.mark.parametrize(
    ("values", "mean", "n"), [([], NAN, 0), ([3.0], 3.0, 1), ([NAN, 3.0], 3.0, 1)]
)
def test_one_value_has_no_interval(values: list[float], mean: float, n: int) -> None:
    found = estimate(values)
    assert found.replications == n
    assert found.interval is None
    assert found.mean == pytest.approx(mean, nan_ok=True)


FIRST = [10.0, 20.0, 30.0, 40.0]
SECOND = [11.0, 21.5, 30.5, 41.0]  # one more, half up and half down


def test_a_paired_difference_sees_what_independent_means_would_not() -> None:
    found = paired_difference(FIRST, SECOND)
    assert found.difference.mean == pytest.approx(1.0)
    assert found.significant is True
    assert found.correlation > 0.99
    independent = np.var(FIRST, ddof=1) + np.var(SECOND, ddof=1)
    paired = np.var(np.subtract(SECOND, FIRST), ddof=1)
    assert found.variance_reduction == pytest.approx(independent / paired)


def test_bonferroni_widens_the_interval_of_each_of_six() -> None:
    """Level 1 - 0.05 / 6 for each of the six pairs of four designs: t at 99.58 %, 3 df, is 5.98."""
    alone = paired_difference(FIRST, SECOND).difference
    six = paired_difference(FIRST, SECOND, comparisons=6).difference
    assert six.half_width / alone.half_width == pytest.approx(6.20 / 3.18, rel=0.05)
    assert six.mean == alone.mean


def test_three_designs_give_three_intervals_at_98_3_percent() -> None:
    """simulation.md §2.3 rule 11."""
    one = paired_difference(FIRST, SECOND, comparisons=3).difference
    two = estimate(np.subtract(SECOND, FIRST).tolist(), level=1 - 0.05 / 3)
    assert one == two


@pytest.mark.parametrize(
    ("first", "second", "significant"),
    [
        ([1.0], [2.0], None),  # one replication decides nothing
        ([1.0, 1.0], [1.0, 1.0], False),  # the same everywhere
        ([1.0, 2.0], [3.0, 4.0], True),  # always two more
        ([1.0, 2.0, 3.0], [1.1, 1.9, 3.0], False),
        ([NAN, 1.0], [2.0, 3.0], None),  # a replication without value is left out of both
    ],
)
def test_a_difference_is_significant_when_its_interval_leaves_out_zero(
    first: list[float], second: list[float], significant: bool | None
) -> None:
    assert paired_difference(first, second).significant is significant


SHARE, PILOT, SPREAD = 0.25, 8, 2.0


def stein(rng: np.random.Generator, threshold: float) -> tuple[float, float]:
    """Return mean and half-width of what two stages find around 10."""
    pilot = rng.normal(10, SPREAD / math.sqrt(SHARE), size=PILOT).tolist()
    needed = replications_needed(pilot, threshold, share=SHARE)
    values = rng.normal(10, SPREAD, size=needed).tolist()
    found = estimate(values, pilot=pilot, share=SHARE)
    assert found.replications == needed
    return found.mean, found.half_width


@pytest.mark.parametrize("threshold", [0.5, 2.0, 20.0])
def test_two_stages_cover_as_often_as_they_say_within_the_threshold(threshold: float) -> None:
    """Stein (1945): as many replications as the first stage asks for, from one to hundreds."""
    rng = np.random.default_rng(1)
    found = [stein(rng, threshold) for _ in range(2000)]
    assert max(half for _, half in found) <= threshold
    covered = sum(abs(mean - 10) <= half for mean, half in found) / 2000
    assert abs(covered - 0.95) < 4 * math.sqrt(0.95 * 0.05 / 2000)


def test_a_stage_that_never_varies_asks_for_one() -> None:
    assert replications_needed([3.0] * PILOT, 0.1) == 1


def test_a_stage_without_values_asks_for_one_and_gives_no_interval() -> None:
    assert replications_needed([NAN] * PILOT, 0.1) == 1
    assert estimate([3.0], pilot=[NAN] * PILOT).interval is None


def test_more_comparisons_ask_for_more() -> None:
    pilot = [1.0, 2.0, 3.0, 4.0]
    assert replications_needed(pilot, 0.5, comparisons=6) > replications_needed(pilot, 0.5)


def test_a_paired_difference_takes_its_spread_from_the_first_stage() -> None:
    found = paired_difference([10.0], [11.0], pilot=(FIRST, SECOND), share=SHARE)
    whole = paired_difference(FIRST, SECOND)
    assert found.difference.mean == 1.0
    assert found.difference.half_width == pytest.approx(
        whole.difference.half_width * math.sqrt(len(FIRST) * SHARE)
    )
    assert found.correlation == whole.correlation
