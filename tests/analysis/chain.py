"""What a run of a birth-death chain can know of its means: how much a time average varies."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def average_variance(births: Floats, deaths: Floats, values: Floats) -> float:
    """Return lim t·Var(time average over t of `values[state]`) of a birth-death chain.

    Whitt (1992): 2 Σ_j (Σ_{i<=j} p_i (f_i - f))² / (birth_j p_j). The half-width of a 95 %
    interval after t is 1.96 sqrt(this / t): the precision that a run length can give.
    """
    law = np.concatenate(([1.0], np.cumprod(births / deaths)))
    law /= law.sum()
    excess = np.cumsum(law * (values - law @ values))[:-1]
    flow = births * law[:-1]
    known = flow > 1e-20  # beyond, excess² / flow is negligible, and round-off is not
    return float(2.0 * (excess[known] ** 2 / flow[known]).sum())
