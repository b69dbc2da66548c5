"""The decision map: under which conditions which candidate, as a small tree (CART).

The tree is grown on what a reader can go and measure: the inputs, and what editors' products can do
weighed by their shares ("share of robots that speak EXTERNAL"), and on the weights that a reader
gives to the criteria. It is judged on draws that it has
not seen.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.tree import DecisionTreeClassifier

from sandbox.decision.factors import Factor, Values, scenario_at
from sandbox.space.methods import CAPABILITIES
from sandbox.space.scenario import Scenario

__all__ = ["WEIGHT", "Condition", "DecisionMap", "Rule", "features_of", "grow"]

Floats = NDArray[np.float64]
WEIGHT = "weight."  # before the name of a criterion
DEPTH = 3
LEAST_SHARE = 0.05  # of the draws in a leaf
LEAST_GAIN = 0.004  # of impurity: a split that says less is not made
NEAR = 1.0  # points: a candidate that close to the best is no error


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
class Rule:
    """A leaf.

    Attributes:
        probability: that the candidate is best when the conditions hold.
        coverage: share of the draws in which they hold. Both on fresh draws.
    """

    conditions: tuple[Condition, ...]
    candidate: str
    probability: float
    coverage: float


@dataclass(frozen=True, slots=True)
class DecisionMap:
    """The tree's leaves, and how well they predict fresh draws.

    Attributes:
        accuracy: share of fresh draws in which its candidate is best, or within NEAR points.
        without: the same for the candidate that is best most often, whatever the conditions.
    """

    rules: tuple[Rule, ...]
    accuracy: float
    without: float
    fresh: int


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
        for field in CAPABILITIES:
            share = sum(p.share * getattr(p, field) for p in mine)
            if np.ndim(share):
                names.append((f"{kind}.{field}", ""))
                columns.append(np.asarray(share))
    return names, np.stack([np.broadcast_to(c, count) for c in columns], axis=1)


def _leaves(tree: DecisionTreeClassifier, names: Sequence[tuple[str, str]]) -> Iterator[
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


def grow(
    names: Sequence[str], labels: Sequence[tuple[str, str]], train: tuple[Floats, Floats],
    fresh: tuple[Floats, Floats],
) -> DecisionMap:  # fmt: skip
    """Grow the map on some draws and judge it on fresh ones.

    Args:
        names: of the candidates; labels: of the features.
        train, fresh: features, float64 (n, features), and losses in points, (n, candidates).
    """
    features, losses = train
    best = losses.argmin(axis=1)
    stake = np.sort(losses, axis=1)[:, 1]  # what taking the second best would lose: ties say little
    tree = DecisionTreeClassifier(
        max_depth=DEPTH, min_samples_leaf=LEAST_SHARE, min_impurity_decrease=LEAST_GAIN,
        random_state=0,
    ).fit(features, best, sample_weight=stake + 1e-9)  # fmt: skip
    other, lost = fresh
    at, said = tree.apply(other), tree.predict(other)
    rules: dict[tuple[tuple[Condition, ...], int], Rule] = {}
    for leaf, path in _leaves(tree, labels):
        mine = at == leaf
        place = int(tree.classes_[tree.tree_.value[leaf][0].argmax()])
        right = lost[mine, place] <= NEAR
        share = float(right.mean()) if mine.any() else float("nan")
        rules[path, place] = Rule(_merged(path), names[place], share, float(mine.mean()))
    always = np.bincount(best, minlength=len(names)).argmax()
    return DecisionMap(
        rules=tuple(sorted(rules.values(), key=lambda rule: -rule.coverage)),
        accuracy=float((lost[np.arange(len(lost)), said] <= NEAR).mean()),
        without=float((lost[:, always] <= NEAR).mean()),
        fresh=len(other),
    )
