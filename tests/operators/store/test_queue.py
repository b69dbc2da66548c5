"""The relay's side: what is due, what became of it, and the notifications that follow."""

from __future__ import annotations

from pathlib import Path

import pytest

from sandbox.operators.mail import Recipient
from sandbox.operators.store import MailStore, StoreError
from tests.operators.store.scenes import (
    ALICE,
    CAROL,
    DAVE,
    Clock,
    contents,
    envelope,
    folder,
    uids,
)

pytestmark = pytest.mark.anyio


async def queue_up(store: MailStore, *recipients: Recipient) -> list[int]:
    await store.accept(envelope(*recipients), b"x", local=[], remote=recipients)
    return [row.id for row in store.queue()]


async def test_an_empty_queue_is_never_due(store: MailStore, clock: Clock) -> None:
    assert store.next_due() is None
    assert store.due(clock.now) == []


async def test_a_deferred_row_is_due_again_at_its_instant(store: MailStore, clock: Clock) -> None:
    first, second = await queue_up(store, CAROL, DAVE)
    await store.settle(deferred=[(first, clock.now + 60)])
    assert [row.id for row in store.due(clock.now)] == [second]
    assert [row.id for row in store.due(clock.now + 59)] == [second]
    due = store.due(clock.now + 60)
    assert [row.id for row in due] == [second, first]
    assert due[1].attempts == 1
    await store.settle(done=[second])
    assert store.next_due() == clock.now + 60


async def test_no_more_is_given_than_asked_for(store: MailStore, clock: Clock) -> None:
    ids = await queue_up(store, *(Recipient(address=f"r{n}@op2") for n in range(5)))
    assert [row.id for row in store.due(clock.now, limit=2)] == ids[:2]


async def test_a_content_lasts_as_long_as_its_last_recipient(
    store: MailStore, tmp_path: Path
) -> None:
    first, second = await queue_up(store, CAROL, DAVE)
    await store.settle(done=[first])
    assert contents(tmp_path / "mail.db") == 1
    await store.settle(done=[second])
    assert contents(tmp_path / "mail.db") == 0


async def test_a_content_that_a_folder_holds_outlives_the_queue(store: MailStore) -> None:
    await store.accept(envelope(), b"x", local=[ALICE], remote=[CAROL])
    await store.settle(done=[store.queue()[0].id])
    assert store.content(store.rows(folder(store).id)[0].message) == b"x"


async def test_a_notification_replaces_the_row_that_it_is_about(store: MailStore) -> None:
    [failed] = await queue_up(store, CAROL)
    notice = envelope(Recipient(address=ALICE), reverse_path="")
    await store.settle(done=[failed], notify=[(notice, b"report", [ALICE], [])])
    assert store.queue() == []
    assert store.content(store.rows(folder(store).id)[0].message) == b"report"


async def test_a_notification_that_cannot_be_made_leaves_the_row(store: MailStore) -> None:
    first, second = await queue_up(store, CAROL, DAVE)
    before = store.queue()
    notice = envelope(reverse_path="")
    with pytest.raises(StoreError, match="missing"):
        await store.settle(
            done=[first], deferred=[(second, 0.0)], notify=[(notice, b"r", ["no@op1"], [])]
        )
    assert store.queue() == before


async def test_a_row_is_settled_once_and_notified_once(store: MailStore) -> None:
    [failed] = await queue_up(store, CAROL)
    notice = (envelope(reverse_path=""), b"report", [ALICE], [])
    await store.settle(done=[failed], notify=[notice])
    for again in ({"done": [failed]}, {"deferred": [(failed, 0.0)]}):
        with pytest.raises(StoreError, match="missing"):
            await store.settle(**again, notify=[notice])  # type: ignore[arg-type]
    assert uids(store, folder(store).id) == [1]


async def test_a_row_number_never_comes_back(store: MailStore) -> None:
    [first] = await queue_up(store, CAROL)
    await store.settle(done=[first])
    [second] = await queue_up(store, CAROL)
    assert second > first


async def test_the_relay_is_woken_when_the_queue_grows(store: MailStore) -> None:
    woken: list[int] = []
    store.on_queue(lambda: woken.append(len(store.queue())))
    await store.accept(envelope(), b"x", local=[ALICE], remote=[])
    assert woken == []
    [row] = await queue_up(store, CAROL)
    assert woken == [1]
    await store.settle(deferred=[(row, 0.0)])
    assert woken == [1]
    await store.settle(done=[row], notify=[(envelope(reverse_path=""), b"r", [], [DAVE])])
    assert woken == [1, 1]


async def test_rows_under_way_are_stepped_over(store: MailStore, clock: Clock) -> None:
    ids = await queue_up(store, *(Recipient(address=f"r{n}@op2") for n in range(5)))
    found = store.due(clock.now, limit=2, skip={ids[0], ids[2]})
    assert [row.id for row in found] == [ids[1], ids[3]]
