"""A year of controls: all that was planted is found, nothing else, as early as theory says."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from sandbox.controls.register import CaseRegister
from sandbox.controls.year import Regime, YearOutcome, expected_days, run_year
from sandbox.controls.year_effects import Effects, YearSanctions
from sandbox.controls.year_space import BEGIN, DAY, Size, Year, YearSpace
from sandbox.indicators.anomalies import confront
from sandbox.indicators.counting import Indicators

SIZE = Size(domains=(20,) * 80, mailboxes=(10,) * 80)
QUIET = Year(planted=30, silent=0.0, seed=5)
REGIMES = (
    # It finds, and no more: what leaves the space before it is found has no time to find.
    Regime(every=30.0, sanctions=False),
    Regime(every=7.0, share=0.25, sanctions=False),
    Regime(every=7.0, share=0.25, sample="rotating", sanctions=False),
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


HARD = Year(planted=12, stubborn=1.0, silent=0.0, seed=2)
SENDING = Size(domains=(2,) * 60, mailboxes=(10,) * 60, messages=3.0)


@pytest.fixture(scope="module")
def sanctioned() -> YearOutcome:
    return run_year(SENDING, Regime(every=15.0), HARD)


def test_a_ladder_without_effects_leaves_all_on_the_list() -> None:
    found = run_year(SENDING, Regime(every=15.0, sanctions=False), HARD).effects
    assert (found.made, found.unable_days, found.unsent) == ({}, 0.0, 0.0)
    assert found.exposed_days > 0


def test_what_is_suspended_or_removed_sends_nothing_and_exposes_nobody(
    sanctioned: YearOutcome,
) -> None:
    effects = sanctioned.effects
    assert effects.made["suspended"] > effects.made["removed"] > 0
    assert effects.unsent == pytest.approx(3.0 * effects.unable_days)
    assert 0 < effects.unable_days < sum(SENDING.mailboxes) * 365
    lenient = run_year(SENDING, Regime(every=15.0, sanctions=False), HARD).effects
    assert effects.exposed_days < lenient.exposed_days


def test_who_yields_comes_back_and_who_never_does_stays_away() -> None:
    all_yield = run_year(SENDING, Regime(every=15.0), replace(HARD, yielding=1.0)).effects
    nobody = run_year(SENDING, Regime(every=15.0), replace(HARD, yielding=0.0)).effects
    assert all_yield.made["restored"] > nobody.made["restored"]
    assert nobody.made["returned"] == 0
    assert nobody.made["removed"] > all_yield.made["removed"]


def test_an_appeal_against_what_stands_is_dismissed() -> None:
    contested = replace(HARD, yielding=0.0, appealed=1.0)
    outcome = run_year(SENDING, Regime(every=15.0), contested)
    assert outcome.effects.appeals["dismissed"] > 0
    # Where others have left, two that are left contradict each other, and both are named.
    assert outcome.effects.appeals["upheld"] <= outcome.false.total()


def test_an_appeal_brings_back_what_was_mended_before_the_next_look() -> None:
    quick = replace(HARD, yielding=1.0, mended=2.0, appealed=1.0, decided=5.0)
    rare = Regime(every=30.0, share=0.25)
    contested = run_year(SENDING, rare, quick).effects
    silent = run_year(SENDING, rare, replace(quick, appealed=0.0)).effects
    assert contested.appeals["upheld"] > 0
    assert contested.unable_days < silent.unable_days


def test_one_suspension_costs_its_mailboxes_their_days() -> None:
    """By hand: two domains of five mailboxes, one off for ten days, one from then to the end."""
    year = Year(planted=0)
    size = Size(domains=(2,), mailboxes=(10,), messages=2.0)
    space, effects = YearSpace(size, year), Effects()
    sanctions = YearSanctions(space, CaseRegister(), size, year, effects, np.random.default_rng(1))
    first, second = space.domains
    begin = BEGIN.begin
    for at, act, domain in (
        (10, sanctions.suspend, first), (20, sanctions.restore, first),
        (300, sanctions.suspend, second),
    ):  # fmt: skip
        sanctions._now = begin + at * DAY
        act(domain)
    sanctions.close_year()
    assert effects.unable_days == pytest.approx(5 * 10 + 5 * 65)
    assert effects.unsent == pytest.approx(2 * (5 * 10 + 5 * 65))


def test_while_an_operator_is_suspended_its_indicators_fall_and_those_of_its_correspondents() -> (
    None
):
    size = Size(domains=(1,) * 8, mailboxes=(1,) * 8)
    year = Year(planted=0)
    space = YearSpace(size, year)
    sanctions = YearSanctions(
        space, CaseRegister(), size, year, Effects(), np.random.default_rng(1)
    )  # fmt: skip
    (first, _), month = list(space.domains)[:2], BEGIN
    for day, act in ((10, sanctions.suspend), (20, sanctions.restore)):
        sanctions._now = month.begin + day * DAY
        act(first)
    before, files = space.files(month.before), space.files(month)
    assert total(files["op001"]) == pytest.approx(total(before["op001"]) * 21 / 31, rel=0.02)
    # Of the ten ways in which each exchanges, one is with the operator that was suspended.
    beside = total(before["op002"]) - total(files["op002"])
    assert beside == pytest.approx((total(before["op001"]) - total(files["op001"])) / 10)
    # Message by message: what left, on the days of the calendar.
    begin, end = month.begin + 10 * DAY, month.begin + 20 * DAY
    sent = space.exchanged("op001", "op002", month)
    assert not any(begin <= each < end for each in sent)
    told = {
        key.peer: volume.number for key, volume in files["op001"].messages.items()
        if key.event == "relayed"
    }  # fmt: skip
    assert told["op002.mssante.test"] == len(sent)
    assert confront(files.values()) == []


def total(file: Indicators) -> int:
    return sum(volume.number for volume in file.messages.values())
