"""Days and hours: holidays rest like Sundays, Mondays are busier."""

from __future__ import annotations

from datetime import date

import numpy as np
import pytest

from sandbox.space.calendar import DayKind, day_kinds, hourly_weights


@pytest.mark.parametrize(
    ("day", "kind"),
    [
        (date(2022, 8, 15), DayKind.SUNDAY),  # Assumption, a Monday
        (date(2021, 4, 5), DayKind.SUNDAY),  # Easter Monday
        (date(2021, 7, 14), DayKind.SUNDAY),  # a Wednesday
        (date(2021, 5, 1), DayKind.SUNDAY),  # Labour Day on a Saturday rests like a Sunday
        (date(2021, 8, 2), DayKind.WORKING),
        (date(2021, 8, 7), DayKind.SATURDAY),
        (date(2021, 8, 8), DayKind.SUNDAY),
    ],
    ids=str,
)
def test_a_day_is_of_its_kind(day: date, kind: DayKind) -> None:
    assert day_kinds(day, 1)[0] == kind


def test_august_2021_has_twenty_two_working_days() -> None:
    """15 August 2021 is a Sunday: no working day is lost to it."""
    assert np.bincount(day_kinds(date(2021, 8, 1), 31)).tolist() == [22, 4, 5]


def test_a_year_end_is_crossed_with_the_holidays_of_both_years() -> None:
    assert day_kinds(date(2021, 12, 24), 9).tolist() == [0, 2, 2, 0, 0, 0, 0, 0, 2]


SHAPE = np.array([[1.0] * 24, [0.5] * 24, [0.0] * 24])


def test_weights_spread_exactly_one_message() -> None:
    weights = hourly_weights(date(2021, 8, 1), 31, SHAPE, 1.2)
    assert weights.shape == (31 * 24,)
    assert weights.sum() == pytest.approx(1)


def test_a_working_monday_is_busier_by_its_factor() -> None:
    days = hourly_weights(date(2021, 8, 2), 7, SHAPE, 1.5).reshape(7, 24).sum(axis=1)
    assert days[0] / days[1] == pytest.approx(1.5)
    assert days[5] / days[1] == pytest.approx(0.5)
    assert days[6] == 0


def test_a_monday_off_is_a_sunday() -> None:
    """Easter Monday: no Monday factor, no message in this shape."""
    days = hourly_weights(date(2021, 4, 5), 2, SHAPE, 1.5).reshape(2, 24).sum(axis=1)
    assert days[0] == 0


def test_a_shape_of_zeros_sends_nothing() -> None:
    assert hourly_weights(date(2021, 8, 2), 1, np.zeros((3, 24)), 1.2).sum() == 0


def test_every_week_has_a_working_day() -> None:
    working = day_kinds(date(2000, 1, 1), 36_525) == DayKind.WORKING
    assert np.lib.stride_tricks.sliding_window_view(working, 7).any(axis=1).all()
