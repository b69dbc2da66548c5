"""A month: its name, and its first and last instants."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sandbox.space.errors import UserError

__all__ = ["Month"]


@dataclass(frozen=True, slots=True, order=True)
class Month:
    """A month of UTC."""

    year: int
    number: int

    @classmethod
    def of(cls, text: str) -> Month:
        """Read `2026-11`.

        Raises:
            UserError: it is no month.
        """
        found = re.fullmatch(r"([0-9]{4})-(0[1-9]|1[0-2])", text)
        if found is None or found[1] < "1970" or text == "9999-12":
            raise UserError(
                "mois attendu, comme", "a month is expected, such as",
                where=f"{text[:40]!r}", then="2026-11",
            )  # fmt: skip
        return cls(int(found[1]), int(found[2]))

    @classmethod
    def at(cls, instant: float) -> Month:
        """Return the month of an instant, seconds since 1970."""
        there = datetime.fromtimestamp(instant, UTC)
        return cls(there.year, there.month)

    def __str__(self) -> str:
        """Return `2026-11`."""
        return f"{self.year:04}-{self.number:02}"

    @property
    def begin(self) -> float:
        """Its first instant, seconds since 1970."""
        return datetime(self.year, self.number, 1, tzinfo=UTC).timestamp()

    @property
    def end(self) -> float:
        """The first instant of the next."""
        return self.next.begin

    @property
    def next(self) -> Month:
        """The month after."""
        return Month(self.year + self.number // 12, self.number % 12 + 1)

    @property
    def before(self) -> Month:
        """The month before."""
        there = datetime(self.year, self.number, 1, tzinfo=UTC) - timedelta(days=1)
        return Month(there.year, there.month)
