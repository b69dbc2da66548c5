"""A console for a space: what looks, what answers, what guards, put together."""

from __future__ import annotations

from pathlib import Path

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp

from sandbox.console.access import Guard
from sandbox.console.answers import answered
from sandbox.console.api import WatchApi, description
from sandbox.console.pages import Pages
from sandbox.console.people_api import PeopleApi
from sandbox.console.stream import Streams
from sandbox.console.watch import Watch, Watched
from sandbox.live.space import LiveSpace

__all__ = ["SpaceConsole", "application"]

_STATIC = Path(__file__).with_name("static")


def application(watch: Watch, secret: str) -> ASGIApp:
    """Return what answers HTTP for a console.

    Args:
        watch: of the space.
        secret: that opens it.
    """
    seen, people = WatchApi(watch, Streams(watch)), PeopleApi(watch)
    operations = (*seen.operations, *people.operations)
    operations = (*operations, description(operations))
    api = Starlette(
        routes=[
            Route(each.path, answered(each.handler), methods=[each.method]) for each in operations
        ],
        exception_handlers={404: _missing, 405: _missing},
    )
    pages = Pages(watch, seen, operations)
    app = Starlette(
        routes=[
            Mount("/api", app=api),
            Mount("/static", app=StaticFiles(directory=_STATIC)),
            *pages.routes,
        ],
        exception_handlers={404: pages.missing},
    )
    return Guard(app, secret)


async def _missing(request: Request, error: Exception) -> Response:
    del request
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
    """

    def __init__(self, space: LiveSpace, secret: str) -> None:
        journals = {
            each.label: space.folder.path / "operators" / each.label / "journal.jsonl"
            for each in space.plan.operators
        }
        watched: Watched = space
        self._watch = Watch(watched, journals)
        self._app = application(self._watch, secret)

    @property
    def app(self) -> ASGIApp:
        """What answers HTTP."""
        return self._app

    def close(self) -> None:
        """Look no more."""
        self._watch.close()
