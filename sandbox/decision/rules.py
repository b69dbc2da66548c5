"""The decision map: under which conditions which candidate, as a small tree (CART).

The tree is grown on what a reader can go and measure: the inputs, and what editors' products can do
weighed by their shares ("share of robots that speak EXTERNAL"). Weights of the criteria are a
reader's own, no facts: what a candidate loses is linear in them, so a leaf keeps the mean points of
each candidate on each criterion, from which its choice follows under any weights; the one that is
told is at equal weights, that is in expectation over all of them.

Where candidates tie, no map can tell which is best, and nobody need know: a choice within the
margin is no error. The margin is what the least gaps that matter come to together
(`Criterion.threshold`, weighed). Where even so no candidate is safe, a rule names those that it
cannot tell apart. Everything is judged on draws that the map has not seen, beside always the same
choice and beside a regression on every input, which no small map can beat.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import RidgeCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeRegressor

from sandbox.decision.factors import Factor, Values, scenario_at
from sandbox.space.methods import CAPABILITIES
from sandbox.space.scenario import Scenario

__all__ = ["Accuracy", "Condition", "DecisionMap", "Rule", "Sample", "Turn", "features_of", "grow"]

Floats = NDArray[np.float64]
LEAVES = 8
LEAST_SHARE = 0.02  # of the draws in a leaf
LEAST_GAIN = 0.001  # of impurity: a split that says less is not made
POINT = 1.0
EXACT = 1e-9
SAFE = 0.9  # a choice that is within the margin less often is not told alone
CALIBRATION = 4  # one draw of so many tells which choices are safe, and grows nothing
HEAVIEST = 0.6  # a weight above that leaves the other criteria no say
ALPHAS = (0.1, 1.0, 10.0, 100.0, 1000.0)


@dataclass(frozen=True, slots=True)
class Condition:
    """One side of a split: an input, or `kind.capability`, above or not above a value.

    Attributes:
        category: of an input that is a word: `above` says whether it is this one.
    """

    key: str
    value: float
    above: bool
    category: str = ""


@dataclass(frozen=True, slots=True)
class Turn:
    """A criterion that turns a leaf's choice when it weighs more, the others sharing the rest."""

    criterion: int
    weight: float
    candidate: str


@dataclass(frozen=True, slots=True)
class Rule:
    """A leaf.

    Attributes:
        candidate: fewest points at equal weights.
        others: that nothing safe tells from it; empty where it is within the margin nine times in
            ten by itself.
        probability: that it is within the margin of the best; of `safe`: that one of all these is.
        coverage: share of the draws in which the conditions hold. All on fresh draws.
        points: mean, by candidate and criterion.
        turns: lightest weight first.
    """

    conditions: tuple[Condition, ...]
    candidate: str
    others: tuple[str, ...]
    probability: float
    safe: float
    coverage: float
    points: tuple[tuple[float, ...], ...]
    turns: tuple[Turn, ...]


@dataclass(frozen=True, slots=True)
class Accuracy:
    """Share of draws in which a choice is the best, within a point of it, within the margin."""

    exact: float
    point: float
    margin: float


@dataclass(frozen=True, slots=True)
class DecisionMap:
    """The tree's leaves, and how well they predict fresh draws.

    Attributes:
        margin: points, at equal weights.
        equal, weighed: by predictor, at equal weights and over all weights: `map`, `always` (the
            same choice, that with the fewest points), `ceiling` (a regression on all inputs).
        fresh: how many draws.
    """

    rules: tuple[Rule, ...]
    margin: float
    equal: Mapping[str, Accuracy]
    weighed: Mapping[str, Accuracy]
    fresh: int
    _tree: DecisionTreeRegressor = field(compare=False, repr=False)
    _tables: Mapping[int, Floats] = field(compare=False, repr=False)

    def judge(self, sample: Sample, least: Floats) -> Accuracy:
        """Return how well the map does at equal weights on other draws."""
        tables = np.stack([self._tables[leaf] for leaf in self._tree.apply(sample.features)])
        equal = np.full((1, len(least)), 1 / len(least))
        return _accuracy(sample.points, tables, equal, least)


@dataclass(frozen=True, slots=True)
class Sample:
    """Draws: features, float64 (n, features), and points, float64 (n, candidates, criteria)."""

    features: Floats
    points: Floats


def features_of(
    scenario: Scenario, factors: Sequence[Factor], values: Values, count: int
) -> tuple[list[tuple[str, str]], Floats]:
    """Return what a rule may speak of, (key, category), and its values, (count, features)."""
    names: list[tuple[str, str]] = []
    columns: list[Floats] = []
    words = {m.key: m.choices for f in factors for m in f.members if m.kind == "choice"}
    for key, column in values.items():
        for word in words.get(key, ()):
            names.append((key, word))
            columns.append((column == word).astype(np.float64))
        if key not in words:
            names.append((key, ""))
            columns.append(column.astype(np.float64))
    drawn = scenario_at(scenario, {k: v for k, v in values.items() if k.startswith("products.")})
    for kind in scenario.software:
        mine = [p for p in drawn.products.values() if p.kind == kind]
        for ability in CAPABILITIES:
            share = sum(p.share * getattr(p, ability) for p in mine)
            if np.ndim(share):
                names.append((f"{kind}.{ability}", ""))
                columns.append(np.asarray(share))
    return names, np.stack([np.broadcast_to(c, count) for c in columns], axis=1)


def _leaves(tree: DecisionTreeRegressor, names: Sequence[tuple[str, str]]) -> Iterator[
    tuple[int, tuple[Condition, ...]]
]:  # fmt: skip
    grown = tree.tree_

    def walk(node: int, path: tuple[Condition, ...]) -> Iterator[tuple[int, tuple[Condition, ...]]]:
        if grown.children_left[node] < 0:
            yield node, path
            return
        key, category = names[grown.feature[node]]
        limit = float(grown.threshold[node])
        for child, above in (
            (grown.children_left[node], False),
            (grown.children_right[node], True),
        ):
            yield from walk(int(child), (*path, Condition(key, limit, above, category)))

    yield from walk(0, ())


def _merged(path: Sequence[Condition]) -> tuple[Condition, ...]:
    """Drop what a later condition on the same side of the same input says more narrowly."""
    last: dict[tuple[str, str, bool], Condition] = {}
    for each in path:
        last[each.key, each.category, each.above] = each
    return tuple(each for each in path if last[each.key, each.category, each.above] is each)


def _accuracy(points: Floats, told: Floats, weights: Floats, least: Floats) -> Accuracy:
    """Judge choices: of the fewest points told, against the true ones, over weights (n, criteria).

    Args:
        points, told: float64 (draws, candidates, criteria); least: gap that matters, by criterion.
    """
    lost = points @ weights.T  # (draws, candidates, weights)
    lost = lost - lost.min(axis=1, keepdims=True)
    chosen = (told @ weights.T).argmin(axis=1)
    mine = np.take_along_axis(lost, chosen[:, None, :], axis=1)[:, 0]
    margin = weights @ least
    return Accuracy(*(float((mine <= most).mean()) for most in (EXACT, POINT, margin + EXACT)))


def _safe(hits: NDArray[np.bool_], order: Sequence[int]) -> list[int]:
    """Return the fewest candidates, in order, of which one is within the margin often enough."""
    kept = [order[0]]
    while len(hits) and len(kept) < len(order) and hits[:, kept].any(axis=1).mean() < SAFE:
        left = [place for place in order if place not in kept]
        kept.append(max(left, key=lambda place: hits[:, [*kept, place]].any(axis=1).mean()))
    return kept


def _turns(names: Sequence[str], table: Floats) -> tuple[Turn, ...]:
    """Return from which weight on each criterion alone changes the choice of a leaf."""
    criteria = table.shape[1]
    found = []
    for place in range(criteria):
        for percent in range(1, round(100 * HEAVIEST) + 1):
            weight = percent / 100
            if weight <= 1 / criteria:
                continue
            weights = np.full(criteria, (1 - weight) / (criteria - 1))
            weights[place] = weight
            other = int((table @ weights).argmin())
            if other != int(table.mean(axis=1).argmin()):
                found.append(Turn(place, weight, names[other]))
                break
    return tuple(sorted(found, key=lambda turn: (turn.weight, turn.criterion)))


def grow(
    names: Sequence[str], labels: Sequence[tuple[str, str]], train: Sample, fresh: Sample,
    least: Floats, weights: Floats,
) -> DecisionMap:  # fmt: skip
    """Grow the map on some draws and judge it on fresh ones.

    Args:
        names: of the candidates; labels: of the features.
        least: points of the least gap that matters, by criterion.
        weights: of the criteria, float64 (any, criteria), all alike: over which it is judged too.
    """
    criteria = len(least)
    equal = np.full((1, criteria), 1 / criteria)
    margin = float(least.mean())

    def above(sample: Sample) -> Floats:
        together = sample.points.mean(axis=2)
        found: Floats = together - together.min(axis=1, keepdims=True)
        return found

    lost = above(train)
    aside = np.arange(len(lost)) % CALIBRATION == CALIBRATION - 1
    tree = DecisionTreeRegressor(
        max_leaf_nodes=LEAVES, min_samples_leaf=LEAST_SHARE, min_impurity_decrease=LEAST_GAIN,
        random_state=0,
    ).fit(train.features[~aside], (lost[~aside] <= POINT).astype(np.float64))  # fmt: skip
    at, other = tree.apply(train.features), tree.apply(fresh.features)
    right = above(fresh) <= margin + EXACT
    tables: dict[int, Floats] = {}
    rules = []
    for leaf, path in _leaves(tree, labels):
        tables[leaf] = train.points[at == leaf].mean(axis=0)
        order = np.argsort(tables[leaf].mean(axis=1), kind="stable").tolist()
        kept = _safe(lost[aside & (at == leaf)] <= margin + EXACT, order)
        mine = right[other == leaf]
        rules.append(Rule(
            _merged(path), names[kept[0]], tuple(names[place] for place in kept[1:]),
            float(mine[:, kept[0]].mean()) if len(mine) else float("nan"),
            float(mine[:, kept].any(axis=1).mean()) if len(mine) else float("nan"),
            float((other == leaf).mean()),
                tuple(tuple(row) for row in tables[leaf].tolist()), _turns(names, tables[leaf]),
        ))  # fmt: skip
    told = {
        "map": np.stack([tables[leaf] for leaf in other]),
        "ceiling": _regressed(train, fresh),
    }
    found = {
        place: {name: _accuracy(fresh.points, table, over, least) for name, table in told.items()}
        for place, over in (("equal", equal), ("weighed", weights))
    }
    always = np.zeros((1, len(names), criteria))
    always[0, np.arange(len(names)) != lost.mean(axis=0).argmin()] = 1.0
    for place, over in (("equal", equal), ("weighed", weights)):
        found[place]["always"] = _accuracy(fresh.points, always, over, least)
    return DecisionMap(
        rules=tuple(sorted(rules, key=lambda rule: -rule.coverage)), margin=margin,
        equal=found["equal"], weighed=found["weighed"], fresh=len(right),
        _tree=tree, _tables=tables,
    )  # fmt: skip


def _regressed(train: Sample, fresh: Sample) -> Floats:
    """Return the points that a ridge regression on every feature expects of fresh draws."""
    model = make_pipeline(StandardScaler(), RidgeCV(ALPHAS))
    model.fit(train.features, train.points.reshape(len(train.points), -1))
    found: Floats = model.predict(fresh.features).reshape(fresh.points.shape)
    return found
