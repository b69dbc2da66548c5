"""What each view shows: the same mailboxes, unless a setting makes it lag on purpose.

LDAP, the extractions and FHIR read one table through one condition. A lag of zero everywhere makes
them agree at every instant; "yesterday's extraction" is a lag of a day, "a deleted mailbox is still
listed" is a lag on removals alone.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Self

from sandbox.space.errors import UserError

__all__ = ["VIEWS", "Lag", "ViewLags"]

VIEWS = ("ldap", "extraction", "fhir")
_LONGEST = 366 * 86_400

# Seen: created by then, not deleted by then, not on the red list by then.
CONDITION = "m.created <= {c} AND (m.deleted = 0 OR m.deleted > {r}) AND (m.red = 0 OR m.red > {r})"


@dataclass(frozen=True)
class Lag:
    """How late a view is, in seconds.

    Attributes:
        creations: Delay before a new mailbox appears.
        removals: Delay before a deleted or red-listed mailbox disappears.

    Raises:
        UserError: a delay below zero or above a year.
    """

    creations: int = 0
    removals: int = 0

    def __post_init__(self) -> None:
        for name in ("creations", "removals"):
            value = getattr(self, name)
            if not 0 <= value <= _LONGEST:
                raise UserError(
                    f"hors de 0..{_LONGEST} (un an)",
                    f"not in 0..{_LONGEST} (a year)",
                    where=f"lag {name}: {value} s",
                )

    def condition(self, now: int) -> str:
        """Return the SQL condition of visibility, on a mailbox named `m`.

        It is written with literal integers (never with text from outside), so that it can stand in
        any statement.
        """
        return CONDITION.format(c=int(now) - self.creations, r=int(now) - self.removals)


@dataclass(frozen=True)
class ViewLags:
    """The lag of each view; none by default: the three views agree."""

    ldap: Lag = Lag()
    extraction: Lag = Lag()
    fhir: Lag = Lag()

    @classmethod
    def parse(cls, settings: tuple[str, ...]) -> Self:
        """Read settings such as `extraction=1d` or `ldap.removals=2h`.

        Raises:
            UserError: an unknown view or lag, or a duration that is not a number with s, m, h or d.
        """
        units = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}
        lags = {field.name: {"creations": 0, "removals": 0} for field in fields(cls)}
        for setting in settings:
            target, _, text = setting.partition("=")
            view, _, part = target.partition(".")
            number, unit = text[:-1], text[-1:]
            if view not in lags or part not in {"", "creations", "removals"}:
                raise UserError(
                    "VIEW=DURATION, VIEW.creations=DURATION ou VIEW.removals=DURATION "
                    "attendu, où VIEW est l'un de",
                    "say VIEW=DURATION, VIEW.creations=DURATION or VIEW.removals=DURATION, "
                    "with VIEW one of",
                    where=f"lag {setting!r}",
                    then=", ".join(VIEWS),
                )
            if not (number.isascii() and number.isdigit() and len(number) < 10 and unit in units):
                raise UserError(
                    "ce n'est pas une durée comme 1d ou 90m",
                    "not a duration such as 1d or 90m",
                    where=f"lag {setting!r}: {text!r}",
                )
            for name in ("creations", "removals") if not part else (part,):
                lags[view][name] = int(number) * units[unit]
        return cls(**{view: Lag(**values) for view, values in lags.items()})
