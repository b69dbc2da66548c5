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
from sandbox.console.breakage_api import BreakageApi
from sandbox.console.demo import Player
from sandbox.console.demo_api import DemoApi
from sandbox.console.designs import Designs
from sandbox.console.mail import StoreMailboxes
from sandbox.console.mail_api import MailApi
from sandbox.console.mail_pages import MailPages
from sandbox.console.pages import Pages
from sandbox.console.people_api import PeopleApi
from sandbox.console.results import Results
from sandbox.console.stream import Streams
from sandbox.console.trust_pages import Trust, Trusted
from sandbox.console.watch import SpaceWatch, Watched
from sandbox.live.space import LiveSpace

__all__ = ["SpaceConsole", "application"]

_STATIC = Path(__file__).with_name("static")


def application(
    space: Trusted, watch: SpaceWatch, mail: MailApi, designs: Designs, player: Player, secret: str
) -> ASGIApp:
    """Return what answers HTTP for a console.

    Args:
        space: that is shown.
        watch: of it.
        mail: of the space.
        designs: side by side.
        player: of the demonstration.
        secret: that opens it.
    """
    seen, people = WatchApi(watch, Streams(watch)), PeopleApi(watch)
    breakage, trust, demo = BreakageApi(watch.breakage), Trust(space), DemoApi(player)
    operations = (
        *seen.operations, *people.operations, *mail.operations, *breakage.operations,
        *trust.operations, *designs.operations, *demo.operations,
    )  # fmt: skip
    operations = (*operations, description(operations))
    api = Starlette(
        routes=[
            Route(each.path, answered(each.handler), methods=[each.method]) for each in operations
        ],
        exception_handlers={404: _missing, 405: _missing},
    )
    pages, letters = Pages(watch, seen, operations, player), MailPages(watch, mail)
    app = Starlette(
        routes=[
            Mount("/api", app=api),
            Mount("/static", app=StaticFiles(directory=_STATIC)),
            *pages.routes({**pages.table, **letters.table, **trust.table, **designs.table}),
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
        results: folder in which the command line writes them.

    Attributes:
        player: of the demonstration.
    """

    def __init__(self, space: LiveSpace, secret: str, results: Path = Path("out")) -> None:
        folders = {
            each.label: space.folder.path / "operators" / each.label
            for each in space.plan.operators
        }
        journals = {label: path / "journal.jsonl" for label, path in folders.items()}
        boxes = StoreMailboxes({label: path / "mail.db" for label, path in folders.items()})
        watched: Watched = space
        self._watch = SpaceWatch(watched, journals)
        self._designs = Designs(self._watch, space, Results(results))
        mail = self._mail = MailApi(self._watch, boxes)
        self.player = Player(self._watch, self._designs, mail.key_of)
        self._app = application(space, self._watch, mail, self._designs, self.player, secret)

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
