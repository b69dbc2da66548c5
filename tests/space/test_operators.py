"""Weights by population, and operators fitted to a count that somebody knows."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from sandbox.space.errors import UserError
from sandbox.space.loader import load_scenario, parse_scenario
from sandbox.space.operators import (
    expected_mailboxes,
    operator_names,
    operator_sizes,
    operator_weights,
    uses_listed_operators,
)
from sandbox.space.scenario import Scenario

BASE: dict[str, Any] = {
    "name": "essai", "title": "Essai", "title_en": "Trial", "compare": ["single-endpoint"],
    "period": {"start": "2021-09-06", "days": 1},
}  # fmt: skip
FOUR = ("liberal", "hospital", "laboratory", "ehpad")


def scenario(**operators: object) -> Scenario:
    return parse_scenario(BASE | {"operators": operators}, "essai.toml")


def fit(operator: str, mailboxes: float, population: str = "liberal") -> dict[str, object]:
    return {"operator": operator, "population": population, "mailboxes": mailboxes}


def test_one_list_of_weights_holds_for_every_population() -> None:
    found = scenario(mailboxes=[3, 1])
    for name in FOUR:
        np.testing.assert_allclose(operator_weights(found, name), [0.75, 0.25])


def test_robots_are_where_the_other_mailboxes_are_unless_said_otherwise() -> None:
    found = scenario(mailboxes=[3, 1], applications={"hospital": [0, 1]})
    np.testing.assert_allclose(operator_weights(found, "hospital", applications=True), [0, 1])
    np.testing.assert_allclose(operator_weights(found, "hospital"), [0.75, 0.25])
    np.testing.assert_allclose(
        operator_weights(found, "laboratory", applications=True), [0.75, 0.25]
    )


def test_a_fitted_operator_holds_what_it_is_known_to_hold_and_the_others_share_the_rest() -> None:
    found = scenario(mailboxes=[1, 2, 1], fit=[fit("op001", 50_000)])
    total = expected_mailboxes(found.populations["liberal"])
    held = operator_weights(found, "liberal") * total
    np.testing.assert_allclose(held, [50_000, (total - 50_000) * 2 / 3, (total - 50_000) / 3])
    np.testing.assert_allclose(operator_weights(found, "hospital"), [0.25, 0.5, 0.25])


def test_sizes_add_up_to_all_mailboxes() -> None:
    found = load_scenario("aout-2021")
    total = sum(
        people.units * people.deployment
        * (people.personal_mailboxes + people.shared_mailboxes + people.application_mailboxes)
        for people in found.populations.values()
    )  # fmt: skip
    assert operator_sizes(found).sum() == pytest.approx(total)


def test_a_scenario_that_gives_its_operators_does_not_use_those_of_the_list() -> None:
    assert uses_listed_operators(load_scenario("aout-2021"))
    assert not uses_listed_operators(load_scenario("demo"))
    assert not uses_listed_operators(scenario(mailboxes=[3, 1]))


def test_operators_without_names_are_numbered() -> None:
    assert operator_names(scenario(mailboxes=[1, 1])) == ("op001", "op002")


@pytest.mark.parametrize(
    ("operators", "words"),
    [
        (
            {"mailboxes": [1, 1], "fit": [fit("op001", 1e9)]},
            "cannot hold 1000000000 mailboxes of li",
        ),
        ({"mailboxes": [1], "fit": [fit("op001", 5)]}, "nobody else to hold"),
        ({"mailboxes": [1, 1], "fit": [fit("op009", 5)]}, "'op009': .*not an operator"),
        ({"mailboxes": [1, 1], "fit": [fit("op001", 5, "vets")]}, "'vets': .*is not a population"),
        ({"mailboxes": {"liberal": [1]}}, "no weights for population"),
        ({"mailboxes": {}}, "weights of no population"),
        ({"mailboxes": {name: [0, 0] for name in FOUR}}, "at least one operator must have some"),
        ({"mailboxes": [1, 1], "applications": {"hospital": [1]}}, "as many as mailboxes"),
        ({"mailboxes": [1, 1], "names": ["one"]}, "as many as mailboxes"),
        ({"mailboxes": "x"}, r'operators.mailboxes = "x": .*input should be'),
        ({"mailboxes": [-1, 2]}, r"operators.mailboxes.0 = -1: .*input should be greater"),
        (
            {"mailboxes": {"liberal": [-1]}},
            r"operators.mailboxes.liberal.0 = -1: .*input should be",
        ),
    ],
)
def test_operators_that_cannot_be_are_refused_in_a_line(
    operators: dict[str, Any], words: str
) -> None:
    with pytest.raises(UserError, match=words) as refused:
        scenario(**operators)
    assert "essai.toml" in str(refused.value)
    assert "\n" not in str(refused.value)
