"""The cheap evaluation says what the full one says."""

from __future__ import annotations

import numpy as np
import pytest

from sandbox.analysis import incidents
from sandbox.decision.closed import closed_form
from sandbox.decision.criteria import CRITERIA
from sandbox.decision.evaluation import Evaluation
from sandbox.decision.factors import at, scenario_at
from sandbox.space.candidates import candidates
from sandbox.space.compatibility import can_connect, compatibility
from sandbox.space.costs import yearly_bill
from sandbox.space.population import build_space
from sandbox.space.scenario import Scenario

DRAWS = 3


@pytest.fixture(scope="module")
def points(evaluation: Evaluation) -> np.ndarray:
    return np.random.default_rng(4).random((DRAWS, evaluation.columns))


def test_arrays_of_draws_give_what_each_draw_gives_alone(
    evaluation: Evaluation, points: np.ndarray
) -> None:
    values = evaluation.values(points)
    found = evaluation.closed(values)
    for draw in range(DRAWS):
        one = at(evaluation.factors, values, draw)
        scenario = scenario_at(evaluation.scenario, one)
        weighed = evaluation.by_policy[one["login_policy"]]
        for place, each in enumerate(weighed.values()):
            who = compatibility(scenario, each.design, each.policy)
            bill = yearly_bill(each.design, each.policy, scenario)
            expected = (who.whole.cannot_connect, who.messages_share(scenario), bill.total)
            names = ("cannot_connect", "messages_to_migrate", "yearly_cost")
            for name, value in zip(names, expected, strict=True):
                assert found[name][draw, place] == pytest.approx(value, rel=1e-9), name


def test_hours_of_incidents_are_those_of_the_drawn_space_within_its_sampling_error(
    demo: Scenario, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(incidents, "back_after", lambda *_: 0.0)  # the storm loses nobody an hour
    weighed = candidates(demo)
    expected = closed_form(demo, {}, weighed, 1)["incident_hours"][0]
    space = build_space(demo, seed=2)
    able = can_connect(space, [(each.design, each.policy) for each in weighed.values()])
    for place, each in enumerate(weighed.values()):
        found = sum(
            loss.yearly_person_hours for loss in incidents.incidents_of(space, each, able).values()
        )
        assert found == pytest.approx(expected[place], rel=0.1)


def test_a_draw_gives_the_same_waits_whatever_is_evaluated_beside_it(
    evaluation: Evaluation, points: np.ndarray
) -> None:
    together, alone = (
        evaluation.simulated(evaluation.values(each)) for each in (points[:2], points[1:2])
    )
    for name, values in alone.items():
        assert (together[name][1] == values[0]).all()


def test_money_does_not_reach_the_engine(evaluation: Evaluation, points: np.ndarray) -> None:
    values = evaluation.values(points[:2])
    dearer = {k: 2 * v if k.startswith("costs.") else v for k, v in values.items()}
    assert set(dearer) > {"costs.person_hour"}
    given, paid = evaluation.simulated(values), evaluation.simulated(dearer)
    for name, found in given.items():
        assert (found == paid[name]).all()


def test_every_criterion_has_a_value_for_every_candidate(
    evaluation: Evaluation, points: np.ndarray
) -> None:
    found = evaluation.evaluate(evaluation.values(points[:1]))
    assert list(found) == list(CRITERIA)
    assert all(np.isfinite(values).all() and values.shape == (1, 3) for values in found.values())
