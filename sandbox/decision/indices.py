"""What drives a difference: Morris screens, Sobol' indices of what is left, by SALib.

Some three hundred factors are too many for Sobol' indices with narrow intervals. Morris' elementary
effects rank them; the first ones keep an index each, all the others have one together, so that the
indices still say what share of the variance is accounted for.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sandbox.decision.factors import Factor

__all__ = ["OTHERS", "Index", "screen", "sobol"]

Floats = NDArray[np.float64]
Output = Callable[[Floats], Floats]  # points of the unit cube (n, columns) -> one number each
OTHERS = "*"  # all that screening left
TRAJECTORIES = 12
KEPT = 12
LEVELS = 4
WIDEST = 0.1  # half-width of an index's interval; a wider one is not told


@dataclass(frozen=True, slots=True)
class Index:
    """Sobol' indices of one factor.

    Attributes:
        first, total: shares of the variance; half-widths of their 95 % intervals (bootstrap).
        known: whether the intervals are narrow enough for a number to mean something.
    """

    first: float
    first_half: float
    total: float
    total_half: float

    @property
    def known(self) -> bool:
        """Whether the interval of the total is narrow enough."""
        return bool(np.isfinite(self.total_half) and self.total_half <= WIDEST)


def _problem(factors: Sequence[Factor], groups: Sequence[str] | None = None) -> dict[str, Any]:
    owner = [
        (groups or [f.key for f in factors])[place]
        for place, factor in enumerate(factors)
        for _ in range(factor.columns)
    ]
    count = len(owner)
    return {
        "num_vars": count, "names": [f"x{n}" for n in range(count)],
        "bounds": [[0.0, 1.0]] * count, "groups": owner,
    }  # fmt: skip


def screen(factors: Sequence[Factor], output: Output, seed: int) -> dict[str, float]:
    """Return the mean absolute elementary effect of each factor, largest first."""
    from SALib.analyze import morris as morris_analysis
    from SALib.sample import morris as morris_sample

    problem = _problem(factors)
    points = morris_sample.sample(problem, TRAJECTORIES, num_levels=LEVELS, seed=seed)
    found = morris_analysis.analyze(
        problem, points, output(points), num_levels=LEVELS, num_resamples=2, seed=seed
    )
    effects = dict(zip(found["names"], map(float, found["mu_star"]), strict=True))
    return dict(sorted(effects.items(), key=lambda item: (-item[1], item[0])))


def sobol(
    factors: Sequence[Factor], output: Output, kept: Sequence[str], count: int, seed: int
) -> dict[str, Index]:
    """Return the indices of the factors `kept`, and of all others together (OTHERS).

    Args:
        count: base points, a power of two; the output is asked at `count` x (kept + 3) points.
    """
    from SALib.analyze import sobol as sobol_analysis
    from SALib.sample import sobol as sobol_sample

    groups = [f.key if f.key in kept else OTHERS for f in factors]
    problem = _problem(factors, groups)
    points = sobol_sample.sample(problem, count, calc_second_order=False, seed=seed)
    values = output(points)
    names = list(dict.fromkeys(groups))
    if values.std() == 0:
        return {name: Index(0.0, 0.0, 0.0, 0.0) for name in names}
    found = sobol_analysis.analyze(problem, values, calc_second_order=False, seed=seed)
    columns = zip(names, found["S1"], found["S1_conf"], found["ST"], found["ST_conf"], strict=True)
    return {name: Index(*map(float, row)) for name, *row in columns}
