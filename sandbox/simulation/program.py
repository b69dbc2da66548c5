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
NEXT = ""  # label of the row that follows


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


def _entries(programs: Iterable[Program]) -> dict[str, int]:
    """Return the first row of each program; rows count through all programs."""
    entries: dict[str, int] = {}
    first = 0
    for program in programs:
        if program.name in entries:
            raise ValueError(f"program {program.name}: defined twice")
        if not program.body or not isinstance(program.body[-1], s.End | s.Goto):
            raise ValueError(f"program {program.name}: must close with End or Goto")
        entries[program.name] = first
        first += sum(not isinstance(item, str) for item in program.body)
    return entries


class _Table:
    """Lines of the table as they are made: a step that stands in many programs is read once.

    What a step says is the same wherever it stands; where it jumps to, and whose histogram it
    books in, is its program's.
    """

    def __init__(self, layout: Layout, entries: Mapping[str, int]) -> None:
        self.layout, self.entries = layout, entries
        self.lines: list[list[int]] = []
        self.laws: dict[tuple[float, float, float, float, float], int] = {}

    def line_of(self, step: Step, program: Program) -> tuple[int, Label | None]:
        """Return the number of the line that says what a step does, and where it jumps to."""
        line, target = self._line(step, program)
        self.lines.append(line)
        return len(self.lines) - 1, target

    def _law(self, value: Law | None, probability: float = 0.0) -> int:
        if value is None and probability == 0.0:
            return -1
        kind, a, b, c = (value.kind, value.a, value.b, value.c) if value else (0, 0.0, 0.0, 0.0)
        return self.laws.setdefault((float(kind), a, b, c, probability), len(self.laws))

    def _line(self, step: Step, program: Program) -> tuple[list[int], Label | None]:
        layout, line = self.layout, [-1] * WIDTH
        target: Label | None = None
        match step:
            case s.Delay():
                line[Column.OP] = Op.DELAY
                line[Column.PHASE] = -1 if step.phase is None else step.phase
                line[Column.FIXED] = _nanoseconds(step.seconds)
                line[Column.HALF_TRIPS] = round(step.round_trips * 2)
                line[Column.LAW] = self._law(step.law)
                line[Column.PURPOSE] = step.purpose
            case s.Serve():
                line[Column.OP] = Op.SERVE
                line[Column.PHASE] = -1 if step.phase is None else step.phase
                line[Column.FIXED] = _nanoseconds(step.seconds)
                line[Column.LAW] = self._law(step.law)
                line[Column.PURPOSE] = step.purpose
                line[Column.INDEX] = layout.stations[step.station]
                line[Column.SCOPE] = step.scope
            case s.Acquire() | s.Release():
                line[Column.OP] = Op.ACQUIRE if isinstance(step, s.Acquire) else Op.RELEASE
                line[Column.INDEX] = layout.pools[layout.pool_of[step.endpoint]]
                line[Column.EXTRA] = layout.endpoints[step.endpoint]
                line[Column.SCOPE] = step.scope
                if isinstance(step, s.Acquire):
                    target = step.refused
            case s.Branch() | s.Today():
                line[Column.OP] = Op.BRANCH if isinstance(step, s.Branch) else Op.TODAY
                line[Column.LAW] = self._law(None, step.probability)
                line[Column.PURPOSE] = step.purpose
                target = step.target
                if step.probability == 0.0:
                    line[Column.OP] = Op.GOTO
                    target = NEXT
            case s.Enter():
                line[Column.OP] = Op.ENTER
                line[Column.INDEX] = layout.limits[step.limit]
                target = step.refused
            case s.Exit():
                line[Column.OP] = Op.EXIT
                line[Column.INDEX] = layout.limits[step.limit]
            case s.Has():
                line[Column.OP] = Op.HAS
                line[Column.INDEX] = step.features
                target = step.target
            case s.During():
                line[Column.OP] = Op.DURING
                line[Column.INDEX] = layout.backends[step.backend]
                target = step.target
            case s.Fresh() | s.Once():
                once = isinstance(step, s.Once)
                line[Column.OP] = Op.ONCE if once else Op.FRESH
                line[Column.INDEX] = layout.registers[step.register]
                line[Column.FIXED] = _nanoseconds(
                    step.seconds if isinstance(step, s.Once) else step.ttl
                )
                target = step.target
            case s.Stamp():
                line[Column.OP] = Op.STAMP
                line[Column.INDEX] = layout.registers[step.register]
            case s.Deadline():
                line[Column.OP] = Op.DEADLINE
                line[Column.FIXED] = _nanoseconds(step.seconds)
                line[Column.LAW] = self._law(step.law)
                line[Column.PURPOSE] = step.purpose
                target = step.handler
            case s.Ask():
                line[Column.OP] = Op.ASK
                line[Column.FIXED] = 0
                line[Column.LAW] = self._law(step.law, step.never)
                line[Column.PURPOSE] = step.purpose
                line[Column.EXTRA] = step.never_purpose
            case s.Pending():
                line[Column.OP] = Op.PENDING
                target = step.target
            case s.Retry():
                line[Column.OP] = Op.RETRY
                line[Column.INDEX] = step.limit
                target = step.target
            case s.Spawn():
                if step.program not in self.entries:
                    raise ValueError(f"program {program.name}: no program {step.program!r}")
                line[Column.OP] = Op.SPAWN
                line[Column.INDEX] = self.entries[step.program]
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
                target = step.target
            case s.Hold():
                line[Column.OP] = Op.HOLD
                line[Column.EXTRA] = int(step.answer)
            case s.Clear() | s.Settle() | s.Deliver() | s.End():
                line[Column.OP] = Op[type(step).__name__.upper()]
        return line, target


def compile_programs(programs: Iterable[Program], layout: Layout) -> Code:
    """Turn programs into the table that both engines interpret.

    Raises:
        ValueError: a label, program or resource is missing or defined twice.
    """
    programs = tuple(programs)
    entries = _entries(programs)
    made = _Table(layout, entries)
    known: dict[int, tuple[int, Label | None]] = {}  # by identity of a step
    numbers: list[int] = []
    targets: list[int] = []
    steps: list[Step] = []
    groups: list[int] = []
    for program in programs:
        here: dict[Label, int] = {}
        jumps: list[tuple[int, Label]] = []
        for item in program.body:
            row = len(steps)
            if isinstance(item, str):
                if item in here:
                    raise ValueError(f"program {program.name}: label {item!r} defined twice")
                here[item] = row
                continue
            found = known.get(id(item))
            if found is None:
                found = known[id(item)] = made.line_of(item, program)
            number, label = found
            steps.append(item)
            numbers.append(number)
            if label is None:
                targets.append(-1)
            elif label == NEXT:
                targets.append(row + 1)
            else:
                targets.append(-1)
                jumps.append((row, label))
        for row, label in jumps:
            if label not in here:
                raise ValueError(f"program {program.name}: no label {label!r}")
            targets[row] = here[label]
        groups.extend([program.group] * (len(steps) - len(groups)))
    table = np.array(made.lines, dtype=np.int64).reshape(-1, WIDTH)[np.array(numbers, np.int64)]
    table[:, Column.TARGET] = targets
    table[:, Column.GROUP] = groups
    return Code(
        table=table,
        laws=np.array(list(made.laws) or [(0.0,) * 5], dtype=np.float64),
        entries=entries,
        layout=layout,
        steps=tuple(steps),
    )
