"""Programs: dialogues as sequences of steps, checked and compiled into one table of integers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from sandbox.simulation import steps as s
from sandbox.simulation.draws import NANOSECONDS, Law
from sandbox.simulation.steps import Label, Op, Step

__all__ = ["Code", "Column", "Layout", "Program", "compile_programs"]


class Column(IntEnum):
    """Columns of the compiled table."""

    OP = 0
    PHASE = 1  # phase, or cause of a failure
    TARGET = 2  # row to jump to
    FIXED = 3  # nanoseconds
    HALF_TRIPS = 4  # half round trips
    LAW = 5  # row of the law table, -1: none
    PURPOSE = 6
    INDEX = 7  # station, pool, register, outage, entry: first index of its role
    SCOPE = 8
    EXTRA = 9  # endpoint of Acquire and Release, count of Spawn, purpose of "never"
    GROUP = 10  # protocol and method of the program


WIDTH = len(Column)


@dataclass(frozen=True, slots=True)
class Program:
    """A named dialogue.

    Attributes:
        name: unique.
        group: row of the login histograms: protocol and method.
        body: steps, with labels (plain strings) between them.
    """

    name: str
    group: int
    body: tuple[Label | Step, ...]


@dataclass(frozen=True, slots=True)
class Layout:
    """Where each named resource stands in the engines' arrays.

    Attributes:
        stations, pools, endpoints: first index of each role; an operator's own is that + its number
            (national ones: the index itself).
        pool_of: pool role of each endpoint role.
        registers: column of each register.
        backends: number of each back end in the outage table.
        limits: column of each limit in the table of what an access counts against.
    """

    stations: Mapping[str, int]
    pools: Mapping[str, int]
    endpoints: Mapping[str, int]
    pool_of: Mapping[str, str]
    registers: Mapping[str, int]
    backends: Mapping[str, int]
    limits: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Code:
    """The compiled programs.

    Attributes:
        table: int64 (steps, columns), one row per step.
        laws: float64 (laws, 5): kind, a, b, c, probability.
        entries: first row of each program.
        layout: where the resources that they name stand.
        steps: the step of each row, for the reference engine and for explanations.
    """

    table: NDArray[np.int64]
    laws: NDArray[np.float64]
    entries: Mapping[str, int]
    layout: Layout
    steps: tuple[Step, ...] = field(repr=False)


def _nanoseconds(seconds: float) -> int:
    return round(seconds * NANOSECONDS)


def _flatten(programs: Iterable[Program]) -> tuple[list[Step], list[int], list[dict[Label, int]],
                                                   list[int], dict[str, int]]:  # fmt: skip
    """Return steps, group per step, labels per program, program per step, entries."""
    flat: list[Step] = []
    groups: list[int] = []
    owner: list[int] = []
    labels: list[dict[Label, int]] = []
    entries: dict[str, int] = {}
    for number, program in enumerate(programs):
        if program.name in entries:
            raise ValueError(f"program {program.name}: defined twice")
        entries[program.name] = len(flat)
        here: dict[Label, int] = {}
        for item in program.body:
            if isinstance(item, str):
                if item in here:
                    raise ValueError(f"program {program.name}: label {item!r} defined twice")
                here[item] = len(flat)
            else:
                flat.append(item)
                groups.append(program.group)
                owner.append(number)
        if not flat or owner[-1] != number or not isinstance(flat[-1], s.End | s.Goto):
            raise ValueError(f"program {program.name}: must close with End or Goto")
        labels.append(here)
    return flat, groups, labels, owner, entries


def compile_programs(programs: Iterable[Program], layout: Layout) -> Code:
    """Turn programs into the table that both engines interpret.

    Raises:
        ValueError: a label, program or resource is missing or defined twice.
    """
    programs = tuple(programs)
    flat, groups, labels, owner, entries = _flatten(programs)
    rows: list[list[int]] = []  # lists: an array's rows are slow to fill one by one
    laws: dict[tuple[float, float, float, float, float], int] = {}

    def law(value: Law | None, probability: float = 0.0) -> int:
        if value is None and probability == 0.0:
            return -1
        kind, a, b, c = (value.kind, value.a, value.b, value.c) if value else (0, 0.0, 0.0, 0.0)
        row = (float(kind), a, b, c, probability)
        return laws.setdefault(row, len(laws))

    for row, step in enumerate(flat):
        program = programs[owner[row]]

        def label(name: Label, program: Program = program, row: int = row) -> int:
            try:
                return labels[owner[row]][name]
            except KeyError:
                raise ValueError(f"program {program.name}: no label {name!r}") from None

        line = [-1] * WIDTH
        line[Column.GROUP] = groups[row]
        match step:
            case s.Delay():
                line[Column.OP] = Op.DELAY
                line[Column.PHASE] = -1 if step.phase is None else step.phase
                line[Column.FIXED] = _nanoseconds(step.seconds)
                line[Column.HALF_TRIPS] = round(step.round_trips * 2)
                line[Column.LAW] = law(step.law)
                line[Column.PURPOSE] = step.purpose
            case s.Serve():
                line[Column.OP] = Op.SERVE
                line[Column.PHASE] = -1 if step.phase is None else step.phase
                line[Column.FIXED] = _nanoseconds(step.seconds)
                line[Column.LAW] = law(step.law)
                line[Column.PURPOSE] = step.purpose
                line[Column.INDEX] = layout.stations[step.station]
                line[Column.SCOPE] = step.scope
            case s.Acquire() | s.Release():
                line[Column.OP] = Op.ACQUIRE if isinstance(step, s.Acquire) else Op.RELEASE
                line[Column.INDEX] = layout.pools[layout.pool_of[step.endpoint]]
                line[Column.EXTRA] = layout.endpoints[step.endpoint]
                line[Column.SCOPE] = step.scope
                if isinstance(step, s.Acquire):
                    line[Column.TARGET] = label(step.refused)
            case s.Branch():
                line[Column.OP] = Op.BRANCH
                line[Column.LAW] = law(None, step.probability)
                line[Column.PURPOSE] = step.purpose
                line[Column.TARGET] = label(step.target)
                if step.probability == 0.0:
                    line[Column.OP] = Op.GOTO
                    line[Column.TARGET] = row + 1
            case s.Today():
                line[Column.OP] = Op.TODAY
                line[Column.LAW] = law(None, step.probability)
                line[Column.PURPOSE] = step.purpose
                line[Column.TARGET] = label(step.target)
                if step.probability == 0.0:
                    line[Column.OP] = Op.GOTO
                    line[Column.TARGET] = row + 1
            case s.Enter():
                line[Column.OP] = Op.ENTER
                line[Column.INDEX] = layout.limits[step.limit]
                line[Column.TARGET] = label(step.refused)
            case s.Exit():
                line[Column.OP] = Op.EXIT
                line[Column.INDEX] = layout.limits[step.limit]
            case s.Has():
                line[Column.OP] = Op.HAS
                line[Column.INDEX] = step.features
                line[Column.TARGET] = label(step.target)
            case s.During():
                line[Column.OP] = Op.DURING
                line[Column.INDEX] = layout.backends[step.backend]
                line[Column.TARGET] = label(step.target)
            case s.Fresh() | s.Once():
                once = isinstance(step, s.Once)
                line[Column.OP] = Op.ONCE if once else Op.FRESH
                line[Column.INDEX] = layout.registers[step.register]
                line[Column.FIXED] = _nanoseconds(
                    step.seconds if isinstance(step, s.Once) else step.ttl
                )
                line[Column.TARGET] = label(step.target)
            case s.Stamp():
                line[Column.OP] = Op.STAMP
                line[Column.INDEX] = layout.registers[step.register]
            case s.Deadline():
                line[Column.OP] = Op.DEADLINE
                line[Column.FIXED] = _nanoseconds(step.seconds)
                line[Column.LAW] = law(step.law)
                line[Column.PURPOSE] = step.purpose
                line[Column.TARGET] = label(step.handler)
            case s.Ask():
                line[Column.OP] = Op.ASK
                line[Column.FIXED] = 0
                line[Column.LAW] = law(step.law, step.never)
                line[Column.PURPOSE] = step.purpose
                line[Column.EXTRA] = step.never_purpose
            case s.Pending():
                line[Column.OP] = Op.PENDING
                line[Column.TARGET] = label(step.target)
            case s.Retry():
                line[Column.OP] = Op.RETRY
                line[Column.INDEX] = step.limit
                line[Column.TARGET] = label(step.target)
            case s.Spawn():
                if step.program not in entries:
                    raise ValueError(f"program {program.name}: no program {step.program!r}")
                line[Column.OP] = Op.SPAWN
                line[Column.INDEX] = entries[step.program]
                line[Column.EXTRA] = step.count
                line[Column.PURPOSE] = step.salt
                line[Column.SCOPE] = int(step.recipient)
            case s.Mark():
                line[Column.OP] = Op.MARK
                line[Column.EXTRA] = int(step.attended)
            case s.Fail():
                line[Column.OP] = Op.FAIL
                line[Column.PHASE] = step.cause
            case s.Goto():
                line[Column.OP] = Op.GOTO
                line[Column.TARGET] = label(step.target)
            case s.Hold():
                line[Column.OP] = Op.HOLD
                line[Column.EXTRA] = int(step.answer)
            case s.Clear() | s.Settle() | s.Deliver() | s.End():
                line[Column.OP] = Op[type(step).__name__.upper()]
        rows.append(line)
    return Code(
        table=np.array(rows, dtype=np.int64).reshape(-1, WIDTH),
        laws=np.array(list(laws) or [(0.0,) * 5], dtype=np.float64),
        entries=entries,
        layout=layout,
        steps=tuple(flat),
    )
