"""Who watches the space: cases of the register, and this month's figures of each operator."""

from __future__ import annotations

import asyncio
import threading
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from sandbox.console.answers import Shown, read_object
from sandbox.console.operations import Operation
from sandbox.controls.ladder import CaseState
from sandbox.controls.look import look
from sandbox.controls.register import Case, CaseRegister
from sandbox.controls.rules import CONTROLS, examine
from sandbox.indicators.anomalies import Anomaly, confront
from sandbox.indicators.counting import Indicators
from sandbox.indicators.from_space import from_space, operators_of
from sandbox.indicators.month import Month
from sandbox.observations.schema import Words

__all__ = ["Controls", "Counted", "counted"]

_AGAIN = 10.0  # s for which this month's figures are not counted again
_WORDS = {each.name: each.what for each in CONTROLS}


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted:
    """One operator's month, as its file of indicators says it.

    Attributes:
        operator: its label.
        open, active: mailboxes.
        sent, received, failed: messages of somebody.
        logins: by method, accepted.
        refused: by cause.
    """

    operator: str
    open: int
    active: int
    sent: int
    received: int
    failed: int
    logins: dict[str, int]
    refused: dict[str, int]


def counted(said: Indicators) -> Counted:
    """Return the figures of a month that a page has room for. Pure."""
    boxes = list(said.mailboxes.values())
    logins: dict[str, int] = {}
    refused: dict[str, int] = {}
    for key, number in said.logins.items():
        table, name = (refused, key.cause) if key.cause else (logins, key.method)
        table[name] = table.get(name, 0) + number
    return Counted(
        operator=said.operator,
        open=sum(each.open for each in boxes),
        active=sum(each.active for each in boxes),
        sent=said.total("submitted"),
        received=said.total("received"),
        failed=said.total("failed"),
        logins=logins,
        refused=refused,
    )


class Controls:
    """The page of controls and indicators, and its API.

    Args:
        folder: of the space.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._register = CaseRegister(folder / "controls" / "register.jsonl")
        self._lock = threading.Lock()
        self._month: tuple[float, list[Counted], list[Anomaly]] = (0.0, [], [])

    @property
    def table(self) -> dict[str, Shown]:
        """Who shows what, by address."""
        return {"/controls": self.page}

    @property
    def operations(self) -> tuple[Operation, ...]:
        """What there is."""
        return (
            Operation(
                name="cases", method="GET", path="/controls", handler=self._cases,
                words=Words("Les dossiers ouverts du registre des contrôles.",
                            "The open cases of the register of controls."),
            ),
            Operation(
                name="control", method="POST", path="/controls", handler=self._run_now, body={},
                words=Words("Contrôler l'espace maintenant, interfaces à part, et noter.",
                            "Control the space now, interfaces aside, and take note."),
            ),
            Operation(
                name="indicators", method="GET", path="/indicators", handler=self._indicators,
                words=Words("Le mois en cours de chaque opérateur, et ce qui se contredit.",
                            "The present month of each operator, and what contradicts itself."),
            ),
        )  # fmt: skip

    async def page(self, _: Request) -> tuple[str, dict[str, Any]]:
        """Show all of it."""
        month, anomalies = await asyncio.to_thread(self._counted)
        return "controls", {
            "cases": await asyncio.to_thread(self._open), "what": _WORDS,
            "month": str(Month.at(time.time())), "counted": month, "anomalies": anomalies,
        }  # fmt: skip

    async def _cases(self, _: Request) -> Response:
        found = await asyncio.to_thread(self._open)
        return JSONResponse({"cases": [each.as_json() for each in found]})

    async def _run_now(self, request: Request) -> Response:
        await read_object(request)
        found = await asyncio.to_thread(self._run)
        return JSONResponse({"cases": [each.as_json() for each in found]})

    async def _indicators(self, _: Request) -> Response:
        month, anomalies = await asyncio.to_thread(self._counted)
        return JSONResponse(
            {"month": str(Month.at(time.time())), "operators": [asdict(each) for each in month],
             "anomalies": [asdict(each) for each in anomalies]}
        )  # fmt: skip

    def _open(self) -> list[Case]:
        with self._lock:
            cases = self._register.cases()
        return [case for _, case in sorted(cases.items()) if case.state is not CaseState.CLOSED]

    def _run(self) -> list[Case]:
        """Look, and take what is found: half of an interface mends nothing, so none is tried."""
        chosen = [each for each in CONTROLS if not each.name.endswith("-interface")]
        names = {each.name for each in chosen}
        view = look(self._folder, time.time(), interfaces="none")
        found = examine(view, chosen)
        with self._lock:
            self._register.take(view.now, found, lambda control, _subject: control in names)
        return self._open()

    def _counted(self) -> tuple[list[Counted], list[Anomaly]]:
        with self._lock:
            at, month, anomalies = self._month
            if not month or time.monotonic() - at > _AGAIN:
                now = Month.at(time.time())
                said = [from_space(self._folder, now, each) for each in operators_of(self._folder)]
                month, anomalies = [counted(each) for each in said], confront(said)
                self._month = (time.monotonic(), month, anomalies)
        return month, anomalies
