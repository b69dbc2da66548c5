"""The file: private, one process at a time, and refused in plain words when it is another's."""

from __future__ import annotations

import os
import sqlite3
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from sandbox.operators.store import MailStore
from sandbox.space.errors import UserError
from tests.operators.store.scenes import ALICE, CAROL, envelope, fill, folder, uids

pytestmark = pytest.mark.anyio


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


async def test_folder_and_files_are_the_owners_alone(tmp_path: Path) -> None:
    store = await MailStore.open(tmp_path / "op1" / "mail.db")
    await store.provision([ALICE])
    assert mode(tmp_path / "op1") == 0o700
    files = sorted((tmp_path / "op1").iterdir())
    assert {mode(file) for file in files} == {0o600}
    assert len(files) == 5  # database, its lock, its reserve, its log and the log's index
    await store.close()


async def test_a_file_that_was_open_to_others_is_closed_to_them(tmp_path: Path) -> None:
    path = tmp_path / "mail.db"
    path.touch()
    path.chmod(0o644)
    store = await MailStore.open(path)
    assert mode(path) == 0o600
    await store.close()


async def test_every_commit_is_flushed(store: MailStore) -> None:
    connection = store._writer._connection
    assert connection.execute("PRAGMA synchronous").fetchone() == (2,)
    assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert connection.execute("PRAGMA foreign_keys").fetchone() == (1,)


async def test_reading_cannot_write(store: MailStore) -> None:
    with pytest.raises(sqlite3.OperationalError, match="readonly"):
        store._reader.execute("DELETE FROM message")


async def refused(path: Path) -> str:
    with pytest.raises(UserError) as caught:
        await MailStore.open(path)
    text = str(caught.value)
    assert text.startswith(str(path))
    assert "\n" not in text
    return text


async def test_what_is_no_database_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "letters.txt"
    path.write_text("Dear Alice, this is a letter, and it is longer than a header is.\n" * 20)
    before = path.read_bytes()
    assert "not a mail store" in await refused(path)
    assert path.read_bytes() == before


async def test_another_programs_database_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "other.db"
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE theirs(x)")
    connection.commit()
    connection.close()
    before = path.read_bytes()
    assert "not a mail store" in await refused(path)
    assert path.read_bytes() == before


async def test_a_store_of_another_version_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "mail.db"
    await (await MailStore.open(path)).close()
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA user_version=99")
    connection.commit()
    connection.close()
    assert "version 99" in await refused(path)


def as_version_3(path: Path) -> None:
    """Make the queue what it was: with the last reply of whom a message was tried at."""
    connection = sqlite3.connect(path)
    connection.executescript("""
        BEGIN;
        CREATE TABLE old(
          id INTEGER PRIMARY KEY AUTOINCREMENT, queue_id TEXT NOT NULL,
          content INTEGER NOT NULL REFERENCES content, envelope TEXT NOT NULL,
          accepted_at REAL NOT NULL, attempts INTEGER NOT NULL, next_attempt REAL NOT NULL,
          last_reply TEXT NOT NULL) STRICT;
        INSERT INTO old SELECT *, '451 4.3.0 later' FROM queue;
        DROP TABLE queue;
        ALTER TABLE old RENAME TO queue;
        CREATE INDEX queue_due ON queue(next_attempt, id);
        CREATE INDEX queue_content ON queue(content);
        PRAGMA user_version=3;
        COMMIT;
    """)
    connection.close()


async def test_a_store_of_version_3_is_brought_up_with_its_mail(tmp_path: Path) -> None:
    path = tmp_path / "mail.db"
    store = await MailStore.open(path)
    await store.provision([ALICE])
    await fill(store, folder(store).id, 2)
    await store.accept(envelope(CAROL), b"x", local=[], remote=[CAROL])
    queued = store.queue()
    await store.close()
    as_version_3(path)
    for _ in range(2):  # the second time there is nothing to do
        store = await MailStore.open(path)
        assert uids(store, folder(store).id) == [1, 2]
        assert store.queue() == queued
        await store.close()
    store = await MailStore.open(path)
    await store.accept(envelope(CAROL), b"y", local=[], remote=[CAROL])
    assert len(store.queue()) == 2
    assert store._reader.execute("PRAGMA user_version").fetchone() == (4,)
    await store.close()


async def test_a_place_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert "no mail store can be here" in await refused(tmp_path / "file" / "mail.db")
    (tmp_path / "folder").mkdir()
    assert "no mail store can be here" in await refused(tmp_path / "folder")


async def test_a_second_opening_is_refused_until_the_first_ends(tmp_path: Path) -> None:
    path = tmp_path / "mail.db"
    store = await MailStore.open(path)
    assert "another process" in await refused(path)
    await store.close()
    await (await MailStore.open(path)).close()


async def test_another_process_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "mail.db"
    store = await MailStore.open(path)
    program = (
        "import asyncio, sys, pathlib\n"
        "from sandbox.operators.store import MailStore\n"
        "asyncio.run(MailStore.open(pathlib.Path(sys.argv[1])))\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", program, str(path)], capture_output=True, text=True, check=False
    )
    assert result.returncode == 1
    assert "UserError" in result.stderr
    assert "another process" in result.stderr
    await store.close()


async def test_a_making_that_was_cut_short_is_made_again(tmp_path: Path) -> None:
    path = tmp_path / "mail.db"
    os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
    store = await MailStore.open(path)
    await store.provision([ALICE])
    await fill(store, folder(store).id, 1)
    assert uids(store, folder(store).id) == [1]
    await store.close()


async def test_closing_twice_is_closing_once(tmp_path: Path) -> None:
    store = await MailStore.open(tmp_path / "mail.db")
    await store.close()
    await store.close()
