"""The decision map in as few cases as say the same: leaves of one choice that lie side by side.

A tree may split where its choice does not change (other weights of the criteria would tell its
sides apart): read at equal weights, such leaves are one case.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

from sandbox.decision.rules import Condition, Rule

__all__ = ["ChoiceCase", "cases_of"]

# By input and category: above the first, at most the second.
Box = dict[tuple[str, str], tuple[float, float]]
ALL = (-math.inf, math.inf)


@dataclass(frozen=True, slots=True)
class ChoiceCase:
    """Where one choice holds; fields as those of a `Rule`, over all of its leaves."""

    conditions: tuple[Condition, ...]
    candidate: str
    others: tuple[str, ...]
    probability: float
    coverage: float


def cases_of(rules: Sequence[Rule]) -> list[ChoiceCase]:
    """Return the cases of rules, each where its first rule stood."""
    found = [
        (_box(each.conditions), ChoiceCase((), each.candidate, each.others, each.probability,
                                     each.coverage))
        for each in rules
    ]  # fmt: skip
    while pair := next((p for p in combinations(range(len(found)), 2) if _one(found, p)), None):
        (box, first), (other, second) = (found[each] for each in pair)
        coverage = first.coverage + second.coverage
        right = first.probability * first.coverage + second.probability * second.coverage
        case = ChoiceCase((), first.candidate, first.others, right / coverage, coverage)
        found[pair[0]] = (_union(box, other), case)
        del found[pair[1]]
    return [
        ChoiceCase(_conditions(box), case.candidate, case.others, case.probability, case.coverage)
        for box, case in found
    ]


def _box(conditions: Sequence[Condition]) -> Box:
    box: Box = {}
    for each in conditions:
        low, high = box.get((each.key, each.category), ALL)
        box[each.key, each.category] = (
            (max(low, each.value), high) if each.above else (low, min(high, each.value))
        )
    return box


def _differ(first: Box, second: Box) -> list[tuple[str, str]]:
    return [axis for axis in first | second if first.get(axis, ALL) != second.get(axis, ALL)]


def _one(found: Sequence[tuple[Box, ChoiceCase]], pair: tuple[int, int]) -> bool:
    """Tell whether two are one case: the same choice, and boxes that share a side."""
    (first, mine), (second, theirs) = (found[each] for each in pair)
    if (mine.candidate, mine.others) != (theirs.candidate, theirs.others):
        return False
    if mine.coverage + theirs.coverage == 0 or len(axes := _differ(first, second)) != 1:
        return False
    one, other = (box.get(axes[0], ALL) for box in (first, second))
    return one[1] == other[0] or other[1] == one[0]


def _union(first: Box, second: Box) -> Box:
    (axis,) = _differ(first, second)
    one, other = first[axis], second[axis]
    whole = (min(one[0], other[0]), max(one[1], other[1]))
    return {a: (whole if a == axis else b) for a, b in first.items() if a != axis or whole != ALL}


def _conditions(box: Box) -> tuple[Condition, ...]:
    return tuple(
        Condition(key, bound, above, category)
        for (key, category), (low, high) in box.items()
        for bound, above in ((low, True), (high, False))
        if math.isfinite(bound)
    )
