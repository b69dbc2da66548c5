"""The demonstration over the API: go to a step, play it, or have it play by itself."""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from sandbox.console.answers import read_object
from sandbox.console.demo import STEPS, Player
from sandbox.console.operations import Operation
from sandbox.observations.schema import Words
from sandbox.space.errors import UserError

__all__ = ["DemoApi"]


class DemoApi:
    """The demonstration of a space.

    Args:
        player: that plays it.
    """

    def __init__(self, player: Player) -> None:
        self._player = player

    @property
    def operations(self) -> tuple[Operation, ...]:
        """What there is."""
        return (
            Operation(
                name="demo", method="GET", path="/demo", handler=self._demo,
                words=Words("La démonstration : où elle en est.",
                            "The demonstration: where it is."),
            ),
            Operation(
                name="demo_step", method="PUT", path="/demo", handler=self._go,
                body={"step": {"type": "integer", "minimum": -1, "maximum": len(STEPS) - 1}},
                required=("step",),
                words=Words("Aller à une étape, de 0 à 9 ; -1 en sort et répare tout.",
                            "Go to a step, 0 to 9; -1 leaves and mends everything."),
            ),
            Operation(
                name="demo_act", method="POST", path="/demo", handler=self._act, body={},
                words=Words("Jouer l'étape.", "Play the step."),
            ),
        )  # fmt: skip

    async def _demo(self, _: Request) -> Response:
        return JSONResponse(self._told())

    async def _go(self, request: Request) -> Response:
        step = (await read_object(request)).get("step")
        if isinstance(step, bool) or not isinstance(step, int):
            raise UserError("entier attendu", "an integer is expected", where="step")
        await asyncio.to_thread(self._player.stop)
        self._player.go(step)
        if step < 0:
            await asyncio.to_thread(self._player.mend)
        return JSONResponse(self._told())

    async def _act(self, request: Request) -> Response:
        await read_object(request)
        await asyncio.to_thread(self._player.act)
        return JSONResponse(self._told())

    def _told(self) -> dict[str, Any]:
        state = self._player.state
        page = STEPS[state.step].page if state.step >= 0 else "/"
        return {**asdict(state), "page": page, "steps": len(STEPS)}
