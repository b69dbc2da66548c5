"""What a client counts from EXISTS and EXPUNGE is what the server means, whatever others do."""

from __future__ import annotations

import random
import re
from pathlib import Path

import pytest

from tests.operators.imap.dialogue import Client, World, talk

ONE = b"Subject: one\r\n\r\nx\r\n"
NUMBERED = re.compile(r"\* (\d+) (EXISTS|EXPUNGE|FETCH)(?: \(UID (\d+))?")


class Counting:
    """A client that believes what it is told: a list with the UID of each message, if known."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.uids: list[int | None] = []

    async def run(self, line: str, *more: bytes) -> str:
        *told, end = await self.client.run(line, *more)
        self.hear(told)
        return end

    def hear(self, told: list[str]) -> None:
        for line in told:
            found = NUMBERED.match(line)
            if found is None:
                continue
            number, what, uid = int(found[1]), found[2], found[3]
            if what == "EXISTS":
                assert number >= len(self.uids)  # it falls by EXPUNGE alone
                self.uids += [None] * (number - len(self.uids))
                continue
            assert 1 <= number <= len(self.uids)
            if what == "EXPUNGE":
                del self.uids[number - 1]
            elif uid is not None:
                assert self.uids[number - 1] in (None, int(uid))
                self.uids[number - 1] = int(uid)

    async def check(self) -> None:
        """Hear of what others did, then ask for all UIDs and compare."""
        await self.run("y NOOP")
        await self.run("z UID FETCH 1:* UID")
        view = self.client.core.session.view
        assert view is not None
        assert self.uids == view.uids
        known = [uid for uid in self.uids if uid is not None]
        assert known == sorted(set(known))
        assert len(known) == len(self.uids)


LINES = (
    "FETCH {n} (UID FLAGS)",
    "UID FETCH 1:* FLAGS",
    "FETCH 1:* (UID BODY[])",
    "STORE {n} +FLAGS (\\Deleted)",
    "STORE {n} +FLAGS.SILENT (\\Deleted $x)",
    "UID STORE {u} FLAGS (\\Seen)",
    "EXPUNGE",
    "UID EXPUNGE {u}",
    "COPY {n} INBOX",
    "MOVE {n} INBOX",
    "UID MOVE {u} Trash",
    "SEARCH DELETED",
    "UID SEARCH ALL",
    "NOOP",
)


@pytest.mark.parametrize("seed", range(8))
def test_three_clients_on_one_folder(tmp_path: Path, seed: int) -> None:
    draw = random.Random(seed)

    async def work(here: World) -> None:
        await here.append(*[ONE] * 4)
        clients = []
        for _ in range(3):
            clients.append(Counting(await here.holder("")))
            await clients[-1].run("a SELECT INBOX")
        for _ in range(80):
            one = draw.choice(clients)
            if draw.random() < 0.15:
                await here.deliver(ONE)
            if draw.random() < 0.2:
                one.hear(await one.client.run("i IDLE"))
                await here.deliver(ONE)
                one.hear(one.client.pushed())
                assert await one.run("DONE") == "i OK IDLE terminated"
            number = draw.randint(1, max(1, len(one.uids)))
            uid = draw.randint(1, 40)
            end = await one.run("t " + draw.choice(LINES).format(n=number, u=uid))
            # BAD is for a number that no message has; NO for one that others removed.
            assert not end.startswith("t BAD") or not one.uids
        for one in clients:
            await one.check()
        assert clients[0].uids == clients[1].uids == clients[2].uids

    talk(tmp_path, work)
