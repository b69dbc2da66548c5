"""The API of faults: what there is, what is in force, incidents, and the end of all of it."""

from __future__ import annotations

import asyncio
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from sandbox.console.answers import MissingError, read_object
from sandbox.console.breakage import INCIDENTS, NUMBERS, SERVICES, Breakage, known
from sandbox.console.operations import Operation, text
from sandbox.observations.reasons import Words

__all__ = ["BreakageApi"]

_NUMBER = {"type": "number", "minimum": 0}


class BreakageApi:
    """Faults of a space.

    Args:
        breakage: that puts them in force.
    """

    def __init__(self, breakage: Breakage) -> None:
        self._breakage = breakage

    @property
    def operations(self) -> tuple[Operation, ...]:
        """What there is."""
        names = sorted({name for each in known() for name in each.members})
        members = {name: _NUMBER if name in NUMBERS else text("See `known`.") for name in names}
        return (
            Operation(
                name="faults", method="GET", path="/faults", handler=self.faults,
                words=Words("Les défauts en cours, et ceux qui existent.",
                            "The faults in force, and those that there are."),
            ),
            Operation(
                name="break", method="POST", path="/faults", handler=self.add,
                body={
                    "service": text("Which service.", one_of=SERVICES),
                    "fault": text("Which fault of `known`."),
                    **members,
                },
                required=("service", "fault"),
                words=Words("Mettre un défaut, avec ceux qui sont là.", "Add a fault."),
            ),
            Operation(
                name="mend", method="DELETE", path="/faults", handler=self.clear,
                words=Words("Tout réparer.", "Mend everything."),
            ),
            Operation(
                name="incident", method="POST", path="/incidents/{name}", handler=self.incident,
                body={}, words=Words("Mettre un incident prêt à jouer.", "Stage an incident."),
            ),
        )  # fmt: skip

    async def faults(self, request: Request) -> Response:
        """See the table."""
        del request
        return JSONResponse(self._told())

    async def add(self, request: Request) -> Response:
        """See the table."""
        data = await read_object(request)
        rule = {name: value for name, value in data.items() if value not in ("", None)}
        await asyncio.to_thread(self._breakage.add, [rule])
        return JSONResponse(self._told())

    async def clear(self, request: Request) -> Response:
        """See the table."""
        del request
        await asyncio.to_thread(self._breakage.clear)
        return JSONResponse(self._told())

    async def incident(self, request: Request) -> Response:
        """See the table."""
        await read_object(request)
        name = request.path_params["name"]
        found = next((each for each in INCIDENTS if each.name == name), None)
        if found is None:
            raise MissingError("aucun incident de ce nom ; choisir parmi",
                               "no such incident; choose among", where=name[:60],
                               then=", ".join(each.name for each in INCIDENTS))  # fmt: skip
        await asyncio.to_thread(self._breakage.add, found.rules)
        return JSONResponse(self._told())

    def _told(self) -> dict[str, Any]:
        return {
            "seed": self._breakage.seed,
            "faults": self._breakage.rules(),
            "incidents": [each.name for each in INCIDENTS],
            "known": [
                {"service": each.service, "fault": each.fault, "fr": each.words.french,
                 "en": each.words.english, "members": each.members}
                for each in known()
            ],
        }  # fmt: skip
