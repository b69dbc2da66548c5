"""How mail changes with the years: what goes to citizens, whose INS is qualified (`data/`)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np

from sandbox.space.scenario import Scenario
from sandbox.space.tables import rows

__all__ = ["MailOfYear", "mail_of", "share_to_citizens"]


@dataclass(frozen=True, slots=True)
class MailOfYear:
    """Shares of a year, 0 to 1.

    Attributes:
        citizens: of the messages, that go to Mon espace santé.
        qualified: of the documents, whose INS is qualified.
    """

    citizens: float
    qualified: float


@cache
def mail_of(year: int) -> MailOfYear:
    """Return the shares of a year: straight lines between the years of `messages-by-year.csv`."""
    table = rows("messages-by-year.csv")
    years = [float(row["year"]) for row in table]

    def at(column: str) -> float:
        return float(np.interp(year, years, [float(row[column]) for row in table]))

    return MailOfYear(citizens=at("citizens"), qualified=at("ins_qualified"))


def share_to_citizens(scenario: Scenario) -> float:
    """Return the part of a scenario's messages that goes to Mon espace santé, 0 to 1."""
    share = mail_of(scenario.period.start.year).citizens
    return min(1.0, scenario.traffic.citizen_factor * share)
