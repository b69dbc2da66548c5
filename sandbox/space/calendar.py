"""Days of the period: working, Saturday, Sunday or holiday."""

from __future__ import annotations

from datetime import date, timedelta
from enum import IntEnum
from functools import cache

import holidays
import numpy as np
from numpy.typing import NDArray

__all__ = ["DayKind", "day_kinds", "hourly_weights"]

SATURDAY, SUNDAY = 5, 6


class DayKind(IntEnum):
    """What a day is for work."""

    WORKING = 0
    SATURDAY = 1
    SUNDAY = 2  # and public holidays


@cache
def day_kinds(start: date, days: int) -> NDArray[np.int8]:
    """Return the kind of each day of the period, int8 (days,); holidays of metropolitan France."""
    dates = [start + timedelta(days=day) for day in range(days)]
    public = holidays.country_holidays("FR", years={day.year for day in dates})
    kinds = [
        DayKind.SUNDAY
        if day in public or day.weekday() == SUNDAY
        else DayKind.SATURDAY
        if day.weekday() == SATURDAY
        else DayKind.WORKING
        for day in dates
    ]
    found = np.array(kinds, dtype=np.int8)
    found.flags.writeable = False  # every caller has the same
    return found


def hourly_weights(
    start: date, days: int, shape: NDArray[np.float64], monday_factor: float
) -> NDArray[np.float64]:
    """Spread one message over the hours of the period.

    Args:
        start: first day.
        days: length.
        shape: relative rates, (day kinds, 24).
        monday_factor: working Mondays over other working days.

    Returns:
        float64 (days x 24,), which sums to 1 (or to 0 where the shape is 0 everywhere).
    """
    kinds = day_kinds(start, days)
    rates = shape[kinds].copy()
    for day in range(days):
        if kinds[day] == DayKind.WORKING and (start + timedelta(days=day)).weekday() == 0:
            rates[day] *= monday_factor
    flat = rates.reshape(-1)
    total = flat.sum()
    return flat / total if total > 0 else flat
