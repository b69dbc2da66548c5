"""A simulated month gives the files that a live one gives: counted alike, agreeing to the unit."""

from __future__ import annotations

import pytest

from sandbox.indicators.anomalies import confront
from sandbox.indicators.counting import Indicators
from sandbox.indicators.files import as_json, from_json
from sandbox.indicators.from_simulation import from_scenario, month_of
from sandbox.indicators.month import Month
from sandbox.messages.documents import document_types
from sandbox.space.errors import UserError
from sandbox.space.loader import load_scenario

MONTH = Month(2026, 2)


@pytest.fixture(scope="module")
def files() -> dict[str, Indicators]:
    return {each.operator: each for each in from_scenario("demo", MONTH)}


def test_a_month_of_a_scenario_has_its_days_and_its_pace() -> None:
    scenario = load_scenario("demo")
    month = month_of(scenario, MONTH)
    assert month.period.days == 28
    assert month.traffic.messages == pytest.approx(scenario.traffic.messages * 4)


def test_what_is_relayed_is_received_to_the_unit(files: dict[str, Indicators]) -> None:
    assert confront(files.values()) == []
    sent = sum(each.total("submitted") for each in files.values())
    received = sum(each.total("received") for each in files.values())
    assert sent == received
    # Of those who can connect: nobody else sends.
    assert 10_000 < sent < 1.1 * load_scenario("demo").traffic.messages * 4


def test_messages_carry_documents_and_name_their_software(files: dict[str, Indicators]) -> None:
    said = [key for each in files.values() for key in each.messages if key.event == "submitted"]
    assert {key.document for key in said} <= set(document_types())
    assert len({key.document for key in said}) > 3
    assert all(key.software for key in said)


def test_mailboxes_and_logins_are_counted(files: dict[str, Indicators]) -> None:
    for each in files.values():
        assert sum(n.open for n in each.mailboxes.values()) > 0
        assert sum(each.logins.values()) > 0


def test_a_simulated_file_has_the_layout_of_a_live_one(files: dict[str, Indicators]) -> None:
    for each in files.values():
        assert from_json(as_json(each)) == each


def test_an_operator_that_does_not_exist_is_refused() -> None:
    with pytest.raises(UserError, match="nobody"):
        list(from_scenario("demo", MONTH, operators=("nobody",)))
