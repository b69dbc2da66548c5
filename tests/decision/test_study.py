"""A whole study, small: same on any number of workers, honest when short, moved by ranges."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from sandbox.decision.choice import Choice, choose, points_of, scales_of
from sandbox.decision.criteria import CRITERIA
from sandbox.decision.evaluation import Evaluation, prepare
from sandbox.decision.factors import Values
from sandbox.decision.ranges import Range
from sandbox.decision.study import Decision, study
from sandbox.space.errors import UserError
from sandbox.space.scenario import Scenario
from sandbox.workers.spread import Workers

DESIGNS = ("single-endpoint", "multi-endpoint")
SMALL = {"runs": 8, "draws": 256}


@pytest.fixture(scope="module")
def two(demo: Scenario) -> Evaluation:
    """Two designs and few factors: a study in seconds."""
    whole = prepare(demo, designs=DESIGNS, policy="external")
    kept = [
        f for f in whole.factors if f.key.startswith(("costs.e", "products.robot", "methods.t"))
    ]
    return replace(whole, factors=tuple(kept))


@pytest.fixture(scope="module")
def found(two: Evaluation, tmp_path_factory: pytest.TempPathFactory) -> Decision:
    return study(two, **SMALL, folder=tmp_path_factory.mktemp("draws"), workers=Workers(1))


def test_any_number_of_workers_gives_the_same(two: Evaluation, found: Decision) -> None:
    other = study(two, **SMALL, workers=Workers(2))
    assert other.choice.together == found.choice.together
    assert [d.gain for d in other.drivers] == [d.gain for d in found.drivers]
    assert [d.index for d in other.drivers] == [d.index for d in found.drivers]
    assert other.map == found.map


def test_kept_draws_are_not_done_again(
    two: Evaluation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study(two, **SMALL, folder=tmp_path, workers=Workers(1))
    calls: list[int] = []
    real = Evaluation.simulated

    def counting(self: Evaluation, values: Values) -> dict[str, np.ndarray]:
        calls.append(len(next(iter(values.values()))))
        return real(self, values)

    monkeypatch.setattr(Evaluation, "simulated", counting)
    study(two, **SMALL, folder=tmp_path, workers=Workers(1))
    assert set(calls) == {1}  # those of the sampling error alone


def test_an_interrupted_study_goes_on_where_it_was(
    two: Evaluation, found: Decision, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, calls = Evaluation.simulated, []

    def stopped(self: Evaluation, values: Values) -> dict[str, np.ndarray]:
        calls.append(len(next(iter(values.values()))))
        if len(calls) == 2:
            raise KeyboardInterrupt
        return real(self, values)

    monkeypatch.setattr(Evaluation, "simulated", stopped)
    with pytest.raises(KeyboardInterrupt):
        study(two, **SMALL, folder=tmp_path, workers=Workers(1))
    assert len(list(tmp_path.iterdir())) == 1  # whole: no partial file beside it
    again = study(two, **SMALL, folder=tmp_path, workers=Workers(1))
    assert [count for count in calls if count > 1] == [4, 4, 4]  # done, stopped, done
    assert again.choice.together == found.choice.together
    assert again.map == found.map


def test_probabilities_sum_to_one_over_candidates(found: Decision) -> None:
    for standings in (found.choice.together, *found.choice.by_criterion.values()):
        assert sum(each.probability for each in standings.values()) == pytest.approx(1.0)


def closed_choice(demo: Scenario, *given: tuple[str, Range]) -> Choice:
    """Return who is best by what is computed in closed form: enough to follow a range."""
    evaluation = prepare(demo, designs=DESIGNS, policy="external", ranges=given)
    u = np.random.default_rng(1).random((512, evaluation.columns))
    metrics = evaluation.closed(evaluation.values(u))
    return choose(evaluation.names, metrics, scales_of(metrics), seed=1)


@pytest.mark.parametrize(
    ("key", "low", "high", "loser"),
    [
        # More to pay for each name: the design with eight of them is best less often.
        ("costs.endpoint_year", 40_000.0, 60_000.0, "multi-endpoint"),
        # Software fails when asked for a certificate: one endpoint asks everybody.
        ("products.lps-a.certificate_request_fails", 0.6, 0.9, "single-endpoint"),
    ],
)
def test_a_design_is_best_less_often_when_a_range_goes_against_it(
    demo: Scenario, key: str, low: float, high: float, loser: str
) -> None:
    before = closed_choice(demo, (key, Range(0.0, 0.0, 0.001)))
    after = closed_choice(demo, (key, Range(low, (low + high) / 2, high)))
    assert after.together[loser].probability < before.together[loser].probability - 0.02
    assert after.together[loser].regret > before.together[loser].regret


def test_too_few_runs_give_no_emulator_and_say_the_error(found: Decision) -> None:
    assert all(value >= 0 for value in found.emulator.error.values())
    assert all(isinstance(m, float) for models in found.emulator.models.values() for m in models)


@pytest.mark.parametrize("runs", [1, 5000])
def test_runs_out_of_range_are_refused(two: Evaluation, runs: int) -> None:
    with pytest.raises(UserError, match="must be 8 to 4096"):
        study(two, runs=runs)


def test_one_candidate_is_nothing_to_decide(demo: Scenario) -> None:
    with pytest.raises(UserError, match="nothing to decide"):
        prepare(demo, designs=("single-endpoint",), policy="external")


def planted(values: np.ndarray) -> dict[str, np.ndarray]:
    """All criteria equal but the cost."""
    same = np.zeros((len(values), 2))
    return {name: np.stack([values, 1e6 - values], axis=1) if name == "yearly_cost" else same
            for name in CRITERIA}  # fmt: skip


def test_a_candidate_is_best_as_often_as_it_is() -> None:
    values = np.random.default_rng(1).random(4000) * 1e6  # cheaper half the time
    metrics = planted(values)
    choice = choose(("a", "b"), metrics, scales_of(metrics), seed=1)
    low, high = choice.together["a"].interval
    assert low <= 0.5 <= high
    assert choice.together["a"].regret == pytest.approx(choice.together["b"].regret, rel=0.1)


def test_a_hundred_points_are_never_less_than_ten_gaps_that_matter() -> None:
    tiny = planted(np.full(100, 5e5 - 1.0))
    scales = scales_of(tiny)
    assert scales["yearly_cost"] == 10 * CRITERIA["yearly_cost"].threshold
    assert points_of(tiny, scales).max() < 0.01


def test_equals_share_the_chance_of_being_best() -> None:
    metrics = planted(np.full(100, 5e5))
    choice = choose(("a", "b"), metrics, scales_of(metrics), seed=1)
    assert choice.together["a"].probability == pytest.approx(0.5)
    assert choice.by_criterion["cannot_connect"]["a"].probability == pytest.approx(0.5)


def test_a_share_of_incidents_is_observed_on_incidents_not_on_mailboxes() -> None:
    from sandbox.decision.factors import Factor
    from sandbox.decision.information import Gain
    from sandbox.decision.observations import measure_of
    from sandbox.decision.ranges import Uncertain

    for key, observed in (("incidents.spreads", "incident"), ("populations.x.sms", "mailbox")):
        share = Uncertain(key, "number", 0.5, (Range(0, 0.5, 1),), (), "share", "placeholder")
        values = {key: np.linspace(0, 1, 101)}
        assert measure_of(Factor(key, (share,)), Gain(1.0, 0.1), values).observed == observed
