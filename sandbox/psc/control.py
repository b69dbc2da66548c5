"""The control API and the pages: phones, decisions, clock, misbehaviour, events, SMS.

JSON in, JSON out, under /sandbox/, for who holds the control secret (`control_access`). A write
must be `application/json`, which a page of another origin cannot send without being asked first
(CORS preflight), so no other site drives the phones.
"""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import AsyncGenerator
from functools import partial
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sandbox.psc import telephones
from sandbox.psc.behaviour import KINDS, Behaviour
from sandbox.psc.ciba import AuthRequest, DeviceDecision
from sandbox.psc.clients import Client
from sandbox.psc.control_access import ControlAccess, Handler
from sandbox.psc.fault_rules import FaultRule
from sandbox.psc.faults import FAULTS
from sandbox.psc.forms import MAX_BODY
from sandbox.psc.openapi import openapi
from sandbox.psc.provider import Provider
from sandbox.psc.sms_pages import sms_routes
from sandbox.psc.web import page, service_name
from sandbox.serve import bodies
from sandbox.serve.http import Call, Direct, HttpAnswer
from sandbox.serve.streams import Streams
from sandbox.space.errors import UserError

__all__ = ["control_routes", "direct_decisions", "explained", "read_object"]

MAX_PEOPLE = 500
_SHOWN = 100  # events on the page
_OPERATOR = "l'opérateur / the operator"


def _error(status: int, text: str) -> JSONResponse:
    return JSONResponse({"error": text}, status)


async def read_object(request: Request) -> dict[str, Any]:
    """Read a JSON object.

    Raises:
        UserError: another content type, too large, or not a JSON object.
    """
    return await bodies.read_object(request, MAX_BODY)


def explained(handler: Handler) -> Handler:
    """Return a handler that answers 400 to what a `UserError` says."""

    async def answered(request: Request) -> Response:
        try:
            return await handler(request)
        except UserError as error:
            return _error(400, str(error))

    return answered


def seen(provider: Provider, request: AuthRequest) -> dict[str, Any]:
    """Return what a person's device shows of a request; never the auth_req_id."""
    return {
        "ticket": request.ticket,
        "national_id": request.subject,
        "client_id": request.client_id,
        "binding_message": request.binding_message,
        "channel": request.channel,
        "scope": request.scope,
        "mode": request.mode,
        "state": str(request.state),
        "created_at": request.created_at,
        "expires_in": round(max(0.0, request.expires_at - provider.now()), 3),
        "polls": request.polls,
        "fast_polls": request.fast_polls,
        "wrong_codes": request.wrong_codes,
    }


def _number(data: dict[str, Any], name: str, default: float) -> float:
    value = data.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise UserError("nombre attendu", "a number is expected", where=name)
    return float(value)


def _text_or_none(data: dict[str, Any], name: str) -> str | None:
    value = data.get(name)
    if value is not None and not isinstance(value, str):
        raise UserError("chaîne attendue", "a string is expected", where=name)
    return value


class _Control:
    """The handlers, over one provider."""

    def __init__(self, provider: Provider) -> None:
        self.provider = provider
        self._streams = Streams()

    async def people(self, _: Request) -> Response:
        listed: list[dict[str, Any]] = []
        for person in itertools.islice(self.provider.people, MAX_PEOPLE):
            behaviour = self.provider.devices.behaviours.get(
                person.national_id, self.provider.devices.behaviour
            )
            listed.append(
                {
                    "national_id": person.national_id,
                    "given_name": person.given_name,
                    "family_name": person.family_name,
                    "enabled": person.enabled,
                    "behaviour": behaviour.kind,
                }
            )
        return JSONResponse({"people": listed})

    async def requests(self, request: Request) -> Response:
        national_id = request.query_params.get("national_id")
        state = request.query_params.get("state")
        self.provider.tick()
        found = [
            seen(self.provider, item)
            for item in self.provider.requests.of(national_id)
            if state in (None, str(item.state))
        ]
        return JSONResponse({"requests": found})

    async def decide(self, request: Request) -> Response:
        await read_object(request)
        return self._decided(request, request.path_params["decision"], "")

    async def answer(self, request: Request) -> Response:
        data = await read_object(request)
        number = _text_or_none(data, "number") or ""
        return self._decided(request, str(data.get("decision", "")), number)

    def _decided(self, request: Request, word: str, number: str) -> Response:
        ticket = request.path_params["ticket"]
        try:
            decision = DeviceDecision(word)
        except ValueError:
            return _error(404, f"attendu / expected {', '.join(DeviceDecision)}")
        found = self.provider.requests.find(ticket)
        if found is None:
            return _error(404, f"demande {ticket[:40]!r} inconnue / unknown request")
        try:
            after = telephones.answer(self.provider, found, decision, number)
        except UserError as error:
            return _error(409, str(error))
        return JSONResponse(seen(self.provider, after))

    async def decide_for(self, request: Request) -> Response:
        """Decide what waits for a person: the newest, the oldest, or all; of one client if named.

        Who and what are always said, so that a body meant for something else decides nothing.
        """
        data = await read_object(request)
        if "national_id" not in data or "decision" not in data:
            raise UserError(
                "national_id (null : n'importe qui) et decision : à dire",
                "national_id (null: anyone) and decision must be given",
            )
        national_id = _text_or_none(data, "national_id")
        client_id = _text_or_none(data, "client_id")
        which = data.get("which", "newest")
        if which not in ("newest", "oldest", "all"):
            raise UserError.expected("which", "newest, oldest, all")
        try:
            decision = DeviceDecision(str(data["decision"]))
        except ValueError:
            raise UserError.expected("decision", DeviceDecision) from None
        requests = self.provider.requests
        requests.tick()
        waiting = requests.waiting(national_id, client_id)
        if not waiting:
            return _error(404, "aucune demande en attente / no pending request")
        chosen = {"newest": waiting[:1], "oldest": waiting[-1:], "all": waiting}[which]
        try:
            decided = [requests.decide(each.ticket, decision) for each in chosen]
        except UserError as error:
            return _error(409, str(error))
        return JSONResponse({"decided": [seen(self.provider, each) for each in decided]})

    async def behaviour(self, request: Request) -> Response:
        data = await read_object(request)
        national_id = _text_or_none(data, "national_id")
        data.pop("national_id", None)
        self.provider.behave(Behaviour.from_dict(data, self.provider.devices.law), national_id)
        return JSONResponse({"behaviour": data, "national_id": national_id})

    async def clock(self, request: Request) -> Response:
        provider = self.provider
        if request.method == "POST":
            data = await read_object(request)
            for name in data:
                if name not in ("advance", "freeze", "reset"):
                    raise UserError.among("inconnu", "unknown", name, "advance, freeze, reset")
                if name != "advance" and not isinstance(data[name], bool):
                    raise UserError.expected(name, "true, false")
            seconds = _number(data, "advance", 0.0)
            if data.get("reset"):
                provider.reset_clock()
            if "freeze" in data:
                (provider.clock.freeze if data["freeze"] else provider.clock.resume)()
            provider.advance(seconds)
        return JSONResponse({"now": provider.now(), "frozen": provider.clock.frozen})

    async def faults(self, request: Request) -> Response:
        faults = self.provider.faults
        if request.method == "DELETE":
            faults.replace(())
        elif request.method == "PUT":
            data = await read_object(request)
            rules, seed = data.get("rules"), data.get("seed", faults.seed)
            if not isinstance(rules, list) or not all(isinstance(r, dict) for r in rules):
                raise UserError.expected("rules", "[ {…} ]")
            if isinstance(seed, bool) or not isinstance(seed, int):
                raise UserError("entier attendu", "an integer is expected", where="seed")
            faults.replace(tuple(FaultRule.from_dict(rule) for rule in rules), seed)
        elif request.method == "POST":
            added = FaultRule.from_dict(await read_object(request))
            faults.replace((*faults.rules, added))
        rules = [rule.to_dict() for rule in faults.rules]
        known = {name: {"points": f.points, "text": f.text} for name, f in FAULTS.items()}
        return JSONResponse({"seed": faults.seed, "rules": rules, "known": known})

    async def clients(self, request: Request) -> Response:
        if request.method == "POST":
            client = Client.from_dict(await read_object(request))
            if client.client_id in self.provider.built_in:
                return _error(
                    409,
                    f"client {client.client_id!r} : fourni au démarrage, ne se remplace pas ;"
                    " choisir un autre client_id / given at the start; choose another client_id",
                )
            self.provider.register(client)
            return JSONResponse({"client_id": client.client_id}, 201)
        listed = [
            {"client_id": c.client_id, "auth_method": c.auth_method, "mode": c.delivery_mode}
            for c in self.provider.clients.values()
        ]
        return JSONResponse({"clients": listed})

    async def keys(self, request: Request) -> Response:
        data = await read_object(request)
        grace = _number(data, "grace", 0.0)
        if not 0 <= grace <= 31_536_000:
            raise UserError.expected("grace", "0 … 31536000 s")
        self.provider.rotate_keys(grace)
        return JSONResponse(self.provider.ring.jwks(self.provider.now()))

    async def device(self, request: Request) -> Response:
        data = await read_object(request)
        reachable = data.get("reachable")
        if not isinstance(reachable, bool):
            raise UserError.expected("reachable", "true, false")
        self.provider.devices.reachable = reachable
        return JSONResponse({"reachable": reachable})

    async def sms(self, request: Request) -> Response:
        number = request.query_params.get("number")
        kept = ("number", "text", "link", "ticket", "sent_at", "arrives_at", "used")
        arrived = self.provider.devices.sms.arrived(self.provider.now(), number)
        return JSONResponse({"sms": [{name: sms[name] for name in kept} for sms in arrived]})

    async def events(self, request: Request) -> Response:
        text = request.query_params.get("since", "0")
        since = int(text) if text.isascii() and text.isdigit() and len(text) < 16 else 0
        if "text/event-stream" not in request.headers.get("accept", ""):
            found = [event.to_dict() for event in self.provider.events.since(since)]
            return JSONResponse({"events": found})
        resume = request.headers.get("last-event-id", "")
        if resume.isascii() and resume.isdigit() and len(resume) < 16:
            since = int(resume)
        return self._streams.answer(self._news(since))

    async def _news(self, since: int) -> AsyncGenerator[str, None]:
        loop = asyncio.get_running_loop()
        news = asyncio.Event()

        def wake() -> None:
            loop.call_soon_threadsafe(news.set)

        stop = self.provider.events.listen(wake)
        try:
            while True:
                news.clear()
                while found := self.provider.events.since(since):  # so many at a time
                    for event in found:
                        since = event.seq
                        data = json.dumps(event.to_dict(), ensure_ascii=False)
                        yield f"id: {event.seq}\nevent: {event.kind}\ndata: {data}\n\n"
                await news.wait()
        finally:
            stop()

    async def home(self, _: Request) -> Response:
        provider, devices = self.provider, self.provider.devices
        by_sms = provider.settings.device == "sms"
        everybody = list(itertools.islice(provider.people, MAX_PEOPLE))
        return page(
            "phones",
            issuer=provider.issuer,
            profile=provider.settings.profile,
            kinds=KINDS,
            service=service_name(provider),
            by_sms=by_sms,
            rings=[
                each
                for each in telephones.ringing(provider, _OPERATOR if by_sms else "")
                if devices.behaviour_of(each.identity).kind != "offline"
            ],
            people=[(each, devices.behaviour_of(each.national_id).kind) for each in everybody],
            events=provider.events.since(provider.events.last - _SHOWN)[::-1],
        )

    async def description(self, _: Request) -> Response:
        return JSONResponse(openapi(self.provider.settings, self.provider.origin))


_REQUESTS = b"/sandbox/requests/"
_encode = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False).encode


def direct_decisions(provider: Provider) -> Direct:
    """Return the decision of one request as a direct answer, while nothing is wrong with it.

    It comes with every login that a program approves, so it costs as much as the protocol's calls.
    """
    access = ControlAccess(provider.control_secret, service_name(provider))

    def answer(call: Call) -> HttpAnswer | None:
        ticket, _, word = call.url[len(_REQUESTS) :].decode("ascii", "replace").partition("/")
        right = (
            call.method == "POST"
            and call.body in (b"", b"{}")
            and call.header(b"content-type") == "application/json"
            and access.bears(call.header(b"authorization"))
        )
        try:
            found = provider.requests.find(ticket) if right else None
            if found is None:
                return None
            after = telephones.answer(provider, found, DeviceDecision(word))
        except (UserError, ValueError):  # the route says what is wrong
            return None
        body = _encode(seen(provider, after)).encode("utf-8")
        return HttpAnswer(200, b"content-type: application/json\r\n", body)

    return Direct(lambda url: url.startswith(_REQUESTS), answer)


def control_routes(provider: Provider) -> list[Route]:
    """Return the control API and the pages of a provider."""
    control = _Control(provider)
    access = ControlAccess(provider.control_secret, service_name(provider))
    open_to_all: list[tuple[str, Handler]] = [
        ("/sandbox/openapi.json", control.description),
    ]
    table: list[tuple[str, Handler, list[str]]] = [
        ("/events", control.events, ["GET"]),
        ("/sandbox/people", control.people, ["GET"]),
        ("/sandbox/requests", control.requests, ["GET"]),
        ("/sandbox/requests/{ticket}", control.answer, ["POST"]),
        ("/sandbox/requests/{ticket}/{decision}", control.decide, ["POST"]),
        ("/sandbox/decide", control.decide_for, ["POST"]),
        ("/sandbox/behaviour", control.behaviour, ["POST"]),
        ("/sandbox/clock", control.clock, ["GET", "POST"]),
        ("/sandbox/faults", control.faults, ["GET", "POST", "PUT", "DELETE"]),
        ("/sandbox/clients", control.clients, ["GET", "POST"]),
        ("/sandbox/keys/rotate", control.keys, ["POST"]),
        ("/sandbox/device", control.device, ["POST"]),
        ("/sandbox/sms", control.sms, ["GET"]),
    ]
    routes = [Route(path, handler) for path, handler in open_to_all]
    routes.append(Route("/", access.guard_page(control.home)))
    routes += [
        Route(path, access.guard(explained(handler)), methods=methods)
        for path, handler, methods in table
    ]

    def message(ticket: str) -> str | None:
        request = provider.requests.find(ticket)
        return request.binding_message if request else None

    async def decided(ticket: str, decision: DeviceDecision) -> str:
        return str(provider.requests.decide(ticket, decision).state)

    pending = partial(telephones.pends, provider)
    return routes + sms_routes(
        provider.devices.sms, provider.now, message, decided, pending, access
    )
