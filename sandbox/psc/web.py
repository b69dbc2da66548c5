"""Pages around the provider, and the application that joins them with the endpoints.

No decision is taken here.
"""

from __future__ import annotations

import itertools
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from sandbox.psc import browser, grants, refusals_request
from sandbox.psc.client_auth import Credentials
from sandbox.psc.endpoints import Endpoints, send_reply
from sandbox.psc.forms import MAX_BODY, parse_form, parse_pairs
from sandbox.psc.logout import end_session
from sandbox.psc.outage import Outages
from sandbox.psc.provider import Provider
from sandbox.psc.refusals import Refused
from sandbox.psc.replies import HttpReply
from sandbox.psc.telephones import DRAWN
from sandbox.serve import bodies
from sandbox.serve.http import DROP, PEER_CERTIFICATE, Direct
from sandbox.serve.pages import POLICY, SHARED, templates

__all__ = [
    "OPERATOR_SMS",
    "PRO_SANTE_CONNECT",
    "application",
    "direct_of",
    "page",
    "read_body",
    "service_name",
]

PRO_SANTE_CONNECT = "Pro Santé Connect"
_SHOWN = 500  # people of a list
OPERATOR_SMS = "SMS de l'opérateur / operator's SMS"
_TEMPLATES = templates(Path(__file__).with_name("templates"), DRAWN)
_PAGE_HEADERS = {
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Frame-Options": "DENY",
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": f"{POLICY}; frame-ancestors 'none'",
}


def _both(french: str, english: str) -> str:
    return french if french == english else f"{french} / {english}"


def page(name: str, status: int = 200, **values: Any) -> HTMLResponse:
    """Render a template with the headers of a page that shows secrets to nobody else."""
    text = _TEMPLATES.get_template(f"{name}.html").render(
        {"service": PRO_SANTE_CONNECT, "t": _both, **values}
    )
    return HTMLResponse(text, status, _PAGE_HEADERS)


async def read_body(request: Request, limit: int = MAX_BODY) -> bytes:
    """Read a body of at most `limit` bytes.

    Raises:
        Refused: `form_size`, as soon as the limit is passed.
    """
    body = await bodies.read_body(request, limit)
    if body is None:
        raise Refused(refusals_request.FORM_SIZE)
    return body


def service_name(provider: Provider) -> str:
    """Return whose pages these are."""
    return OPERATOR_SMS if provider.settings.device == "sms" else PRO_SANTE_CONNECT


def _browse(outcome: browser.Outcome, provider: Provider) -> Response:
    if isinstance(outcome, browser.Redirect):
        headers = {"Cache-Control": "no-store", "Referrer-Policy": "no-referrer"}
        return RedirectResponse(outcome.url, 303, headers)
    values = {
        "people": list(itertools.islice(provider.people, _SHOWN)),
        "service": service_name(provider),
        **outcome.values,
    }
    return page(outcome.name, outcome.status, **values)


Answering = Callable[[Request, dict[str, str]], Response]


def _browser_routes(provider: Provider) -> list[Route]:
    paths = provider.settings.paths
    cookie = f"sandbox_session_{provider.origin.rpartition(':')[2]}"

    def asked(answer: Answering) -> Callable[[Request], Awaitable[Response]]:
        """Read the query, or the form of a POST; what is neither is a page that says so."""

        async def endpoint(request: Request) -> Response:
            try:
                if request.method == "POST":
                    body = await read_body(request)
                    query = parse_form(request.headers.get("content-type", ""), body)
                else:
                    query = parse_pairs(request.scope["query_string"])
            except Refused as refused:
                provider.refuse(refused)
                answer_of = refused.refusal
                return page("error", answer_of.core.status, reason=answer_of.reason)
            return answer(request, query)

        return endpoint

    def shown(outcome: browser.Outcome) -> Response:
        response = _browse(outcome, provider)
        if outcome.session is not None:
            life = provider.settings.sso_session if outcome.session else 0
            response.set_cookie(
                cookie, outcome.session, max_age=life, httponly=True, samesite="lax",
                secure=provider.origin.startswith("https:"),
            )  # fmt: skip
        return response

    def authorize(request: Request, query: dict[str, str]) -> Response:
        return shown(browser.start(provider, query, request.cookies.get(cookie, "")))

    def login(request: Request, form: dict[str, str]) -> Response:
        handle = request.path_params["handle"]
        if request.method == "GET":
            return shown(browser.show(provider, handle))
        person, channel = form.get("login_hint", ""), form.get("channel", "MOBILE")
        return shown(browser.show(provider, handle, national_id=person, channel=channel))

    def leave(request: Request, query: dict[str, str]) -> Response:
        if request.method == "POST" and "refresh_token" in query:
            # Keycloak's back-channel form, by an authenticated client.
            authorization = request.headers.get("authorization", "")
            certificate = request.scope.get(PEER_CERTIFICATE)
            return _Replied(grants.logout(provider, Credentials(authorization, query, certificate)))
        return shown(end_session(provider, query, request.cookies.get(cookie, "")))

    both = ["GET", "POST"]
    routes = [
        Route(paths["authorization"], asked(authorize), methods=both),
        Route("/sandbox/login/{handle}", asked(login), methods=both),
        Route(paths["end_session"], asked(leave), methods=both),
        Route("/submit.js", _submit),
    ]
    if provider.settings.profile == "psc":
        # PSC's browser entry is on its wallet host, at /auth (domain.md 4.1).
        routes.append(Route("/auth", asked(authorize), methods=both))
    return routes


class _Replied(Response):
    """A reply of the core, among the pages."""

    def __init__(self, reply: HttpReply) -> None:
        super().__init__()
        self._reply = reply

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it."""
        del receive
        await send_reply(self._reply, scope, send)


async def _submit(_: Request) -> Response:
    """The script that sends a form_post answer on: the page allows no inline one."""
    return Response("document.forms[0].submit();", 200, media_type="text/javascript")


def direct_of(provider: Provider) -> Direct:
    """Return the endpoints of `application` that wait for nothing, to answer without it."""
    return Endpoints(provider).direct


def application(provider: Provider, extra: list[Route]) -> ASGIApp:
    """Return the ASGI application of a provider; `extra` are the control routes and pages."""
    endpoints = Endpoints(provider)
    pages = Starlette(routes=[SHARED, *_browser_routes(provider), *extra])

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        called = scope["type"] == "http" and endpoints.serves(scope["path"])
        await (endpoints if called else pages)(scope, receive, send)

    paths = provider.settings.paths
    return Outages(
        answer,
        paths=frozenset(paths.values()) - {""} | {"/auth"},
        until=provider.outage,
        now=provider.now,
        drop=DROP,
    )
