"""Conditions and plans: what an index answers, as SQL on a mailbox with its person and structure.

A plan has two forms. `drive` finds rows through an index. `check` tests a row already joined. AND
is driven by its most selective part and checks the others; OR is driven by all of its parts. Both
forms may let through more than the filter asks for, never less: the entry is then evaluated exactly
(`filters.matches`). A plan without `drive` walks the rows in order, a bounded number at a time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sandbox.directory.rows import match_words

__all__ = [
    "ALL",
    "BROAD",
    "EVERYTHING",
    "LAST",
    "NAME",
    "NOTHING",
    "ONE",
    "SHARE",
    "Found",
    "RowCondition",
    "SearchPlan",
    "both",
    "by_column",
    "by_rows",
    "either",
    "plan_of",
    "words",
]

LAST = "\U0010ffff"
# Selectivity, the smaller the better: one row, a name, a domain or a place, a profession, all.
ONE, NAME, SHARE, BROAD, ALL = range(5)
_ALIASES = {"mailbox": "m", "person": "p", "structure": "s"}


@dataclass(frozen=True)
class SearchPlan:
    """How to find candidates.

    Attributes:
        drive: SQL condition that an index answers, empty when there is none.
        drive_with: its parameters.
        check: SQL condition on the joined row.
        check_with: its parameters.
        rank: selectivity of `drive`.
    """

    drive: str = ""
    drive_with: tuple[Any, ...] = ()
    check: str = "1"
    check_with: tuple[Any, ...] = ()
    rank: int = ALL

    @property
    def where(self) -> tuple[str, tuple[Any, ...]]:
        """The whole condition, and its parameters."""
        if not self.drive:
            return self.check, self.check_with
        return f"({self.drive}) AND ({self.check})", self.drive_with + self.check_with


EVERYTHING = SearchPlan()
NOTHING = SearchPlan(check="0", rank=ONE, drive="0")


def either(plans: Iterable[SearchPlan]) -> SearchPlan:
    """Plan an OR: an index drives it when one drives each part."""
    plans = list(plans)
    drives = all(plan.drive for plan in plans)
    return SearchPlan(
        " OR ".join(f"({plan.drive})" for plan in plans) if drives else "",
        tuple(value for plan in plans for value in plan.drive_with) if drives else (),
        " OR ".join(f"({plan.check})" for plan in plans) or "0",
        tuple(value for plan in plans for value in plan.check_with),
        max((plan.rank for plan in plans), default=ONE),
    )


def both(plans: Sequence[SearchPlan]) -> SearchPlan:
    """Plan an AND: its most selective part drives, the others check."""
    if not plans:
        return EVERYTHING
    leader = min(plans, key=lambda plan: plan.rank if plan.drive else ALL + 1)
    checks = [plan for plan in plans if plan.check != "1" and not (plan is leader and plan.drive)]
    check = " AND ".join(f"({plan.check})" for plan in checks) or "1"
    with_ = tuple(value for plan in checks for value in plan.check_with)
    return SearchPlan(leader.drive, leader.drive_with, check, with_, leader.rank)


@dataclass(frozen=True)
class RowCondition:
    """A condition on the row of one table.

    Attributes:
        owner: mailbox, person or structure.
        sql: on its columns (aliases m, p, s).
        values: parameters.
        rank: selectivity.
        drives: an index answers it; checks: it can be tested on a joined row.
    """

    owner: str
    sql: str
    values: tuple[Any, ...] = ()
    rank: int = NAME
    drives: bool = True
    checks: bool = True

    def plan(self, view: str) -> SearchPlan:
        """Return the plan of this condition among the entries of a view."""
        check, check_with = (self.sql, self.values) if self.checks else ("1", ())
        if not self.drives:
            return SearchPlan(check=check, check_with=check_with)
        drive = self.sql
        if self.owner != view:
            alias = _ALIASES[self.owner]
            drive = (
                f"m.{self.owner} IN (SELECT {alias}.id FROM {self.owner} {alias} WHERE {self.sql})"
            )
        return SearchPlan(drive, self.values, check, check_with, self.rank)


Makes = tuple[Callable[[str], RowCondition], ...]


@dataclass(frozen=True)
class Found:
    """How an attribute is found: conditions of which one holds for each entry that matches.

    Attributes:
        equals: from a whole value; starts: from its beginning; holds: from a piece of it; each of
            folded text (which may lose an edge: it only widens). Empty: no index, all are read.
    """

    equals: Makes = ()
    starts: Makes = ()
    holds: Makes = ()

    def __or__(self, other: Found) -> Found:
        """Found one way or the other."""
        return Found(
            self.equals + other.equals, self.starts + other.starts, self.holds + other.holds
        )


def plan_of(view: str, makes: Makes, text: str) -> SearchPlan:
    """Plan what an attribute's conditions say of a text, among mailboxes or among structures."""
    conditions = [make(text) for make in makes]
    if view == "structure":
        conditions = [condition for condition in conditions if condition.owner == "structure"]
    return either(condition.plan(view) for condition in conditions) if conditions else EVERYTHING


def by_column(
    owner: str, column: str, *, before: str = "", rank: int = ONE, starts: int = NAME
) -> Found:
    """Find by an indexed column that holds the value, after `before`."""
    name = f"{_ALIASES[owner]}.{column}"

    def equals(text: str) -> RowCondition:
        return RowCondition(owner, f"{name} = ?", (before + text,), rank)

    def begins(text: str) -> RowCondition:
        low = before + text
        return RowCondition(owner, f"{name} >= ? AND {name} < ?", (low, low + LAST), starts)

    return Found((equals,), (begins,))


def by_rows(owner: str, column: str, rows: Callable[[str], list[int]], rank: int) -> Found:
    """Find by a column that holds the row of a reference table; `rows` gives those of a value."""

    def equals(text: str) -> RowCondition:
        marks = ",".join(str(row) for row in rows(text))
        sql = f"{_ALIASES[owner]}.{column} IN ({marks})" if marks else "0"
        return RowCondition(owner, sql, (), rank if marks else ONE)

    return Found((equals,))


def words(owner: str, rank: int) -> Found:
    """Find by three letters in a row, anywhere in a name or a local part (`contains`)."""
    sign, bound = ("-", " AND rowid < 0") if owner == "structure" else ("", "")
    column = f"{_ALIASES[owner]}.id"

    def holds(text: str) -> RowCondition:
        match = match_words(text)
        inner = f"SELECT {sign}rowid FROM words.search WHERE search MATCH ?{bound}"
        whole = RowCondition(owner, f"{column} IN ({inner})", (match,), rank, checks=False)
        return whole if match else replace(whole, sql="1", values=(), drives=False)

    return Found(holds=(holds,))
