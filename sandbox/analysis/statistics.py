"""Intervals over replications: Student's or Stein's, paired, with Bonferroni; how many it takes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import stdtrit

__all__ = [
    "Estimate", "PairedDifference", "estimate", "finite", "paired_difference",
    "replications_needed",
]  # fmt: skip

LEVEL = 0.95


def finite(value: float) -> float | None:
    """Return a figure as JSON has it: neither nan nor infinity, and no digits that are noise."""
    return None if math.isnan(value) or math.isinf(value) else round(value, 9)


@dataclass(frozen=True, slots=True)
class Estimate:
    """A mean over replications.

    Attributes:
        mean: nan when there is no value.
        half_width: of the interval; nan with fewer than two replications.
    """

    mean: float
    half_width: float
    replications: int

    @property
    def interval(self) -> tuple[float, float] | None:
        """Low and high ends, None when there is no interval."""
        if math.isnan(self.half_width):
            return None
        return self.mean - self.half_width, self.mean + self.half_width


@dataclass(frozen=True, slots=True)
class PairedDifference:
    """Second minus first, replication by replication, with common random numbers.

    Attributes:
        difference: mean and interval, at a level corrected for the number of comparisons.
        significant: the interval leaves out 0; None without interval.
        correlation: between the two over replications, nan when it is not defined.
        variance_reduction: variance of independent runs over that of paired ones.
    """

    difference: Estimate
    significant: bool | None
    correlation: float
    variance_reduction: float


def estimate(
    values: Sequence[float], *, level: float = LEVEL,
    pilot: Sequence[float] = (), share: float = 1.0,
) -> Estimate:  # fmt: skip
    """Return the mean over replications (one value each) and its interval.

    Without a pilot it is Student's. With one it is Stein's (1945): the spread is that of the first
    stage, which alone decided how many replications there are, and the interval holds the truth as
    often as it says however many they were.

    Args:
        pilot: the values of the first stage.
        share: size of the space in the first stage, of that in `values`; variance goes with its
            inverse, as that of any mean over independent people does.
    """
    data = np.asarray([v for v in values if not math.isnan(v)], dtype=float)
    first = np.asarray([v for v in pilot if not math.isnan(v)], dtype=float)
    n = len(data)
    if n == 0:
        return Estimate(math.nan, math.nan, 0)
    spread = first if len(pilot) else data
    if len(spread) < 2:
        return Estimate(float(data.mean()), math.nan, n)
    size = n / share if len(pilot) else n
    half = _quantile(len(spread), level) * float(spread.std(ddof=1)) / math.sqrt(size)
    return Estimate(float(data.mean()), half, n)


def _quantile(n: int, level: float) -> float:
    """Return Student's quantile for an interval from n values."""
    return float(stdtrit(n - 1, (1 + level) / 2))


def replications_needed(
    pilot: Sequence[float], threshold: float, *, share: float = 1.0, comparisons: int = 1
) -> int:
    """Return how many replications bring the half-width under what matters (Stein 1945).

    Args:
        pilot, share: as in `estimate`.
        threshold: the largest half-width wanted, in the unit of the values.
        comparisons: how many differences are judged together (Bonferroni).
    """
    level = 1 - (1 - LEVEL) / comparisons
    one = estimate([0.0], level=level, pilot=pilot, share=share).half_width
    return 1 if math.isnan(one) else max(1, math.ceil((one / threshold) ** 2))


def paired_difference(
    first: Sequence[float], second: Sequence[float], *, comparisons: int = 1,
    pilot: tuple[Sequence[float], Sequence[float]] = ((), ()), share: float = 1.0,
) -> PairedDifference:  # fmt: skip
    """Compare two designs over the same replications.

    Args:
        comparisons: how many differences are judged together (Bonferroni).
        pilot: the values of both in the first stage; see `estimate`.
        share: as in `estimate`.
    """
    a, b = np.asarray(first, dtype=float), np.asarray(second, dtype=float)
    both = ~(np.isnan(a) | np.isnan(b))
    a, b = a[both], b[both]
    c, d = (np.asarray(values, dtype=float) for values in pilot)
    difference = estimate(
        (b - a).tolist(), level=1 - (1 - LEVEL) / comparisons, pilot=(d - c).tolist(), share=share
    )
    significant: bool | None = None
    if not math.isnan(difference.half_width):
        significant = abs(difference.mean) > difference.half_width
    correlation = reduction = math.nan
    if len(c):
        a, b = c[~(np.isnan(c) | np.isnan(d))], d[~(np.isnan(c) | np.isnan(d))]
    if len(a) > 1 and a.std() > 0 and b.std() > 0:
        correlation = float(np.corrcoef(a, b)[0, 1])
        paired = float((b - a).var(ddof=1))
        if paired > 0:
            reduction = float(a.var(ddof=1) + b.var(ddof=1)) / paired
    return PairedDifference(difference, significant, correlation, reduction)
