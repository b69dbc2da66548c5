"""Clients in a process of their own: a plan in, outcomes out, one JSON line each.

Started as `python -m sandbox.clients.process PLAN`. It writes `{"ready": true}`, reads the instant
to start at (of the monotonic clock, which processes share), then writes outcomes as they come, its
progress every half second, and `{"over": ...}`. When its standard input ends it stops, and what
it has is written.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import resource
import sys
import threading
import time
from pathlib import Path
from typing import Any

from sandbox.clients.load import Load
from sandbox.clients.outcome import Outcome
from sandbox.clients.plan import Plan
from sandbox.clients.telephone import DownError, Telephones

__all__ = ["main"]

_EVERY = 0.5  # s between two reports of progress


def _say(**what: Any) -> None:
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


def _take(outcome: Outcome) -> None:
    _say(outcome=outcome.plain())


async def _main(plan: Plan) -> None:
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    async with Telephones(plan) as telephones:
        load = Load(plan, _take)
        try:
            await load.prepare(telephones)
        except DownError as error:
            _say(failed=str(error))
            return
        _say(ready=True)
        begin = await loop.run_in_executor(None, sys.stdin.readline)
        if not begin.strip():
            return
        load.begin(float(begin))

        def wait() -> None:  # a pipe that ends says stop
            sys.stdin.read()
            loop.call_soon_threadsafe(stop.set)

        threading.Thread(target=wait, daemon=True).start()
        processor, wall = time.process_time(), time.monotonic()

        async def tell() -> None:
            while True:
                await asyncio.sleep(_EVERY)
                _say(open=load.progress.open, started=load.progress.started)

        telling = asyncio.create_task(tell())
        await load.run(telephones, stop)
        telling.cancel()
        _say(
            over=True, stopped=stop.is_set(), late=load.progress.late,
            processor=time.process_time() - processor, wall=time.monotonic() - wall,
        )  # fmt: skip


def main() -> None:
    """Run the plan that the first argument names."""
    from sandbox.serve.loop import loop_factory

    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)  # each session is a descriptor
    with contextlib.suppress(ValueError, OSError):  # macOS may allow fewer than it says
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    plan = Plan.of(json.loads(Path(sys.argv[1]).read_bytes()))
    with asyncio.Runner(loop_factory=loop_factory()) as runner:
        runner.run(_main(plan))
    sys.stdout.flush()
    os._exit(0)  # a thread may still read from a terminal that never ends


if __name__ == "__main__":
    main()
