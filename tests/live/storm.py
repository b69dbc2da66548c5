"""A reconnection storm on the live space: one of three operators killed, its clients coming back.

As a program it prints the figure of docs/model.md: `python -m tests.live.storm [CONNECTIONS]`.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import signal
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

from sandbox.analysis.incidents import BACK, back_after
from sandbox.live.crew_process import LASTING
from sandbox.live.mailer import Way, choose
from tests.live.killed import ENDED, Process, Tree, connect, login

OPTIONS = (
    "demo", "--operators", "3", "--processes", "3", "--design", "single-endpoint",
    "--keys", "p256", "--behaviour", "approve", "--loopback", "208",
)  # fmt: skip
AT_ONCE = 16  # who connect together before the storm: as many as keep the server busy
BYSTANDERS = 5  # connections to each of the other operators


@dataclass
class Kept:
    """Mail software that keeps one connection idle and comes back after a pause of its own.

    Attributes:
        way: to the mailbox.
        back_off: mean pause before it tries again, s; exponential.
        chance: draws the pauses.
        back: when it was idle, on the monotonic clock, each time.
    """

    way: Way
    back_off: float
    chance: random.Random
    back: list[float] = field(default_factory=list)
    _writer: asyncio.StreamWriter | None = None

    async def begin(self) -> asyncio.StreamReader:
        """Connect, log in, open the INBOX, wait for news (RFC 2177).

        Raises:
            ConnectionError: no connection, or no login for now: revocation cannot be told, say.
        """
        self.end()
        reader, writer = await connect(self.way)
        self._writer = writer
        asked = f"a AUTHENTICATE EXTERNAL {login(self.way)}", "b SELECT INBOX", "c IDLE"
        await reader.readuntil(b"\n")
        for command in asked:
            writer.write(command.encode() + b"\r\n")
            while (line := await reader.readuntil(b"\n")).startswith(b"* "):
                pass
            if line.startswith(b"a NO [UNAVAILABLE]"):
                raise ConnectionError(line)
            assert line.startswith((command[:1].encode() + b" OK", b"+ ")), line
        self.back.append(time.monotonic())
        return reader

    def end(self) -> None:
        """Cut its connection, if it has one."""
        if self._writer is not None:
            self._writer.transport.abort()

    async def live(self, reader: asyncio.StreamReader) -> None:
        """Wait until the connection ends, then come back; after a refusal, try again."""
        with contextlib.suppress(*ENDED):
            while await reader.readline():
                pass
        while True:
            await asyncio.sleep(self.chance.expovariate(1 / self.back_off))
            with contextlib.suppress(*ENDED):
                await self.begin()
                return


@dataclass(frozen=True)
class Storm:
    """What was seen. Times are seconds.

    Attributes:
        connections: that were cut.
        back_off: mean pause.
        processor: that one login takes of the operator, before the storm.
        service: of one login when only the operator bounds them, before the storm and after it: on
            a busy machine it is more than the processor takes.
        returned: when each was back, from the moment that the first could be, sorted.
        disturbed: connections to other operators that ended.
    """

    connections: int
    back_off: float
    processor: float
    service: tuple[float, float]
    returned: tuple[float, ...]
    disturbed: int

    @property
    def measured(self) -> float:
        """Until `BACK` of them were back."""
        return self.returned[int(BACK * self.connections) - 1]

    def predicted(self, service: float) -> float:
        """Return what the model says of one core that takes so long for a login."""
        return back_after(self.connections, 1, service, self.back_off, seed=1)


def spent(pid: int) -> float:
    """Return the processor time of a process until now, s."""
    facts = Path(f"/proc/{pid}/stat").read_text("ascii").rpartition(")")[2].split()
    return (int(facts[11]) + int(facts[12])) / os.sysconf("SC_CLK_TCK")  # utime, stime


async def fill(kept: list[Kept]) -> tuple[list[asyncio.StreamReader], float]:
    """Have all connect, some at a time; return their connections and the time that each took."""
    door, begun = asyncio.Semaphore(AT_ONCE), time.monotonic()

    async def one(each: Kept) -> asyncio.StreamReader:
        async with door:
            while True:
                with contextlib.suppress(*ENDED):
                    return await each.begin()

    readers = await asyncio.gather(*(one(each) for each in kept))
    return readers, (time.monotonic() - begun) / len(kept)


def clients(sheet: Tree, operator: Tree, count: int, back_off: float) -> list[Kept]:
    """Share so many connections out over the people and applications of an operator."""
    ways = [
        choose(sheet, each["address"], "imap")
        for each in sheet["accounts"]
        if each["operator"] == operator["name"]
    ]
    return [
        Kept(ways[number % len(ways)], back_off, random.Random(number)) for number in range(count)
    ]


async def restarted(process: Process, killed: int) -> None:
    """Wait until the space says that the operator of a killed process is there again."""
    while (sheet := process.sheet()) is None or sheet["operators"][0]["pid"] == killed:
        await asyncio.sleep(0.02)


async def _storm(folder: Path, connections: int, back_off: float) -> Storm:
    with Process(folder, *OPTIONS) as process:
        sheet, started = process.ready(), time.monotonic()
        victim, *others = sheet["operators"]
        kept = clients(sheet, victim, connections, back_off)
        spared = [one for each in others for one in clients(sheet, each, BYSTANDERS, back_off)]
        begun = spent(victim["pid"])
        readers, before = await fill(kept)
        processor = (spent(victim["pid"]) - begun) / connections
        quiet, _ = await fill(spared)
        watched = [asyncio.create_task(reader.read()) for reader in quiet]
        waiting = [
            asyncio.create_task(each.live(reader))
            for each, reader in zip(kept, readers, strict=True)
        ]
        # Who dies young is not started again.
        await asyncio.sleep(max(0.0, started + LASTING + 1 - time.monotonic()))
        os.kill(victim["pid"], signal.SIGKILL)
        # Pauses have no memory: whoever is refused meanwhile waits as long as from then on.
        await restarted(process, victim["pid"])
        ready = time.monotonic()
        await asyncio.gather(*waiting)
        disturbed = sum(each.done() for each in watched)
        assert all(len(each.back) == 2 for each in kept)
        ends = sorted(each.back[-1] for each in kept)
        _, after = await fill(kept)
        for each in watched:
            each.cancel()
        for one in (*kept, *spared):
            one.end()
    begin = min(ready, ends[0])
    returned = tuple(each - begin for each in ends)
    return Storm(connections, back_off, processor, (before, after), returned, disturbed)


def storm(folder: Path, connections: int, back_off: float) -> Storm:
    """Bring three operators up, keep connections, kill one, count who is back and when."""
    return asyncio.run(_storm(folder, connections, back_off))


def _main(connections: int) -> None:
    for back_off in (0.2, 5.0):
        with tempfile.TemporaryDirectory() as folder:
            seen = storm(Path(folder) / "space", connections, back_off)
        low, high = sorted(seen.predicted(each) for each in seen.service)
        print(
            f"{connections} connections, pauses of {back_off:g} s: {seen.measured:.1f} s measured;"
            f" {low:.1f} to {high:.1f} s predicted from {1000 * min(seen.service):.1f} to"
            f" {1000 * max(seen.service):.1f} ms a login, {seen.predicted(seen.processor):.1f} s"
            f" from {1000 * seen.processor:.1f} ms of processor; {seen.disturbed} others disturbed",
            flush=True,
        )


if __name__ == "__main__":
    _main(int(sys.argv[1]) if len(sys.argv) > 1 else 1000)
