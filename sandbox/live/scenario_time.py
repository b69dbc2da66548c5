"""The scenario's own time in a live space, and what happens in it: outages.

The scenario's time runs with the space's clock. It begins where the calendar fits: on the first day
of the period that has today's name, at this hour; or at the instant that is asked for.
"""

from __future__ import annotations

from datetime import datetime, time, timedelta

from sandbox.psc.outage import Window
from sandbox.space.errors import UserError
from sandbox.space.scenario import Scenario

__all__ = ["begin_of", "windows_of"]


def begin_of(
    scenario: Scenario, wall: datetime, *, at: datetime | None = None, outage_now: bool = False
) -> datetime:
    """Return the scenario's time when a space is started.

    Args:
        scenario: its period.
        wall: local time now.
        at: what was asked for.
        outage_now: start where the first outage does.

    Raises:
        UserError: an instant outside the period, or no outage to start with.
    """
    period = scenario.period
    first = datetime.combine(period.start, time.min)
    if outage_now:
        if at is not None:
            raise UserError(
                "donner soit --at, soit --outage-now", "give either --at or --outage-now"
            )
        if not scenario.outages:
            raise UserError(
                "aucune panne ; en donner une sous [[outages]]",
                "has no outage; give one under [[outages]]",
                where=f"scenario {scenario.name}",
            )
        return min(each.start for each in scenario.outages).replace(tzinfo=None)
    if at is not None:
        last = first + timedelta(days=period.days)
        if not first <= at < last:
            raise UserError(
                "hors de la période du scénario,",
                "outside the scenario's period,",
                where=f"--at {at}",
                then=f"{first} … {last}",
            )
        return at
    later = (wall.weekday() - first.weekday()) % 7
    day = first + timedelta(days=later if later < period.days else 0)
    return datetime.combine(day.date(), wall.time())


def windows_of(scenario: Scenario, begin: datetime, now: float) -> tuple[Window, ...]:
    """Return the outages by the space's clock.

    Args:
        scenario: its outages.
        begin: the scenario's time at `now`.
        now: seconds since 1970, by the space's clock.
    """
    found = []
    for outage in scenario.outages:
        start = now + (outage.start.replace(tzinfo=None) - begin).total_seconds()
        found.append((start, start + outage.minutes * 60))
    return tuple(sorted(found))
