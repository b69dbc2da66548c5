"""The event stream: what has come, told at most a few times a second whatever comes.

A browser that was left open overnight, or that reads slowly, costs one small buffer: a stream tells
where things stand, never what it has missed.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator
from typing import Any

from sandbox.console.watch import SpaceWatch

__all__ = ["changes"]

_LOOK = 0.25  # s between two looks: a pace, not a wait, so that a storm is told four times a second
_ALIVE = 15.0  # s of silence after which a comment says that somebody is there


async def changes(watch: SpaceWatch) -> AsyncGenerator[str, None]:
    """Yield events for ever.

    `journal`, `phones`, `faults` when something has changed there; `pulse` once a second.
    """
    told: dict[str, Any] = watch.versions()
    beat, silent = 0.0, 0.0
    yield "retry: 1000\n\n" + _event("hello", told)
    while True:
        await asyncio.sleep(_LOOK)
        silent += _LOOK
        now = watch.versions()
        for name, version in now.items():
            if version != told[name]:
                silent = 0.0
                yield _event(name, {"version": version})
        told = now
        moment = watch.pulse
        if moment is not None and moment.at != beat:
            beat, silent = moment.at, 0.0
            yield _event("pulse", moment.data())
        if silent >= _ALIVE:
            silent = 0.0
            yield ": …\n\n"


def _event(name: str, data: Any) -> str:
    return f"event: {name}\ndata: {json.dumps(data, ensure_ascii=False)}\n\n"
