"""What a twin compares: figures predicted and measured, and what is asked of them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

__all__ = ["GOALS", "Figure", "Level", "Row", "rounded"]

GOALS = {"mean": 0.10, "p50": 0.10, "p95": 0.15}  # relative errors within which they agree
FEW = 20  # logins below which nothing is judged


@dataclass(frozen=True, slots=True)
class Row:
    """One figure, predicted and measured, s."""

    design: str
    method: str
    measure: str
    statistic: str
    predicted: float | None
    measured: float | None
    ci95: tuple[float, float] | None
    count: int

    @property
    def relative_error(self) -> float | None:
        """Of the prediction; None where there is nothing to compare."""
        if self.predicted is None or not self.measured:
            return None
        return self.predicted / self.measured - 1

    @property
    def judged(self) -> bool:
        """Whether there were enough logins to tell."""
        return self.count >= FEW and self.relative_error is not None and self.ci95 is not None

    @property
    def missed(self) -> bool:
        """Whether the error is beyond the goal, and the prediction beyond the measure's chance."""
        if not self.judged:
            return False
        assert self.ci95 is not None
        assert self.predicted is not None
        error = abs(self.relative_error or 0.0)
        return error > GOALS[self.statistic] and not (
            self.ci95[0] <= self.predicted <= self.ci95[1]
        )

    @property
    def plain(self) -> dict[str, Any]:
        """As `twin.json` has it."""
        return {
            "design": self.design, "method": self.method, "measure": self.measure,
            "statistic": self.statistic, "predicted": rounded(self.predicted),
            "measured": rounded(self.measured),
            "ci95": None if self.ci95 is None else [rounded(end) for end in self.ci95],
            "relative_error": rounded(self.relative_error), "logins": self.count,
        }  # fmt: skip


def rounded(value: float | None) -> float | None:
    """Return a figure as `twin.json` has it."""
    return None if value is None or math.isnan(value) else round(value, 6)


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure that is not a latency, predicted and measured; it is shown, not judged.

    logins_per_second; servers_utilisation and clients_utilisation, processor seconds a second;
    peak_connections and mean_connections of an endpoint, all operators together (`Connections`);
    servers_pace_seconds and clients_pace_seconds (`pace`), when calibrated and at this load.
    """

    design: str
    figure: str
    predicted: float
    measured: float

    @property
    def plain(self) -> dict[str, Any]:
        """As `twin.json` has it."""
        error = self.predicted / self.measured - 1 if self.measured else None
        return {
            "design": self.design, "figure": self.figure, "predicted": rounded(self.predicted),
            "measured": rounded(self.measured), "relative_error": rounded(error),
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class Level:
    """One load: share of saturation that is predicted, and what came of it."""

    load: float
    rows: tuple[Row, ...]
    clients_were_the_limit: bool = False
    figures: tuple[Figure, ...] = ()

    @property
    def plain(self) -> dict[str, Any]:
        """As `twin.json` has it."""
        return {
            "load": round(self.load, 4), "rows": [row.plain for row in self.rows],
            "figures": [each.plain for each in self.figures],
            "generator_was_the_limit": self.clients_were_the_limit,
        }  # fmt: skip
