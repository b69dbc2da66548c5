"""What to measure first: at whom, and how many observations are enough.

Enough is when observations leave a tenth of the variance of what is believed: n observations of
variance v leave 1 / (1 + n s / v) of a prior variance s (normal approximation), so n = 9 v / s.
What one observation is follows from the unit: somebody who has or has not (a share), one incident,
one duration, one quote.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from sandbox.decision.factors import Factor, Values
from sandbox.decision.information import Gain

__all__ = ["Measure", "measure_of"]

ENOUGH = 9.0  # nine tenths of the variance gone
# Where it is known, by the start of its key; the first that fits.
WHERE = (
    ("products.*.share", "operators' login records"),
    ("products.", "editors"),
    ("costs.editor", "editors"), ("costs.plain", "editors"), ("costs.external", "editors"),
    ("costs.xoauth2", "editors"), ("costs.alone", "editors"),
    ("costs.firewall", "sites"), ("costs.enrolment", "sites"), ("costs.app", "sites"),
    ("costs.person", "sites"),
    ("populations.*.port_blocked", "sites"),
    ("methods.", "people, timed"),
    ("login_policy", "task force"),
    ("backends.psc", "Pro Santé Connect"),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Measure:
    """Something to measure.

    Attributes:
        where: editors, operators, sites, people, task force or Pro Santé Connect.
        observations: how many are enough; 0: it is a choice to make, not a number to measure.
        observed: what one observation is: answer, mailbox, incident, duration, quote, choice.
    """

    key: str
    gain: Gain
    where: str
    observations: int
    observed: str


def _where(key: str) -> str:
    for start, place in WHERE:
        head, star, tail = start.partition("*")
        if key.startswith(head) and (not star or key.endswith(tail)):
            return place
    return "operators"


def measure_of(factor: Factor, gain: Gain, values: Values) -> Measure:
    """Return how to measure a factor."""
    member = factor.members[0]
    where = _where(factor.key)
    if member.kind in {"choice", "switch"}:
        return Measure(factor.key, gain, where, 0, "choice")
    column = values[member.key].astype(np.float64)
    mean, variance = float(column.mean()), float(column.var())
    unit = member.unit
    if unit.startswith("share"):
        observed, own = "mailbox", float((column * (1 - column)).mean())
        if factor.key.startswith("incidents."):
            observed = "incident"
        if factor.key.startswith("products.") and not factor.key.endswith(".share"):
            observed = "installation"
    elif "a year" in unit and "incidents" in unit:
        observed, own = "year of one operator", mean  # Poisson
    elif unit in {"minutes", "seconds"}:
        observed, own = "duration", mean * mean  # as spread as an exponential law
    else:
        observed, own = "quote", variance  # as spread as what is believed
    enough = math.ceil(ENOUGH * own / max(variance, 1e-12))
    return Measure(factor.key, gain, where, enough, observed)
