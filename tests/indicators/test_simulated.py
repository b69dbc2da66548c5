"""A simulated month gives the files that a live one gives: counted alike, agreeing to the unit."""

from __future__ import annotations

import pytest

from sandbox.indicators.anomalies import confront
from sandbox.indicators.counting import Indicators
from sandbox.indicators.files import as_json, from_json
from sandbox.indicators.from_simulation import SimulatedMonth, from_scenario, month_of
from sandbox.indicators.month import Month
from sandbox.messages.documents import document_types
from sandbox.messages.receipts import receipt_figures
from sandbox.space.errors import UserError
from sandbox.space.loader import load_scenario
from sandbox.space.years import mail_of

MONTH = Month(2026, 2)


PATIENTS = "patient.mssante.test"


@pytest.fixture(scope="module")
def month() -> SimulatedMonth:
    return from_scenario("demo", MONTH)


@pytest.fixture(scope="module")
def files(month: SimulatedMonth) -> dict[str, Indicators]:
    return {each.operator: each for each in month.files}


def submitted(files: dict[str, Indicators], **wanted: str) -> int:
    """Return how many messages of people have a key with these members."""
    return sum(
        volume.number for each in files.values() for key, volume in each.messages.items()
        if key.event == "submitted" and key.domain
        and all(getattr(key, name) == value for name, value in wanted.items())
    )  # fmt: skip


def test_a_month_of_a_scenario_has_its_days_and_its_pace() -> None:
    scenario = load_scenario("demo")
    month = month_of(scenario, MONTH)
    assert month.period.days == 28
    assert month.traffic.messages == pytest.approx(scenario.traffic.messages * 4)


def test_what_is_relayed_is_received_to_the_unit(files: dict[str, Indicators]) -> None:
    assert confront(files.values()) == []
    sent = sum(each.total("submitted") for each in files.values())
    received = sum(each.total("received") for each in files.values())
    to_citizens = sum(each.total("relayed", peer=PATIENTS) for each in files.values())
    assert sent == received + to_citizens
    # Of those who can connect: nobody else sends.
    assert 10_000 < sent < 1.1 * load_scenario("demo").traffic.messages * 4


def test_messages_carry_documents_and_name_their_software(files: dict[str, Indicators]) -> None:
    said = [
        key for each in files.values() for key in each.messages
        if key.event == "submitted" and key.domain
    ]  # fmt: skip
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
        from_scenario("demo", MONTH, operators=("nobody",))


def within(count: float, share: float, of: int) -> bool:
    """Tell whether a count is a binomial's, five standard errors wide."""
    return abs(count - share * of) < 5 * (of * share * (1 - share)) ** 0.5


def test_citizens_have_the_share_of_the_year(files: dict[str, Indicators]) -> None:
    sent = submitted(files)
    to_citizens = sum(each.total("relayed", peer=PATIENTS) for each in files.values())
    assert within(to_citizens, mail_of(2026).citizens, sent)


def test_mail_of_citizens_and_qualified_ins_grow_with_the_years() -> None:
    years = [mail_of(year) for year in range(2021, 2031)]
    assert years[0].citizens == 0
    assert years == sorted(years, key=lambda each: (each.citizens, each.qualified))
    assert mail_of(2027).citizens == pytest.approx(
        (mail_of(2026).citizens + mail_of(2028).citizens) / 2
    )
    assert mail_of(2040) == mail_of(2028)


def test_documents_have_a_qualified_ins_as_often_as_the_year(
    files: dict[str, Indicators],
) -> None:
    mail, sent = mail_of(2026), submitted(files)
    share = 1 - (1 - mail.qualified) * (1 - mail.citizens)  # a citizen's address needs one
    assert within(submitted(files, ins="O"), share, sent)
    assert submitted(files, ins="O") + submitted(files, ins="N") == sent


def test_mailboxes_have_a_profession_or_the_finess_of_their_place(
    files: dict[str, Indicators],
) -> None:
    used = [
        (key, n.open) for each in files.values() for key, n in each.mailboxes.items() if key.type
    ]
    assert all((key.profession != "") == (key.type == "PER") for key, _ in used)
    assert all((key.finess != "") == (key.type != "PER") for key, _ in used)
    assert len({key.profession for key, _ in used}) > 5
    shared = [(key.finess, n) for key, n in used if key.finess]
    assert all(len(finess) == 9 and finess[:2] == "99" for finess, _ in shared)


def test_receipts_come_late_or_never_as_their_inputs_say(
    month: SimulatedMonth, files: dict[str, Indicators]
) -> None:
    told, traffic = month.receipts, load_scenario("demo").traffic
    professionals = submitted(files) - sum(each.total("relayed", peer=PATIENTS)
                                           for each in files.values())  # fmt: skip
    share = traffic.application_share
    assert told.asked == told.came + told.late + told.lost
    assert within(told.asked, traffic.receipts_asked * (1 - share), professionals)
    assert within(told.lost, traffic.receipts_lost, told.asked)
    assert 0 < told.late < told.came
    assert told.refused == 0
    filed = month.acknowledgements
    assert filed.asked == filed.came + filed.late + filed.lost
    assert within(filed.asked, traffic.acknowledged * share, professionals)
    assert within(filed.lost, traffic.acknowledgements_lost, filed.asked)
    assert within(filed.refused, receipt_figures()["refused"], filed.came)
    assert filed.late / filed.came < told.late / told.came  # software tells sooner
    # Each that came is a notification: no sender here, nobody at the other end there.
    came = [
        (key.event, volume.number) for each in files.values()
        for key, volume in each.messages.items()
        if (key.event == "submitted" and not key.domain)
        or (key.event == "received" and not key.peer)
    ]  # fmt: skip
    for event in ("submitted", "received"):
        assert sum(n for each, n in came if each == event) == told.came + filed.came
