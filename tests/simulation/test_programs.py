"""Programs are checked when they are compiled, not when they run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from sandbox.observations.schema import Cause, Phase
from sandbox.simulation.draws import exponential
from sandbox.simulation.program import Column, Layout, Program, compile_programs
from sandbox.simulation.state import packed
from sandbox.simulation.steps import (
    Acquire,
    Delay,
    End,
    Fail,
    Fresh,
    Goto,
    Label,
    Op,
    Release,
    Serve,
    Spawn,
    Step,
)

LAYOUT = Layout(
    stations={"server": 4}, pools={"slots": 2}, endpoints={"door": 8}, pool_of={"door": "slots"},
    registers={"grant": 1}, backends={"psc": 0}, limits={"user": 0},
)  # fmt: skip


def program(*body: Label | Step, name: str = "one") -> Program:
    return Program(name, 0, body)


def test_a_step_that_stands_in_many_programs_reads_as_if_each_had_its_own() -> None:
    jump, wait = Goto("end"), Delay(Phase.NETWORK, 1.0, law=exponential(2.0))

    def programs(own: Callable[[Step], Step]) -> list[Program]:
        return [
            Program("one", 3, (own(wait), own(jump), own(wait), "end", End())),
            Program("two", 4, (own(jump), "end", own(wait), End())),
        ]

    shared = compile_programs(programs(lambda step: step), LAYOUT)
    apart = compile_programs(programs(replace), LAYOUT)
    assert shared.table.tobytes() == apart.table.tobytes()
    assert shared.laws.tobytes() == apart.laws.tobytes()
    assert shared.table[[1, 4], Column.TARGET].tolist() == [3, 5]
    assert shared.table[:, Column.GROUP].tolist() == [3, 3, 3, 3, 4, 4, 4]


@pytest.mark.parametrize(
    ("programs", "words"),
    [
        ([program(Goto("nowhere"))], "program one: no label 'nowhere'"),
        ([program("here", "here", End())], "program one: label 'here' defined twice"),
        ([program(Delay(None, 1.0))], "program one: must close with End or Goto"),
        ([program()], "program one: must close with End or Goto"),
        ([program(End()), program(name="two")], "program two: must close with End or Goto"),
        ([program(End()), program(End())], "program one: defined twice"),
        ([program(Spawn("child"), End())], "program one: no program 'child'"),
        ([program("elsewhere", End()), program(Goto("elsewhere"), name="two")],
         "program two: no label 'elsewhere'"),
    ],
)  # fmt: skip
def test_a_program_that_cannot_run_is_refused(programs: list[Program], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        compile_programs(programs, LAYOUT)


@pytest.mark.parametrize(
    "step", [Serve("oven", None), Fresh("memory", 1.0, "end"), Acquire("window", "end")], ids=str
)
def test_a_resource_that_does_not_exist_is_refused(step: Step) -> None:
    with pytest.raises(KeyError):
        compile_programs([program(step, "end", End())], LAYOUT)


def test_a_step_becomes_a_row() -> None:
    code = compile_programs(
        [
            program(
                Delay(Phase.NETWORK, 0.5, round_trips=1.5, law=exponential(2.0)),
                Acquire("door", "full"),
                Serve("server", Phase.TLS, 0.001),
                Release("door"),
                End(),
                "full",
                Fail(Cause.SLOTS_EXHAUSTED),
                End(),
            ),
            program(End(), name="two"),
        ],
        LAYOUT,
    )
    rows = code.table
    assert list(rows[:, Column.OP]) == [
        Op.DELAY, Op.ACQUIRE, Op.SERVE, Op.RELEASE, Op.END, Op.FAIL, Op.END, Op.END
    ]  # fmt: skip
    assert rows[0, Column.FIXED] == 500_000_000
    assert rows[0, Column.HALF_TRIPS] == 3
    assert tuple(code.laws[rows[0, Column.LAW]]) == (1.0, 2.0, 0.0, 0.0, 0.0)
    assert (rows[1, Column.TARGET], rows[1, Column.INDEX], rows[1, Column.EXTRA]) == (5, 2, 8)
    assert (rows[2, Column.INDEX], rows[2, Column.LAW]) == (4, -1)
    assert rows[5, Column.PHASE] == Cause.SLOTS_EXHAUSTED
    assert code.entries == {"one": 0, "two": 7}


def test_equal_laws_share_a_row() -> None:
    body = [Delay(None, law=exponential(mean)) for mean in (1.0, 2.0, 1.0)]
    code = compile_programs([program(*body, End())], LAYOUT)
    assert list(code.table[:3, Column.LAW]) == [0, 1, 0]


def test_steps_are_packed_without_loss() -> None:
    code = compile_programs([program(Delay(Phase.NETWORK, 86_400.0, round_trips=3), End())], LAYOUT)
    steps = packed(code.table)
    for column in Column:
        assert steps[column.name.lower()].tolist() == code.table[:, column].tolist()


def test_a_step_goes_on_beyond_gotos() -> None:
    body = (
        Fresh("grant", 60.0, "known"), Goto("on"), "known", Goto("over"), "over", Goto("on"),
        Delay(None, 1.0), "on", End(),
    )  # fmt: skip
    steps = packed(compile_programs([program(*body)], LAYOUT).table)
    assert (steps["next"][0], steps["target"][0]) == (5, 5)


def test_a_cell_that_does_not_fit_is_refused() -> None:
    table = compile_programs([program(End())], LAYOUT).table.copy()
    table[0, Column.TARGET] = 1 << 40
    with pytest.raises(ValueError, match="steps: target beyond int32"):
        packed(table)
