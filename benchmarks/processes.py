"""Processor time and memory of a process with all its descendants, from /proc."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path

__all__ = ["cpu_by_name", "cpu_seconds", "descendants", "memory_bytes"]

TICK = os.sysconf("SC_CLK_TCK") if hasattr(os, "sysconf") else 100


def _stat(pid: int) -> list[str]:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()


def descendants(*roots: int) -> set[int]:
    """Return the processes and all their descendants that live now."""
    parents: dict[int, list[int]] = {}
    for path in Path("/proc").iterdir():
        if path.name.isdigit():
            try:
                parents.setdefault(int(_stat(int(path.name))[1]), []).append(int(path.name))
            except OSError:  # it ended meanwhile
                continue
    found, waiting = set(), list(roots)
    while waiting:
        pid = waiting.pop()
        found.add(pid)
        waiting += parents.get(pid, [])
    return found


def cpu_seconds(*roots: int) -> float:
    """Return user and system time of the trees, children that ended and were reaped included."""
    return sum(cpu_by_name(*roots).values())


def cpu_by_name(*roots: int) -> Counter[str]:
    """Return the same by name of process; who ended and was reaped counts as his parent."""
    seconds: Counter[str] = Counter()
    for pid in descendants(*roots):
        try:
            name = Path(f"/proc/{pid}/comm").read_text().strip()
            seconds[name] += sum(map(int, _stat(pid)[11:15])) / TICK
        except OSError:
            continue
    return seconds


def memory_bytes(*roots: int) -> int:
    """Return the proportional set size of the trees: shared pages count once in all."""
    total = 0
    for pid in descendants(*roots):
        try:
            text = Path(f"/proc/{pid}/smaps_rollup").read_text()
        except OSError:
            continue
        total += sum(int(line.split()[1]) for line in text.splitlines() if line.startswith("Pss:"))
    return total * 1024
