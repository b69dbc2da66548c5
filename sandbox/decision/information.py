"""What knowing an input is worth (EVPPI), from one sample of draws: no nested loop.

Regression of the losses on one factor says which candidate would be chosen once it is known
(Strong, Oakley and Brennan 2014, doi 10.1177/0272989X13505910). The regression is made on four
fifths of the draws and its choices are judged on the fifth: a factor that says nothing is worth
nothing, where judging on the same draws would always find something.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sandbox.decision.factors import Factor
from sandbox.space.intervals import Z

__all__ = ["Gain", "basis", "evppi", "explained", "perfect_information"]

Floats = NDArray[np.float64]
FOLDS = 5
KNOTS = 7
CLEAR = 3.3  # standard errors: one dummy in a thousand is above


@dataclass(frozen=True, slots=True)
class Gain:
    """An expected gain and the half-width of its 95 % interval, in the unit of the losses."""

    mean: float
    half: float

    @property
    def clear(self) -> float:
        """The gain; 0 below 3.3 standard errors: some three hundred factors are tried at once."""
        return self.mean if self.mean > CLEAR / Z * self.half else 0.0


def basis(factor: Factor | None, u: Floats) -> Floats:
    """Return what losses are regressed on: splines of each column, or one column a category."""
    from sklearn.preprocessing import SplineTransformer

    member = factor.members[0] if factor and not factor.family else None
    if member is not None and member.kind in {"choice", "switch"}:
        _, category = np.unique(member.quantile(u[:, 0]).astype(str), return_inverse=True)
        found: Floats = np.eye(int(category.max()) + 1)[category]
        return found
    splines = SplineTransformer(KNOTS, 3, knots="uniform", include_bias=False)
    grown: Floats = splines.fit_transform(u)
    return np.column_stack([np.ones(len(u)), grown])


def evppi(features: Floats, losses: Floats, weights: Floats) -> list[Gain]:
    """Return what knowing the factor behind `features` gains.

    Args:
        features: of `basis`, float64 (draws, any).
        losses: by criterion, float64 (draws, candidates, criteria); less is better.
        weights: of the criteria, float64 (any, criteria).

    Returns:
        the mean over the weights, then the gain on each criterion alone.
    """
    criteria = losses.shape[2]
    expected = _predicted(features, losses.reshape(len(losses), -1)).reshape(losses.shape)
    together = np.mean([_saved(losses @ each, expected @ each) for each in weights], axis=0)
    alone = [_saved(losses[:, :, k], expected[:, :, k]) for k in range(criteria)]
    return [_gain(each) for each in (together, *alone)]


def explained(features: Floats, gaps: Floats) -> Floats:
    """Return the share of the variance of each column of gaps that the factor alone predicts.

    That is its first-order index, judged on draws that the regression has not seen; 0 at least.
    """
    missed = ((gaps - _predicted(features, gaps)) ** 2).sum(axis=0)
    spread = ((gaps - gaps.mean(axis=0)) ** 2).sum(axis=0)
    found: Floats = np.where(spread > 0, 1.0 - missed / np.maximum(spread, 1e-300), 0.0)
    return np.maximum(found, 0.0)


def _predicted(features: Floats, joined: Floats) -> Floats:
    """Return what a regression made on four fifths of the draws says of the fifth."""
    draws = len(joined)
    predicted = np.zeros(joined.shape)
    # Normal equations: few well-scaled columns, many draws; what all folds share is summed once.
    folds = [np.arange(fold, draws, FOLDS) for fold in range(FOLDS)]
    grams = [features[mine].T @ features[mine] for mine in folds]
    sides = [features[mine].T @ joined[mine] for mine in folds]
    gram, side = np.sum(grams, axis=0), np.sum(sides, axis=0)
    for part, own, answer in zip(folds, grams, sides, strict=True):
        found = np.linalg.pinv(gram - own, hermitian=True) @ (side - answer)
        predicted[part] = features[part] @ found
    return predicted


def _saved(losses: Floats, expected: Floats) -> Floats:
    """Return what each draw saves when the candidate expected to be best is chosen."""
    base = int(losses.mean(axis=0).argmin())
    found: Floats = losses[:, base] - losses[np.arange(len(losses)), expected.argmin(axis=1)]
    return found


def _gain(saved: Floats) -> Gain:
    return Gain(float(saved.mean()), float(Z * saved.std() / np.sqrt(len(saved))))


def perfect_information(losses: Floats, weights: Floats) -> float:
    """Return what knowing everything would gain, mean over the weights; losses as of `evppi`."""
    gains = [
        (losses @ each).mean(axis=0).min() - (losses @ each).min(axis=1).mean() for each in weights
    ]
    return float(np.mean(gains))
