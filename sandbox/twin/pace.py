"""How fast this machine is just now: what a small fixed piece of work takes on its processors.

The pace of a virtual machine changes within seconds, with what its neighbours do: the same work
took 0.35 to 0.57 ms, moment by moment, on the machine of docs/twin.md. Service times are those of
the pace at which they were measured. So a process of its own does a fixed piece of work ten times a
second and says what processor time it took, during a calibration and during what is predicted from
it. As a program (`python -m sandbox.twin.pace`): each line of standard input is answered with the
mean since the one before, `nan` of none.
"""

from __future__ import annotations

import contextlib
import hashlib
import math
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass

__all__ = ["PaceWatch", "main", "pace_watch"]

EVERY = 0.1  # s
ENTRIES, OCTETS = 2_500, 25_000  # of the work: Python objects, and a hash of OpenSSL


@dataclass(frozen=True, slots=True)
class PaceWatch:
    """The process that watches."""

    process: subprocess.Popen[str]

    def seconds(self) -> float:
        """Return what the work took on average since the last call, nan where nobody could say."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        try:
            self.process.stdin.write("\n")
            self.process.stdin.flush()
            return float(self.process.stdout.readline() or "nan")
        except (OSError, ValueError):  # it was ended
            return math.nan


@contextlib.contextmanager
def pace_watch() -> Iterator[PaceWatch]:
    """Watch for the length of a `with` block."""
    with subprocess.Popen(
        [sys.executable, "-m", "sandbox.twin.pace"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True,
    ) as process:  # fmt: skip
        yield PaceWatch(process)
        with contextlib.suppress(OSError):
            assert process.stdin is not None
            process.stdin.close()


def _work() -> None:
    kept = {}
    for number in range(ENTRIES):
        kept[number % 997] = str(number)
    hashlib.sha256(bytes(OCTETS)).digest()


def main() -> None:
    """Watch until standard input ends."""
    taken: list[float] = []

    def watch() -> None:
        while True:
            time.sleep(EVERY)
            _work()  # caches are warm after it
            begin = time.thread_time()
            _work()
            taken.append(time.thread_time() - begin)

    threading.Thread(target=watch, daemon=True).start()
    for _ in sys.stdin:
        these, taken[:] = taken[:], []
        print(sum(these) / len(these) if these else math.nan, flush=True)


if __name__ == "__main__":
    main()
