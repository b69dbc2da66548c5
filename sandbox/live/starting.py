"""Services of a space, started together on a loop and stopped with it."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

from sandbox.serve import BindError, Loop
from sandbox.space.errors import UserError

__all__ = ["START_SECONDS", "STOP_SECONDS", "started"]

START_SECONDS = 120.0
STOP_SECONDS = 10.0


def started(stack: contextlib.ExitStack, loop: Loop, services: list[Any]) -> None:
    """Start services together; what started is stopped when the stack unwinds, also after half."""

    async def start() -> None:
        outcomes = await asyncio.gather(
            *(each.start() for each in services), return_exceptions=True
        )
        for outcome in outcomes:
            if isinstance(outcome, BaseException):
                raise outcome

    async def stop() -> None:
        outcomes = await asyncio.gather(*(each.stop() for each in services), return_exceptions=True)
        for outcome in outcomes:
            if isinstance(outcome, BaseException):
                raise outcome

    stack.callback(lambda: loop.run(stop(), STOP_SECONDS))
    try:
        loop.run(start(), START_SECONDS)
    except BindError as error:
        raise UserError.because(
            "rien ne peut y écouter ; donner un autre "
            "--loopback ou --port-offset, ou les droits des ports sous 1024",
            "nothing can listen there; give another --loopback, --port-offset, or "
            "rights for ports below 1024",
            error.place,
            error.reason,
        ) from None
