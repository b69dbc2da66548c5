"""What processes of this machine have worked, from /proc; nothing where there is none."""

from __future__ import annotations

import contextlib
import math
import socket
from dataclasses import dataclass, field
from pathlib import Path

__all__ = ["ProcessorOf", "run_seconds"]


MAPPED = ("0" * 24, "0" * 16 + "FFFF0000")  # before an address of IPv4 in one of IPv6


@dataclass
class ProcessorOf:
    """Processor time of the processes that listen at places, and of all that they started."""

    places: set[tuple[str, int]]
    _spent: float = 0.0
    _last: dict[int, float] = field(default_factory=dict)

    def spent(self) -> float:
        """Return the processor seconds spent until now, since the first call.

        nan where this system does not let their processes be seen (another machine, another
        user's).
        """
        roots = _listeners(self.places)
        if not roots:
            return math.nan
        now = {pid: run_seconds(pid) for pid in _descendants(roots)}
        if self._last:
            self._spent += sum(
                max(0.0, seconds - self._last.get(pid, 0.0)) for pid, seconds in now.items()
            )
        self._last = now
        return self._spent


def _listeners(places: set[tuple[str, int]]) -> set[int]:
    """Return the processes that listen at places."""
    wanted = set()
    lines: list[str] = []
    for table in ("tcp", "tcp6"):  # a socket of IPv6 may listen for IPv4 too: Java's do
        with contextlib.suppress(OSError):
            lines += Path(f"/proc/net/{table}").read_text("ascii").splitlines()[1:]
    for line in lines:
        words = line.split()
        address, _, port = words[1].partition(":")
        if address[:-8] in ("", *MAPPED):
            name = socket.inet_ntoa(bytes.fromhex(address[-8:])[::-1])
            there = {host for host, at in places if at == int(port, 16)}
            listening = words[3] == "0A"
            if listening and there and (name in there or name == "0.0.0.0"):  # noqa: S104
                wanted.add(f"socket:[{words[9]}]")
    found = set()
    for folder in Path("/proc").glob("[0-9]*/fd"):
        with contextlib.suppress(OSError):
            if any(str(each.readlink()) in wanted for each in folder.iterdir()):
                found.add(int(folder.parent.name))
    return found


def _descendants(roots: set[int]) -> set[int]:
    """Return processes, with all that they started and that live."""
    parents: dict[int, list[int]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError, ValueError):
            text = stat.read_text()
            parent = int(text.rpartition(")")[2].split()[1])
            parents.setdefault(parent, []).append(int(stat.parent.name))
    found, waiting = set[int](), list(roots)
    while waiting:
        pid = waiting.pop()
        if pid not in found:
            found.add(pid)
            waiting += parents.get(pid, [])
    return found


def run_seconds(pid: int) -> float:
    """Return how long the threads of a process have run."""
    total = 0
    for task in Path(f"/proc/{pid}/task").glob("*/schedstat"):
        with contextlib.suppress(OSError, ValueError):
            total += int(task.read_text().split()[0])
    return total / 1e9
