"""The scenario's own time in a live space, and its outages."""

from __future__ import annotations

from datetime import date, datetime

import pytest

from sandbox.live.scenario_time import begin_of, windows_of
from sandbox.space.errors import UserError
from sandbox.space.loader import load_scenario

OUTAGE = load_scenario("panne-psc")  # Sunday 29 to Tuesday 31 August 2021; Monday, 9 to 10
DEMO = load_scenario("demo")
MONDAY = datetime.fromisoformat("2026-11-23T08:30")


def test_the_scenario_s_day_is_the_one_with_today_s_name() -> None:
    assert begin_of(OUTAGE, MONDAY) == datetime.fromisoformat("2021-08-30T08:30")


def test_a_period_without_such_a_day_begins_with_its_first() -> None:
    thursday = datetime.fromisoformat("2026-11-26T08:30")
    assert begin_of(OUTAGE, thursday) == datetime.fromisoformat("2021-08-29T08:30")


def test_the_time_that_is_asked_for_is_taken() -> None:
    at = datetime.fromisoformat("2021-08-31T23:59")
    assert begin_of(OUTAGE, MONDAY, at=at) == at


def test_an_outage_comes_at_its_hour_and_lasts() -> None:
    assert windows_of(OUTAGE, begin_of(OUTAGE, MONDAY), 1000.0) == ((2800.0, 2800.0 + 3600.0),)


def test_an_outage_may_come_at_once() -> None:
    begin = begin_of(OUTAGE, MONDAY, outage_now=True)
    assert windows_of(OUTAGE, begin, 1000.0) == ((1000.0, 1000.0 + 3600.0),)


def test_a_scenario_without_outage_has_none() -> None:
    assert windows_of(DEMO, begin_of(DEMO, MONDAY), 0.0) == ()


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"at": datetime.fromisoformat("2021-09-01T00:00")}, "outside the scenario's period"),
        ({"at": datetime.fromisoformat("2021-08-30T00:00"), "outage_now": True}, "either"),
    ],
)
def test_what_cannot_be_is_refused(given: dict[str, object], told: str) -> None:
    with pytest.raises(UserError, match=told):
        begin_of(OUTAGE, MONDAY, **given)  # type: ignore[arg-type]
    assert OUTAGE.period.start == date(2021, 8, 29)


def test_an_outage_at_once_needs_one() -> None:
    with pytest.raises(UserError, match="has no outage"):
        begin_of(DEMO, MONDAY, outage_now=True)
