"""What 250 promises: INBOXes and queue together, once, and there after a restart."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from sandbox.operators.mail import Recipient
from sandbox.operators.store import MailStore, StoreError
from tests.operators.store.scenes import (
    ALICE,
    BOB,
    CAROL,
    DAVE,
    Clock,
    contents,
    envelope,
    folder,
    uids,
)

pytestmark = pytest.mark.anyio


async def test_a_local_recipient_has_it_in_its_inbox(store: MailStore, clock: Clock) -> None:
    await store.accept(envelope(), b"Subject: x\r\n\r\nbody", local=[ALICE], remote=[])
    [row] = store.rows(folder(store).id)
    assert (row.uid, row.flags, row.internal_date, row.size) == (1, frozenset(), clock.now, 18)
    assert store.content(row.message) == b"Subject: x\r\n\r\nbody"
    assert store.queue() == []


async def test_an_address_is_a_mailbox_in_whatever_case(store: MailStore) -> None:
    assert store.has_mailbox(ALICE.upper())
    assert not store.has_mailbox("nobody@op1.mssante.test")
    await store.accept(envelope(), b"x", local=[ALICE.upper()], remote=[])
    assert uids(store, folder(store).id) == [1]


async def test_a_mailbox_named_twice_gets_it_once(store: MailStore) -> None:
    await store.accept(envelope(), b"x", local=[ALICE, ALICE.title()], remote=[])
    assert uids(store, folder(store).id) == [1]


async def test_all_recipients_share_one_content(store: MailStore, tmp_path: Path) -> None:
    await store.accept(envelope(), b"x", local=[ALICE, BOB], remote=[CAROL, DAVE])
    [for_alice] = store.rows(folder(store).id)
    [for_bob] = store.rows(folder(store, mailbox=BOB).id)
    assert for_alice.email_id == for_bob.email_id
    assert {for_alice.message, for_bob.message} == {queued.message for queued in store.queue()}
    assert contents(tmp_path / "mail.db") == 1


async def test_each_remote_recipient_has_a_row_with_its_own_envelope(
    store: MailStore, clock: Clock
) -> None:
    sent = envelope(CAROL, DAVE, Recipient(address=ALICE))
    queue_id = await store.accept(sent, b"x", local=[ALICE], remote=[CAROL, DAVE])
    rows = store.queue()
    assert [row.envelope for row in rows] == [envelope(CAROL), envelope(DAVE)]
    assert [row.recipient for row in rows] == [CAROL, DAVE]
    assert {row.queue_id for row in rows} == {queue_id}
    assert {(row.attempts, row.accepted_at, row.next_attempt) for row in rows} == {
        (0, clock.now, clock.now)
    }


async def test_an_envelope_may_hold_any_text(store: MailStore) -> None:
    odd = Recipient(address="é\udce9@op2.mssante.test")
    await store.accept(envelope(odd, reverse_path=""), b"x", local=[], remote=[odd])
    assert store.queue()[0].envelope == envelope(odd, reverse_path="")


async def test_an_unknown_local_address_leaves_nothing_anywhere(
    store: MailStore, tmp_path: Path
) -> None:
    with pytest.raises(StoreError, match="missing"):
        await store.accept(envelope(), b"x", local=[ALICE, "no@op1"], remote=[CAROL], key="k")
    assert uids(store, folder(store).id) == []
    assert store.queue() == []
    assert contents(tmp_path / "mail.db") == 0


async def test_a_message_for_nobody_is_a_mistake_of_the_caller(store: MailStore) -> None:
    with pytest.raises(ValueError, match="nobody"):
        await store.accept(envelope(), b"x", local=[], remote=[])


async def test_a_queue_id_that_the_trace_shows_is_kept(store: MailStore) -> None:
    given = await store.accept(
        envelope(), b"x", local=[], remote=[CAROL], key="k", queue_id="SHOWN"
    )
    again = await store.accept(
        envelope(), b"x", local=[], remote=[CAROL], key="k", queue_id="OTHER"
    )
    assert given == again == store.queue()[0].queue_id == "SHOWN"


async def test_a_repetition_adds_nothing_and_gets_the_same_queue_id(store: MailStore) -> None:
    first = await store.accept(envelope(), b"x", local=[ALICE], remote=[CAROL], key="k")
    again = await store.accept(envelope(), b"x", local=[ALICE], remote=[CAROL], key="k")
    assert again == first
    assert uids(store, folder(store).id) == [1]
    assert len(store.queue()) == 1


async def test_a_repetition_to_more_people_is_delivered_to_who_has_it_not(store: MailStore) -> None:
    await store.accept(envelope(), b"x", local=[ALICE], remote=[], key="k")
    await store.accept(envelope(), b"x", local=[ALICE, BOB], remote=[CAROL], key="k")
    await store.accept(envelope(), b"x", local=[BOB], remote=[CAROL], key="k")
    assert uids(store, folder(store).id) == [1]
    assert uids(store, folder(store, mailbox=BOB).id) == [1]
    assert len(store.queue()) == 1


async def test_repetitions_that_come_at_once_are_told_apart(store: MailStore) -> None:
    given = await asyncio.gather(
        *(store.accept(envelope(), b"x", local=[ALICE], remote=[], key="k") for _ in range(20))
    )
    assert len(set(given)) == 1
    assert uids(store, folder(store).id) == [1]


async def test_messages_without_a_key_are_never_repetitions(store: MailStore) -> None:
    given = {await store.accept(envelope(), b"x", local=[ALICE], remote=[]) for _ in range(3)}
    assert len(given) == 3
    assert uids(store, folder(store).id) == [1, 2, 3]


async def test_a_key_is_known_for_seven_days(store: MailStore, clock: Clock) -> None:
    await store.accept(envelope(), b"x", local=[ALICE], remote=[], key="k")
    clock.now += 7 * 86_400 - 1
    await store.accept(envelope(), b"x", local=[ALICE], remote=[], key="k")
    assert uids(store, folder(store).id) == [1]
    clock.now += 2
    await store.accept(envelope(), b"x", local=[ALICE], remote=[], key="k")
    assert uids(store, folder(store).id) == [1, 2]


async def test_what_was_accepted_is_there_after_a_restart(tmp_path: Path) -> None:
    path = tmp_path / "mail.db"
    store = await MailStore.open(path)
    await store.provision([ALICE])
    queue_id = await store.accept(envelope(), b"x", local=[ALICE], remote=[CAROL], key="k")
    queued, rows = store.queue(), store.rows(folder(store).id)
    await store.close()
    store = await MailStore.open(path)
    assert (store.queue(), store.rows(folder(store).id)) == (queued, rows)
    again = await store.accept(envelope(), b"x", local=[ALICE], remote=[CAROL], key="k")
    assert (again, store.queue()) == (queue_id, queued)
    await store.close()
