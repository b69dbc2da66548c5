"""The API of faults: what there is, what is in force, incidents, and the end of all of it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from sandbox.console.answers import MissingError, read_object
from sandbox.console.breakage import MEMBERS, NUMBERS, SERVICES, Breakage, known
from sandbox.console.designs import Designs
from sandbox.console.operations import Operation, text
from sandbox.observations.schema import Words
from sandbox.space.errors import UserError

__all__ = ["BreakageApi"]

_NUMBER = {"type": "number", "minimum": 0}


class BreakageApi:
    """Faults of a space.

    Args:
        breakage: that puts them in force.
        designs: whose traffic meets them.
        kill: ends the process that an operator is in.
    """

    def __init__(self, breakage: Breakage, designs: Designs, kill: Callable[[str], None]) -> None:
        self._breakage, self._designs, self._kill = breakage, designs, kill

    @property
    def operations(self) -> tuple[Operation, ...]:
        """What there is."""
        names = sorted({name for members in MEMBERS.values() for name in members})
        members = {name: _NUMBER if name in NUMBERS else text("See `known`.") for name in names}
        return (
            Operation(
                name="faults", method="GET", path="/faults", handler=self._faults,
                words=Words("Les défauts en cours, et ceux qui existent.",
                            "The faults in force, and those that there are."),
            ),
            Operation(
                name="break", method="POST", path="/faults", handler=self._add,
                body={
                    "service": text("Which service.", one_of=SERVICES),
                    "fault": text("Which fault of `known`."),
                    **members,
                },
                required=("service", "fault"),
                words=Words("Mettre un défaut, avec ceux qui sont là.", "Add a fault."),
            ),
            Operation(
                name="mend", method="DELETE", path="/faults", handler=self._clear,
                words=Words("Tout réparer.", "Mend everything."),
            ),
            Operation(
                name="mend-one", method="DELETE", path="/faults/{name}", handler=self._remove,
                words=Words("Enlever un défaut ; name est celui que donne la liste.",
                            "Take away one fault; name is what the list gives."),
            ),
            Operation(
                name="reseed", method="PUT", path="/faults/seed", handler=self._reseed,
                body={"seed": {"type": "integer"}}, required=("seed",),
                words=Words("Tirer depuis cette graine ; ce qui est compté repart de zéro.",
                            "Draw from this seed; what is counted starts again."),
            ),
            Operation(
                name="costs", method="GET", path="/costs", handler=self._costs,
                words=Words("Ce que coûtent les défauts au trafic : mesuré, et prédit.",
                            "What the faults cost the traffic: measured, and predicted."),
            ),
            Operation(
                name="kill", method="POST", path="/operators/{name}/kill", handler=self._end_it,
                body={}, words=Words("Tuer le processus d'un opérateur (up --processes).",
                                     "Kill the process of an operator (up --processes)."),
            ),
            Operation(
                name="incident", method="POST", path="/incidents/{name}", handler=self._incident,
                body={}, words=Words("Mettre un incident prêt à jouer.", "Stage an incident."),
            ),
        )  # fmt: skip

    async def _faults(self, _: Request) -> Response:
        return JSONResponse(self._told())

    async def _add(self, request: Request) -> Response:
        data = await read_object(request)
        rule = {name: value for name, value in data.items() if value not in ("", None)}
        await asyncio.to_thread(self._breakage.add, [rule])
        return JSONResponse(self._told())

    async def _clear(self, _: Request) -> Response:
        await asyncio.to_thread(self._breakage.clear)
        return JSONResponse(self._told())

    async def _remove(self, request: Request) -> Response:
        await asyncio.to_thread(self._breakage.remove, request.path_params["name"])
        return JSONResponse(self._told())

    async def _reseed(self, request: Request) -> Response:
        seed = (await read_object(request)).get("seed")
        if isinstance(seed, bool) or not isinstance(seed, int) or abs(seed) >= 2**63:
            raise UserError("nombre entier attendu", "a whole number is expected", where="seed")
        await asyncio.to_thread(self._breakage.reseed, seed)
        return JSONResponse(self._told())

    async def _costs(self, _: Request) -> Response:
        found = await asyncio.to_thread(self._designs.damage)
        return JSONResponse({"costs": [asdict(each) for each in found]})

    async def _end_it(self, request: Request) -> Response:
        await read_object(request)
        await asyncio.to_thread(self._kill, request.path_params["name"])
        return JSONResponse({"killed": request.path_params["name"]})

    async def _incident(self, request: Request) -> Response:
        await read_object(request)
        name = request.path_params["name"]
        there = self._breakage.incidents()
        found = next((each for each in there if each.name == name), None)
        if found is None:
            raise MissingError.among(
                "aucun incident de ce nom",
                "no such incident",
                name[:60],
                [each.name for each in there],
            )
        await asyncio.to_thread(self._breakage.add, found.rules)
        return JSONResponse(self._told())

    def _told(self) -> dict[str, Any]:
        return {
            "seed": self._breakage.seed,
            "faults": [{"name": n, **rule} for n, rule in self._breakage.named().items()],
            "incidents": [each.name for each in self._breakage.incidents()],
            "known": [
                {"service": each.service, "fault": each.fault, "fr": each.words.french,
                 "en": each.words.english, "members": each.members}
                for each in known()
            ],
        }  # fmt: skip
