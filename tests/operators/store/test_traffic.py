"""What indicators count is noted in the transaction that makes it true."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from sandbox.operators.mail import About, Recipient
from sandbox.operators.store import (
    ForgottenError,
    MailStore,
    StoreError,
    TrafficRow,
    last_uses,
    read_traffic,
    traffic,
)
from tests.operators.store.scenes import ALICE, BOB, CAROL, DAVE, Clock, envelope, folder

pytestmark = pytest.mark.anyio
ABOUT = About(document="11502-2", ins="O", software="DEV1")


def rows(store: MailStore, tmp_path: Path) -> list[TrafficRow]:
    return list(read_traffic(tmp_path / "mail.db", 0.0, 2e9))


def told(found: list[TrafficRow]) -> list[tuple[str, str, str]]:
    return [(row.event, row.mailbox, row.peer) for row in found]


async def test_a_submission_is_noted_once_and_for_each_recipient(
    store: MailStore, tmp_path: Path
) -> None:
    bob = Recipient(address=BOB)
    sent = envelope(bob, CAROL, reverse_path=ALICE)
    await store.accept(sent, b"x", local=[BOB], remote=[CAROL], about=ABOUT, submitted=True)
    found = rows(store, tmp_path)
    assert told(found) == [
        ("submitted", ALICE, ""),
        ("sent", ALICE, "op1.mssante.test"),
        ("sent", ALICE, "op2.mssante.test"),
        ("received", BOB, "op1.mssante.test"),
    ]
    assert {(row.document, row.ins, row.software, row.octets) for row in found} == {
        ("11502-2", "O", "DEV1", 1)
    }


async def test_who_controls_a_relay_is_no_traffic_of_the_domain_that_is_written_from(
    store: MailStore, tmp_path: Path
) -> None:
    probe = envelope(reverse_path="controle@op2.mssante.test")
    await store.accept(probe, b"x", local=[ALICE], remote=[])
    assert told(rows(store, tmp_path)) == [("received", ALICE, "")]


async def test_a_repetition_is_noted_where_it_adds_something_only(
    store: MailStore, tmp_path: Path
) -> None:
    await store.accept(envelope(), b"x", local=[ALICE], remote=[], key="k")
    await store.accept(envelope(), b"x", local=[ALICE, BOB], remote=[], key="k")
    await store.accept(envelope(), b"x", local=[ALICE, BOB], remote=[], key="k")
    assert told(rows(store, tmp_path)) == [
        ("received", ALICE, "op2.mssante.test"),
        ("received", BOB, "op2.mssante.test"),
    ]


async def test_what_became_of_recipients_elsewhere_is_noted(
    store: MailStore, tmp_path: Path
) -> None:
    sent = envelope(CAROL, DAVE, reverse_path=ALICE)
    await store.accept(sent, b"x", local=[], remote=[CAROL, DAVE])
    first, second = store.queue()
    notice = (envelope(reverse_path=""), b"notice", [ALICE], [])
    await store.settle(done=[first.id, second.id], failed=[second.id], notify=[notice])
    assert told(rows(store, tmp_path)) == [
        ("relayed", ALICE, "op2.mssante.test"),
        ("failed", ALICE, "op2.mssante.test"),
        ("received", ALICE, ""),
    ]


async def test_what_is_refused_is_not_noted(store: MailStore, tmp_path: Path) -> None:
    with pytest.raises(StoreError):
        await store.settle(done=[7])
    assert rows(store, tmp_path) == []


async def test_facts_are_read_by_their_instant(
    store: MailStore, tmp_path: Path, clock: Clock
) -> None:
    begin = clock.now
    await store.accept(envelope(), b"x", local=[ALICE], remote=[])
    clock.now += 10
    await store.accept(envelope(), b"x", local=[BOB], remote=[])
    found = read_traffic(tmp_path / "mail.db", begin, begin + 10)
    assert [row.mailbox for row in found] == [ALICE]


async def test_a_removed_mailbox_takes_all_with_it_but_its_queue(
    store: MailStore, tmp_path: Path
) -> None:
    await store.accept(envelope(CAROL, reverse_path=ALICE), b"x", local=[ALICE], remote=[CAROL])
    inbox = folder(store).id
    await store.remove([ALICE.upper(), "nobody@op1.mssante.test"])
    assert not store.has_mailbox(ALICE)
    assert store.mailboxes() == [BOB]
    with pytest.raises(StoreError):
        store.rows(inbox)
    assert len(store.queue()) == 1
    await store.provision([ALICE])
    assert store.rows(folder(store).id) == []


def at(year: int, month: int, day: int = 1) -> float:
    return datetime(year, month, day, tzinfo=UTC).timestamp()


async def test_whole_months_are_forgotten_and_the_open_ones_count_the_same(
    store: MailStore, clock: Clock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(traffic, "AT_ONCE", 2)  # several transactions
    path = tmp_path / "mail.db"
    for month in range(1, 7):
        clock.now = at(2027, month, 15)
        sent = envelope(Recipient(address=BOB), reverse_path=ALICE)
        await store.accept(sent, b"x", local=[BOB], remote=[], about=ABOUT, submitted=True)
    begin = at(2027, 4)
    kept = [row for row in read_traffic(path, 0.0, 2e9) if row.at >= begin]
    uses = last_uses(path)
    clock.now = at(2027, 6, 30)
    assert await store.forget(2) == 9  # three facts of three months
    assert await store.forget(2) == 0
    assert list(read_traffic(path, begin, 2e9)) == kept
    with pytest.raises(ForgottenError) as told:
        list(read_traffic(path, at(2027, 3), 2e9))
    assert told.value.before == begin
    assert last_uses(path) == uses
    clock.now = at(2030, 1)
    await store.forget(1)
    # When a mailbox and a domain were last of use outlives all facts.
    assert last_uses(path) == uses


async def test_what_a_kill_cuts_short_leaves_no_month_half_counted(
    store: MailStore, clock: Clock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(traffic, "AT_ONCE", 2)
    clock.now = at(2027, 1, 15)
    await store.accept(envelope(), b"x", local=[ALICE, BOB], remote=[])
    await store.accept(envelope(), b"x", local=[ALICE, BOB], remote=[])
    # The first of its transactions alone.
    await store._writer.run(lambda t: traffic.forget(t, at(2027, 2)))
    with pytest.raises(ForgottenError):
        list(read_traffic(tmp_path / "mail.db", at(2027, 1), at(2027, 2)))
    assert list(read_traffic(tmp_path / "mail.db", at(2027, 2), 2e9)) == []


def test_the_months_before_the_running_one_are_kept_whole() -> None:
    assert traffic.first_kept(at(2027, 1, 31), 1) == at(2026, 12)
    assert traffic.first_kept(at(2027, 12, 31), 24) == at(2025, 12)
