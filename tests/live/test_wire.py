"""What a scenario says holds on the wire: every input, and what each server is set to."""

from __future__ import annotations

import json
from typing import Any

import pytest

from sandbox.live.plan import SpacePlan
from sandbox.live.planning import plan_space
from sandbox.live.wire import WireSettings, wire_of
from sandbox.space.errors import UserError
from sandbox.space.executions import LIVE as LIVE_ONLY
from sandbox.space.executions import SIMULATED, check_live, key_groups, value_of
from sandbox.space.loader import load_scenario, parse_scenario, with_inputs
from sandbox.space.scenario import Scenario
from sandbox.space.tables import inputs
from tests.perturbed import BASE, SINGLE, changes

DEMO = load_scenario("demo")
ON_THE_WIRE = [*key_groups(DEMO).both, *key_groups(DEMO).live]


def live_of(scenario: Scenario) -> tuple[WireSettings, SpacePlan]:
    """Return all that the live space takes from a scenario."""
    return wire_of(scenario), plan_space(scenario, ("all",), operators=scenario.operators.count)


def perturbed(key: str) -> tuple[WireSettings, SpacePlan]:
    return live_of(with_inputs(BASE, changes(key)))


LIVE = live_of(BASE)


# Every input ----------------------------------------------------------------------------------


def test_every_input_holds_in_both_executions_or_says_why_not() -> None:
    groups = key_groups(DEMO)
    named = [*groups.both, *groups.simulated, *groups.live, *groups.refused]
    assert sorted(named) == sorted(inputs())


def test_every_reason_is_that_of_some_input() -> None:
    assert {*SIMULATED, *LIVE_ONLY} < {row.execution for row in inputs().values()}


def test_an_input_that_holds_on_the_wire_moves_it() -> None:
    keys = [key for key in ON_THE_WIRE if key not in SINGLE]
    assert [key for key in keys if perturbed(key) == LIVE] == []


def test_an_input_of_the_simulation_alone_moves_nothing_on_the_wire() -> None:
    assert [key for key in key_groups(DEMO).simulated if perturbed(key) != LIVE] == []


# What is set ----------------------------------------------------------------------------------


def test_pro_sante_connect_has_the_figures_of_the_scenario() -> None:
    psc, policies = wire_of(DEMO).psc, DEMO.policies
    assert psc.profile == "psc"
    assert psc.interval == policies.ciba_interval
    assert psc.expires_in == policies.ciba_expiry
    assert psc.access_token_life == policies.token_seconds
    assert psc.refresh_token_life == policies.psc_session_seconds


def test_the_operators_own_ciba_lives_as_long_as_its_sms() -> None:
    own = wire_of(DEMO).own
    assert (own.device, own.expires_in) == ("sms", DEMO.methods.sms.expiry)


def test_operators_have_the_policies_of_the_scenario() -> None:
    operator, policies = wire_of(DEMO).operator, DEMO.policies
    assert operator.hold.shared == policies.session_seconds
    assert operator.hold.hold == operator.login_seconds == policies.prelogin_timeout
    assert operator.tokens.check == policies.token_check
    assert operator.tokens.session_seconds == policies.psc_session_seconds
    assert operator.psc_timeout == DEMO.backends.psc.timeout
    assert operator.access.totp.step_seconds == policies.totp_step
    assert operator.access.totp.once == policies.totp_once
    assert operator.access.totp.skew_steps == policies.totp_window
    assert operator.access.revocation.cache_seconds == policies.revocation_seconds
    assert operator.access.revocation.timeout == policies.revocation_timeout
    assert operator.access.recheck_seconds == policies.recheck_seconds
    assert operator.doors.backlog == policies.backlog


def test_sms_arrive_at_once_unless_people_are_drawn() -> None:
    wire = wire_of(DEMO)
    assert wire.driven("approve").sms.wait is None
    assert wire.driven("draw").sms == wire.sms
    assert {wire.driven("draw").phones.kind, wire.driven("draw").links.kind} == {"draw"}


# What cannot be -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("key", "value", "told"),
    [
        ("resources.placement", "shared", "dedicated"),
        ("policies.ciba_interval", 2.5, "whole seconds"),
        ("policies.token_seconds", 270.5, "whole seconds"),
        ("policies.totp_step", 300, "at most 120"),
        ("policies.ticket_seconds", 3600, "7200"),
        ("policies.backlog", 1_000_000, "at most"),
        ("methods.sms.delivery_mean", 4000, "at most 3600"),
    ],
)
def test_what_cannot_hold_on_the_wire_is_refused_by_name(key: str, value: Any, told: str) -> None:
    scenario = with_inputs(DEMO, {key: value})
    with pytest.raises(UserError, match=told) as caught:
        wire_of(scenario)
    assert f"{key} = " in str(caught.value)
    assert "\n" not in str(caught.value)
    assert key in key_groups(scenario).refused


@pytest.mark.parametrize("name", ["aout-2021", "bascule-ecps", "mai-2025", "pare-feu"])
def test_shipped_scenarios_can_be_brought_up(name: str) -> None:
    check_live(load_scenario(name))


def test_a_scenario_s_own_values_are_those_in_force() -> None:
    tree = {
        "name": "own", "title": "a", "title_en": "a", "compare": ["multi-port"],
        "period": {"start": "2021-09-06", "days": 1}, "policies": {"ciba_interval": 2},
    }  # fmt: skip
    scenario = parse_scenario(json.loads(json.dumps(tree)), "own.toml")
    assert value_of(scenario, "policies.ciba_interval") == wire_of(scenario).psc.interval == 2
