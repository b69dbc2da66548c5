"""On which processors of this machine servers and clients work."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass

from sandbox.space.errors import UserError

__all__ = ["Placement", "confine", "cores_of", "place", "placed", "shared_out"]


@dataclass(frozen=True, slots=True)
class Placement:
    """Numbers of the processors of each; none: wherever the system has them work."""

    servers: tuple[int, ...] = ()
    clients: tuple[int, ...] = ()


def cores_of() -> int:
    """Return how many processors this process, and what it starts, may work on."""
    return len(_there()) or os.cpu_count() or 1


def shared_out(servers: int) -> Placement:
    """Give servers so many processors, and clients the others; all of them to both if none is left.

    A system that has no such thing places them itself.
    """
    there = _there()
    if servers >= len(there):
        return Placement(there, there)
    return Placement(there[:servers], there[servers:])


def place(pid: int, cores: tuple[int, ...]) -> None:
    """Have a process that has just started, and what it starts, work there; 0: this thread."""
    if cores:
        os.sched_setaffinity(pid, cores)


@contextlib.contextmanager
def placed(cores: tuple[int, ...]) -> Iterator[None]:
    """Have this thread, and those that it starts, work there for the length of a `with` block."""
    before = _there()
    place(0, cores)
    try:
        yield
    finally:
        place(0, before)


def confine(cores: int) -> None:
    """Have this process, and what it starts, work on so many processors from now on.

    Raises:
        UserError: there are fewer, or this system has no such thing.
    """
    there = _there()
    if not there:
        raise UserError("Linux seulement", "Linux only", where=f"--cores {cores}")
    if cores > len(there):
        raise UserError.expected(f"--cores {cores}", f"1 … {len(there)}")
    os.sched_setaffinity(0, there[:cores])


def _there() -> tuple[int, ...]:
    if hasattr(os, "sched_getaffinity"):
        return tuple(sorted(os.sched_getaffinity(0)))
    return ()
