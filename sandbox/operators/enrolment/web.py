"""The pages of enrolment and their JSON for scripts. No decision is taken here.

A browser holds its ticket in a cookie that no other site's request carries (`SameSite=Strict`);
each form sends back a token that only the page knows; scripts send `application/json`, which
another site's page cannot. No secret stands in a URL, and no page is kept in a cache.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp

from sandbox.operators.enrolment.answers import Problem
from sandbox.operators.enrolment.api import Api
from sandbox.operators.enrolment.enrolment import Enrolment
from sandbox.operators.enrolment.pages import EnrolmentPages
from sandbox.serve.pages import SHARED

__all__ = ["application"]

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
