"""What a design costs: objects to keep, and money a year with a low, a central and a high view.

A bill works alike on a scenario whose figures are arrays over draws.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sandbox.space.costs.accesses import accesses_of, sms_of_a_year
from sandbox.space.costs.bill import Bill, BillEntry
from sandbox.space.designs import Design
from sandbox.space.login_policies import LoginPolicy
from sandbox.space.methods import Mechanism
from sandbox.space.operators import SIZES, SizeTable, size_table
from sandbox.space.scenario import Scenario
from sandbox.space.sections.money import Costs
from sandbox.space.tables import inputs

__all__ = [
    "DesignCost",
    "days_of_editors",
    "design_cost",
    "mechanisms_to_build",
    "objects_of_operator",
    "view_of",
    "yearly_bill",
]

# What an editor builds for each mechanism: the input that says how many days.
DAYS = {
    Mechanism.PLAIN: "plain_days",
    Mechanism.EXTERNAL: "external_days",
    Mechanism.XOAUTH2: "xoauth2_days",
    Mechanism.NONE: "alone_days",
}


@dataclass(frozen=True, slots=True)
class DesignCost:
    """What one design asks for, under one login policy.

    Attributes:
        certificates ... editor_urls: of one operator.
        national_certificates: of all operators.
        low, central, high: euros a year.
    """

    certificates: int
    dns_records: int
    public_addresses: int
    firewall_openings: int
    editor_urls: int
    national_certificates: int
    low: Bill
    central: Bill
    high: Bill


def mechanisms_to_build(design: Design, policy: LoginPolicy) -> list[Mechanism]:
    """Return what software must speak to log in by every method: each one's preferred mechanism."""
    return list(dict.fromkeys(
        policy.ways(endpoint, method)[0]
        for endpoint in design.endpoints
        for method in endpoint.methods
    ))  # fmt: skip


def _objects(design: Design, costs: Costs) -> dict[str, float]:
    """Return what the objects of a design cost one operator a year, by item."""
    return {
        "certificates": design.certificates
        * (costs.certificate_year + costs.expiry_probability * costs.expiry_incident),
        "names": design.dns_records * costs.record_year,
        "addresses": design.public_addresses * costs.address_year,
        "endpoints": len(design.endpoints) * costs.endpoint_year,
    }


def objects_of_operator(design: Design, costs: Costs) -> float:
    """Return what the certificates, names, addresses and endpoints cost one operator a year."""
    return sum(_objects(design, costs).values())


def days_of_editors(design: Design, policy: LoginPolicy, costs: Costs) -> dict[str, float]:
    """Return the days that one editor spends once, by item."""
    return {
        "places": design.editor_urls * costs.editor_url_days,
        "mechanisms": sum(getattr(costs, DAYS[m]) for m in mechanisms_to_build(design, policy)),
    }


def _of_operators(
    design: Design, scenario: Scenario, costs: Costs, sizes: SizeTable
) -> list[BillEntry]:
    counts, boxes = sizes.counts, sizes.mailboxes
    every: float = np.maximum(sum(boxes.values()), 1e-9)
    sms = sum(people.method_sms for people in scenario.populations.values()) > 0
    installed = [accesses_of(scenario, people) for people in scenario.populations.values()]
    calls = costs.calls_installed + costs.wrong_place * max(0, design.editor_urls - 1)
    called = sum(each.installed + each.robots for each in installed) * calls / costs.amortisation
    objects = _objects(design, costs)
    by_mailboxes = {
        "support": called * costs.support_call,
        "sms": sms_of_a_year(scenario) * costs.sms_price,
    }
    entries = []
    for size in SIZES:
        share = boxes[size] / every
        ciba: float = getattr(costs, f"ciba_{size}_year") * sms
        entries += [
            BillEntry("operators", item, counts[size] * euros, size)
            for item, euros in (objects | {"ciba": ciba}).items()
        ]
        entries += [
            BillEntry("operators", item, share * euros, size)
            for item, euros in by_mailboxes.items()
        ]
    return entries


def _of_editors(design: Design, policy: LoginPolicy, costs: Costs) -> list[BillEntry]:
    day = costs.editors * costs.day_rate / costs.amortisation
    days = days_of_editors(design, policy, costs)
    return [BillEntry("editors", item, each * day) for item, each in days.items()]


def _of_sites(design: Design, scenario: Scenario, costs: Costs) -> list[BillEntry]:
    requests = minutes = 0.0
    for people in scenario.populations.values():
        # A site asks once for all the ports of its operator.
        requests += people.units * people.deployment * people.port_blocked
        mine = accesses_of(scenario, people)
        minutes += mine.totp * costs.enrolment_minutes + mine.ecps * costs.app_minutes
    if not design.firewall_openings:
        requests = 0.0
    return [
        BillEntry("sites", "firewalls", requests * costs.firewall_opening / costs.amortisation),
        BillEntry("sites", "enrolment", minutes / 60 * costs.person_hour / costs.amortisation),
    ]


def yearly_bill(
    design: Design, policy: LoginPolicy, scenario: Scenario, sizes: SizeTable | None = None
) -> Bill:
    """Return what a design under a login policy costs the whole space a year.

    Args:
        sizes: operators by size class, where the caller has them.
    """
    costs, sizes = scenario.costs, sizes or size_table(scenario)
    entries = [
        *_of_operators(design, scenario, costs, sizes),
        *_of_editors(design, policy, costs),
        *_of_sites(design, scenario, costs),
    ]
    return Bill(tuple(entries), {size: int(np.mean(sizes.counts[size])) for size in SIZES})


def view_of(scenario: Scenario, end: str) -> Scenario:
    """Return the scenario with every cost input at its low or high end.

    Amortisation runs the other way: a longer one is cheaper.
    """
    table = inputs()
    values = scenario.costs.model_dump()
    opposite = {"low": "high", "high": "low"}[end]
    for key in values:
        side = opposite if key == "amortisation" else end
        limit = getattr(table[f"costs.{key}"], side)
        # A scenario may have set a value outside the table's range: the view never crosses it.
        pick = max if side == "high" else min
        values[key] = pick(limit, values[key])
    populations = {}
    for name, people in scenario.populations.items():
        row = table[f"populations.{name}.port_blocked"]
        limit = row.low if end == "low" else row.high
        assert limit is not None
        pick = min if end == "low" else max
        populations[name] = people.model_copy(
            update={"port_blocked": pick(limit, people.port_blocked)}
        )
    return scenario.model_copy(update={"costs": Costs(**values), "populations": populations})


def design_cost(
    design: Design, scenario: Scenario, policy: LoginPolicy | None = None
) -> DesignCost:
    """Return objects and money of a design under a login policy (None: the scenario's)."""
    rule = policy or scenario.policy()
    return DesignCost(
        certificates=design.certificates,
        dns_records=design.dns_records,
        public_addresses=design.public_addresses,
        firewall_openings=design.firewall_openings,
        editor_urls=design.editor_urls,
        national_certificates=design.certificates * scenario.operators.count,
        low=yearly_bill(design, rule, view_of(scenario, "low")),
        central=yearly_bill(design, rule, scenario),
        high=yearly_bill(design, rule, view_of(scenario, "high")),
    )
