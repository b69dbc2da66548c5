"""Leaves of one choice that lie side by side are one case; nothing else is."""

from __future__ import annotations

import pytest

from sandbox.decision.cases import cases_of
from sandbox.decision.rules import Condition, Rule


def rule(candidate: str, *conditions: Condition, probability: float = 1.0,
         coverage: float = 0.25, others: tuple[str, ...] = ()) -> Rule:  # fmt: skip
    return Rule(conditions, candidate, others, probability, probability, coverage, (), ())


def above(key: str, value: float) -> Condition:
    return Condition(key, value, above=True)


def most(key: str, value: float) -> Condition:
    return Condition(key, value, above=False)


def test_two_sides_of_a_split_of_one_choice_are_one_case() -> None:
    (found,) = cases_of([
        rule("a", above("x", 1), most("y", 2), probability=0.6, coverage=0.3),
        rule("a", above("x", 1), above("y", 2), probability=0.9, coverage=0.1),
    ])  # fmt: skip
    assert found.conditions == (above("x", 1),)
    assert found.coverage == pytest.approx(0.4)
    assert found.probability == pytest.approx((0.6 * 0.3 + 0.9 * 0.1) / 0.4)


def test_splits_within_splits_join_from_the_leaves_up() -> None:
    found = cases_of([
        rule("b", most("x", 1)),
        rule("a", above("x", 1), most("y", 2)),
        rule("a", above("x", 1), above("y", 2), most("x", 5)),
        rule("a", above("y", 2), above("x", 5)),
    ])  # fmt: skip
    assert [each.candidate for each in found] == ["b", "a"]
    assert found[1].conditions == (above("x", 1),)


def test_other_choices_and_boxes_that_share_a_corner_only_stay_apart() -> None:
    apart = [
        rule("a", above("x", 1), above("y", 1)),
        rule("b", above("x", 1), most("y", 1)),
        rule("a", most("x", 1), most("y", 1)),
        rule("a", most("x", 1), above("y", 1), others=("b",)),
    ]
    found = cases_of(apart)
    assert [each.conditions for each in found] == [each.conditions for each in apart]


def test_one_choice_everywhere_has_no_condition() -> None:
    (found,) = cases_of([rule("a", above("x", 1)), rule("a", most("x", 1))])
    assert found.conditions == ()


def test_a_category_and_its_absence_are_two_sides() -> None:
    is_so, is_not = (Condition("k", 0.5, above, "word") for above in (True, False))
    (found,) = cases_of([rule("a", is_so, above("x", 1)), rule("a", is_not, above("x", 1))])
    assert found.conditions == (above("x", 1),)
