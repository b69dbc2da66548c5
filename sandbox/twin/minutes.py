"""Instants and durations as people say them: lundi 08:45, 10m."""

from __future__ import annotations

import re
from datetime import datetime, time, timedelta

from sandbox.space.errors import UserError
from sandbox.space.scenario import Scenario

__all__ = ["duration_of", "instant_of"]

_DAYS = (
    ("lundi", "monday"), ("mardi", "tuesday"), ("mercredi", "wednesday"), ("jeudi", "thursday"),
    ("vendredi", "friday"), ("samedi", "saturday"), ("dimanche", "sunday"),
)  # fmt: skip
_INSTANT = re.compile(r"([a-zA-Z]+|\d{4}-\d\d-\d\d)[ T](\d{1,2})[:h](\d\d)(?::(\d\d))?")
_DURATION = re.compile(r"(\d+(?:\.\d+)?)(s|m|h)")
_UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0}


def duration_of(text: str) -> float:
    """Return the seconds of `90s`, `10m`, `1.5h`.

    Raises:
        UserError: anything else, or nothing.
    """
    found = _DURATION.fullmatch(text.strip())
    if found is None or float(found[1]) <= 0:
        raise UserError.expected(f"{text[:40]!r}", "90s, 10m, 1h")
    return float(found[1]) * _UNITS[found[2]]


def instant_of(text: str, scenario: Scenario) -> float:
    """Return the seconds from the start of a scenario's period to `lundi 08:45`.

    A day of the week is the first of that name in the period; a date may be given instead.

    Raises:
        UserError: no such instant in the period.
    """
    first, days = scenario.period.start, scenario.period.days
    found = _INSTANT.fullmatch(text.strip())
    wrong = UserError.expected(f"{text[:40]!r}", f"lundi 08:45, monday 08:45, {first} 08:45")
    if found is None:
        raise wrong
    word = found[1].lower()
    try:
        hour = time(int(found[2]), int(found[3]), int(found[4] or 0))
        if word[0].isdigit():
            day = datetime.strptime(word, "%Y-%m-%d").date()  # noqa: DTZ007 - local
        else:
            number = next(n for n, names in enumerate(_DAYS) if word in names)
            day = first + timedelta(days=(number - first.weekday()) % 7)
    except (ValueError, StopIteration):
        raise wrong from None
    seconds = (datetime.combine(day, hour) - datetime.combine(first, time.min)).total_seconds()
    if not 0 <= seconds < days * 86_400:
        raise UserError(
            f"hors de la période ({first}, {days} jours)",
            f"outside the period ({first}, {days} days)",
            where=f"{text[:40]!r}",
        )
    return seconds
