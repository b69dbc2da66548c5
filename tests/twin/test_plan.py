"""What clients are told is what the simulation does: the same sessions, instants and draws."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from sandbox.clients.plan import Intent, LoadPlan
from sandbox.messages.receipts import ERROR_CODES
from sandbox.observations.schema import Phase
from sandbox.simulation import fast
from sandbox.space.methods import METHODS, Method
from sandbox.twin.plan import plan_of
from sandbox.twin.schedule import Schedule
from tests.simulation.engines import run_traced
from tests.twin.small import DESIGNS, schedules, write_scenario

NANOSECONDS = 1_000_000_000
KINDS = ("open", "poll", "send", "spawned", "alone", "receipt")


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_scenario(tmp_path_factory.mktemp("twin"))


@pytest.fixture(scope="module")
def found(path: Path) -> dict[str, Schedule]:
    return schedules(path)


def sheet_for(schedule: Schedule) -> dict[str, Any]:
    """Return as much of a sheet as a plan takes: enough accounts at each operator."""
    design = schedule.candidate.design
    operators, accounts = [], []
    for operator in schedule.space.operators:
        places = [
            {"name": e.name, "host": e.host, "address": "127.0.0.1", "port": e.port,
             "tls": e.tls, "protocol": e.protocol, "methods": [str(m) for m in e.methods]}
            for e in design.endpoints
        ]  # fmt: skip
        ciba = "https://127.0.0.1"
        operators.append({"name": operator, "ciba": ciba, "designs": {design.name: places}})
        size = schedule.cast
        kinds = [Method.ECPS] * (size.people - size.by_sms) + [Method.SMS] * size.by_sms
        for number, kind in enumerate([*kinds, Method.CERTIFICATE]):
            methods = (Method.CPS, Method.TOTP, kind) if kind is not Method.CERTIFICATE else (kind,)
            accounts.append({
                "address": f"p{number}@{operator}.test", "operator": operator,
                "type": "APP" if kind is Method.CERTIFICATE else "PER",
                "holders": [{"identity": f"{operator}-{number}",
                             "methods": {str(m): {"username": "u"} for m in methods}}],
            })  # fmt: skip
    return {
        "operators": operators, "accounts": accounts, "suffix": "mssante.test",
        "ca": {"bundle": "ca.pem"},
        "psc": {"control": "https://127.0.0.1", "control_secret": "", "discovery": "",
                "clients": [{"client_id": "lps-poll", "client_secret": ""}]},
    }  # fmt: skip


def planned(schedule: Schedule) -> LoadPlan:
    return plan_of(schedule, sheet_for(schedule), "run")


def chain(intent: Intent) -> Iterator[Intent]:
    while True:
        yield intent
        if intent.then is None:
            return
        intent = intent.then


def test_sessions_start_when_the_simulation_starts_them(found: dict[str, Schedule]) -> None:
    schedule = found["single-endpoint"]
    _, rows = run_traced(fast, schedule.model)
    started = sorted((int(r[3]), int(r[0]), KINDS[r[1]]) for r in rows if KINDS[r[1]] != "spawned")
    told = sorted(
        (round(each.at * NANOSECONDS), each.account, each.kind)
        for each in planned(schedule).intents
    )
    assert told == started
    assert len(told) > 30


def test_people_take_the_time_that_the_simulation_draws(found: dict[str, Schedule]) -> None:
    schedule = found["single-endpoint"]
    plan = planned(schedule)
    methods = {each.number: each.method for each in plan.accounts}
    _, rows = run_traced(fast, schedule.model)
    person = {(int(r[0]), int(r[3])): int(r[9 + Phase.PERSON]) for r in rows if r[7] == 0}
    first, checked = set(), set()
    for intent in plan.intents:
        method, key = methods[intent.account], (intent.account, round(intent.at * NANOSECONDS))
        if intent.account in first or intent.kind == "alone" or key not in person:
            continue
        first.add(intent.account)
        what = intent.rounds[0]
        expected = {Method.TOTP: what.typing, Method.CPS: what.pin, Method.SMS: what.answer}
        if method in expected:
            assert person[key] / NANOSECONDS == pytest.approx(expected[method], abs=1e-6)
            checked.add(method)
    assert {Method.TOTP, Method.CPS} <= checked


def test_the_simulation_sends_as_many_messages(found: dict[str, Schedule]) -> None:
    schedule = found["single-endpoint"]
    record, _ = run_traced(fast, schedule.model)
    letters = [e.letter for i in planned(schedule).intents for e in chain(i) if e.letter]
    relays = int(record.delivery[0])
    assert sum(len(each.recipients) for each in letters) <= relays  # one mailbox drawn twice: once
    assert sum(len(each.recipients) for each in letters) >= 0.8 * relays > 0


def test_applications_acknowledge_what_they_filed_and_people_what_they_read(
    found: dict[str, Schedule],
) -> None:
    """Who answers is what it is of; what it answers was sent to it, and asked for an answer."""
    plan = planned(found["single-endpoint"])
    methods = {each.number: each.method for each in plan.accounts}
    address = {each.number: each.address for each in plan.accounts}
    sent = {e.letter.number: e.letter for i in plan.intents for e in chain(i) if e.letter}
    answers = [each for each in plan.intents if each.kind == "receipt" and each.letter]
    for each in answers:
        assert each.letter is not None
        robot = methods[each.account] is Method.CERTIFICATE
        assert (each.letter.integration is not None) == robot
        assert each.letter.integration in {None, "", *ERROR_CODES}
        if each.letter.answers:
            read = sent[each.letter.answers]
            assert read.receipt
            assert address[each.account] in read.recipients
    kinds = {each.letter.integration is None for each in answers if each.letter}
    assert kinds == {True, False}


def test_every_design_has_the_same_sessions(found: dict[str, Schedule]) -> None:
    told = {
        name: [(i.at, i.kind, [asdict(r) for r in i.rounds]) for i in planned(each).intents]
        for name, each in found.items()
    }
    for name in DESIGNS[1:]:
        assert told[name] == told[DESIGNS[0]]


def test_the_same_seed_gives_the_same_plan(path: Path, found: dict[str, Schedule]) -> None:
    again = schedules(path)["multi-endpoint"]
    assert planned(again) == planned(found["multi-endpoint"])


def test_a_plan_survives_json(found: dict[str, Schedule]) -> None:
    import json

    plan = planned(found["single-endpoint"])
    assert LoadPlan.of(json.loads(json.dumps(asdict(plan)))) == plan


def test_accounts_are_of_one_access_each_except_those_of_robots(
    found: dict[str, Schedule],
) -> None:
    people = [
        each.address
        for each in planned(found["single-endpoint"]).accounts
        if not METHODS[each.method].client_certificate or each.method is Method.CPS
    ]
    assert len(people) == len(set(people))
