"""Money follows from the objects of a design, by hand and with honest bounds."""

from __future__ import annotations

import pytest

from sandbox.space.costs import design_cost
from sandbox.space.designs import BUILT_IN
from sandbox.space.loader import load_scenario, with_inputs

BY_HAND = {
    "operators.mailboxes": None,
    "costs.certificate_year": 100, "costs.record_year": 10, "costs.address_year": 20,
    "costs.endpoint_year": 300, "costs.expiry_probability": 0.1, "costs.expiry_incident": 1000,
    "costs.day_rate": 500, "costs.editor_url_days": 2, "costs.editors": 30,
    "costs.firewall_opening": 150, "costs.amortisation": 3,
    "populations.liberal.units": 1000, "populations.liberal.deployment": 0.5,
    "populations.liberal.port_blocked": 0.04,
    "populations.hospital.port_blocked": 0.0, "populations.laboratory.port_blocked": 0.0,
    "populations.ehpad.port_blocked": 0.0,
}  # fmt: skip
# Per operator: certificates x (100 + 0.1 x 1000) + records x 10 + addresses x 20 + doors x 300.
# Editors: 30 x places x 2 days x 500 euros / 3 years. Sites: 1000 x 0.5 x 0.04 x 150 / 3 years.
EUROS = {
    "single-endpoint": (2 * 200 + 2 * 10 + 2 * 20 + 2 * 300, 20_000, 0),
    "multi-endpoint": (8 * 200 + 8 * 10 + 8 * 20 + 8 * 300, 80_000, 0),
    "multi-port": (2 * 200 + 2 * 10 + 2 * 20 + 8 * 300, 80_000, 1_000),
    "multi-endpoint-sni": (1 * 200 + 8 * 10 + 1 * 20 + 8 * 300, 80_000, 0),
    "api-lps-2023": (4 * 200 + 4 * 10 + 4 * 20 + 8 * 300, 0, 0),
}
OPERATORS = 14  # of the demonstration


@pytest.mark.parametrize(("name", "euros"), EUROS.items())
def test_a_bill_is_what_a_hand_computes(name: str, euros: tuple[float, float, float]) -> None:
    changes = {key: value for key, value in BY_HAND.items() if value is not None}
    scenario = with_inputs(load_scenario("demo"), changes)
    bill = design_cost(BUILT_IN[name], scenario).central
    assert (bill.operators, bill.editors, bill.sites) == pytest.approx(
        (OPERATORS * euros[0], euros[1], euros[2])
    )
    assert bill.total == pytest.approx(bill.operators + bill.editors + bill.sites)


@pytest.mark.parametrize("name", BUILT_IN)
@pytest.mark.parametrize("part", ["operators", "editors", "sites", "total"])
def test_the_low_view_is_below_the_central_one_and_the_high_view_above(
    name: str, part: str
) -> None:
    cost = design_cost(BUILT_IN[name], load_scenario("aout-2021"))
    low, central, high = (getattr(bill, part) for bill in (cost.low, cost.central, cost.high))
    assert low <= central <= high


@pytest.mark.parametrize("key", ["costs.certificate_year", "costs.amortisation", "costs.editors"])
@pytest.mark.parametrize("value", [1.0, 1e6])
def test_the_views_hold_a_value_outside_the_range_of_the_table(key: str, value: float) -> None:
    cost = design_cost(BUILT_IN["multi-port"], with_inputs(load_scenario("demo"), {key: value}))
    assert cost.low.total <= cost.central.total <= cost.high.total


def test_national_certificates_are_those_of_all_operators() -> None:
    cost = design_cost(BUILT_IN["multi-endpoint"], load_scenario("demo"))
    assert cost.national_certificates == 8 * OPERATORS
