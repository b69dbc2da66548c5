"""Instants and durations as people say them."""

from __future__ import annotations

import pytest

from sandbox.space.errors import UserError
from sandbox.space.loader import load_scenario
from sandbox.twin.minutes import duration_of, instant_of

DEMO = load_scenario("demo")  # from a Sunday


@pytest.mark.parametrize(
    ("text", "hours"),
    [
        ("lundi 08:45", 24 + 8.75),
        ("Monday 8:45", 24 + 8.75),
        ("dimanche 00:00", 0),
        ("2021-09-06 08:45", 24 + 8.75),
        ("samedi 23h30", 6 * 24 + 23.5),
    ],
)
def test_an_instant_is_counted_from_the_start_of_the_period(text: str, hours: float) -> None:
    assert instant_of(text, DEMO) == hours * 3600


@pytest.mark.parametrize("text", ["", "lundi", "lunedi 08:45", "lundi 25:00", "08:45"])
def test_what_is_no_instant_is_refused_with_one_that_is(text: str) -> None:
    with pytest.raises(UserError, match="lundi 08:45"):
        instant_of(text, DEMO)


def test_an_instant_outside_the_period_is_refused() -> None:
    with pytest.raises(UserError, match="2021-09-05"):
        instant_of("2021-10-01 08:45", DEMO)


@pytest.mark.parametrize(("text", "seconds"), [("90s", 90), ("10m", 600), ("1.5h", 5400)])
def test_a_duration_has_a_unit(text: str, seconds: float) -> None:
    assert duration_of(text) == seconds


@pytest.mark.parametrize("text", ["10", "", "0m", "-5m", "10 minutes"])
def test_what_is_no_duration_is_refused_with_some_that_are(text: str) -> None:
    with pytest.raises(UserError, match="10m"):
        duration_of(text)
