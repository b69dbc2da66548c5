"""A mailbox moves to another store: software that knew it goes on where it was."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from sandbox.operators.store import MailStore, PackedMailbox
from sandbox.operators.store.schema import StoreError
from tests.operators.store.scenes import ALICE, BOB, Clock, envelope

pytestmark = pytest.mark.anyio
MAIL = b"Subject: %d\r\n\r\nBonjour.\r\n"


@pytest.fixture
async def other(tmp_path: Path, clock: Clock, anyio_backend: str) -> AsyncIterator[MailStore]:
    del anyio_backend
    opened = await MailStore.open(tmp_path / "other" / "mail.db", clock=clock)
    yield opened
    await opened.close()


def inbox(store: MailStore) -> int:
    found = store.folder(ALICE, "INBOX")
    assert found is not None
    return found.id


async def filled(store: MailStore) -> None:
    """Four messages, the second gone, the third read; a folder of her own, subscribed."""
    for number in range(4):
        await store.append(inbox(store), MAIL % number, frozenset(), float(number))
    await store.change_flags(inbox(store), [2], "+", frozenset({"\\Deleted"}))
    await store.expunge(inbox(store))
    await store.change_flags(inbox(store), [3], "+", frozenset({"\\Seen"}))
    await store.claim_recent(inbox(store))
    folder = await store.create(ALICE, "Cabinet/2026")
    await store.append(folder.id, MAIL % 9, frozenset({"\\Flagged"}), 9.0)
    await store.subscribe(ALICE, "Cabinet/2026", on=True)
    await store.subscribe(ALICE, "Junk", on=False)


def seen(store: MailStore) -> list[object]:
    """All that software sees of the mailbox, but for the ids of rows."""
    return [
        (each.name, each.special_use, each.subscribed, each.uid_validity, each.uid_next,
         each.highest_modseq, store.recent(each.id),
         [(r.uid, r.modseq, r.flags, r.internal_date, r.email_id, store.content(r.message))
          for r in store.rows(each.id)])
        for each in store.folders(ALICE)
    ]  # fmt: skip


async def test_uids_uidvalidity_and_modseq_go_with_it(store: MailStore, other: MailStore) -> None:
    await filled(store)
    before, subscribed = seen(store), store.subscriptions(ALICE)
    assert await other.unpack(ALICE, await store.pack(ALICE)) == 4
    assert seen(other) == before
    assert other.subscriptions(ALICE) == subscribed


async def test_what_came_meanwhile_is_numbered_after_it(
    store: MailStore, other: MailStore, clock: Clock
) -> None:
    await filled(store)
    clock.now += 1000.0
    await other.provision([ALICE])
    provisional = inbox(other)
    other.rows(provisional)
    await other.accept(envelope(), MAIL % 7, local=[ALICE], remote=[], key="once")
    await other.unpack(ALICE, await store.pack(ALICE))
    rows = other.rows(inbox(other))
    assert [row.uid for row in rows] == [1, 3, 4, 5]
    assert other.content(rows[-1].message) == MAIL % 7
    found = other.folder(ALICE, "INBOX")
    assert found is not None
    assert (found.uid_next, found.highest_modseq) == (6, rows[-1].modseq)
    with pytest.raises(StoreError, match="missing"):
        other.rows(provisional)  # its numbering has ended
    # A repetition of what came meanwhile is still one.
    await other.accept(envelope(), MAIL % 7, local=[ALICE], remote=[], key="once")
    await other.accept(envelope(), MAIL % 8, local=[ALICE], remote=[])
    assert [row.uid for row in other.rows(inbox(other))] == [1, 3, 4, 5, 6]


async def test_after_a_kill_it_is_not_taken_twice(store: MailStore, other: MailStore) -> None:
    await filled(store)
    packed = await store.pack(ALICE)
    await other.unpack(ALICE, packed)
    await other.change_flags(inbox(other), [1], "+", frozenset({"\\Deleted"}))
    await other.expunge(inbox(other))
    assert await other.unpack(ALICE, packed) == 0
    assert [row.uid for row in other.rows(inbox(other))] == [3, 4]


async def test_it_may_come_back(store: MailStore, other: MailStore) -> None:
    await filled(store)
    before = seen(store)
    await other.unpack(ALICE, await store.pack(ALICE))
    await store.remove([ALICE])
    await store.unpack(ALICE, await other.pack(ALICE))
    await other.remove([ALICE])
    await other.unpack(ALICE, await store.pack(ALICE))
    assert seen(other) == before


async def test_a_folder_made_later_takes_no_numbering_that_was(
    store: MailStore, other: MailStore, clock: Clock
) -> None:
    await filled(store)
    validities = {each.uid_validity for each in store.folders(ALICE)}
    clock.now -= 500.0  # the other machine's clock is late
    await other.unpack(ALICE, await store.pack(ALICE))
    made = await other.create(ALICE, "Nouveau")
    assert made.uid_validity not in validities


async def test_what_is_acknowledged_is_in_the_pack_and_nothing_is_after_it(
    store: MailStore, other: MailStore
) -> None:
    """An APPEND that waits when the mailbox is packed is taken along; a later one is refused."""
    await filled(store)
    there = inbox(store)
    waits = asyncio.gather(
        store.append(there, MAIL % 5, frozenset(), 5.0), store.create(ALICE, "Attend"),
        store.pack(ALICE),
        store.append(there, MAIL % 6, frozenset(), 6.0),
        store.change_flags(there, [1], "+", frozenset({"\\Seen"})),
        store.claim_recent(there),
        return_exceptions=True,
    )  # fmt: skip
    uid, _, packed, *late = await waits
    assert [str(each).partition(":")[0] for each in late] == ["missing"] * 3
    for refused in (
        lambda: store.accept(envelope(), MAIL % 7, local=[ALICE], remote=[]),
        lambda: store.create(ALICE, "Trop tard"),
        lambda: store.subscribe(ALICE, "INBOX", on=False),
    ):
        with pytest.raises(StoreError, match="missing"):
            await refused()
    assert not store.has_mailbox(ALICE)
    assert isinstance(packed, PackedMailbox)
    await other.unpack(ALICE, packed)
    assert [row.uid for row in other.rows(inbox(other))] == [1, 3, 4, uid]
    assert other.folder(ALICE, "Attend") is not None


async def test_what_was_packed_is_packed_again_until_it_is_removed(
    store: MailStore, other: MailStore, tmp_path: Path, clock: Clock
) -> None:
    await filled(store)
    packed = await store.pack(ALICE)
    assert store.mailboxes() == [ALICE, BOB]
    again = await store.pack(ALICE)
    assert [each.messages for each in again.folders] == [each.messages for each in packed.folders]
    await other.unpack(ALICE, packed)
    assert await other.unpack(ALICE, again) == 0
    await store.remove([ALICE])
    assert store.mailboxes() == [BOB]
    with pytest.raises(StoreError, match="missing"):
        await store.pack(ALICE)


async def test_sessions_are_not_told_that_its_messages_have_gone(store: MailStore) -> None:
    await filled(store)
    told: list[int] = []
    store.listen(ALICE, told.append)
    await store.pack(ALICE)
    assert told == []
