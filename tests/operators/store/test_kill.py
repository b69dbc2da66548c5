"""A process killed at any instant loses nothing that it answered for, and makes nothing twice."""

from __future__ import annotations

import json
import random
import sqlite3
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path

import pytest

from sandbox.operators.store import MailStore, read_traffic
from tests.operators.store.killed import ROUTES
from tests.operators.store.scenes import ALICE, BOB, CAROL, DAVE, folder

pytestmark = pytest.mark.anyio

ROOT = Path(__file__).parents[3]
WRITERS = 32
MESSAGES = 10_000
LIVES = 20


def run(path: Path, begin: list[int], chance: random.Random) -> list[tuple[int, int]]:
    """Let a process accept messages until it is killed; return what it answered for."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.operators.store.killed", "load", str(path)],
        cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    )  # fmt: skip
    assert process.stdin is not None
    assert process.stdout is not None
    answers: list[bytes] = []
    answered = threading.Event()

    def read(lines: object = process.stdout) -> None:
        for line in lines:  # type: ignore[attr-defined]
            answers.append(line)
            answered.set()
        answered.set()

    reader = threading.Thread(target=read)
    reader.start()
    with process:
        process.stdin.write(json.dumps(begin).encode())
        process.stdin.close()
        # One life in five ends while it opens: recovery is interrupted too.
        if chance.random() < 0.2:
            time.sleep(chance.uniform(0.05, 0.3))
        else:
            assert answered.wait(30)
            time.sleep(chance.uniform(0.0, 0.5))
        assert process.poll() is None, "the program ended by itself"
        process.kill()
        reader.join(30)
    whole = [line.split() for line in answers if line.endswith(b"\n")]
    return [(int(writer), int(number)) for writer, number in whole]


def sound(path: Path) -> None:
    connection = sqlite3.connect(path)
    try:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
        orphans = connection.execute(
            "SELECT count(*) FROM content WHERE id NOT IN (SELECT content FROM message) "
            "AND id NOT IN (SELECT content FROM queue)"
        ).fetchall()
        assert orphans == [(0,)]
    finally:
        connection.close()


def texts(store: MailStore, mailbox: str) -> list[str]:
    """First lines of what an INBOX holds; its UIDs are checked on the way."""
    inbox = folder(store, mailbox=mailbox)
    rows = store.rows(inbox.id)
    uids = [row.uid for row in rows]
    assert uids == list(range(1, inbox.uid_next))
    return [store.content(row.message).split(b"\n")[0].decode() for row in rows]


def recounted(path: Path, copies: Counter[tuple[str, str]], begin: list[int]) -> None:
    """Hold what indicators count against a recount of what is there, message by message."""
    rows = list(read_traffic(path, 0.0, 1e11))
    waiting = sum(name.startswith("notice") and box == BOB for box, name in copies)
    assert waiting
    received = Counter(row.mailbox for row in rows if row.event == "received")
    there = Counter(box for box, _ in copies)
    ended = sum(row.event == "relayed" for row in rows)
    sent = [row for row in rows if row.event == "sent"]
    queued = sum(row.peer == "op2.mssante.test" for row in sent) - ended
    assert received == there - Counter({BOB: queued})
    submitted = Counter(row.ins for row in rows if row.event == "submitted")
    least = Counter("ON"[number % 2] for count in begin for number in range(count))
    assert all(0 <= submitted[ins] - least[ins] <= WRITERS for ins in "ON")


async def test_ten_thousand_messages_survive_kills_at_random_instants(tmp_path: Path) -> None:
    path = tmp_path / "mail.db"
    chance = random.Random(5)
    begin = [0] * WRITERS
    lives = 0
    while sum(begin) < MESSAGES or lives < LIVES:
        lives += 1
        for writer, number in run(path, begin, chance):
            assert number == begin[writer]
            begin[writer] += 1
    sound(path)

    store = await MailStore.open(path)
    copies = Counter((mailbox, text) for mailbox in (ALICE, BOB) for text in texts(store, mailbox))
    for row in store.queue():
        text = store.content(row.message).split(b"\n")[0].decode()
        copies[BOB, f"notice {text} {row.recipient.address}"] += 1
    await store.close()
    recounted(path, copies, begin)

    def expected(writer: int, number: int) -> list[tuple[str, str]]:
        local, remote = ROUTES[(writer + number) % len(ROUTES)]
        text = f"{writer}-{number}"
        return [(mailbox, text) for mailbox in local] + [
            (BOB, f"notice {text} {recipient.address}") for recipient in remote
        ]

    # Of a message that was not answered for: all or nothing, as the sender will try again.
    for writer, number in enumerate(begin):
        for each in range(number):
            for place in expected(writer, each):
                assert copies.pop(place) == 1, place
        unanswered = {copies.pop(place, 0) for place in expected(writer, number)}
        assert unanswered in ({0}, {1})
    assert not copies


async def test_at_each_statement_a_kill_leaves_all_or_nothing(tmp_path: Path) -> None:
    result = subprocess.run(
        [sys.executable, "-m", "tests.operators.store.killed", "statement", str(tmp_path)],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    survived = int(result.stdout)
    assert survived > 20
    for doomed in range(survived + 1):
        path = tmp_path / str(doomed) / "mail.db"
        store = await MailStore.open(path)
        inboxes = {mailbox: texts(store, mailbox) for mailbox in (ALICE, BOB)}
        queue = [(row.recipient, row.attempts) for row in store.queue()]
        await store.close()
        sound(path)
        if doomed < survived:
            assert inboxes == {ALICE: [], BOB: []}
            assert queue == [(CAROL, 0), (DAVE, 0)]
        else:
            assert inboxes == {ALICE: ["second"], BOB: ["notice", "second"]}
            assert queue == [(DAVE, 1), (DAVE, 0)]
