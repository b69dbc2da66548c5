"""Who is best, how likely, and how much is regretted: by criterion, together, over all weights.

Points make criteria comparable: 0 is the best candidate of a draw, 100 the gap between the worst
and the best that 95 draws in a hundred stay below, ten times the least gap that matters at least.
Together is a weighted mean of points. Weights are not assumed: the probability of a candidate is
taken over all weights alike (SMAA-2, Lahdelma and Salminen 2001); expected regret is linear in
weights, so that equal weights give its mean over all of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sandbox.decision.criteria import CRITERIA
from sandbox.space.intervals import share_interval

__all__ = ["FULL", "Choice", "Standing", "choose", "points_of", "scales_of", "weights_of"]

Floats = NDArray[np.float64]
FULL = 100.0
PLAUSIBLE = 0.95
LEAST_GAPS = 10.0
WEIGHTS = 256
NEAR = 5.0  # points from the best: good enough (satisficing)
CHUNK = 512


@dataclass(frozen=True, slots=True)
class Standing:
    """How a candidate stands.

    Attributes:
        probability: that it is best; candidates that nothing tells apart share.
        interval: 95 %, over the draws (Wilson).
        regret: mean; regret_p95: what 95 draws in a hundred stay below.
    """

    probability: float
    interval: tuple[float, float]
    regret: float
    regret_p95: float


@dataclass(frozen=True, slots=True)
class Choice:
    """What the draws say of every candidate.

    Attributes:
        together: over all draws and weights; regret in points, at equal weights.
        by_criterion: criterion -> candidate -> standing, regret in the criterion's unit.
        equal_weights: candidate -> probability that it is best at equal weights.
        near: candidate -> share of draws in which it is within NEAR points of the best.
        central_weights: candidate -> mean weights of those under which it is best; empty: none.
        recommended, rival: least mean regret, and the next.
        losses: points at equal weights, float64 (draws, candidates), 0 for the best of a draw.
    """

    names: tuple[str, ...]
    together: Mapping[str, Standing]
    by_criterion: Mapping[str, Mapping[str, Standing]]
    equal_weights: Mapping[str, float]
    near: Mapping[str, float]
    central_weights: Mapping[str, Mapping[str, float]]
    recommended: str
    rival: str
    losses: Floats


def weights_of(criteria: int, count: int, seed: int) -> Floats:
    """Return weights drawn alike from all that sum to 1, float64 (count, criteria)."""
    found: Floats = np.random.default_rng([seed, 7]).dirichlet(np.ones(criteria), count)
    return found


def _above_best(values: Floats) -> Floats:
    """Return how far each candidate is from the best of its draw; 0 where nobody is known."""
    gaps = values - np.nanmin(np.where(np.isnan(values), np.inf, values), axis=1, keepdims=True)
    found: Floats = np.where(np.isfinite(gaps), gaps, 0.0)
    return found


def scales_of(metrics: Mapping[str, Floats]) -> dict[str, float]:
    """Return what 100 points are worth, by criterion, in its unit."""
    return {
        name: max(
            float(np.quantile(_above_best(values).max(axis=1), PLAUSIBLE)),
            LEAST_GAPS * CRITERIA[name].threshold,
        )
        for name, values in metrics.items()
    }


def points_of(metrics: Mapping[str, Floats], scales: Mapping[str, float]) -> Floats:
    """Return points lost, float64 (draws, candidates, criteria)."""
    return np.stack(
        [FULL * _above_best(values) / scales[name] for name, values in metrics.items()], axis=-1
    )


def _shared(gaps: Floats, least: float) -> Floats:
    """Return each candidate's part of being best, (draws, candidates): those within `least`."""
    tied = gaps <= gaps.min(axis=1, keepdims=True) + least
    found: Floats = tied / tied.sum(axis=1, keepdims=True)
    return found


def _standing(part: Floats, regrets: Floats) -> Standing:
    share = float(part.mean())
    return Standing(share, share_interval(share, len(part)), float(regrets.mean()),
                    float(np.quantile(regrets, PLAUSIBLE)))  # fmt: skip


def choose(
    names: tuple[str, ...], metrics: Mapping[str, Floats], scales: Mapping[str, float], seed: int
) -> Choice:
    """Weigh the candidates over the draws; `metrics` are float64 (draws, candidates)."""
    points = points_of(metrics, scales)
    together = points.mean(axis=2)
    losses: Floats = together - together.min(axis=1, keepdims=True)
    weights = weights_of(points.shape[2], WEIGHTS, seed)
    best = np.zeros(losses.shape)
    favour = np.zeros((len(names), points.shape[2]))
    for first in range(0, len(points), CHUNK):
        weighed = points[first : first + CHUNK] @ weights.T  # (draws, candidates, weights)
        wins = weighed == weighed.min(axis=1, keepdims=True)
        wins = wins / wins.sum(axis=1, keepdims=True)
        best[first : first + CHUNK] = wins.mean(axis=2)
        favour += np.einsum("dcw,wk->ck", wins, weights)
    by_criterion = {}
    for name, values in metrics.items():
        gaps = _above_best(values)
        part = _shared(gaps, CRITERIA[name].threshold)
        by_criterion[name] = {
            each: _standing(part[:, place], gaps[:, place]) for place, each in enumerate(names)
        }
    order = np.argsort(losses.mean(axis=0), kind="stable")
    equal = _shared(losses, 1e-9).mean(axis=0)
    total = best.sum(axis=0) * WEIGHTS
    return Choice(
        names=names,
        together={n: _standing(best[:, p], losses[:, p]) for p, n in enumerate(names)},
        by_criterion=by_criterion,
        equal_weights={n: float(equal[p]) for p, n in enumerate(names)},
        near={n: float((losses[:, p] <= NEAR).mean()) for p, n in enumerate(names)},
        central_weights={
            n: {k: float(favour[p, q] / total[p]) for q, k in enumerate(metrics)}
            if total[p] > 0 else {}
            for p, n in enumerate(names)
        },
        recommended=names[int(order[0])],
        rival=names[int(order[1])],
        losses=losses,
    )  # fmt: skip
