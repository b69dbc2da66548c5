"""How fast the processors of this machine are, moment by moment.

The pace of a virtual machine's processor changes within a second, with what its neighbours do: the
same work took 0.36 to 0.70 ms on the machine of docs/twin.md. Service times are those of the pace
at which they were measured, and a queue of servers that are now fast, now slow, is longer than one
of servers whose pace is always the mean. So a process on each processor does a small fixed piece of
work twenty times a second, and notes what processor time that took: during a calibration, whose
times are those of one pace, and during what is predicted from it, moment by moment.

As a program (`python -m sandbox.twin.pace`): each line of standard input is answered with a
line of JSON, what was noted since the one before: instants of the monotonic clock, seconds.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import math
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from sandbox.twin.cores import Placement, place

__all__ = ["Pace", "PaceWatch", "Paces", "main", "pace_watch"]

EVERY = 0.05  # s
FIRST = 20.0  # s within which each has noted something
ENTRIES, OCTETS = 1_250, 12_500  # of the work: Python objects, and a hash of OpenSSL
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Pace:
    """What the work took on some processors.

    Attributes:
        at: instants of the monotonic clock, in order, (n,) s.
        seconds: that it took then, (n,) s.
    """

    at: Floats
    seconds: Floats

    def mean(self, begin: float = -math.inf, end: float = math.inf) -> float:
        """Return the mean of an interval, s; nan where nothing was noted."""
        these = self.seconds[(self.at >= begin) & (self.at < end)]
        return float(these.mean()) if len(these) else math.nan

    def moments(self, begin: float, each: float, count: int) -> Floats:
        """Return the mean of each of `count` moments of `each` s from `begin`, (count,) s.

        That of a moment without a note is the one before, or, before the first note of all, that
        one; the mean of everything where none has a note, nan where there is none at all.
        """
        numbers = np.floor((self.at - begin) / each).astype(np.int64)
        inside = (numbers >= 0) & (numbers < count)
        sums = np.bincount(numbers[inside], self.seconds[inside], minlength=count)
        counts = np.bincount(numbers[inside], minlength=count)
        noted = np.flatnonzero(counts)
        if not len(noted):
            return np.full(count, self.mean())
        found = sums[noted] / counts[noted]
        last = np.searchsorted(noted, np.arange(count), side="right") - 1
        return np.asarray(found[np.maximum(last, 0)])


@dataclass(frozen=True, slots=True)
class Paces:
    """Of the servers' processors, and of the clients', from an instant of the monotonic clock."""

    servers: Pace
    clients: Pace
    begin: float


@dataclass(slots=True)
class _Watcher:
    """The process on one processor."""

    process: subprocess.Popen[str]
    noted: list[tuple[float, float]] = field(default_factory=list)

    def ask(self) -> None:
        """Take what it has noted since; nothing of one that was ended."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        with contextlib.suppress(OSError, ValueError):
            self.process.stdin.write("\n")
            self.process.stdin.flush()
            self.noted += json.loads(self.process.stdout.readline())


@dataclass(frozen=True, slots=True)
class PaceWatch:
    """The processes that watch: by processor, -1 where they cannot be placed."""

    cores: Placement
    watchers: dict[int, _Watcher]

    def paces(self, begin: float = 0.0) -> Paces:
        """Return all that was noted until now; `begin` is that of what it is for."""
        for each in self.watchers.values():
            each.ask()
        return Paces(self._of(self.cores.servers), self._of(self.cores.clients), begin)

    def _of(self, cores: Sequence[int]) -> Pace:
        noted = sorted(note for core in cores or (-1,) for note in self.watchers[core].noted)
        table = np.array(noted, dtype=np.float64).reshape(-1, 2)
        return Pace(table[:, 0], table[:, 1])


@contextlib.contextmanager
def pace_watch(cores: Placement) -> Iterator[PaceWatch]:
    """Watch for the length of a `with` block."""
    with contextlib.ExitStack() as stack:
        watchers = {}
        for core in sorted({*cores.servers, *cores.clients}) or [-1]:
            process = stack.enter_context(subprocess.Popen(
                [sys.executable, "-P", "-m", "sandbox.twin.pace"],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True,
            ))  # fmt: skip
            place(process.pid, (core,) if core >= 0 else ())
            stack.callback(_end, process)
            watchers[core] = _Watcher(process)
        until = time.monotonic() + FIRST  # of a watcher that ends nothing is known
        for watcher in watchers.values():
            while not watcher.noted and watcher.process.poll() is None and time.monotonic() < until:
                time.sleep(EVERY)
                watcher.ask()
        yield PaceWatch(cores, watchers)


def _end(process: subprocess.Popen[str]) -> None:
    assert process.stdin is not None
    with contextlib.suppress(OSError):
        process.stdin.close()


def _work() -> None:
    kept = {}
    for number in range(ENTRIES):
        kept[number % 997] = str(number)
    hashlib.sha256(bytes(OCTETS)).digest()


def main() -> None:
    """Watch until standard input ends."""
    noted: list[tuple[float, float]] = []

    def watch() -> None:
        while True:
            time.sleep(EVERY)
            _work()  # caches are warm after it
            begin = time.thread_time()
            _work()
            noted.append((time.monotonic(), time.thread_time() - begin))

    threading.Thread(target=watch, daemon=True).start()
    for _ in sys.stdin:
        count = len(noted)
        print(json.dumps(noted[:count]), flush=True)
        del noted[:count]


if __name__ == "__main__":
    main()
