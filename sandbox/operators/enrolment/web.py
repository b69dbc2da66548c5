"""The pages of enrolment and their JSON for scripts. No decision is taken here.

A browser holds its ticket in a cookie that no other site's request carries (`SameSite=Strict`);
each form sends back a token that only the page knows; scripts send `application/json`, which
another site's page cannot. No secret stands in a URL, and no page is kept in a cache.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp

from sandbox.operators.enrolment.answers import (
    ENOUGH,
    MAX_BODY,
    SIGN_IN_REFUSED,
    SIGNED_OUT,
    WRONG_CODE,
    Problem,
    client_of,
    number_of,
    status_of,
    told_of,
)
from sandbox.operators.enrolment.enrolment import Enrolment
from sandbox.operators.enrolment.pages import EnrolmentPages
from sandbox.operators.enrolment.tickets import Ticket
from sandbox.operators.refusals import LoginRefusal
from sandbox.psc.refusals import Refused
from sandbox.psc.web import read_body
from sandbox.serve.http import PEER_CERTIFICATE
from sandbox.serve.pages import SHARED

__all__ = ["application"]


class Api:
    """JSON for scripts: `user`, `password`, `current` where a telephone is enrolled, or `ticket`.

    `POST /api/enrol` (`label`) gives `secret`, `uri` and `ticket`; `POST /api/confirm` takes
    `code`; `POST /api/revoke` takes `id`; each lists the `telephones` that count.
    """

    def __init__(self, enrolment: Enrolment) -> None:
        self._enrolment = enrolment

    async def enrol(self, request: Request) -> Response:
        """Draw a secret, pending until confirmed."""
        ticket, data = await self._signed_in(request)
        secret = self._enrolment.begin(ticket.account, data.get("label", ""), client_of(request))
        if secret is None:
            raise Problem(409, ENOUGH)
        return self._answer(
            ticket, id=secret.id, secret=secret.secret, uri=self._enrolment.uri(secret)
        )

    async def confirm(self, request: Request) -> Response:
        """Make the pending secret count."""
        ticket, data = await self._signed_in(request)
        code = data.get("code", "")
        refused = await self._enrolment.confirm(ticket.account, code, client_of(request))
        if refused is not None:
            raise Problem(status_of(refused), told_of(refused, WRONG_CODE))
        return self._answer(ticket)

    async def revoke(self, request: Request) -> Response:
        """Revoke a telephone."""
        ticket, data = await self._signed_in(request)
        number = number_of(data.get("id", ""))
        if not self._enrolment.revoke(ticket.account, number, client_of(request)):
            raise Problem(404, ("Aucun téléphone de ce numéro.", "No telephone of this number."))
        return self._answer(ticket)

    def _answer(self, ticket: Ticket, **values: Any) -> Response:
        telephones = [
            {"id": each.id, "label": each.label, "since": each.since}
            for each in self._enrolment.telephones(ticket.account)
        ]
        content = {
            "mailbox": ticket.account.mailbox,
            "ticket": ticket.key,
            **values,
            "telephones": telephones,
        }
        return JSONResponse(content, headers={"Cache-Control": "no-store"})

    async def _signed_in(self, request: Request) -> tuple[Ticket, dict[str, str]]:
        media = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if media != "application/json":
            raise Problem(415, ("Attendu : application/json.", "Expected: application/json."))
        try:
            data = json.loads(await read_body(request, MAX_BODY))
        except (Refused, ValueError, RecursionError):
            raise Problem(400, ("JSON illisible.", "The JSON cannot be read.")) from None
        if not isinstance(data, dict):
            raise Problem(400, ("Attendu : un objet.", "Expected: an object."))
        texts = {str(key): str(value) for key, value in data.items()}
        if "ticket" in texts:
            ticket = self._enrolment.tickets.get(texts["ticket"])
            if ticket is None:
                raise Problem(403, SIGNED_OUT)
            return ticket, texts
        client = client_of(request)
        user, password = texts.get("user", ""), texts.get("password", "")
        if password:
            found = await self._enrolment.sign_in(user, password, texts.get("current", ""), client)
        else:
            peer = request.scope.get(PEER_CERTIFICATE)
            found = await self._enrolment.sign_in_by_card(peer, user, client)
        if isinstance(found, LoginRefusal):
            raise Problem(status_of(found), told_of(found, SIGN_IN_REFUSED))
        return found, texts


Handler = Callable[[Request], Awaitable[Response]]


def application(enrolment: Enrolment) -> ASGIApp:
    """Return the ASGI application, to be served over HTTPS on a loopback address.

    A server that asks for client certificates puts them, verified, in the scope under
    `serve.http.PEER_CERTIFICATE`.
    """
    pages, api = EnrolmentPages(enrolment), Api(enrolment)

    def page(handler: Handler) -> Handler:
        async def answer(request: Request) -> Response:
            try:
                return await handler(request)
            except Problem as problem:
                return pages.page("sign_in", problem.status, error=problem.told)

        return answer

    def script(handler: Handler) -> Handler:
        async def answer(request: Request) -> Response:
            try:
                return await handler(request)
            except Problem as problem:
                told = {"fr": problem.told[0], "en": problem.told[1]}
                return JSONResponse(told, problem.status, {"Cache-Control": "no-store"})

        return answer

    routes: list[BaseRoute] = [SHARED, Route("/", page(pages.home))]
    routes += [
        Route(f"/{name}", page(handler), methods=["POST"])
        for name, handler in (
            ("sign-in", pages.sign_in),
            ("sign-out", pages.sign_out),
            ("enrol", pages.enrol),
            ("confirm", pages.confirm),
            ("revoke", pages.revoke),
        )
    ]
    routes += [
        Route(f"/api/{name}", script(handler), methods=["POST"])
        for name, handler in (
            ("enrol", api.enrol),
            ("confirm", api.confirm),
            ("revoke", api.revoke),
        )
    ]
    return Starlette(routes=routes)
