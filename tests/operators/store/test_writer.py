"""Group commit: one flush for many, one failure for one, and no word before the disk's."""

from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path

import pytest

from sandbox.operators.store import MailStore, StoreError, writer
from tests.operators.store.scenes import ALICE, CAROL, envelope, fill, folder, uids

pytestmark = pytest.mark.anyio

# Applied on the loop, applied in the thread.
SIZES = pytest.mark.parametrize("size", [10, writer.HEAVY], ids=["light", "heavy"])


def commits(store: MailStore) -> list[str]:
    """Have the writer's transactions noted from now on."""
    noted: list[str] = []
    store._writer._connection.set_trace_callback(
        lambda statement: noted.append(statement) if statement == "COMMIT" else None
    )
    return noted


async def test_operations_that_wait_together_are_flushed_together(store: MailStore) -> None:
    inbox = folder(store).id
    noted = commits(store)
    given = await asyncio.gather(
        *(store.append(inbox, b"%d" % number, frozenset(), 0.0) for number in range(100))
    )
    assert given == list(range(1, 101))
    assert noted == ["COMMIT"]


async def test_a_batch_is_bounded_in_operations(
    store: MailStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "BATCH_OPERATIONS", 10)
    noted = commits(store)
    inbox = folder(store).id
    await asyncio.gather(*(store.append(inbox, b"x", frozenset(), 0.0) for _ in range(25)))
    assert len(noted) == 3


async def test_a_batch_is_bounded_in_bytes(
    store: MailStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "BATCH_BYTES", 2_500)
    noted = commits(store)
    inbox = folder(store).id
    await asyncio.gather(*(store.append(inbox, b"x" * 1_000, frozenset(), 0.0) for _ in range(4)))
    assert len(noted) == 2
    await store.append(inbox, b"x" * 5_000, frozenset(), 0.0)
    assert len(noted) == 3


@SIZES
async def test_one_that_fails_undoes_itself_alone(store: MailStore, size: int) -> None:
    inbox = folder(store).id
    body = b"x" * size

    async def fails() -> None:
        await store.append(inbox, body, frozenset({r"\Unheard"}), 0.0)

    results = await asyncio.gather(
        store.append(inbox, body, frozenset(), 0.0),
        fails(),
        store.append(inbox, body, frozenset(), 0.0),
        return_exceptions=True,
    )
    assert results[0::2] == [1, 2]
    assert isinstance(results[1], StoreError)
    assert uids(store, inbox) == [1, 2]
    [(orphans,)] = store._reader.execute(
        "SELECT count(*) FROM content WHERE id NOT IN (SELECT content FROM message)"
    ).fetchall()
    assert orphans == 0


@SIZES
async def test_a_full_disk_is_told_to_all_and_nothing_is_there(
    store: MailStore, tmp_path: Path, size: int
) -> None:
    inbox = folder(store).id
    told: list[int] = []
    store.listen(ALICE, told.append)
    store.on_queue(lambda: told.append(0))
    connection = store._writer._connection
    pages = connection.execute("PRAGMA page_count").fetchone()[0]
    connection.execute(f"PRAGMA max_page_count={pages + 20}")
    results = await asyncio.gather(
        store.accept(envelope(), b"x", local=[ALICE], remote=[CAROL]),
        store.append(inbox, b"x" * max(size, 400_000), frozenset(), 0.0),
        store.append(inbox, b"x", frozenset(), 0.0),
        return_exceptions=True,
    )
    assert [getattr(result, "kind", "") for result in results] == ["failed"] * 3
    assert "full" in str(results[0])
    assert (uids(store, inbox), store.queue(), told) == ([], [], [])
    connection.execute("PRAGMA max_page_count=1000000")
    await fill(store, inbox, 1)
    assert uids(store, inbox) == [1]


async def test_a_commit_that_fails_is_told_to_all_and_nothing_is_there(store: MailStore) -> None:
    inbox = folder(store).id

    def orphan(transaction: writer.StoreTransaction) -> None:
        # A violation that only the commit finds stands for an error of the disk at that instant.
        transaction.connection.execute("PRAGMA defer_foreign_keys=ON")
        transaction.connection.execute("INSERT INTO folder(mailbox, name, special_use, "
                                       "uid_validity) VALUES(999,'x','',1)")  # fmt: skip

    results = await asyncio.gather(
        store.append(inbox, b"x", frozenset(), 0.0),
        store._writer.run(orphan),
        return_exceptions=True,
    )
    assert [getattr(result, "kind", "") for result in results] == ["failed"] * 2
    assert uids(store, inbox) == []
    await fill(store, inbox, 1)
    assert uids(store, inbox) == [1]


async def test_a_mistake_of_the_program_reaches_who_made_it(store: MailStore) -> None:
    inbox = folder(store).id
    results = await asyncio.gather(
        store.append(inbox, "text", frozenset(), 0.0),  # type: ignore[arg-type]
        store.append(inbox, b"bytes", frozenset(), 0.0),
        return_exceptions=True,
    )
    assert isinstance(results[0], TypeError | sqlite3.IntegrityError)
    assert results[1] == 1


async def test_who_left_before_its_turn_is_passed_over(store: MailStore) -> None:
    inbox = folder(store).id
    leaver = asyncio.ensure_future(store.append(inbox, b"left", frozenset(), 0.0))
    stayer = asyncio.ensure_future(store.append(inbox, b"stayed", frozenset(), 0.0))
    await asyncio.sleep(0)
    leaver.cancel()
    assert await stayer == 1
    assert [store.content(row.message) for row in store.rows(inbox)] == [b"stayed"]


async def test_more_wait_than_the_queue_holds_and_all_are_served(
    store: MailStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    inbox = folder(store).id
    store._writer._slots = asyncio.Semaphore(4)
    tasks = [asyncio.ensure_future(store.append(inbox, b"x", frozenset(), 0.0)) for _ in range(20)]
    await asyncio.sleep(0)
    assert len(store._writer._waiting) <= 4
    assert sorted(await asyncio.gather(*tasks)) == list(range(1, 21))


async def test_closing_writes_what_waits_and_refuses_what_comes(tmp_path: Path) -> None:
    path = tmp_path / "mail.db"
    store = await MailStore.open(path)
    await store.provision([ALICE])
    inbox = folder(store).id
    waiting = [
        asyncio.ensure_future(store.append(inbox, b"x", frozenset(), 0.0)) for _ in range(300)
    ]
    await asyncio.sleep(0)
    await store.close()
    assert sorted(await asyncio.gather(*waiting)) == list(range(1, 301))
    with pytest.raises(StoreError, match="closed"):
        await store.append(inbox, b"x", frozenset(), 0.0)
    store = await MailStore.open(path)
    assert len(uids(store, inbox)) == 300
    await store.close()
