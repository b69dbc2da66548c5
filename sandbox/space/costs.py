"""What a design costs: objects to keep, and money a year with a low, a central and a high view."""

from __future__ import annotations

from dataclasses import dataclass

from sandbox.space.designs import Design
from sandbox.space.scenario import Costs, Scenario
from sandbox.space.tables import inputs

__all__ = ["Bill", "DesignCost", "design_cost"]


@dataclass(frozen=True, slots=True)
class Bill:
    """Euros a year, for the whole space, by who pays."""

    operators: float
    editors: float
    sites: float

    @property
    def total(self) -> float:
        """All three."""
        return self.operators + self.editors + self.sites


@dataclass(frozen=True, slots=True)
class DesignCost:
    """What one design asks for.

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


def _bill(design: Design, scenario: Scenario, costs: Costs, blocked: dict[str, float]) -> Bill:
    operators = scenario.operators.count
    certificate = costs.certificate_year + costs.expiry_probability * costs.expiry_incident
    each = (
        design.certificates * certificate
        + design.dns_records * costs.record_year
        + design.public_addresses * costs.address_year
        + len(design.endpoints) * costs.endpoint_year
    )
    url_days = costs.editors * design.editor_urls * costs.editor_url_days
    # A site asks once for all the ports of its operator.
    requests = sum(
        people.units * people.deployment * blocked[name]
        for name, people in scenario.populations.items()
    )
    sites = requests * costs.firewall_opening if design.firewall_openings else 0.0
    return Bill(
        operators=operators * each,
        editors=url_days * costs.day_rate / costs.amortisation,
        sites=sites / costs.amortisation,
    )


def _view(design: Design, scenario: Scenario, end: str) -> Bill:
    """Return the bill with every cost input at its low or high end.

    Amortisation runs the other way: a longer one is cheaper.
    """
    table = inputs()
    values = scenario.costs.model_dump()
    blocked = {}
    opposite = {"low": "high", "high": "low"}[end]
    for key in values:
        side = opposite if key == "amortisation" else end
        limit = getattr(table[f"costs.{key}"], side)
        # A scenario may have set a value outside the table's range: the view never crosses it.
        pick = max if table[f"costs.{key}"].high == limit else min
        values[key] = pick(limit, values[key])
    for name, people in scenario.populations.items():
        row = table[f"populations.{name}.port_blocked"]
        limit = row.low if end == "low" else row.high
        assert limit is not None
        pick = min if end == "low" else max
        blocked[name] = pick(limit, people.port_blocked)
    return _bill(design, scenario, Costs(**values), blocked)


def design_cost(design: Design, scenario: Scenario) -> DesignCost:
    """Return objects and money of a design in a scenario."""
    blocked = {name: people.port_blocked for name, people in scenario.populations.items()}
    return DesignCost(
        certificates=design.certificates,
        dns_records=design.dns_records,
        public_addresses=design.public_addresses,
        firewall_openings=design.firewall_openings,
        editor_urls=design.editor_urls,
        national_certificates=design.certificates * scenario.operators.count,
        low=_view(design, scenario, "low"),
        central=_bill(design, scenario, scenario.costs, blocked),
        high=_view(design, scenario, "high"),
    )
