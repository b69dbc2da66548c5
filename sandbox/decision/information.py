"""What knowing an input is worth (EVPPI), from one sample of draws: no nested loop.

Regression of the losses on one factor says which candidate would be chosen once it is known
(Strong, Oakley and Brennan 2014, doi 10.1177/0272989X13505910). The regression is made on four
fifths of the draws and its choices are judged on the fifth: a factor that says nothing is worth
nothing, where judging on the same draws would always find something.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.preprocessing import SplineTransformer

from sandbox.decision.factors import Factor

__all__ = ["Gain", "basis", "evppi", "perfect_information"]

Floats = NDArray[np.float64]
FOLDS = 5
KNOTS = 7
Z = 1.959963984540054


@dataclass(frozen=True, slots=True)
class Gain:
    """An expected gain and the half-width of its 95 % interval, in the unit of the losses."""

    mean: float
    half: float

    @property
    def clear(self) -> float:
        """The gain, 0 when its interval holds 0."""
        return self.mean if self.mean > self.half else 0.0


def basis(factor: Factor | None, u: Floats) -> Floats:
    """Return what losses are regressed on: splines of each column, or one column a category."""
    member = factor.members[0] if factor and not factor.family else None
    if member is not None and member.kind in {"choice", "switch"}:
        _, category = np.unique(member.quantile(u[:, 0]).astype(str), return_inverse=True)
        found: Floats = np.eye(int(category.max()) + 1)[category]
        return found
    splines = SplineTransformer(KNOTS, 3, knots="uniform", include_bias=False)
    grown: Floats = splines.fit_transform(u)
    return np.column_stack([np.ones(len(u)), grown])


def _folds(count: int) -> Iterator[tuple[NDArray[np.bool_], NDArray[np.int64]]]:
    place = np.arange(count)
    for fold in range(FOLDS):
        yield place % FOLDS != fold, np.flatnonzero(place % FOLDS == fold)


def evppi(features: Floats, losses: Sequence[Floats]) -> list[Gain]:
    """Return what knowing the factor behind `features` gains on each of several losses.

    Args:
        features: of `basis`, float64 (draws, any).
        losses: float64 (draws, candidates) each; less is better.
    """
    width = losses[0].shape[1]
    joined = np.concatenate(losses, axis=1)
    predicted = np.zeros(joined.shape)
    for train, test in _folds(len(joined)):
        weights, *_ = np.linalg.lstsq(features[train], joined[train], rcond=None)
        predicted[test] = features[test] @ weights
    gains = []
    for place, mine in enumerate(losses):
        chosen = predicted[:, place * width : (place + 1) * width].argmin(axis=1)
        base = int(mine.mean(axis=0).argmin())
        gain = mine[:, base] - mine[np.arange(len(mine)), chosen]
        gains.append(Gain(float(gain.mean()), float(Z * gain.std() / np.sqrt(len(gain)))))
    return gains


def perfect_information(losses: Floats) -> float:
    """Return what knowing everything would gain: the regret of the best choice made now."""
    return float(losses.mean(axis=0).min() - losses.min(axis=1).mean())
