"""Clients in a process of their own: a plan in, outcomes out, one JSON line each.

Started as `python -m sandbox.clients.process PLAN`. It writes `{"ready": true}`, reads the instant
to start at (of the monotonic clock, which processes share), then writes outcomes as they come, its
progress every half second, and `{"over": ...}`. When its standard input ends it stops, and what
it has is written. When nobody reads that any more it ends at once.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import gc
import json
import os
import resource
import signal
import sys
import threading
import time
from pathlib import Path
from typing import Any

from sandbox.clients.load import Load
from sandbox.clients.plan import LoadPlan, SessionOutcome
from sandbox.clients.telephone import DownError, Telephones

__all__ = ["main"]

_EVERY = 0.5  # s between two reports of progress


def _say(**what: Any) -> None:
    try:
        sys.stdout.write(json.dumps(what) + "\n")
        sys.stdout.flush()
    except BrokenPipeError:  # whoever wanted to know is gone
        os._exit(1)


def _why(error: BaseException | None) -> str:
    """Return in a line why a run cannot go on; empty when it can."""
    if error is None:
        return ""
    if isinstance(error, OSError) and error.errno in (errno.EMFILE, errno.ENFILE):
        most = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
        return f"trop de fichiers ouverts / too many open files, ulimit -n {most}"
    return f"{type(error).__name__}: {error}"


class _Clock:
    """How far the clock of the day, by which one-time codes go, was set meanwhile, s."""

    def __init__(self) -> None:
        self._ahead = time.time() - time.monotonic()
        self.set = 0.0

    def look(self) -> None:
        """Compare it with the clock that nobody sets."""
        ahead = time.time() - time.monotonic()
        self.set, self._ahead = self.set + abs(ahead - self._ahead), ahead


def _take(outcome: SessionOutcome) -> None:
    _say(outcome=outcome.plain())


async def _main(plan: LoadPlan) -> None:
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    async with Telephones(plan) as telephones:
        load = Load(plan, _take)
        try:
            await load.prepare(telephones)
        except DownError as error:
            _say(failed=str(error))
            return
        gc.collect()
        gc.freeze()  # what a plan is made of stays: no pause of the collector goes through it
        _say(ready=True)
        begin = await loop.run_in_executor(None, sys.stdin.readline)
        if not begin.strip():
            return
        load.begin(float(begin))

        def wait() -> None:  # a pipe that ends says stop
            sys.stdin.read()
            loop.call_soon_threadsafe(stop.set)

        threading.Thread(target=wait, daemon=True).start()
        processor, wall, clock = time.process_time(), time.monotonic(), _Clock()

        async def tell() -> None:
            while True:
                await asyncio.sleep(_EVERY)
                clock.look()
                _say(open=load.progress.open, started=load.progress.started)

        telling = asyncio.create_task(tell())
        await load.run(telephones, stop)
        telling.cancel()
        clock.look()
        _say(
            over=True, stopped=stop.is_set(), late=load.progress.late, failed=_why(load.broken),
            processor=time.process_time() - processor, wall=time.monotonic() - wall,
            clock=clock.set,
        )  # fmt: skip


def main() -> None:
    """Run the plan that the first argument names."""
    from sandbox.serve.loop import loop_factory

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for whoever drives, who says stop
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)  # each session is a descriptor
    with contextlib.suppress(ValueError, OSError):  # macOS may allow fewer than it says
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    plan = LoadPlan.of(json.loads(Path(sys.argv[1]).read_bytes()))
    with asyncio.Runner(loop_factory=loop_factory()) as runner:
        try:
            runner.run(_main(plan))
        except Exception as error:  # noqa: BLE001 - whoever drives says it, in its own line
            _say(failed=_why(error))
    sys.stdout.flush()
    os._exit(0)  # a thread may still read from a terminal that never ends


if __name__ == "__main__":
    main()
