"""A console for a space: what looks, what answers, what guards, put together."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Protocol

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp

from sandbox.console.access import Guard
from sandbox.console.answers import Shown, answered
from sandbox.console.api import WatchApi, description
from sandbox.console.breakage_api import BreakageApi
from sandbox.console.controls import Controls
from sandbox.console.demo import Player
from sandbox.console.demo_api import DemoApi
from sandbox.console.designs import Designs
from sandbox.console.enrolling import Enrolling
from sandbox.console.mail import StoreMailboxes
from sandbox.console.mail_api import MailApi
from sandbox.console.mail_pages import MailPages
from sandbox.console.operations import Operation
from sandbox.console.pages import Pages
from sandbox.console.people_api import PeopleApi
from sandbox.console.reader import Readers
from sandbox.console.results import Results
from sandbox.console.trust_pages import Trust
from sandbox.console.watch import SpaceWatch, Watched
from sandbox.live.space import LiveSpace
from sandbox.serve.pages import SHARED

__all__ = ["SpaceConsole", "application"]

_STATIC = Path(__file__).with_name("static")


class ConsolePart(Protocol):
    """A part of the console: what of the API it answers."""

    @property
    def operations(self) -> tuple[Operation, ...]:
        """What there is."""


def application(
    parts: Sequence[ConsolePart],
    tables: Sequence[Mapping[str, Shown]],
    pages: Callable[[tuple[Operation, ...]], Pages],
    secret: str,
) -> ASGIApp:
    """Return what answers HTTP for a console.

    Args:
        parts: of the API.
        tables: who shows what, by address, beside the pages.
        pages: made of all operations.
        secret: that opens it.
    """
    operations = tuple(each for part in parts for each in part.operations)
    operations = (*operations, description(operations))
    api = Starlette(
        routes=[
            Route(each.path, answered(each.handler), methods=[each.method]) for each in operations
        ],
        exception_handlers={404: _missing, 405: _missing},
    )
    shown = pages(operations)
    addresses = {path: page for table in (shown.table, *tables) for path, page in table.items()}
    app = Starlette(
        routes=[
            Mount("/api", app=api),
            SHARED,
            Mount("/static", app=StaticFiles(directory=_STATIC)),
            *shown.routes(addresses),
        ],
        exception_handlers={404: shown.missing},
    )
    return Guard(app, secret)


async def _missing(_: Request, error: Exception) -> Response:
    status = getattr(error, "status_code", 404)
    told = {
        "fr": "n'existe pas ; voir /api/openapi.json",
        "en": "no such thing; see /api/openapi.json",
    }
    return JSONResponse({"error": told}, status, getattr(error, "headers", None))


class SpaceConsole:
    """The console of a space that is up; a `ConsoleMaker` makes it.

    Args:
        space: that it shows.
        secret: that opens it.

    Attributes:
        player: of the demonstration.
    """

    def __init__(self, space: LiveSpace, secret: str) -> None:
        folders = {
            each.label: space.folder.path / "operators" / each.label
            for each in space.plan.operators
        }
        journals = {label: path / "journal.jsonl" for label, path in folders.items()}
        boxes = StoreMailboxes({label: path / "mail.db" for label, path in folders.items()})
        watched: Watched = space
        watch = self._watch = SpaceWatch(watched, journals)
        readers, enrolling = Readers(), Enrolling(lambda: space.sheet)
        designs = self._designs = Designs(watch, space, Results(Path("out")))
        mail = self._mail = MailApi(watch, boxes, readers)
        player = self.player = Player(watch, designs, mail.key_of)
        seen, trust = WatchApi(watch), Trust(space)
        controls = Controls(space.folder.path)
        parts = (
            seen, PeopleApi(watch, readers, enrolling), mail,
            BreakageApi(watch.breakage, designs, space.kill), trust, designs, controls,
            DemoApi(player),
        )  # fmt: skip
        tables = (MailPages(watch, mail).table, trust.table, designs.table, controls.table)
        self._app = application(
            parts, tables,
            lambda operations: Pages(
                watch, seen, operations, player, designs, readers, enrolling
            ),
            secret,
        )  # fmt: skip

    @property
    def app(self) -> ASGIApp:
        """What answers HTTP."""
        return self._app

    def close(self) -> None:
        """Look no more."""
        self.player.stop()
        self._mail.close()
        self._designs.close()
        self._watch.close()
