"""A bill: entries that say who pays for what, summed by payer, by item, by size of operator."""

from __future__ import annotations

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

    def _paid_by(self, payer: str) -> float:
        return sum(entry.euros for entry in self.entries if entry.payer == payer)

    @property
    def operators(self) -> float:
        """Paid by operators."""
        return self._paid_by("operators")

    @property
    def editors(self) -> float:
        """Paid by editors of mail software."""
        return self._paid_by("editors")

    @property
    def sites(self) -> float:
        """Paid by practices, hospitals, laboratories and homes."""
        return self._paid_by("sites")

    @property
    def total(self) -> float:
        """All payers."""
        return sum(entry.euros for entry in self.entries)

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
            size: sum(entry.euros for entry in self.entries if entry.size == size)
            for size in self.counts
        }
