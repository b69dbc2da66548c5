"""A test that is a coroutine runs on an event loop of its own."""

from __future__ import annotations

import asyncio
import inspect

import pytest

MOST = 60  # s that it may take, so that what never comes is told with where it was waited for


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Run it to the end, as fixtures say.

    `loop_factory` makes the loop where there is one; where there is `no_task_left`, none may be.
    """
    test, given = pyfuncitem.obj, pyfuncitem.funcargs
    if not inspect.iscoroutinefunction(test) or "anyio_backend" in given:
        return None  # the latter share their loop with fixtures: anyio runs them
    wanted = {name: given[name] for name in inspect.signature(test).parameters}

    async def watched() -> None:
        async with asyncio.timeout(MOST):
            await test(**wanted)
        if "no_task_left" in given:
            left = asyncio.all_tasks() - {asyncio.current_task()}
            assert not left, f"left behind: {left}"

    with asyncio.Runner(loop_factory=given.get("loop_factory")) as runner:
        runner.run(watched())
    return True
