"""The decision map: under which conditions which candidate, as a small tree (CART).

The tree is grown on what a reader can go and measure (`features`). Weights of the criteria are a
reader's own, no facts: what a candidate loses is linear in them, so a leaf keeps the mean points of
each candidate on each criterion, from which its choice follows under any weights; the one that is
told is at equal weights, that is in expectation over all of them. So the tree is grown half for
those, half for many weights at once: what its splits tell apart is who is within a point of the
best, of which the first principal components say most.

Where candidates tie, no map can tell which is best, and nobody need know: a choice within the
margin is no error. The margin is what the least gaps that matter come to together
(`Criterion.threshold`, weighed). Where even so no candidate is safe, a rule names those that it
cannot tell apart. Everything is judged on draws that the map has not seen, beside always the same
choice and beside a regression on every input, which no small map can beat.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from sandbox.decision.choice import weights_of
from sandbox.decision.features import Label

if TYPE_CHECKING:
    from sklearn.tree import DecisionTreeRegressor

__all__ = ["Accuracy", "Condition", "DecisionMap", "MapSize", "Rule", "Sample", "Turn", "grow"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
LEAVES = 12
SIZES = (2, 4, 6, 8, 10, 12, 16, 24)  # leaves, of maps that are judged beside it
LEAST_SHARE = 0.02  # of the draws in a leaf
LEAST_GAIN = 0.002  # of the variance: a split that says less is not made
GROWN_OVER = 64  # weights, and as many times equal ones
COMPONENTS = 12  # principal ones, of who is good under each of them
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
class MapSize:
    """What a map of fewer or more rules would be worth: at equal weights, over all weights."""

    rules: int
    equal: Accuracy
    weighed: Accuracy


@dataclass(frozen=True, slots=True)
class DecisionMap:
    """The tree's leaves, and how well they predict fresh draws.

    Attributes:
        margin: points, at equal weights.
        equal, weighed: by predictor, at equal weights and over all weights: `map`, `always` (the
            same choice, that with the fewest points), `ceiling` (a regression on all inputs).
        turns: weights that turn the choice of least mean points over all draws, lightest first.
        sizes: maps of other numbers of rules, fewest first.
        fresh: how many draws.
    """

    rules: tuple[Rule, ...]
    margin: float
    equal: Mapping[str, Accuracy]
    weighed: Mapping[str, Accuracy]
    turns: tuple[Turn, ...]
    sizes: tuple[MapSize, ...]
    fresh: int
    _tree: DecisionTreeRegressor = field(compare=False, repr=False)
    _tables: Mapping[int, Floats] = field(compare=False, repr=False)

    def judge(self, sample: Sample, least: Floats) -> Accuracy:
        """Return how well the map does at equal weights on other draws."""
        leaves = _leaf_of(self._tree, sample.features, LEAVES)
        tables = np.stack([self._tables[leaf] for leaf in leaves])
        equal = np.full((1, len(least)), 1 / len(least))
        return _accuracy(sample.points, tables, equal, least)


@dataclass(frozen=True, slots=True)
class Sample:
    """Draws: features, float64 (n, features), and points, float64 (n, candidates, criteria)."""

    features: Floats
    points: Floats


def _grown(features: Floats, points: Floats, leaves: int = max(SIZES)) -> DecisionTreeRegressor:
    """Return a tree of so many leaves, its best splits first."""
    from sklearn.tree import DecisionTreeRegressor

    criteria = points.shape[2]
    equal = np.full((GROWN_OVER, criteria), 1 / criteria)
    lost = points @ np.concatenate([weights_of(criteria, GROWN_OVER, 0), equal]).T
    good = (lost - lost.min(axis=1, keepdims=True) <= POINT).reshape(len(lost), -1)
    # Least squares on principal components is that on all of them, for a fifth of the time.
    told = good - good.mean(axis=0)
    variances, axes = np.linalg.eigh(told.T @ told / len(told))
    told = told @ axes[:, ::-1][:, :COMPONENTS]
    told /= max(float(np.sqrt(variances.sum() / told.shape[1])), EXACT)
    return DecisionTreeRegressor(
        max_leaf_nodes=leaves, min_samples_leaf=LEAST_SHARE, min_impurity_decrease=LEAST_GAIN,
        random_state=0,
    ).fit(features, told)  # fmt: skip


def _leaf_of(tree: DecisionTreeRegressor, features: Floats, leaves: int) -> Ints:
    """Return the leaf of each draw in the tree cut to its first leaves.

    A tree that is grown best split first numbers its nodes as it makes them: those of a smaller one
    are the first of a larger one.
    """
    grown = tree.tree_
    parent = np.zeros(grown.node_count, dtype=np.int64)
    for children in (grown.children_left, grown.children_right):
        parent[children[children >= 0]] = np.flatnonzero(children >= 0)
    at: Ints = tree.apply(features)
    while (cut := at >= 2 * leaves - 1).any():
        at = np.where(cut, parent[at], at)
    return at


def _leaves(
    tree: DecisionTreeRegressor, leaves: int, names: Sequence[Label]
) -> Iterator[tuple[int, tuple[Condition, ...]]]:
    grown = tree.tree_

    def walk(node: int, path: tuple[Condition, ...]) -> Iterator[tuple[int, tuple[Condition, ...]]]:
        left, right = int(grown.children_left[node]), int(grown.children_right[node])
        if left < 0 or left >= 2 * leaves - 1:
            yield node, path
            return
        key, category = names[grown.feature[node]]
        limit = float(grown.threshold[node])
        for child, above in ((left, False), (right, True)):
            yield from walk(child, (*path, Condition(key, limit, above, category)))

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
    names: Sequence[str], labels: Sequence[Label], train: Sample, fresh: Sample,
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
    tree = _grown(train.features[~aside], train.points[~aside])
    at, other = (_leaf_of(tree, each.features, LEAVES) for each in (train, fresh))
    right = above(fresh) <= margin + EXACT
    tables: dict[int, Floats] = {}
    rules = []
    for leaf, path in _leaves(tree, LEAVES, labels):
        tables[leaf] = train.points[at == leaf].mean(axis=0)
        order = np.argsort(tables[leaf].mean(axis=1), kind="stable").tolist()
        kept = _safe(lost[aside & (at == leaf)] <= margin + EXACT, order)
        mine = right[other == leaf]
        rules.append(Rule(
            _merged(path), names[kept[0]], tuple(names[place] for place in kept[1:]),
            # No fresh draw came here: not a number, but the same one, so that maps compare.
            float(mine[:, kept[0]].mean()) if len(mine) else math.nan,
            float(mine[:, kept].any(axis=1).mean()) if len(mine) else math.nan,
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
        equal=found["equal"], weighed=found["weighed"],
        turns=_turns(names, train.points.mean(axis=0)),
        sizes=_sizes(tree, train, fresh, equal, weights, least), fresh=len(right), _tree=tree,
        _tables=tables,
    )  # fmt: skip


def _sizes(
    tree: DecisionTreeRegressor, train: Sample, fresh: Sample, equal: Floats, weights: Floats,
    least: Floats,
) -> tuple[MapSize, ...]:  # fmt: skip
    """Return what maps of fewer and of more rules are worth; none beyond what the tree has."""
    found: dict[int, MapSize] = {}
    for leaves in SIZES:
        at, other = (_leaf_of(tree, each.features, leaves) for each in (train, fresh))
        told = np.zeros((len(other), *fresh.points.shape[1:]))
        for leaf in np.unique(at):
            told[other == leaf] = train.points[at == leaf].mean(axis=0)
        rules = len(np.unique(at))
        found.setdefault(rules, MapSize(
            rules, _accuracy(fresh.points, told, equal, least),
            _accuracy(fresh.points, told, weights, least),
        ))  # fmt: skip
    return tuple(found.values())


def _regressed(train: Sample, fresh: Sample) -> Floats:
    """Return the points that a ridge regression on every feature expects of fresh draws."""
    from sklearn.linear_model import RidgeCV
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    model = make_pipeline(StandardScaler(), RidgeCV(ALPHAS))
    model.fit(train.features, train.points.reshape(len(train.points), -1))
    found: Floats = model.predict(fresh.features).reshape(fresh.points.shape)
    return found
