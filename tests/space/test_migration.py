"""A plan to move: who is on the new doors, on the old ones, cut off, quarter by quarter."""

from __future__ import annotations

import math
from datetime import date
from itertools import pairwise
from typing import Any

import pytest

from sandbox.space.costs.accesses import accesses_of
from sandbox.space.designs import BUILT_IN
from sandbox.space.errors import UserError
from sandbox.space.loader import load_scenario
from sandbox.space.migration import Quarter, delivered_shares, grown, quarters
from tests.space.plan import planned

POPULATIONS = ("liberal", "hospital", "laboratory", "ehpad")
MULTI_PORT, MULTI_ENDPOINT = BUILT_IN["multi-port"], BUILT_IN["multi-endpoint"]


def blocked(share: float) -> dict[str, Any]:
    return {f"populations.{name}.port_blocked": share for name in POPULATIONS}


def news(found: list[Quarter]) -> list[float]:
    return [quarter.new for quarter in found]


def test_a_scenario_without_plan_has_no_quarters() -> None:
    assert quarters(MULTI_PORT, load_scenario("demo")) == []


@pytest.mark.parametrize("design", BUILT_IN)
def test_everybody_is_on_one_door_or_cut_off(design: str) -> None:
    for quarter in quarters(BUILT_IN[design], planned()):
        assert quarter.new + quarter.old + quarter.cut == pytest.approx(quarter.installed)
        assert min(quarter.new, quarter.old, quarter.cut, quarter.blocked) >= 0


def test_nobody_moves_before_an_editor_delivers_and_nobody_is_cut_before_the_doors_close() -> None:
    found = quarters(MULTI_ENDPOINT, planned())
    assert [quarter.new > 0 for quarter in found] == [False] + [True] * 7
    assert [quarter.cut > 0 for quarter in found] == [False] * 6 + [True] * 2
    assert [quarter.old > 0 for quarter in found] == [True] * 6 + [False] * 2


def test_sites_update_in_exponential_time() -> None:
    scenario = planned({"migration.update_quarters": 2.0, "migration.growth": 0.0})
    for quarter in quarters(MULTI_ENDPOINT, scenario)[1:]:
        share = 1 - math.exp(-(quarter.number - 2 + 0.5) / 2)
        assert quarter.new / quarter.installed == pytest.approx(share)


def test_a_blocked_site_goes_back_to_the_old_doors_until_its_port_is_opened() -> None:
    """One cohort: nine in ten are still blocked a quarter later, then 0.9 squared..."""
    inputs = {"migration.update_quarters": 0.01, "migration.opened_quarter": 0.1}
    found = quarters(MULTI_PORT, planned(inputs | {"migration.growth": 0.0} | blocked(0.2)))
    for quarter in found[1:]:
        held = 0.2 * 0.9 ** (quarter.number - 2)
        assert quarter.blocked / quarter.installed == pytest.approx(held)
        assert quarter.new == pytest.approx(quarter.installed - quarter.blocked)


def test_more_blocked_ports_never_help_multi_port_and_leave_other_designs_alone() -> None:
    shares = (0.0, 0.1, 0.4, 0.9)
    found = [news(quarters(MULTI_PORT, planned(blocked(share)))) for share in shares]
    for fewer, more in pairwise(found):
        assert all(b <= a for a, b in zip(fewer, more, strict=True))
    others = [news(quarters(MULTI_ENDPOINT, planned(blocked(share)))) for share in shares]
    assert all(each == others[0] for each in others)


def test_who_uses_the_ecps_waits_for_psc() -> None:
    late = quarters(MULTI_ENDPOINT, planned(psc_ciba="2023-01-01"))
    soon = quarters(MULTI_ENDPOINT, planned())
    for number in (2, 3, 4):
        scenario = late[number - 1].scenario
        telephones = robots = people = 0.0
        for each in scenario.populations.values():
            mine = accesses_of(scenario, each)
            telephones += 0.2 * mine.installed
            people, robots = people + mine.installed, robots + mine.robots
        kept = (people + robots - telephones) / (people + robots)
        assert late[number - 1].new == pytest.approx(kept * soon[number - 1].new)
    assert news(late)[4:] == pytest.approx(news(soon)[4:])


def test_the_methods_of_a_quarter_are_those_of_the_plan() -> None:
    path = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8]
    found = quarters(MULTI_ENDPOINT, planned(ecps=path))
    for quarter, share in zip(found, path, strict=True):
        for people in quarter.scenario.populations.values():
            assert people.method_ecps == share
            methods = people.method_cps + people.method_totp + people.method_sms + share
            assert methods == pytest.approx(1)


def test_the_space_grows_as_the_published_counts_say() -> None:
    """224 478 mailboxes in June 2019, 535 357 in August 2026 (domain.md §7.3)."""
    scenario = load_scenario("bascule-ecps")
    times = grown(scenario, date(2026, 8, 1)) / grown(scenario, date(2019, 6, 1))
    assert times == pytest.approx(535_357 / 224_478, rel=0.02)


def test_quarters_have_names() -> None:
    found = quarters(MULTI_ENDPOINT, planned())
    assert [q.label for q in found][:5] == ["2022-Q1", "2022-Q2", "2022-Q3", "2022-Q4", "2023-Q1"]


def wave(quarter: int, *products: str) -> dict[str, Any]:
    return {"editors": "tous", "products": products, "quarter": quarter}


def test_a_wave_delivers_the_accesses_of_its_products() -> None:
    """People with an LPS alone; robots of two products, which are all there are."""
    scenario = planned(
        {f"populations.{name}.software_lps": 1.0 for name in POPULATIONS}
        | {f"populations.{name}.software_mail_client": 0.0 for name in POPULATIONS}
        | {f"populations.{name}.software_webmail": 0.0 for name in POPULATIONS},
        waves=[wave(1, "lps-a"), wave(2, "thunderbird"), wave(3, "robot-a", "robot-b")],
    )
    people = sum(accesses_of(scenario, each).people for each in scenario.populations.values())
    robots = sum(accesses_of(scenario, each).robots for each in scenario.populations.values())
    assert scenario.plan is not None
    assert delivered_shares(scenario, scenario.plan) == pytest.approx([
        scenario.products["lps-a"].share * people / (people + robots), 0.0,
        robots / (people + robots),
    ])  # fmt: skip
    found = quarters(MULTI_ENDPOINT, scenario)
    assert [quarter.delivered for quarter in found][:4] == pytest.approx([
        *delivered_shares(scenario, scenario.plan), 0.0,
    ])  # fmt: skip


@pytest.mark.parametrize(
    ("plan", "words"),
    [
        ({"waves": [wave(1, "lps-a"), wave(2, "lps-a")]}, "lps-a is delivered by another wave"),
        (
            {"waves": [wave(1, "webmail")]},
            "'webmail': .*is not a product of an editor; known lps-a",
        ),
        ({"waves": [wave(9, "lps-a")]}, "'tous': .*in quarter 9; the plan has 8"),
        ({"waves": []}, "plan.waves"),
        ({"start": "2022-02-01"}, "not the first day of a quarter"),
        ({"retire": "2021-01-01"}, "retire 2021-01-01: .*is before the plan starts"),
        ({"ecps": [1.2]}, "plan.ecps"),
        ({"psc": "2022-01-01"}, "unknown key"),
    ],
)
def test_a_plan_that_cannot_be_is_refused_in_a_line(plan: dict[str, Any], words: str) -> None:
    with pytest.raises(UserError, match=words) as refused:
        planned(**plan)
    assert "plan.toml" in str(refused.value)
    assert "\n" not in str(refused.value)
