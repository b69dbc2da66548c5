"""Incidents: the loss is what a hand counts, the storm drains as a fluid does."""

from __future__ import annotations

import math
from typing import Any

import pytest

from sandbox.analysis.incidents import BACK, back_after, incidents_of
from sandbox.space.candidates import candidates
from sandbox.space.compatibility import can_connect
from sandbox.space.designs import BUILT_IN
from sandbox.space.incidents import NATIONAL_INCIDENTS, Incident, things_that_fail
from tests.simulation.small import NOBODY, able, everyone, small_space

LOCAL = [incident for incident in Incident if incident not in NATIONAL_INCIDENTS]
HUNDRED = NOBODY | everyone(method="totp", software="mail_client") | {
    "populations.liberal.units": 100, "operators.mailboxes": [1.0], "traffic.messages": 500,
    **able("mail_client", host_setting=1, certificate_request_fails=0, sni=1),
}  # fmt: skip


def losses(changes: dict[str, Any], design: str) -> Any:
    space = small_space(changes | {"compare": [design]})
    candidate = candidates(space.scenario)[design]
    return incidents_of(
        space, candidate, can_connect(space, [(candidate.design, candidate.policy)])
    )


def drain_time(connections: float, cores: float, service: float, back_off: float) -> float:
    """Return when `BACK` of the connections are back, s: a fluid, exponential pauses.

    Either the pauses decide, or the cores, which then never rest: `connections` x `service` of
    work over `cores`.
    """
    return max(BACK * connections * service / cores, back_off * -math.log(1 - BACK))


@pytest.mark.parametrize(("connections", "cores", "service", "back_off"), [
    (20_000, 2, 0.01, 5.0),  # the cores decide: 99 s of work
    (5000, 8, 0.02, 0.5),
    (20_000, 64, 0.0005, 30.0),  # the pauses decide
    (2_000_000, 32, 0.002, 5.0),  # the largest operator of a country
])  # fmt: skip
def test_a_storm_drains_as_the_fluid_does(
    connections: int, cores: int, service: float, back_off: float
) -> None:
    found = back_after(connections, cores, service, back_off, seed=4)
    assert found == pytest.approx(drain_time(connections, cores, service, back_off), rel=0.05)


def test_twice_the_cores_never_lengthen_a_storm() -> None:
    times = [back_after(4000, cores, 0.02, 3.0, seed=1) for cores in (1, 2, 4, 8, 16)]
    assert times == sorted(times, reverse=True)
    assert times[-1] >= 3.0 * -math.log(1 - BACK) * 0.8


def test_an_endpoint_takes_the_hours_of_those_who_work_behind_it() -> None:
    """A hundred people, all present, an hour; those of one protocol at a time."""
    found = losses(HUNDRED | {"incidents.endpoint.minutes": 60}, "single-endpoint")
    assert found[Incident.ENDPOINT].person_hours == pytest.approx(100)
    halved = losses(HUNDRED | {"incidents.endpoint.minutes": 30}, "single-endpoint")
    assert halved[Incident.ENDPOINT].person_hours == pytest.approx(50)


def test_isolation_cuts_one_incident_and_not_the_year() -> None:
    """Eight endpoints fail four times as often as two, and take a quarter each."""
    one, eight = (losses(HUNDRED, name)[Incident.ENDPOINT]
                  for name in ("single-endpoint", "multi-endpoint"))  # fmt: skip
    assert eight.person_hours == pytest.approx(one.person_hours / 4)
    assert eight.yearly_person_hours == pytest.approx(one.yearly_person_hours)


@pytest.mark.parametrize("spreads", [0.0, 0.5, 1.0])
def test_a_bad_deployment_spreads_where_methods_share_an_endpoint(spreads: float) -> None:
    """Everybody has TOTP; each of five methods is deployed badly once."""
    changes = HUNDRED | {"incidents.spreads": spreads, "incidents.deployment.minutes": 60}
    shared = losses(changes, "single-endpoint")[Incident.DEPLOYMENT].person_hours
    apart = losses(changes, "multi-endpoint")[Incident.DEPLOYMENT].person_hours
    assert shared == pytest.approx((100 + 4 * spreads * 100) / 5)
    assert apart == pytest.approx((100 + spreads * 100) / 5)  # with the operator's own CIBA


def test_what_endpoints_have_in_common_fails_with_all_of_them() -> None:
    def count(design: str, incident: Incident, *, one_host: bool = False) -> int:
        return len(things_that_fail(BUILT_IN[design], incident, one_host=one_host))

    assert count("single-endpoint", Incident.CERTIFICATE) == 2
    assert count("multi-endpoint", Incident.CERTIFICATE) == 8
    assert count("multi-endpoint-sni", Incident.CERTIFICATE) == 1
    assert count("multi-endpoint-sni", Incident.NAME) == 8
    assert count("multi-port", Incident.ATTACK) == 2
    assert count("multi-endpoint", Incident.HOST) == 8
    assert count("multi-endpoint", Incident.HOST, one_host=True) == 1


def test_a_certificate_with_all_names_takes_all_endpoints_down() -> None:
    down = {
        name: max(
            len(thing.endpoints)
            for thing in things_that_fail(design, Incident.CERTIFICATE, one_host=False)
        )
        for name, design in BUILT_IN.items()
    }
    assert down == {
        "single-endpoint": 1, "multi-endpoint": 1, "multi-port": 4, "multi-endpoint-sni": 8,
        "api-lps-2023": 2, "multi-port-codes": 3,
    }  # fmt: skip


def test_psc_down_spares_who_is_already_logged_in_and_not_who_holds_a_token() -> None:
    ecps = NOBODY | everyone(method="ecps", software="lps") | {
        "populations.liberal.units": 100, "operators.mailboxes": [1.0],
        "populations.liberal.opening_hour": 8, "populations.liberal.opening_sd": 0,
        **able("lps", host_setting=1, imap_xoauth2=1, smtp_xoauth2=1, sni=1),
        "incidents.psc.minutes": 60,
    }  # fmt: skip
    proxy = losses(ecps, "multi-endpoint")
    assert proxy[Incident.PSC].person_hours == pytest.approx(0, abs=1e-6)
    token = losses(ecps | {"login_policy": "xoauth2"}, "multi-endpoint")
    assert token[Incident.PSC].person_hours == pytest.approx(100)
    assert proxy[Incident.SMS].person_hours == token[Incident.SMS].person_hours == 0


@pytest.mark.parametrize("incident", LOCAL)
def test_a_year_is_the_rate_times_one_thing_after_the_other(incident: Incident) -> None:
    once = losses(HUNDRED | {f"incidents.{incident}.per_year": 1}, "multi-endpoint")[incident]
    never = losses(HUNDRED | {f"incidents.{incident}.per_year": 0}, "multi-endpoint")[incident]
    things = things_that_fail(BUILT_IN["multi-endpoint"], incident, one_host=True)
    assert once.yearly_person_hours == pytest.approx(len(things) * once.person_hours)
    assert never.yearly_person_hours == 0
    assert never.person_hours == once.person_hours
