"""What a plan costs, quarter by quarter and by payer."""

from __future__ import annotations

import pytest

from sandbox.space.costs import PAYERS, migration_cost
from sandbox.space.costs.migration import MigrationBill
from sandbox.space.designs import BUILT_IN
from tests.space.plan import planned

OPERATORS = 14  # of the demonstration


def plan(design: str = "multi-endpoint", inputs: dict[str, float] | None = None) -> MigrationBill:
    found = migration_cost(BUILT_IN[design], planned(dict(inputs or {})))
    assert found is not None
    return found


def item(found: MigrationBill, name: str) -> list[float]:
    return [bill.items[name] for bill in found.central]


def test_editors_pay_when_they_deliver_each_url_and_mechanism() -> None:
    inputs = {"costs.editors": 10, "costs.day_rate": 500, "costs.editor_url_days": 2}
    found = item(plan(inputs=inputs), "editors.places")
    assert found == pytest.approx([0, 10 * 500 * 8 * 2, 0, 0, 0, 0, 0, 0])
    assert all(paid == 0 for paid in item(plan("api-lps-2023", inputs), "editors.places"))


def test_operators_keep_both_doors_until_the_old_ones_are_retired() -> None:
    found = plan()
    assert [paid > 0 for paid in item(found, "operators.old doors")] == [True] * 6 + [False] * 2
    assert all(paid > 0 for paid in item(found, "operators.new doors"))


def test_only_a_design_with_new_ports_makes_sites_ask_for_them() -> None:
    assert sum(item(plan("multi-port"), "sites.firewalls")) > 0
    assert sum(item(plan("multi-endpoint"), "sites.firewalls")) == 0


def test_who_is_cut_off_calls_and_loses_time() -> None:
    inputs = {
        "migration.calls_cut": 1.0, "costs.support_call": 20, "costs.calls_installed": 0,
        "costs.wrong_place": 0, "costs.person_hour": 60, "migration.telephone_minutes": 2,
    }  # fmt: skip
    found = plan(inputs=inputs)
    for bill in found.central:
        assert bill.items["operators.support"] == pytest.approx(bill.quarter.cut * 20)
        assert bill.items["sites.telephone"] == pytest.approx(bill.quarter.cut * 2 * 252 / 4)


def test_support_is_called_by_those_who_move_more_where_they_choose_among_places() -> None:
    inputs = {"costs.calls_installed": 0.0, "costs.wrong_place": 0.01, "costs.support_call": 100,
              "migration.calls_cut": 0.0}  # fmt: skip
    found = plan(inputs=inputs)
    moved = found.central[-1].quarter.new
    assert sum(item(found, "operators.support")) == pytest.approx(moved * 0.07 * 100)
    assert sum(item(plan("api-lps-2023", inputs), "operators.support")) == 0


@pytest.mark.parametrize("design", BUILT_IN)
def test_payers_pay_everything_between_the_low_and_the_high_view(design: str) -> None:
    found = plan(design)
    everything = sum(sum(bill.items.values()) for bill in found.central)
    assert sum(found.total(payer) for payer in PAYERS) == pytest.approx(everything)
    assert found.total() == pytest.approx(everything)
    assert found.low < found.total() < found.high


def test_blocked_ports_never_make_a_plan_cheaper_for_sites() -> None:
    few, many = (
        plan("multi-port", {f"populations.{p}.port_blocked": share
                            for p in ("liberal", "hospital", "laboratory", "ehpad")})
        for share in (0.0, 0.5)
    )  # fmt: skip
    assert few.total("sites") < many.total("sites")
