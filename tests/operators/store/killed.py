"""Programs that the kill tests run and kill: `load` for ever, `statement` at each statement.

`load PATH`: standard input holds, as JSON, the number that each writer begins with; each accepts
its messages one after the other, printing a line for each answer, while a relay settles the queue.
`statement FOLDER`: for n = 0, 1, ... a copy of FOLDER/mail.db, FOLDER/n/mail.db, is given to a
process that dies before its n-th statement; the first that survives prints n and ends it.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import signal
import sys
from pathlib import Path

from sandbox.operators.mail import About, Queued, Recipient
from sandbox.operators.store import MailStore
from tests.operators.store.scenes import ALICE, BOB, CAROL, DAVE, envelope

# Where message n of writer w goes: number (w + n) % 4.
ROUTES: tuple[tuple[tuple[str, ...], tuple[Recipient, ...]], ...] = (
    ((ALICE,), ()),
    ((ALICE, BOB), ()),
    ((), (CAROL,)),
    ((ALICE,), (CAROL, DAVE)),
)


def body(writer: int, number: int) -> bytes:
    return f"{writer}-{number}".encode() + b"\n" + b"x" * 2_000


def notice(queued: Queued, content: bytes) -> bytes:
    return b"notice " + content.split(b"\n")[0] + b" " + queued.recipient.address.encode()


async def write(store: MailStore, writer: int, number: int) -> None:
    while True:
        local, remote = ROUTES[(writer + number) % len(ROUTES)]
        await store.accept(
            envelope(*remote), body(writer, number), local=local, remote=remote,
            key=f"{writer}-{number}", submitted=True, about=About(ins="ON"[number % 2]),
        )  # fmt: skip
        os.write(1, f"{writer} {number}\n".encode())
        number += 1


async def relay(store: MailStore) -> None:
    """Defer every row once, then end it with a notice."""
    while True:
        due = store.due(2e9)
        await store.settle(
            deferred=[(row.id, 1e9) for row in due if not row.attempts],
            done=[row.id for row in due if row.attempts],
            notify=[
                (envelope(reverse_path=""), notice(row, store.content(row.message)), [BOB], [])
                for row in due
                if row.attempts
            ],
        )
        await asyncio.sleep(0.005)


async def load(path: Path) -> None:
    store = await MailStore.open(path)
    await store.provision([ALICE, BOB])
    begin = json.loads(sys.stdin.read())
    await asyncio.gather(relay(store), *(write(store, w, n) for w, n in enumerate(begin)))


async def prepared(path: Path) -> None:
    store = await MailStore.open(path)
    await store.provision([ALICE, BOB])
    await store.accept(envelope(CAROL), b"first", local=[], remote=[CAROL, DAVE])
    await store.close()


async def die_at(path: Path, doomed: int) -> None:
    store = await MailStore.open(path)
    seen = 0

    def count(_: str) -> None:
        nonlocal seen
        if seen == doomed:
            os.kill(os.getpid(), signal.SIGKILL)
        seen += 1

    store._writer._connection.set_trace_callback(count)
    first, second = store.queue()
    report = (envelope(reverse_path=""), b"notice", [BOB], [])
    await asyncio.gather(
        store.settle(done=[first.id], deferred=[(second.id, 5.0)], notify=[report]),
        store.accept(envelope(), b"second", local=[ALICE, BOB], remote=[DAVE], key="k"),
    )
    await store.close()


def statement(folder: Path) -> None:
    asyncio.run(prepared(folder / "mail.db"))
    doomed = 0
    while True:
        copy = folder / str(doomed)
        copy.mkdir()
        shutil.copy(folder / "mail.db", copy)
        child = os.fork()
        if not child:
            asyncio.run(die_at(copy / "mail.db", doomed))
            os._exit(0)
        if os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0:
            break
        doomed += 1
    sys.stdout.write(f"{doomed}\n")


if __name__ == "__main__":
    where = Path(sys.argv[2])
    with contextlib.suppress(KeyboardInterrupt):
        if sys.argv[1] == "load":
            asyncio.run(load(where))
        else:
            statement(where)
