"""How many turns a step has is what a burden in each turn makes it longer by."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from sandbox.serve.loop import loop_factory
from sandbox.twin.turns import Burden, turns_of

BURDEN = 0.002


class Clock:
    """Time that passes in burdens alone."""

    def __init__(self) -> None:
        self.now = 0.0

    def work(self, seconds: float) -> None:
        self.now += seconds


def handed_on(times: int, seconds: float) -> float:
    """Return how long work takes that is handed on so many times, s."""

    async def main() -> float:
        clock = Clock()
        burden = Burden(clock.work)
        await burden.be(seconds)
        begin = clock.now
        for _ in range(times):
            await asyncio.sleep(0)
        found = clock.now - begin
        await burden.be(0.0)
        return found

    with asyncio.Runner(loop_factory=loop_factory()) as runner:
        return runner.run(main())


@pytest.mark.parametrize("times", [1, 2, 9])
def test_each_turn_waits_for_a_whole_burden(times: int) -> None:
    assert handed_on(times, BURDEN) == pytest.approx(times * BURDEN)


def test_a_burden_that_is_put_down_is_in_no_turn() -> None:
    async def main() -> tuple[float, float]:
        clock = Clock()
        burden = Burden(clock.work)
        await burden.be(BURDEN)
        await burden.be(0.0)
        before = clock.now
        for _ in range(5):
            await asyncio.sleep(0)
        return before, clock.now

    before, after = asyncio.run(main())
    assert before == after == pytest.approx(BURDEN)


def test_a_burden_that_is_changed_is_there_once_a_turn() -> None:
    async def main() -> float:
        clock = Clock()
        burden = Burden(clock.work)
        await burden.be(BURDEN)
        await burden.be(2 * BURDEN)
        begin = clock.now
        await asyncio.sleep(0)
        await burden.be(0.0)
        return clock.now - begin

    assert asyncio.run(main()) == pytest.approx(2 * BURDEN)


def waits(turns: int, exchanges: int, *, client: bool) -> Callable[[float], list[float]]:
    """Return durations of a step of so many turns, by the burden.

    What begins it comes at any moment of a burden of the servers; what follows comes 0.3 ms after
    a turn, as all that comes to a client does.
    """

    def of_servers(burden: float) -> list[float]:
        first = [number / 10 for number in range(11)]
        return [0.005 + burden * (turns - 1 + each) - 0.0003 * (exchanges - 1) for each in first]

    def of_client(burden: float) -> list[float]:
        return [0.005 + burden * turns - 0.0003 * exchanges]

    return of_client if client else of_servers


@pytest.mark.parametrize("client", [False, True])
@pytest.mark.parametrize(("turns", "exchanges"), [(1, 1), (7, 2), (3, 3), (17, 2)])
def test_turns_are_found_again(turns: int, exchanges: int, *, client: bool) -> None:
    step = waits(turns, exchanges, client=client)
    found = turns_of(step(BURDEN), step(2 * BURDEN), BURDEN, client=client)
    assert found == pytest.approx(turns)


def test_a_step_that_a_burden_does_not_lengthen_has_no_turn_of_a_client() -> None:
    assert turns_of([0.005], [0.004], BURDEN, client=True) == 0.0
