"""Names and gestures that the store's tests share."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from sandbox.operators.mail import Envelope, Folder, Recipient
from sandbox.operators.store import MailStore

ALICE = "alice@op1.mssante.test"
BOB = "bob@op1.mssante.test"
CAROL = Recipient(address="carol@op2.mssante.test")
DAVE = Recipient(address="dave@op2.mssante.test", notify=("FAILURE", "DELAY"), orcpt="rfc822;d@x")


class Clock:
    """Stands still until moved."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


def envelope(*recipients: Recipient, reverse_path: str = "erin@op2.mssante.test") -> Envelope:
    return Envelope(
        reverse_path=reverse_path, recipients=recipients or (Recipient(address=ALICE),),
        body="8BITMIME", ret="HDRS", envid="QQ314159",
    )  # fmt: skip


def folder(store: MailStore, name: str = "INBOX", mailbox: str = ALICE) -> Folder:
    found = store.folder(mailbox, name)
    assert found is not None
    return found


async def fill(store: MailStore, where: int, count: int) -> None:
    """Append numbered messages, one after the other."""
    for number in range(count):
        await store.append(where, b"message %d" % number, frozenset(), float(number))


def uids(store: MailStore, where: int) -> list[int]:
    return [row.uid for row in store.rows(where)]


def contents(path: Path) -> int:
    """How many contents the file holds, seen from outside."""
    connection = sqlite3.connect(path)
    try:
        return int(connection.execute("SELECT count(*) FROM content").fetchone()[0])
    finally:
        connection.close()
