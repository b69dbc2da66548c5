"""The pages: what the API says, as HTML. They change nothing: actions are calls of the API."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Mapping
from datetime import datetime
from functools import wraps
from pathlib import Path
from typing import Any

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from sandbox.console import people, why
from sandbox.console.answers import Handler, Shown, count_of
from sandbox.console.api import WatchApi, query_of
from sandbox.console.breakage import MEMBER_WORDS, MEMBERS, NUMBERS, SERVICES, known
from sandbox.console.cost import kinds
from sandbox.console.demo import STEPS, Player
from sandbox.console.designs import Designs
from sandbox.console.enrolling import Enrolling
from sandbox.console.ledger import TrailOutcome
from sandbox.console.operations import Operation
from sandbox.console.people_api import PSC
from sandbox.console.reader import Readers
from sandbox.console.space_map import space_map
from sandbox.console.watch import SpaceWatch
from sandbox.live.keys import PIN
from sandbox.observations.schema import Words
from sandbox.psc.telephones import DRAWN
from sandbox.serve.pages import templates
from sandbox.space.errors import UserError
from sandbox.space.methods import Method

__all__ = ["Pages"]

_PAGE = 50  # connections on a page of the list
_LANGUAGES, _THEMES = ("fr", "en"), ("auto", "light", "dark")
_YEAR = 365 * 86_400
_TEMPLATES = templates(Path(__file__).with_name("templates"), DRAWN)


def _seconds(value: float) -> str:
    if value < 1:
        return f"{value * 1e3:.0f} ms"
    return f"{value:.1f} s" if value < 60 else f"{value // 60:.0f} min {value % 60:.0f} s"


def _moment(at: float) -> str:
    return datetime.fromtimestamp(at).astimezone().strftime("%d/%m/%Y %H:%M")


def _octets(size: int) -> str:
    if size < 1_000:
        return f"{size} o"
    return f"{size / 1e3:.0f} ko" if size < 1_000_000 else f"{size / 1e6:.1f} Mo"


_TEMPLATES.filters |= {"moment": _moment, "octets": _octets, "seconds": _seconds}


class Pages:
    """All pages.

    Args:
        watch: of the space.
        seen: what the API says of connections.
        operations: of the API, for its page.
        player: of the demonstration.
        designs: whose traffic meets the faults.
        readers: of cards.
        enrolling: of telephones.
    """

    def __init__(
        self, watch: SpaceWatch, seen: WatchApi, operations: tuple[Operation, ...], player: Player,
        designs: Designs, readers: Readers, enrolling: Enrolling,
    ) -> None:  # fmt: skip
        self._readers, self._enrolling = readers, enrolling
        self._watch, self._seen, self._operations = watch, seen, operations
        self._player, self._designs = player, designs

    @property
    def table(self) -> dict[str, Shown]:
        """Who shows what, by address."""
        return {
            "/": self.space,
            "/why": self.connections,
            "/why/{key}": self.connection,
            "/phones": self.phones,
            "/phones/{identity:path}": self.person,
            "/faults": self.faults,
            "/api-page": self.api,
        }

    def routes(self, table: Mapping[str, Shown]) -> list[Route]:
        """Return what answers, for a table of addresses."""
        return [Route(path, self._page(handler)) for path, handler in table.items()]

    async def missing(self, request: Request, error: Exception) -> Response:
        """Say that there is no such page."""
        del error
        return self._rendered(request, "missing", {"told": None}, 404)

    async def space(self, _: Request) -> tuple[str, dict[str, Any]]:
        """Show what moves."""
        watch = self._watch
        return "space", {
            "map": space_map(watch.space.sheet),
            "moments": [each.data() for each in watch.pulses],
        }

    async def connections(self, request: Request) -> tuple[str, dict[str, Any]]:
        """List connections."""
        query, limit = query_of(request), count_of(request, "limit", _PAGE, why.MOST)
        feed, sheet = self._watch.feed, self._watch.space.sheet
        trails = await asyncio.to_thread(why.found, feed, query, limit)
        with feed.lock:
            reasons = feed.ledger.reasons()[:50]
        return "why", {
            "query": query,
            "filters": {k: v for k, v in request.query_params.items() if v and k != "before"},
            "trails": trails,
            "more": trails[-1].key if len(trails) == limit else None,
            "reasons": reasons,
            "outcomes": TrailOutcome.ALL,
            "operators": [each["name"] for each in sheet["operators"]],
            "designs": list(sheet["operators"][0]["designs"]),
            "methods": [each.value for each in Method],
        }

    async def connection(self, request: Request) -> tuple[str, dict[str, Any]]:
        """Show the story of a connection."""
        story = await self._seen.story(request.path_params["key"])
        return "connection", {"story": story, "trail": story.trail}

    async def phones(self, request: Request) -> tuple[str, dict[str, Any]]:
        """Show who is rung, then everybody."""
        asked = request.query_params.get("person", "").strip().lower()[:200]
        values = await self._telephones()
        shown = [
            each
            for each in values["named"].values()
            if asked in f"{each.name} {each.identity} {each.mailboxes}".lower()
        ]
        return "phones", {**values, "asked": asked, "people": shown}

    async def person(self, request: Request) -> tuple[str, dict[str, Any]]:
        """Show what one person carries."""
        identity = request.path_params["identity"]
        values = await self._telephones()
        person = values["named"].get(identity)
        if person is None:
            raise UserError("personne inconnue", "unknown person", where=identity[:60])
        accounts = self._watch.space.sheet["accounts"]
        return "person", {
            "person": person,
            "rings": [each for each in values["rings"] if each.identity == identity],
            "messages": [each for each in values["messages"] if each.identity == identity],
            "codes": people.codes(accounts, identity, time.time()),
            "enrolled": people.shown(self._enrolling.of(identity), time.time()),
            "enrolable": [
                address
                for address, methods in person.mailboxes
                if {Method.CPS, Method.TOTP} & set(methods)
            ],
            "holds_card": any(Method.CPS in methods for _, methods in person.mailboxes),
            "card": self._readers.card(identity),
            "pin": PIN,
            "psc": PSC,
        }

    async def _telephones(self) -> dict[str, Any]:
        space = self._watch.space
        providers, named = space.providers(), people.carried(space.sheet["accounts"])
        rings = await asyncio.to_thread(people.ringing, providers)
        messages = await asyncio.to_thread(people.inbox, providers, named)
        return {"rings": rings, "messages": messages, "named": named, "psc": PSC}

    async def faults(self, _: Request) -> tuple[str, dict[str, Any]]:
        """Show what is broken, and what can be."""
        watch, designs = self._watch, self._designs
        rules = watch.breakage.named()
        by, losses = await asyncio.to_thread(designs.losses)
        return "faults", {
            "rules": rules,
            "costs": await asyncio.to_thread(designs.damage),
            "traffic": designs.traffic.running,
            "kinds": kinds(rules.values()),
            "losses": losses,
            "losses_by": by,
            "own_processes": watch.space.sheet["operators"][0]["pid"] != os.getpid(),
            "seed": watch.breakage.seed,
            "incidents": watch.breakage.incidents(),
            "members": MEMBERS,
            "labels": MEMBER_WORDS,
            "methods": [each.value for each in Method],
            "services": SERVICES,
            "known": known(),
            "numbers": NUMBERS,
            "operators": [each["name"] for each in watch.space.sheet["operators"]],
            "designs": list(watch.space.sheet["operators"][0]["designs"]),
        }

    async def api(self, request: Request) -> tuple[str, dict[str, Any]]:
        """Show what a script can do."""
        base = f"{request.url.scheme}://{request.headers['host']}/api"
        return "api", {"operations": self._operations, "base": base}

    def _page(self, handler: Shown) -> Handler:
        @wraps(handler)
        async def answer(request: Request) -> Response:
            try:
                name, values = await handler(request)
            except UserError as error:
                return self._rendered(request, "missing", {"told": error}, 404)
            return self._rendered(request, name, values)

        return answer

    def _rendered(
        self, request: Request, name: str, values: dict[str, Any], status: int = 200
    ) -> Response:
        chosen = {
            key: _choice(request, key, allowed)
            for key, allowed in (("lang", _LANGUAGES), ("theme", _THEMES))
        }
        english = chosen["lang"] == "en"

        def t(french: str, english_text: str) -> str:
            return english_text if english else french

        def w(words: Words) -> str:
            return words.english if english else words.french

        sheet = self._watch.space.sheet
        text = _TEMPLATES.get_template(f"{name}.html").render(
            t=t, w=w, page=name, path=request.url.path, scenario=sheet.get("scenario", ""),
            waiting=sum(self._watch.waiting().values()), demo=self._player.state, steps=STEPS,
            **chosen, **values,
        )  # fmt: skip
        answer = HTMLResponse(text, status)
        for key, value in chosen.items():
            if request.query_params.get(key) == value:
                answer.set_cookie(key, value, max_age=_YEAR, httponly=True, samesite="lax")
        return answer


def _choice(request: Request, name: str, allowed: tuple[str, ...]) -> str:
    for value in (request.query_params.get(name), request.cookies.get(name)):
        if value in allowed:
            return value
    return allowed[0]
