"""Half an hour of a small space on real sockets, under every design; then with a fault.

One space serves all designs side by side, each with accounts of its own.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from sandbox.clients.letters import read_letter
from sandbox.clients.plan import LoadPlan
from sandbox.messages.check import check_message
from sandbox.observations.observations import TABLES, Observations
from sandbox.observations.schema import Cause
from sandbox.serve import client_context
from sandbox.space.methods import Method
from sandbox.twin.aside import aside
from sandbox.twin.checking import Checked, check_mailboxes, opened
from sandbox.twin.drive import Driven, drive
from sandbox.twin.host import Hosted, Order, hosted
from sandbox.twin.observed import machine_seconds, observations_of
from sandbox.twin.plan import plan_of
from sandbox.twin.runs import predicted
from sandbox.twin.schedule import Schedule
from tests.twin.small import DESIGNS, schedules, write_scenario
from tests.twin.test_calibration import calibration

EXTRA = "slow"  # accounts for the replay with a fault
DELAY = 1.5  # s


@dataclass
class Side:
    """One design's minutes."""

    schedule: Schedule
    plan: LoadPlan
    driven: Driven


def part_of(sheet: dict[str, Any], number: int, schedule: Schedule) -> dict[str, Any]:
    """Return the sheet with the accounts of one part of the people."""
    size, kept = schedule.cast, []
    for operator in schedule.space.operators:
        mine = [a for a in sheet["accounts"] if a["operator"] == operator]
        for kind, count in ((Method.ECPS, size.people - size.by_sms), (Method.SMS, size.by_sms)):
            people = [a for a in mine if a["type"] == "PER" and kind in a["holders"][0]["methods"]]
            kept += people[number * count : (number + 1) * count]
        kept += [a for a in mine if a["type"] == "APP"]
    return {**sheet, "accounts": kept}


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Schedule]:
    return schedules(write_scenario(tmp_path_factory.mktemp("twin")))


@pytest.fixture(scope="module")
def host(found: dict[str, Schedule], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hosted]:
    folder = tmp_path_factory.mktemp("host")
    first = found[DESIGNS[0]]
    parts = len(DESIGNS) + 1
    cast = replace(first.cast, people=first.cast.people * parts, by_sms=first.cast.by_sms * parts)
    order = Order(
        scenario=str(write_scenario(folder)), designs=DESIGNS,
        login_policy=first.candidate.policy.name, operators=2, cast=cast,
        folder=str(folder / "space"), share=first.scenario.policies.session_seconds,
    )  # fmt: skip
    with hosted(order) as space:
        yield space


@pytest.fixture(scope="module")
def sides(host: Hosted, found: dict[str, Schedule]) -> dict[str, Side]:
    plans = {
        name: plan_of(each, part_of(host.sheet, number, each), f"small-{name}")
        for number, (name, each) in enumerate(found.items())
    }
    with ThreadPoolExecutor(2) as pool:
        driven = dict(zip(plans, pool.map(drive, plans.values()), strict=True))
    return {name: Side(found[name], plans[name], driven[name]) for name in plans}


@pytest.mark.parametrize("design", DESIGNS)
def test_every_session_of_the_plan_starts_and_logs_in(sides: dict[str, Side], design: str) -> None:
    driven = sides[design].driven
    assert driven.started == driven.intended == len(sides[design].plan.intents)
    # On a busy machine OCSP may answer too late for a certificate, and its robot is told so.
    failed = {cause for each in driven.outcomes for cause in each.failures}
    assert failed <= {Cause.BACKEND_DOWN}
    assert all(each.login is not None for each in driven.outcomes if not each.failures)
    assert not driven.stopped


def test_every_method_is_used_over_both_protocols(sides: dict[str, Side]) -> None:
    side = sides["multi-endpoint"]
    methods = {each.number: each.method for each in side.plan.accounts}
    seen = {methods[each.account] for each in side.driven.outcomes if each.login is not None}
    assert seen == set(Method)
    assert {each.protocol for each in side.driven.outcomes} == {"imap", "smtp"}


@pytest.mark.parametrize("design", DESIGNS)
def test_nothing_is_lost_or_doubled(host: Hosted, sides: dict[str, Side], design: str) -> None:
    side = sides[design]
    checked = check_mailboxes(host.sheet, side.plan, side.driven.accepted)
    assert checked == Checked(
        accepted=checked.accepted, lost=0, duplicated=0, spoiled=0, strangers=0, unread=0
    )
    assert checked.accepted > 0


def test_what_was_delivered_is_a_health_message_without_a_finding(
    host: Hosted, sides: dict[str, Side]
) -> None:
    plan = sides["single-endpoint"].plan
    letters = [e.letter for each in plan.intents for e in each.chain() if e.letter is not None]

    async def first() -> bytes:
        async with opened(host.sheet, plan, letters[0].recipients[0]) as imap:
            found = [content async for _, content in imap.beyond(0)]
        return found[0]

    content = aside(first)
    assert check_message(content).tree() == {"verdict": "pass", "findings": []}
    assert read_letter(content) is not None


def test_a_message_that_nobody_sent_is_said_to_be_lost(
    host: Hosted, sides: dict[str, Side], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sandbox.twin.checking.PATIENCE", 0.0)
    side = sides["single-endpoint"]
    unsent = replace(side.plan, run="another run")
    checked = check_mailboxes(host.sheet, unsent, side.driven.accepted)
    assert checked.lost == checked.accepted > 0


def test_software_that_resumes_tls_does(sides: dict[str, Side]) -> None:
    side = sides["single-endpoint"]
    able = {each.number for each in side.plan.accounts if each.software.resumes}
    resumed = {each.account for each in side.driven.outcomes if each.resumed}
    assert resumed
    assert resumed <= able


def test_a_replay_has_the_tables_of_a_simulation(
    host: Hosted, sides: dict[str, Side], tmp_path: Path
) -> None:
    side = sides["single-endpoint"]
    servers = host.observed("single-endpoint", tmp_path / "seen")
    who = {each.number: (each.method, each.operator) for each in side.plan.accounts}
    made = observations_of(side.driven.outcomes, who, servers, 1, 0, {"engine": "live"})
    made.write(tmp_path / "run")
    read = Observations.read(tmp_path / "run")
    assert {name: list(frame.columns) for name, frame in read.tables.items()} == {
        name: list(columns) for name, columns in TABLES.items()
    }
    counted = read.tables["login_totals"].query("measure == 'machine'")["count"].sum()
    assert counted == sum(each.login is not None for each in side.driven.outcomes)
    assert read.tables["deliveries"]["count"].sum() > 0


def slowed(host: Hosted, *, protocol: str) -> None:
    """Have operators wait before they answer to what begins a login."""
    control, sheet = host.sheet["control"], host.sheet
    rule = {"fault": "slow", "protocol": protocol, "command": "CAPABILITY", "seconds": DELAY}
    with httpx.Client(verify=client_context(Path(sheet["ca"]["bundle"])), trust_env=False) as http:
        reply = http.post(
            f"{control['url']}/faults", json=rule,
            headers={"Authorization": f"Bearer {control['secret']}"},
        )  # fmt: skip
        reply.raise_for_status()


def test_a_delay_is_in_both_executions(
    host: Hosted, found: dict[str, Schedule], sides: dict[str, Side]
) -> None:
    """Servers that wait, and a calibration of servers that wait: as much in either."""
    schedule = found["single-endpoint"]
    slowed(host, protocol="imap")
    plan = plan_of(schedule, part_of(host.sheet, len(DESIGNS), schedule), EXTRA)
    driven = drive(plan)
    over = {"imap": [], "smtp": []}  # type: dict[str, list[float]]
    for each in driven.outcomes:
        if each.login is not None:
            over[each.protocol].append(machine_seconds(each))
    assert min(over["imap"]) >= DELAY
    assert min(over["smtp"]) < DELAY
    before = [
        machine_seconds(each)
        for each in sides["single-endpoint"].driven.outcomes
        if each.login is not None and each.protocol == "imap"
    ]
    # The quickest: a busy machine has others wait as well, and not as long each time.
    measured = np.quantile(over["imap"], 0.1) - min(before)
    quick, slow = (
        predicted(schedule, calibration(beyond=beyond)).samples["totp", "machine"]
        for beyond in (0.001, 0.001 + DELAY)
    )
    assert np.median(slow) - np.median(quick) == pytest.approx(DELAY, rel=0.05)
    assert measured >= 0.9 * DELAY
