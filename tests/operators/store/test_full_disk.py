"""A disk that is full: mail is refused, what is there can be read and removed, then mail comes."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

import pytest

from sandbox.operators.store import MailStore, StoreError
from sandbox.operators.store import schema as module
from sandbox.operators.store.schema import Reserve
from tests.operators.store.scenes import ALICE, envelope, folder, uids

LARGE = 400_000


def fill_up(store: MailStore) -> None:
    """Let the database grow no more, as on a disk that others have filled."""
    connection: sqlite3.Connection = store._writer._connection
    pages = connection.execute("PRAGMA page_count").fetchone()[0]
    connection.execute(f"PRAGMA max_page_count={pages}")


def no_room(file: int, octets: int) -> None:
    raise OSError(28, "No space left on device")


async def test_what_is_there_is_removed_and_then_mail_is_taken_again(
    store: MailStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    inbox = folder(store).id
    for _ in range(6):
        await store.append(inbox, os.urandom(LARGE), frozenset(), 0.0)
    fill_up(store)
    monkeypatch.setattr(module, "_allocate", no_room)
    with pytest.raises(StoreError, match="full"):
        await store.accept(envelope(), os.urandom(LARGE), local=[ALICE], remote=[])
    assert not store._writer._reserve.held
    first = [1, 2, 3, 4]
    await store.change_flags(inbox, first, "+", frozenset({"\\Deleted"}))
    assert await store.expunge(inbox) == first
    await store.accept(envelope(), os.urandom(LARGE), local=[ALICE], remote=[])
    assert uids(store, inbox) == [5, 6, 7]


async def test_once_there_is_room_again_all_is_as_before(
    store: MailStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    inbox = folder(store).id
    with monkeypatch.context() as full:
        full.setattr(module, "_allocate", no_room)
        store._writer._reserve.release()
        with pytest.raises(StoreError, match="full"):
            await store.append(inbox, b"x", frozenset(), 0.0)
    await store.append(inbox, b"x", frozenset(), 0.0)
    assert store._writer._reserve.held


def test_the_reserve_is_room_that_the_disk_has_set_aside(tmp_path: Path) -> None:
    reserve = Reserve(tmp_path / "r", 1 << 20)
    assert reserve.held
    assert (tmp_path / "r").stat().st_blocks * 512 >= 1 << 20
    reserve.release()
    assert not (tmp_path / "r").exists()
