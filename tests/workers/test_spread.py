"""The map gives the same answers whoever works, keeps what is finished, and says how far it is."""

from __future__ import annotations

import os

import pytest

from sandbox.space.errors import UserError
from sandbox.workers.spread import Workers, hand_out, spread
from tests.workers.tasks import die, fail_at_three, square, whose

ONE, TWO = Workers(1), Workers(2)


@pytest.mark.parametrize("workers", [ONE, TWO], ids=["one", "two"])
def test_answers_come_in_the_order_of_the_tasks(workers: Workers) -> None:
    assert spread(square, range(20), workers) == [n * n for n in range(20)]


def test_one_worker_is_the_callers_own_process() -> None:
    assert {pid for _, pid in spread(whose, range(3), ONE)} == {os.getpid()}


def test_several_workers_are_other_processes() -> None:
    assert os.getpid() not in {pid for _, pid in spread(whose, range(3), TWO)}


@pytest.mark.parametrize("workers", [ONE, TWO], ids=["one", "two"])
def test_nothing_to_do_is_done_at_once(workers: Workers) -> None:
    assert spread(square, [], workers) == []


@pytest.mark.parametrize("workers", [ONE, TWO], ids=["one", "two"])
def test_each_task_reports_its_share(workers: Workers) -> None:
    seen: list[list[float]] = []
    spread(square, range(4), workers, progress=seen.append)
    assert seen[-1] == [1.0] * 4
    assert all(set(shares) <= {0.0, 0.5, 1.0} for shares in seen)


@pytest.mark.parametrize("workers", [ONE, TWO], ids=["one", "two"])
def test_what_a_task_raises_ends_the_others_and_what_was_finished_is_kept(workers: Workers) -> None:
    kept: dict[int, int] = {}
    with pytest.raises(ValueError, match="number 3"):
        hand_out(fail_at_three, [0, 3], kept.__setitem__, workers)
    assert kept in ({0: 0}, {})  # two workers may finish in any order
    if workers is ONE:
        assert kept == {0: 0}


def test_a_process_that_is_killed_is_one_line() -> None:
    with pytest.raises(UserError, match=r"--workers 2: .* / a process was killed"):
        spread(die, range(2), TWO)
