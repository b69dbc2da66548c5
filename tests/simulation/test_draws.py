"""A draw belongs to its key and its purpose; laws have the moments that they claim."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.simulation.draws import (
    Law,
    constant,
    exponential,
    hyperexponential,
    lognormal,
    mix,
    normal_quantile,
    sample,
    uniform,
)

N = 40_000


def draw(law: Law, key: int, purpose: int = 9) -> int:
    return sample(int(law.kind), law.a, law.b, law.c, key, purpose)


def seconds(law: Law, n: int = N) -> np.ndarray:
    return np.array([draw(law, mix(7, key)) for key in range(n)]) / 1e9


def test_draws_are_the_same_for_ever() -> None:
    """Pinned: a change here changes every published result."""
    assert (mix(1, 2), mix(-1, 7)) == (-3377881732800750806, -2896474990952258337)
    assert uniform(1, 2) == 0.8168846643449164
    laws = (constant(1.5), exponential(2.0), lognormal(8, 0.8, 2.0), hyperexponential(1.0, 4.0))
    assert [draw(law, 12345) for law in laws] == [1500000000, 116350264, 16282236734, 3062211969]


@pytest.mark.parametrize(
    ("law", "mean", "sd", "kurtosis"),
    [
        (constant(1.5), 1.5, 0.0, 0.0),
        (exponential(2.0), 2.0, 2.0, 9.0),
        (lognormal(5.0, 0.5), 5.0, 2.5, 9.0),
        (lognormal(8.0, 0.8, 2.0), 8.0, 4.8, 28.0),
        (hyperexponential(1.0, 4.0), 1.0, 2.0, 52.0),
    ],
    ids=str,
)
def test_a_law_has_its_mean_and_its_spread(
    law: Law, mean: float, sd: float, kurtosis: float
) -> None:
    """Tolerances: four standard errors of the mean; of the variance, with the law's kurtosis."""
    drawn = seconds(law)
    assert law.mean == mean
    assert abs(drawn.mean() - mean) <= 4 * sd / math.sqrt(N) + 1e-9
    assert abs(drawn.var() - sd**2) <= 4 * sd**2 * math.sqrt(kurtosis / N) + 1e-9


@pytest.mark.parametrize(
    ("law", "name", "parameters"),
    [
        (exponential(2.0), "expon", (0, 2)),
        (lognormal(5.0, 0.5), "lognorm", (math.sqrt(math.log(1.25)), 0, 5 / math.sqrt(1.25))),
    ],
    ids=["exponential", "lognormal"],
)
def test_a_law_has_its_shape(law: Law, name: str, parameters: tuple[float, ...]) -> None:
    """Kolmogorov-Smirnov on a fixed sample."""
    from scipy import stats  # a second of imports, which each process that collects would pay

    assert stats.kstest(seconds(law, 5000), name, parameters).pvalue > 0.01


@given(st.floats(1e-15, 1 - 1e-15))
def test_the_normal_quantile_is_scipys(p: float) -> None:
    from scipy import stats

    assert normal_quantile(p) == pytest.approx(stats.norm.ppf(p), rel=1e-12, abs=1e-14)


@given(st.integers(-(2**63), 2**63 - 1), st.integers(0, 10_000))
def test_a_uniform_is_never_zero_nor_one(key: int, purpose: int) -> None:
    assert 0 < uniform(key, purpose) < 1


def test_uniforms_are_uniform() -> None:
    from scipy import stats

    drawn = [uniform(mix(3, key), 1) for key in range(10_000)]
    assert stats.kstest(drawn, "uniform").pvalue > 0.01


@pytest.mark.parametrize("other", [2, 3, 64 + 1, 128 + 1])
def test_purposes_of_one_key_are_independent(other: int) -> None:
    """Other purposes, and the same purpose at a retry (64 further): |r| < 4 / sqrt(n)."""
    keys = [mix(11, key) for key in range(10_000)]
    pair = np.array([[uniform(key, 1), uniform(key, other)] for key in keys])
    assert abs(np.corrcoef(pair.T)[0, 1]) < 4 / math.sqrt(len(keys))


def test_neighbouring_keys_are_independent() -> None:
    drawn = np.array([uniform(mix(5, key), 1) for key in range(10_000)])
    assert abs(np.corrcoef(drawn[1:], drawn[:-1])[0, 1]) < 4 / math.sqrt(len(drawn))


@given(st.floats(0.001, 0.999), st.floats(0.001, 0.999))
def test_the_normal_quantile_rises(p: float, q: float) -> None:
    low, high = sorted((p, q))
    assert normal_quantile(low) <= normal_quantile(high)


@pytest.mark.parametrize(
    ("build", "words"),
    [
        (lambda: lognormal(1.0, 0.5, shift=1.0), "must exceed shift"),
        (lambda: lognormal(1.0, -0.5), "cv"),
        (lambda: hyperexponential(1.0, 0.5), "at least 1"),
    ],
)
def test_a_law_that_cannot_be_is_refused(build: object, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        build()  # type: ignore[operator]


def test_a_lognormal_without_spread_is_constant() -> None:
    assert lognormal(3.0, 0.0, 1.0) == constant(3.0)
