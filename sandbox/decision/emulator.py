"""The engine's criteria at draws that it did not replay: a regression, with its error.

Only differences between candidates matter to a decision, so differences from the candidates' mean
are what is learnt. A sparse regression (lasso, scikit-learn) on what the engine reads is judged on
draws that it was not fitted to; where it predicts no better than the mean, the mean is used.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LassoCV
from sklearn.model_selection import KFold

__all__ = ["LEAST_RUNS", "Emulator", "fit_emulator"]

Floats = NDArray[np.float64]
LEAST_RUNS = 40  # fewer: no regression, the mean
FOLDS = 5
NO_VARIANCE = 1e-12


@dataclass(frozen=True, slots=True)
class Emulator:
    """Predicts differences from the candidates' mean.

    Attributes:
        error: criterion -> root mean square error of a difference, cross-validated, in its unit.
        explained: criterion -> share of the variance of differences that it predicts (R2).
    """

    columns: Sequence[int]
    categories: Floats
    models: Mapping[str, Sequence[Any]]
    error: Mapping[str, float]
    explained: Mapping[str, float]
    _edges: Floats = field(default_factory=lambda: np.zeros(0))

    def predict(self, u: Floats) -> dict[str, Floats]:
        """Return each criterion's differences from the candidates' mean, (n, candidates)."""
        features = _features(u, self.columns, self.categories)
        return {
            name: np.stack(
                [np.full(len(u), each) if isinstance(each, float) else each.predict(features)
                 for each in models], axis=1)
            for name, models in self.models.items()
        }  # fmt: skip


def _features(u: Floats, columns: Sequence[int], categories: Floats) -> Floats:
    """Return centred columns, their squares, and each category of the policy with its products.

    `categories` holds the column of the policy and the number of its values; empty: not drawn.
    """
    x = 2.0 * u[:, list(columns)] - 1.0
    parts = [x, x * x - 1.0 / 3.0]
    if len(categories):
        column, count = int(categories[0]), int(categories[1])
        place = np.minimum((u[:, column] * count).astype(int), count - 1)
        for value in range(count):
            mine = (place == value).astype(float)[:, None]
            parts += [mine, mine * x]
    return np.concatenate(parts, axis=1)


def fit_emulator(
    u: Floats, metrics: Mapping[str, Floats], columns: Sequence[int], categories: Sequence[float]
) -> Emulator:
    """Learn the differences of `metrics`, float64 (n, candidates), at points `u`."""
    kinds = np.array(categories, dtype=np.float64)
    features = _features(u, columns, kinds)
    models: dict[str, list[Any]] = {}
    error, explained = {}, {}
    for name, values in metrics.items():
        mean = values.mean(axis=1, keepdims=True)
        differences = np.where(np.isfinite(values), values - mean, 0.0)
        models[name], squares, total = [], 0.0, 0.0
        known: dict[bytes, tuple[Any, float]] = {}
        for column in differences.T:
            key = np.round(column, 12).tobytes()  # candidates that wait alike have one model
            if key not in known:
                known[key] = _fit(features, column)
            model, missed = known[key]
            models[name].append(model)
            squares += missed
            total += float(((column - column.mean()) ** 2).sum())
        error[name] = float(np.sqrt(squares / differences.size))
        explained[name] = 1.0 - squares / total if total > NO_VARIANCE else 1.0
    return Emulator(list(columns), kinds, models, error, explained)


def _fit(features: Floats, values: Floats) -> tuple[Any, float]:
    """Return a model and the sum of its squared errors on draws that it did not see."""
    mean = float(values.mean())
    spread = float(((values - mean) ** 2).sum())
    if len(values) < LEAST_RUNS or spread < NO_VARIANCE:
        return mean, spread
    missed = 0.0
    for train, test in KFold(FOLDS).split(features):
        model = _lasso(features[train], values[train])
        missed += float(((model.predict(features[test]) - values[test]) ** 2).sum())
    if missed >= spread:
        return mean, spread
    return _lasso(features, values), missed


def _lasso(features: Floats, values: Floats) -> Any:
    return LassoCV(cv=FOLDS, alphas=30, max_iter=5000, tol=1e-3).fit(features, values)
