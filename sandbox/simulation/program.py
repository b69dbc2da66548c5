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


Line = tuple[int, ...]  # of the table, in the order of its columns


def _line(
    op: int, *, phase: int | None = None, fixed: float | None = None, half_trips: int = -1,
    law: int = -1, purpose: int = -1, index: int = -1, scope: int = -1, extra: int = -1,
) -> Line:  # fmt: skip
    """Lay out what a step says, `fixed` in seconds; target and group are filled in later."""
    return (
        op, -1 if phase is None else phase, -1,
        -1 if fixed is None else round(fixed * NANOSECONDS),
        half_trips, law, purpose, index, scope, extra, -1,
    )  # fmt: skip


class _Table:
    """Lines of the table as they are made: a step that stands in many programs is read once.

    What a step says is the same wherever it stands; where it jumps to, and whose histogram it
    books in, is its program's.
    """

    def __init__(self, layout: Layout, entries: Mapping[str, int]) -> None:
        self.layout, self.entries = layout, entries
        self.lines: list[Line] = []
        self.laws: dict[tuple[float, float, float, float, float], int] = {}

    def line_of(self, step: Step, program: Program) -> tuple[int, Label | None]:
        """Return the number of the line that says what a step does, and where it jumps to."""
        line, target = self._read(step, program)
        self.lines.append(line)
        return len(self.lines) - 1, target

    def _law(self, value: Law | None, probability: float = 0.0) -> int:
        if value is None and probability == 0.0:
            return -1
        kind, a, b, c = (value.kind, value.a, value.b, value.c) if value else (0, 0.0, 0.0, 0.0)
        return self.laws.setdefault((float(kind), a, b, c, probability), len(self.laws))

    def _slot(self, op: Op, step: s.Acquire | s.Release) -> Line:
        pool, endpoint = self.layout.pool_of[step.endpoint], self.layout.endpoints[step.endpoint]
        return _line(op, index=self.layout.pools[pool], scope=step.scope, extra=endpoint)

    def _read(self, step: Step, program: Program) -> tuple[Line, Label | None]:
        layout = self.layout
        match step:
            case s.Delay():
                return _line(
                    Op.DELAY, phase=step.phase, fixed=step.seconds,
                    half_trips=round(step.round_trips * 2), law=self._law(step.law),
                    purpose=step.purpose,
                ), None  # fmt: skip
            case s.Serve():
                return _line(
                    Op.SERVE, phase=step.phase, fixed=step.seconds, law=self._law(step.law),
                    purpose=step.purpose, index=layout.stations[step.station], scope=step.scope,
                ), None  # fmt: skip
            case s.Acquire():
                return self._slot(Op.ACQUIRE, step), step.refused
            case s.Release():
                return self._slot(Op.RELEASE, step), None
            case s.Branch() | s.Today():
                law = self._law(None, step.probability)
                if step.probability == 0.0:
                    return _line(Op.GOTO, law=law, purpose=step.purpose), NEXT
                op = Op.BRANCH if isinstance(step, s.Branch) else Op.TODAY
                return _line(op, law=law, purpose=step.purpose), step.target
            case s.Enter():
                return _line(Op.ENTER, index=layout.limits[step.limit]), step.refused
            case s.Exit():
                return _line(Op.EXIT, index=layout.limits[step.limit]), None
            case s.Has():
                return _line(Op.HAS, index=step.features), step.target
            case s.During():
                return _line(Op.DURING, index=layout.backends[step.backend]), step.target
            case s.Fresh():
                register = layout.registers[step.register]
                return _line(Op.FRESH, index=register, fixed=step.ttl), step.target
            case s.Once():
                register = layout.registers[step.register]
                return _line(Op.ONCE, index=register, fixed=step.seconds), step.target
            case s.Stamp():
                return _line(Op.STAMP, index=layout.registers[step.register]), None
            case s.Deadline():
                return _line(
                    Op.DEADLINE, fixed=step.seconds, law=self._law(step.law), purpose=step.purpose
                ), step.handler  # fmt: skip
            case s.Ask():
                return _line(
                    Op.ASK, fixed=0.0, law=self._law(step.law, step.never), purpose=step.purpose,
                    extra=step.never_purpose,
                ), None  # fmt: skip
            case s.Pending():
                return _line(Op.PENDING), step.target
            case s.Retry():
                return _line(Op.RETRY, index=step.limit), step.target
            case s.Spawn():
                if step.program not in self.entries:
                    raise ValueError(f"program {program.name}: no program {step.program!r}")
                return _line(
                    Op.SPAWN, index=self.entries[step.program], extra=step.count,
                    purpose=step.salt, scope=int(step.recipient),
                ), None  # fmt: skip
            case s.Mark():
                return _line(Op.MARK, extra=int(step.attended)), None
            case s.Fail():
                return _line(Op.FAIL, phase=step.cause), None
            case s.Goto():
                return _line(Op.GOTO), step.target
            case s.Hold():
                return _line(Op.HOLD, extra=int(step.answer)), None
            case s.Clear() | s.Settle() | s.Deliver() | s.End():
                return _line(Op[type(step).__name__.upper()]), None


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
