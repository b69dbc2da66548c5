"""What moving to a design costs, quarter by quarter and by payer."""

from __future__ import annotations

from dataclasses import dataclass

from sandbox.space.costs.accesses import WORKING_DAYS, accesses_of, sms_of_a_year
from sandbox.space.costs.bill import PAYERS
from sandbox.space.costs.design import days_of_editors, objects_of_operator, view_of
from sandbox.space.designs import BUILT_IN, Design
from sandbox.space.login_policies import LoginPolicy
from sandbox.space.migration import Quarter, quarters
from sandbox.space.operators import size_table
from sandbox.space.scenario import Scenario

__all__ = ["MigrationBill", "QuarterBill", "migration_cost"]

OLD_DOORS = BUILT_IN["single-endpoint"]  # what an operator keeps for those who have not moved
QUARTERS = 4  # a year


@dataclass(frozen=True, slots=True)
class QuarterBill:
    """Euros of one quarter, for the whole space: by `payer.item`."""

    quarter: Quarter
    items: dict[str, float]

    def paid_by(self, payer: str) -> float:
        """Return what a payer pays."""
        return sum(euros for item, euros in self.items.items() if item.startswith(f"{payer}."))


@dataclass(frozen=True, slots=True)
class MigrationBill:
    """A plan under one design and login policy.

    Attributes:
        central: quarter by quarter; low, high: totals with every cost at that end of its range.
    """

    central: tuple[QuarterBill, ...]
    low: float
    high: float

    def total(self, payer: str = "") -> float:
        """Return what a payer, or everybody, pays over the plan."""
        return sum(
            bill.paid_by(each)
            for bill in self.central
            for each in PAYERS
            if payer in ("", each)
        )  # fmt: skip


def _operators(
    design: Design, scenario: Scenario, now: Quarter, before: Quarter | None
) -> dict[str, float]:
    costs, count = scenario.costs, scenario.operators.count
    moved = max(0.0, now.new - (before.new if before else 0.0))
    calls = costs.calls_installed + costs.wrong_place * max(0, design.editor_urls - 1)
    counts = size_table(scenario).counts
    ciba = sum(int(number) * getattr(costs, f"ciba_{size}_year") for size, number in counts.items())
    sms = sms_of_a_year(now.scenario)
    return {
        "new doors": count * objects_of_operator(design, costs) / QUARTERS,
        "old doors": 0.0
        if now.retired
        else count * objects_of_operator(OLD_DOORS, costs) / QUARTERS,
        "support": (moved * calls + now.cut * scenario.migration.calls_cut) * costs.support_call,
        "ciba": ciba / QUARTERS if sms else 0.0,
        "sms": sms * costs.sms_price / QUARTERS,
    }


def _sites(
    design: Design, scenario: Scenario, now: Quarter, before: Quarter | None
) -> dict[str, float]:
    costs, migration = scenario.costs, scenario.migration
    requests = minutes = ecps = ecps_before = 0.0
    for name, people in now.scenario.populations.items():
        sites = people.units * people.deployment * now.updated
        # Who only opens the webmail has nothing to update.
        minutes += sites * (1 - people.software_webmail) * migration.update_minutes
        if design.firewall_openings:
            requests += sites * people.port_blocked
        ecps += accesses_of(now.scenario, people).ecps
        if before is not None:
            ecps_before += accesses_of(before.scenario, before.scenario.populations[name]).ecps
    joined = max(0.0, ecps - ecps_before) if before is not None else 0.0
    lost = now.cut * migration.telephone_minutes * WORKING_DAYS / QUARTERS
    hour = costs.person_hour / 60
    return {
        "updates": minutes * hour,
        "firewalls": requests * costs.firewall_opening,
        "application": joined * costs.app_minutes * hour,
        "telephone": lost * hour,
    }


def _bills(design: Design, policy: LoginPolicy, scenario: Scenario) -> list[QuarterBill]:
    days = days_of_editors(design, policy, scenario.costs)
    editors = scenario.costs.editors * scenario.costs.day_rate
    found, before = [], None
    for now in quarters(design, scenario):
        items = {f"operators.{item}": euros
                 for item, euros in _operators(design, scenario, now, before).items()}  # fmt: skip
        items |= {f"editors.{item}": now.delivered * each * editors for item, each in days.items()}
        items |= {f"sites.{item}": euros
                  for item, euros in _sites(design, scenario, now, before).items()}  # fmt: skip
        found.append(QuarterBill(now, items))
        before = now
    return found


def migration_cost(
    design: Design, scenario: Scenario, policy: LoginPolicy | None = None
) -> MigrationBill | None:
    """Return what a scenario's plan costs under a design; None when it has no plan."""
    if scenario.plan is None:
        return None
    rule = policy or scenario.policy()
    low, high = (
        sum(sum(bill.items.values()) for bill in _bills(design, rule, view_of(scenario, end)))
        for end in ("low", "high")
    )
    return MigrationBill(tuple(_bills(design, rule, scenario)), low, high)
