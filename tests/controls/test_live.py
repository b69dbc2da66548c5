"""Controls on a running space: planted violations are each found, and nothing else is."""

from __future__ import annotations

import asyncio
import json
import smtplib
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from sandbox.cli import cli
from sandbox.controls.cli_controls import controls
from sandbox.directory import Feeder
from sandbox.indicators.cli_indicators import indicators
from sandbox.indicators.month import Month
from sandbox.live import live
from sandbox.live.mailer import choose, open_imap
from sandbox.live.space import LiveSpace
from sandbox.messages.ins import PATIENT_LABEL
from sandbox.trust import DomainLedger
from sandbox.trust.resolver import DnsFault
from tests.live.test_space import account, deliver, quiet, wait_for

Tree = dict[str, Any]


@pytest.fixture(scope="module")
def space(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveSpace]:
    folder = tmp_path_factory.mktemp("controlled") / "space"
    with live(designs=("single-endpoint",), operators=3, dir=folder, keys="p-256") as running:
        yield running


def run(space: LiveSpace, *words: str, code: int | None = None) -> Any:
    """Run a round without the interfaces; return what it prints."""
    more = ["--interfaces", "none"] if words[0] in {"run", "admit"} else []
    said = CliRunner().invoke(controls, [*words, *more, "--json", "--dir", str(space.folder.path)])
    if said.exception is not None and not isinstance(said.exception, SystemExit):
        raise said.exception
    assert code is None or said.exit_code == code
    return json.loads(said.stdout.splitlines()[0])


def found(space: LiveSpace, *words: str) -> set[tuple[str, str]]:
    return {(each["control"], each["subject"]) for each in run(space, "run", *words)}


def domain(space: LiveSpace, operator: int) -> str:
    return str(space.sheet["operators"][operator]["domain"])


def test_a_space_in_order_has_no_finding(space: LiveSpace) -> None:
    assert run(space, "run", code=0) == []


def test_a_name_that_dns_does_not_give_is_found(space: LiveSpace) -> None:
    name = domain(space, 1)
    space.resolver.set_faults([DnsFault(kind="nxdomain", name=name, record="MX")])
    try:
        assert found(space) == {("domain-dns", name)}
    finally:
        space.resolver.set_faults([])


def test_another_s_certificate_on_the_list_is_found(space: LiveSpace) -> None:
    ledger = DomainLedger(Path(space.sheet["list"]["history"]))
    name, now = domain(space, 1), datetime.now(UTC)
    [mine] = [e.certificate for e in ledger.at(now).entries if e.domain == name]
    [other] = [e.certificate for e in ledger.at(now).entries if e.domain == domain(space, 0)]
    ledger.migrate(name, [other], now)
    assert found(space) == {("domain-name", name)}
    ledger.migrate(name, [mine], datetime.now(UTC))
    assert found(space) == set()


def test_who_is_deceased_and_holds_a_mailbox_is_found(space: LiveSpace) -> None:
    address = account(space.sheet, "PER")
    person = space.directory.holders(address)[0]
    feeder = Feeder(space.directory)
    held = feeder.note_departure(person.national_id, "deceased")
    assert found(space) == {("mailbox-holder", box.address) for box in held}
    feeder.note_departure(person.national_id)


def test_a_mailbox_without_a_structure_is_found(space: LiveSpace) -> None:
    address = account(space.sheet, "ORG")
    box = space.directory.mailbox(address)
    assert box is not None
    assert box.structure is not None
    with space.directory.transaction() as connection:
        connection.execute("UPDATE mailbox SET structure = NULL WHERE id = ?", (box.id,))
    assert found(space) == {("mailbox-finess", address)}
    with space.directory.transaction() as connection:
        connection.execute(
            "UPDATE mailbox SET structure = ? WHERE id = ?", (box.structure.id, box.id)
        )


def test_a_suspended_domain_keeps_its_mailboxes_and_its_mx_and_is_found(space: LiveSpace) -> None:
    name = domain(space, 2)
    space.life.suspend(name)
    assert found(space) == {("domain-withdrawn", name), ("domain-outside", name)}
    assert run(space, "admit", name, code=0) == []
    assert found(space) == set()


def test_with_time_come_unused_domains_idle_mailboxes_and_indicators_that_are_due(
    space: LiveSpace,
) -> None:
    later = {each["control"] for each in run(space, "run", "--at", "2030-06-20")}
    assert later >= {"domain-unused", "mailbox-inactive", "indicators-sent"}
    only = run(space, "run", "--at", "2030-06-20", "--only", "indicators-sent")
    assert {each["subject"] for each in only} == {e["name"] for e in space.sheet["operators"]}
    # What is found at that day has its case, and a round of today closes it again.
    assert run(space, "run", code=0) == []
    assert run(space, "register") == []


def test_a_sanction_takes_a_domain_off_the_list_and_mending_brings_it_back(
    space: LiveSpace,
) -> None:
    name, words = domain(space, 1), ("--only", "domain-dns", "--sanction")
    space.resolver.set_faults([DnsFault(kind="nxdomain", name=name, record="MX")])
    for day in ("2030-01-01", "2030-02-05", "2030-03-10"):
        run(space, "run", *words, "--at", day)
    # Off the list its DNS is as wrong as before: the suspension mends nothing.
    run(space, "run", *words, "--at", "2030-03-11")
    space.resolver.set_faults([])
    (case,) = run(space, "register")
    assert (case["case"], case["state"]) == (f"domain-dns/{name}", "suspended")
    listed = {each["domain"]: each["listed"] for each in space.life.domains.entries()}
    assert listed[name] is False
    with pytest.raises(smtplib.SMTPRecipientsRefused):
        deliver(space.sheet, account(space.sheet, "PER"), account(space.sheet, "PER", 1), "no")
    run(space, "run", *words, "--at", "2030-03-12")
    assert {each["domain"]: each["listed"] for each in space.life.domains.entries()}[name] is True


def test_an_admission_of_what_is_listed_is_refused(space: LiveSpace) -> None:
    said = CliRunner().invoke(
        controls, ["admit", domain(space, 0), "--interfaces", "none", "--dir",
                   str(space.folder.path)],
    )  # fmt: skip
    assert "hors de la liste" in str(said.exception)


def test_trying_the_interfaces_makes_no_operator_look_as_if_it_under_reported(
    space: LiveSpace,
) -> None:
    at = ["--dir", str(space.folder.path)]
    assert CliRunner().invoke(controls, ["run", "--interfaces", "channel", *at]).exit_code == 0
    month = str(Month.at(datetime.now(UTC).timestamp()))
    said = CliRunner().invoke(indicators, ["--month", month, "--json", *at])
    tree = json.loads(said.stdout)
    assert tree["anomalies"] == []
    # What was tried has come, from nobody.
    tried = [
        row for file in tree["operators"] for row in file["messages"]
        if row["event"] == "received" and row["type"] == "PER" and not row["peer"]
    ]  # fmt: skip
    assert tried


def test_indicators_equal_a_recount_of_the_mailboxes(space: LiveSpace) -> None:
    people = [account(space.sheet, "PER", number) for number in range(3)]
    for number in range(4):
        for sender in people:
            for recipient in people:
                deliver(space.sheet, sender, recipient, f"recompte {number}")
    counted: Counter[str] = Counter()
    for address in people:
        with open_imap(choose(space.sheet, address, "imap"), quiet) as imap:
            for number in range(4):
                wait_for(imap, f"recompte {number}")
    space.run(emptied(space), timeout=60)
    for label, operator in space.operators.items():
        for box in operator.store.mailboxes():
            inbox = operator.store.folder(box, "INBOX")
            assert inbox is not None
            counted[label] += len(operator.store.rows(inbox.id))
    month = Month.at(datetime.now(UTC).timestamp())
    said = CliRunner().invoke(
        indicators, ["--month", str(month), "--json", "--dir", str(space.folder.path)]
    )
    assert said.exit_code == 0
    tree = json.loads(said.stdout)
    assert tree["anomalies"] == []
    for file in tree["operators"]:
        received = sum(r["count"] for r in file["messages"] if r["event"] == "received")
        assert received == counted[file["operator"]]
        if file["operator"] == PATIENT_LABEL:
            continue  # citizens write to nobody first, and have no mail software
        submitted = sum(r["count"] for r in file["messages"] if r["event"] == "submitted")
        assert submitted >= 12
        assert any(not row["cause"] and row["count"] for row in file["logins"])


async def emptied(space: LiveSpace) -> None:
    while any(each.store.queue() for each in space.operators.values()):
        await asyncio.sleep(0.02)


def test_a_deposited_file_that_is_a_tenth_short_is_named(space: LiveSpace) -> None:
    month = Month.at(datetime.now(UTC).timestamp())
    label = space.sheet["operators"][0]["name"]
    path = space.folder.path / "indicators" / str(month) / f"{label}.json"
    tree = json.loads(path.read_bytes())
    for row in tree["messages"]:
        if row["event"] == "relayed":
            row["count"] = row["count"] // 2
    path.write_text(json.dumps(tree))
    said = CliRunner().invoke(
        indicators, ["--month", str(month), "--check", "--json", "--dir", str(space.folder.path)]
    )
    assert said.exit_code == 1
    (anomaly,) = json.loads(said.stdout)["anomalies"]
    assert (anomaly["operator"], anomaly["claim"]) == ([label], ["sent"])


@pytest.mark.parametrize(
    ("words", "then"),
    [
        (["run", "--only", "nothing"], "domain-dns"),
        (["run", "--subject", "nobody"], "nobody"),
        (["run", "--at", "tomorrow"], "2026-11-27"),
        (["run", "--rounds", "2"], "--every"),
        (["appeal", "nothing/here"], "nothing/here"),
    ],
)
def test_what_cannot_be_is_refused_with_a_line(
    space: LiveSpace, words: list[str], then: str
) -> None:
    more = ["--interfaces", "none"] if words[0] == "run" else []
    said = CliRunner().invoke(cli, ["controls", *words, *more, "--dir", str(space.folder.path)])
    assert then in str(said.exception)
    assert " / " in str(said.exception)
