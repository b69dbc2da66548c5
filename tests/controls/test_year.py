"""A year of controls: all that was planted is found, nothing else, as early as theory says."""

from __future__ import annotations

import pytest

from sandbox.controls.year import Regime, Size, Year, YearOutcome, expected_days, run_year

SIZE = Size(domains=(20,) * 80, mailboxes=(10,) * 80)
QUIET = Year(planted=30, silent=0.0, seed=5)
REGIMES = (
    Regime(every=30.0),
    Regime(every=7.0, share=0.25),
    Regime(every=7.0, share=0.25, sample="rotating"),
)


@pytest.fixture(scope="module", params=REGIMES, ids=str)
def year(request: pytest.FixtureRequest) -> tuple[Regime, YearOutcome]:
    return request.param, run_year(SIZE, request.param, QUIET)


def test_everything_planted_is_found_and_nothing_else(year: tuple[Regime, YearOutcome]) -> None:
    _, outcome = year
    assert sum(outcome.false.values()) == 0
    found = {name: len(days) for name, days in outcome.days_to_find.items()}
    assert len(found) == 15
    assert all(count >= 5 for count in found.values())
    assert all(days >= 0 for each in outcome.days_to_find.values() for days in each)


def test_the_time_to_find_is_that_of_the_closed_form(year: tuple[Regime, YearOutcome]) -> None:
    regime, outcome = year
    mean, error = outcome.mean()
    assert abs(mean - expected_days(regime)) < 4 * error


def test_the_work_is_what_the_regime_says(year: tuple[Regime, YearOutcome]) -> None:
    regime, outcome = year
    subjects = sum(SIZE.mailboxes)
    asked = outcome.rounds * subjects * regime.share
    assert outcome.looks["mailbox"] == pytest.approx(asked, rel=0.1)
    assert outcome.rounds == pytest.approx(365 / regime.every, abs=1)


def test_a_relay_that_happens_to_be_silent_is_a_false_finding() -> None:
    noisy = Year(planted=5, silent=0.05, seed=5)
    outcome = run_year(SIZE, Regime(every=30.0), noisy)
    assert set(outcome.false) == {"domain-reached"}
    # Each look at a domain in order: a binomial, five standard errors wide.
    looks = outcome.looks["domain"]
    expected = looks * noisy.silent
    assert abs(outcome.false["domain-reached"] - expected) < 5 * expected**0.5 + 12


def test_what_nobody_mends_climbs_the_ladder() -> None:
    outcome = run_year(SIZE, Regime(every=30.0), Year(planted=5, stubborn=1.0, silent=0.0, seed=2))
    assert outcome.reached["suspended"] > 0
    assert outcome.reached["removed"] > 0
    mended = run_year(
        SIZE, Regime(every=30.0), Year(planted=5, stubborn=0.0, mended=1.0, silent=0.0)
    )
    assert mended.reached["suspended"] == 0


def test_a_year_is_its_seed_s() -> None:
    regime = Regime(every=30.0, share=0.5)
    again = [run_year(SIZE, regime, Year(planted=5, seed=3)).as_json() for _ in range(2)]
    assert again[0] == again[1]
    assert run_year(SIZE, regime, Year(planted=5, seed=4)).as_json() != again[0]
