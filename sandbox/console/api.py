"""The API of the console: spaces, connections and events. JSON in, JSON out, under `/api`."""

from __future__ import annotations

import asyncio
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from sandbox.console import otlp, why
from sandbox.console.answers import MissingError, count_of
from sandbox.console.ledger import Query, TrailOutcome
from sandbox.console.operations import Operation, described, text
from sandbox.console.prometheus import CONTENT_TYPE, exposition
from sandbox.console.stream import changes
from sandbox.console.watch import SpaceWatch
from sandbox.observations.schema import Words
from sandbox.serve.streams import Streams
from sandbox.space.errors import UserError

__all__ = ["WatchApi", "description", "query_of"]

_FILTERS = {
    "person": text("Part of a name, a mailbox, a user name or a national identifier."),
    "operator": text("Label of an operator."),
    "design": text("Name of a design."),
    "protocol": text("imap, smtp or relay."),
    "method": text("Name of a method."),
    "reason": text("Name of the last refusal."),
    "client": text("Address of the client, or its beginning."),
    "outcome": text("What became of it.", one_of=["", *TrailOutcome.ALL]),
    "before": text("Key of a connection: those that began before it."),
}
_LIMIT = {"limit": {"type": "integer", "minimum": 1, "maximum": why.MOST, "default": 100}}


def query_of(request: Request) -> Query:
    """Return which connections a request asks for.

    Raises:
        UserError: a value that no connection can have.
    """
    values: dict[str, Any] = {name: request.query_params.get(name, "").strip() for name in _FILTERS}
    for name, value in values.items():
        if len(value) > 200:
            raise UserError("200 caractères au plus", "200 characters at most", where=name)
    if values["outcome"] and values["outcome"] not in TrailOutcome.ALL:
        raise UserError.expected("outcome", TrailOutcome.ALL)
    return Query(**values)


class WatchApi:
    """What is seen of a space.

    Args:
        watch: that looks.
    """

    def __init__(self, watch: SpaceWatch) -> None:
        self._watch, self._streams = watch, Streams()

    @property
    def operations(self) -> tuple[Operation, ...]:
        """What there is."""
        busy = {"503": "As many listen as may."}
        return (
            Operation(
                name="metrics", method="GET", path="/metrics", handler=self._metrics, open=True,
                media="text/plain", refuses={"503": "Operators are starting again."},
                words=Words("Mesures pour Prometheus.", "Metrics for Prometheus."),
            ),
            Operation(
                name="events", method="GET", path="/events", handler=self._events, refuses=busy,
                media="text/event-stream",
                words=Words("Ce qui arrive, au fil de l'eau (server-sent events).",
                            "What happens, as it does (server-sent events)."),
            ),
            Operation(
                name="space", method="GET", path="/space", handler=self._space,
                words=Words("L'espace : opérateurs, architectures, points d'accès, instant.",
                            "The space: operators, designs, endpoints, moment."),
            ),
            Operation(
                name="connections", method="GET", path="/connections", handler=self._connections,
                query={**_FILTERS, **_LIMIT},
                words=Words("Connexions de clients, les plus récentes d'abord.",
                            "Connections of clients, the newest first."),
            ),
            Operation(
                name="connection", method="GET", path="/connections/{key}",
                handler=self._connection,
                words=Words("Une connexion, pas à pas, avec la cause de chaque refus.",
                            "One connection, step by step, with the cause of each refusal."),
            ),
            Operation(
                name="traces", method="GET", path="/traces", handler=self._traces,
                query={**_FILTERS, **_LIMIT},
                words=Words("Les mêmes connexions, en traces OpenTelemetry (OTLP/JSON).",
                            "The same connections as OpenTelemetry traces (OTLP/JSON)."),
            ),
            Operation(
                name="trace", method="GET", path="/traces/{key}", handler=self._trace,
                words=Words("Une connexion, en trace OpenTelemetry.",
                            "One connection as an OpenTelemetry trace."),
            ),
        )  # fmt: skip

    async def _metrics(self, _: Request) -> Response:
        seen = self._watch.seen
        if seen is None:
            try:
                seen = await asyncio.to_thread(self._watch.space.seen)
            except UserError as error:
                told = {"fr": error.french, "en": error.english}
                return JSONResponse({"error": told}, 503)
        page = exposition(seen, self._watch.waiting(), self._watch.feed.ledger.entries)
        return PlainTextResponse(page, headers={"Content-Type": CONTENT_TYPE})

    async def _events(self, _: Request) -> Response:
        return self._streams.answer(changes(self._watch))

    async def _space(self, _: Request) -> Response:
        sheet, moment = self._watch.space.sheet, self._watch.pulse
        told: dict[str, Any] = {name: sheet[name] for name in ("scenario", "suffix", "ready")}
        told["operators"] = [
            {"name": each["name"], "domain": each["domain"], "designs": each["designs"]}
            for each in sheet["operators"]
        ]
        return JSONResponse({**told, "pulse": None if moment is None else moment.data()})

    async def _connections(self, request: Request) -> Response:
        query, limit = query_of(request), count_of(request, "limit", 100, why.MOST)
        trails = await asyncio.to_thread(why.found, self._watch.feed, query, limit)
        more = trails[-1].key if len(trails) == limit else None
        return JSONResponse({"connections": [why.trail_data(e) for e in trails], "before": more})

    async def _connection(self, request: Request) -> Response:
        return JSONResponse(why.connection(await self.story(request.path_params["key"])))

    async def _traces(self, request: Request) -> Response:
        query, limit = query_of(request), count_of(request, "limit", 100, why.MOST)

        def told() -> dict[str, Any]:
            feed = self._watch.feed
            stories = [why.timeline_of(feed, each.key) for each in why.found(feed, query, limit)]
            return otlp.traces([each for each in stories if each is not None])

        return JSONResponse(await asyncio.to_thread(told))

    async def _trace(self, request: Request) -> Response:
        return JSONResponse(otlp.traces([await self.story(request.path_params["key"])]))

    async def story(self, key: str) -> Any:
        """Return the story of a connection.

        Raises:
            MissingError: it is unknown, or has left.
        """
        found = await asyncio.to_thread(why.timeline_of, self._watch.feed, key)
        if found is None:
            raise MissingError(
                "connexion inconnue, ou trop ancienne", "connection unknown, or too old",
                where=key[:60],
            )  # fmt: skip
        return found


def description(operations: tuple[Operation, ...]) -> Operation:
    """Return the operation that describes all of them, itself included."""

    async def answer(request: Request) -> Response:
        server = f"{request.url.scheme}://{request.headers['host']}/api"
        return JSONResponse(described((*operations, itself), server))

    itself = Operation(
        name="description", method="GET", path="/openapi.json", handler=answer, open=True,
        words=Words("Cette description.", "This description."),
    )  # fmt: skip
    return itself
