"""Estimates over independent replications, with intervals that their own spread decides.

An estimate is a ratio of two totals (waits / customers, refused / arrivals, area / time), taken
over all replications together; its error comes from the spread of the replications around that
ratio (the classical ratio estimator; Law, *Simulation Modeling and Analysis*, ch. 9) with a t
quantile. Where fewer than a hundred events were seen the replications say little of the spread:
the interval then also covers the exact interval of a Poisson count (Garwood 1936).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

__all__ = ["RatioEstimate"]

FEW = 100


@dataclass(frozen=True, slots=True)
class RatioEstimate:
    """A ratio of totals.

    Attributes:
        above, below: its two parts in each replication, shape (replications,).
        events: how many customers make up the numerator or, if they are fewer, do not.
        weight: what one event adds to the numerator, on average; used when few were seen.
        most: the largest possible value.
    """

    above: NDArray[np.float64]
    below: NDArray[np.float64]
    events: float
    weight: float = 1.0
    most: float = math.inf

    @property
    def value(self) -> float:
        """The ratio over all replications."""
        return float(self.above.sum() / self.below.sum())

    @property
    def standard_error(self) -> float:
        """Standard error of the ratio, by linearisation."""
        n = len(self.above)
        rest = self.above - self.value * self.below
        return float(math.sqrt((rest @ rest) / (n - 1) / n) / self.below.mean())

    def interval(self, alpha: float) -> tuple[float, float]:
        """Return the interval that misses the truth with probability `alpha`."""
        half = float(stats.t.ppf(1 - alpha / 2, len(self.above) - 1)) * self.standard_error
        low, high = self.value - half, self.value + half
        if self.events < FEW:
            unit = self.weight / float(self.below.sum())
            most = float(stats.chi2.ppf(1 - alpha / 2, 2 * self.events + 2)) / 2
            low = min(low, self.value - (most - self.events) * unit)
            high = max(high, self.value + (most - self.events) * unit)
        return max(0.0, low), min(high, self.most)
