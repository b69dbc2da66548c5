"""Money follows from the objects of a design, by hand and with honest bounds."""

from __future__ import annotations

import pytest

from sandbox.space.costs import PAYERS, Bill, design_cost
from sandbox.space.costs.design import mechanisms_to_build
from sandbox.space.designs import BUILT_IN
from sandbox.space.loader import load_scenario, with_inputs
from sandbox.space.methods import Mechanism
from sandbox.space.operators import SIZES

NOTHING = {f"costs.{name}": 0 for name in load_scenario("demo").costs.model_dump()}
POPULATIONS = ("liberal", "hospital", "laboratory", "ehpad")
BY_HAND = NOTHING | {
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
    scenario = with_inputs(load_scenario("demo"), BY_HAND)
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


# A hundred people of whom half work on their own software, one robot: by hand.
SMALL = NOTHING | {
    "costs.amortisation": 2,
    **{f"populations.{name}.units": 0 for name in POPULATIONS},
    "populations.liberal.units": 100, "populations.liberal.deployment": 1,
    "populations.liberal.active": 1,
    "populations.laboratory.units": 1, "populations.laboratory.deployment": 1,
    "populations.laboratory.active": 1, "populations.laboratory.shared_mailboxes": 0,
    "populations.hospital.application_mailboxes": 0, "populations.hospital.machine_share": 0,
    "populations.liberal.software_webmail": 0.5,
    "populations.liberal.present_working": 1, "populations.liberal.present_saturday": 0,
    "populations.liberal.present_sunday": 0, "populations.liberal.opening_hour": 8,
    "populations.liberal.closing_hour": 16, "policies.session_seconds": 28800,
}  # fmt: skip


METHODS = {"method_cps": 0.3, "method_totp": 0.4, "method_ecps": 0.2, "method_sms": 0.1}


def bill(design: str = "multi-endpoint", **costs: float) -> Bill:
    changes = SMALL | {f"costs.{key}": value for key, value in costs.items()}
    scenario = with_inputs(load_scenario("demo"), changes)
    people = scenario.populations["liberal"].model_copy(update=METHODS)
    populations = scenario.populations | {"liberal": people}
    scenario = scenario.model_copy(update={"populations": populations})
    return design_cost(BUILT_IN[design], scenario, scenario.policy("external")).central


@pytest.mark.parametrize(
    ("item", "costs", "euros"),
    [
        # 50 people and a robot, 0.2 calls each, 30 euros, over 2 years.
        ("operators.support", {"calls_installed": 0.2, "support_call": 30}, 51 * 0.2 * 30 / 2),
        # Eight places: seven more than one could not mistake.
        ("operators.support", {"wrong_place": 0.01, "support_call": 30}, 51 * 0.07 * 30 / 2),
        ("operators.sms", {"sms_price": 0.05}, 10 * 252 * 0.05),
        ("operators.ciba", {"ciba_small_year": 1000}, 14 * 1000),
        ("sites.enrolment", {"enrolment_minutes": 6, "person_hour": 40}, 40 * 0.1 * 40 / 2),
        ("sites.enrolment", {"app_minutes": 15, "person_hour": 40}, 20 * 0.25 * 40 / 2),
        ("editors.mechanisms", {"external_days": 4, "editors": 3, "day_rate": 500}, 12 * 500 / 2),
    ],
)  # fmt: skip
def test_an_item_is_what_a_hand_computes(item: str, costs: dict[str, float], euros: float) -> None:
    assert bill(**costs).items[item] == pytest.approx(euros)


def test_several_places_cost_support_and_one_place_does_not() -> None:
    assert bill("api-lps-2023", wrong_place=1, support_call=1).items["operators.support"] == 0
    single = bill("single-endpoint", wrong_place=1, support_call=1).items["operators.support"]
    assert single < bill(wrong_place=1, support_call=1).items["operators.support"]


def test_no_operator_runs_a_ciba_of_its_own_when_nobody_uses_it() -> None:
    nobody = {f"populations.{name}.method_sms": 0 for name in POPULATIONS}
    scenario = with_inputs(load_scenario("demo"), nobody)
    items = design_cost(BUILT_IN["multi-port"], scenario).central.items
    assert items["operators.ciba"] == items["operators.sms"] == 0


def test_editors_pay_for_the_mechanisms_that_the_policy_prefers() -> None:
    scenario = load_scenario("demo")
    design = BUILT_IN["multi-endpoint"]
    alone = mechanisms_to_build(design, scenario.policy("certificate-alone"))
    external = mechanisms_to_build(design, scenario.policy("external"))
    assert Mechanism.NONE in alone
    assert Mechanism.EXTERNAL in external
    assert Mechanism.NONE not in external


@pytest.mark.parametrize("name", ["aout-2021", "demo"])
def test_payers_items_and_sizes_are_the_same_money(name: str) -> None:
    central = design_cost(BUILT_IN["multi-port"], load_scenario(name)).central
    assert sum(central.items.values()) == pytest.approx(central.total)
    assert sum(getattr(central, payer) for payer in PAYERS) == pytest.approx(central.total)
    assert sum(central.by_size.values()) == pytest.approx(central.operators)
    assert tuple(central.counts) == SIZES
