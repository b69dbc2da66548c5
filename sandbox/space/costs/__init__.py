"""Money: what a design asks for a year, and what moving to it costs, by payer."""

from sandbox.space.costs.bill import PAYERS, Bill, Entry
from sandbox.space.costs.design import DesignCost, design_cost, yearly_bill
from sandbox.space.costs.migration import Migration, migration_cost

__all__ = [
    "PAYERS", "Bill", "DesignCost", "Entry", "Migration", "design_cost", "migration_cost",
    "yearly_bill",
]  # fmt: skip
