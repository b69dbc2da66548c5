"""A bill: entries that say who pays for what, summed by payer, by item, by size of operator."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

__all__ = ["PAYERS", "Bill", "BillEntry"]

PAYERS = ("operators", "editors", "sites")


@dataclass(frozen=True, slots=True)
class BillEntry:
    """One line.

    Attributes:
        payer: of PAYERS.
        item: what is paid for.
        euros: a year, for the whole space.
        size: class of the operators that pay; empty for other payers.
    """

    payer: str
    item: str
    euros: float
    size: str = ""


@dataclass(frozen=True, slots=True)
class Bill:
    """Euros a year, for the whole space.

    Attributes:
        counts: how many operators each size class has.
    """

    entries: tuple[BillEntry, ...]
    counts: dict[str, int]

    def _sum(self, chosen: Callable[[BillEntry], bool]) -> float:
        return sum(entry.euros for entry in self.entries if chosen(entry))

    @property
    def operators(self) -> float:
        """Paid by operators."""
        return self._sum(lambda entry: entry.payer == "operators")

    @property
    def editors(self) -> float:
        """Paid by editors of mail software."""
        return self._sum(lambda entry: entry.payer == "editors")

    @property
    def sites(self) -> float:
        """Paid by practices, hospitals, laboratories and homes."""
        return self._sum(lambda entry: entry.payer == "sites")

    @property
    def total(self) -> float:
        """All payers."""
        return self._sum(lambda _: True)

    @property
    def items(self) -> dict[str, float]:
        """Euros by `payer.item`."""
        found: dict[str, float] = {}
        for entry in self.entries:
            key = f"{entry.payer}.{entry.item}"
            found[key] = found.get(key, 0.0) + entry.euros
        return found

    @property
    def by_size(self) -> dict[str, float]:
        """Euros of all operators of each size class."""
        return {
            size: self._sum(lambda entry, size=size: entry.size == size)  # type: ignore[misc]
            for size in self.counts
        }
