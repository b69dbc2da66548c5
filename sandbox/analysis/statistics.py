"""Intervals over replications: Student's, paired, with Bonferroni; and when to stop replicating."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

__all__ = ["Estimate", "PairedDifference", "estimate", "paired_difference", "precise_enough"]

LEVEL = 0.95
FEWEST = 3
RELATIVE_HALF_WIDTH = 0.05
LOOK_AHEAD = 5


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


def estimate(values: Sequence[float], *, level: float = LEVEL) -> Estimate:
    """Return the mean and Student's interval over replications (one value each)."""
    data = np.asarray([v for v in values if not math.isnan(v)], dtype=float)
    n = len(data)
    if n == 0:
        return Estimate(math.nan, math.nan, 0)
    if n == 1:
        return Estimate(float(data[0]), math.nan, 1)
    t = float(stats.t.ppf((1 + level) / 2, n - 1))
    return Estimate(float(data.mean()), t * float(data.std(ddof=1)) / math.sqrt(n), n)


def paired_difference(
    first: Sequence[float], second: Sequence[float], *, comparisons: int = 1
) -> PairedDifference:
    """Compare two designs over the same replications.

    Args:
        comparisons: how many differences are judged together (Bonferroni).
    """
    a, b = np.asarray(first, dtype=float), np.asarray(second, dtype=float)
    both = ~(np.isnan(a) | np.isnan(b))
    a, b = a[both], b[both]
    difference = estimate((b - a).tolist(), level=1 - (1 - LEVEL) / comparisons)
    significant: bool | None = None
    if not math.isnan(difference.half_width):
        significant = abs(difference.mean) > difference.half_width
    correlation = reduction = math.nan
    if len(a) > 1 and a.std() > 0 and b.std() > 0:
        correlation = float(np.corrcoef(a, b)[0, 1])
        paired = float((b - a).var(ddof=1))
        if paired > 0:
            reduction = float(a.var(ddof=1) + b.var(ddof=1)) / paired
    return PairedDifference(difference, significant, correlation, reduction)


def precise_enough(series: Sequence[Sequence[float]]) -> bool:
    """Tell whether replications suffice for every series (one value per replication each).

    The half-width must be within 5 % of the mean at some number of replications, 3 or more, and
    have stayed so for 5 more (Hoad, Robinson and Davies 2010).
    """
    return all(_stays_precise(values) for values in series)


def _stays_precise(values: Sequence[float]) -> bool:
    n = len(values)
    if n < FEWEST + LOOK_AHEAD:
        return False
    for count in range(n - LOOK_AHEAD, n + 1):
        found = estimate(values[:count])
        if found.half_width > RELATIVE_HALF_WIDTH * abs(found.mean):
            return False
    return True
