"""The engine's criteria at draws that it did not replay: a regression, with its error.

Only differences between candidates matter to a decision, so differences from the candidates' mean
are what is learnt. A sparse regression (lasso, scikit-learn) on what the engine reads is judged on
draws that it was not fitted to; where it predicts no better than the mean, the mean is used.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["LEAST_RUNS", "Emulator", "fit_emulator"]

Floats = NDArray[np.float64]
LEAST_RUNS = 40  # fewer: no regression, the mean
FOLDS = 5
NO_VARIANCE = 1e-12


@dataclass(frozen=True, slots=True)
class Emulator:
    """Predicts differences from the candidates' mean.

    Attributes:
        models: criterion -> one a candidate: a regression, or a constant.
        error: criterion -> root mean square error of a difference, cross-validated, in its unit.
        explained: criterion -> share of the variance of differences that it predicts (R2).
    """

    models: Mapping[str, Sequence[Any]]
    error: Mapping[str, float]
    explained: Mapping[str, float]

    def predict(self, features: Floats) -> dict[str, Floats]:
        """Return each criterion's differences from the candidates' mean, (n, candidates)."""
        known: dict[int, Floats] = {}
        found = {}
        for name, models in self.models.items():
            for each in models:
                if id(each) not in known:
                    known[id(each)] = (
                        np.full(len(features), each) if isinstance(each, float)
                        else each.predict(features)
                    )  # fmt: skip
            found[name] = np.stack([known[id(each)] for each in models], axis=1)
        return found


def fit_emulator(features: Floats, metrics: Mapping[str, Floats]) -> Emulator:
    """Learn the differences of `metrics`, float64 (n, candidates), from features, (n, any)."""
    models: dict[str, list[Any]] = {}
    error, explained = {}, {}
    for name, values in metrics.items():
        mean = np.nan_to_num(values).mean(axis=1, keepdims=True)
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
    return Emulator(models, error, explained)


def _fit(features: Floats, values: Floats) -> tuple[Any, float]:
    """Return a model and the sum of its squared errors on draws that it did not see."""
    from sklearn.model_selection import KFold

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
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LassoCV
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    model = make_pipeline(StandardScaler(), LassoCV(cv=FOLDS, alphas=30, max_iter=2000))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return model.fit(features, values)
