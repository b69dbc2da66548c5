"""Money: what a design asks for a year, and what moving to it costs, by payer."""

from sandbox.space.costs.bill import PAYERS, Bill, BillEntry
from sandbox.space.costs.design import DesignCost, design_cost, yearly_bill
from sandbox.space.costs.migration import MigrationBill, migration_cost

__all__ = [
    "PAYERS",
    "Bill",
    "BillEntry",
    "DesignCost",
    "MigrationBill",
    "design_cost",
    "migration_cost",
    "yearly_bill",
]  # fmt: skip
