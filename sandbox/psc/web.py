"""HTTP around the provider: Starlette routes, limits, headers. No decision is taken here."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import jinja2
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from sandbox.psc import browser, grants
from sandbox.psc.client_auth import Credentials
from sandbox.psc.discovery import discovery
from sandbox.psc.fault_rules import imposed, spoiled
from sandbox.psc.forms import MAX_BODY, parse_form, parse_pairs
from sandbox.psc.people import Person
from sandbox.psc.provider import Provider
from sandbox.psc.refusals import Refused
from sandbox.psc.replies import Reply
from sandbox.psc.rules_token import RULES

__all__ = [
    "OPERATOR_SMS",
    "PRO_SANTE_CONNECT",
    "LoopbackOnly",
    "application",
    "page",
    "read_body",
    "service_name",
    "to_response",
]

PEER_CERTIFICATE = "sandbox.psc.certificate"
PRO_SANTE_CONNECT = "Pro Santé Connect"
OPERATOR_SMS = "SMS de l'opérateur / operator's SMS"
ABORT = "sandbox.psc.abort"
_TEMPLATES = jinja2.Environment(
    loader=jinja2.FileSystemLoader(Path(__file__).with_name("templates")),
    autoescape=True,
    undefined=jinja2.StrictUndefined,
)
_PAGE_HEADERS = {
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Frame-Options": "DENY",
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self' 'unsafe-inline'; script-src 'self'; "
        "connect-src 'self'; img-src 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
}


def page(name: str, status: int = 200, **values: Any) -> HTMLResponse:
    """Render a template with the headers of a page that shows secrets to nobody else."""
    text = _TEMPLATES.get_template(f"{name}.html").render({"service": PRO_SANTE_CONNECT, **values})
    return HTMLResponse(text, status, _PAGE_HEADERS)


async def read_body(request: Request, limit: int = MAX_BODY) -> bytes:
    """Read a body of at most `limit` bytes.

    Raises:
        Refused: `form_size`, as soon as the limit is passed.
    """
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > limit:
            raise Refused(RULES["form_size"])
    return bytes(body)


def _json_bytes(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode("utf-8")


class _Silence(Response):
    """No answer: the connection is cut, as the listener's protocol lets us do."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Cut the connection; without such a listener, say 503."""
        abort = scope.get(ABORT)
        if abort is None:
            await Response(None, 503)(scope, receive, send)
        else:
            abort()


async def to_response(reply: Reply) -> Response:
    """Turn a reply into a response, after its delay."""
    if reply.delay:
        await asyncio.sleep(reply.delay)
    if reply.hang:
        return _Silence()
    if isinstance(reply.body, str):
        return Response(reply.body, reply.status, reply.headers)
    if reply.body is None:
        return Response(None, reply.status, reply.headers)
    return Response(_json_bytes(reply.body), reply.status, reply.headers, "application/json")


def _credentials(request: Request, form: dict[str, str]) -> Credentials:
    return Credentials(
        request.headers.get("authorization", ""), form, request.scope.get(PEER_CERTIFICATE)
    )


Answer = Callable[[Provider, Credentials], Reply]


def _endpoint(provider: Provider, answer: Answer) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(request: Request) -> Response:
        try:
            body = await read_body(request)
            form = parse_form(request.headers.get("content-type", ""), body)
        except Refused as refused:
            return await to_response(provider.refuse(refused))
        return await to_response(answer(provider, _credentials(request, form)))

    return endpoint


def service_name(provider: Provider) -> str:
    """Return whose pages these are."""
    return OPERATOR_SMS if provider.settings.device == "sms" else PRO_SANTE_CONNECT


def _browse(outcome: browser.Page | browser.Redirect, provider: Provider) -> Response:
    if isinstance(outcome, browser.Redirect):
        headers = {"Cache-Control": "no-store", "Referrer-Policy": "no-referrer"}
        return RedirectResponse(outcome.url, 303, headers)
    values = {"people": _some_people(provider), "service": service_name(provider), **outcome.values}
    return page(outcome.name, outcome.status, **values)


def _some_people(provider: Provider, limit: int = 500) -> list[Person]:
    return list(itertools.islice(provider.people, limit))


def _browser_routes(provider: Provider) -> list[Route]:
    paths = provider.settings.paths

    async def authorize(request: Request) -> Response:
        try:
            if request.method == "POST":
                body = await read_body(request)
                query = parse_form(request.headers.get("content-type", ""), body)
            else:
                query = parse_pairs(request.scope["query_string"])
        except Refused as refused:
            provider.refuse(refused)
            return page("error", refused.rule.core.status, rule=refused.rule)
        return _browse(browser.start(provider, query), provider)

    async def login(request: Request) -> Response:
        handle = request.path_params["handle"]
        if request.method == "GET":
            return _browse(browser.show(provider, handle), provider)
        try:
            body = await read_body(request)
            form = parse_form(request.headers.get("content-type", ""), body)
        except Refused as refused:
            provider.refuse(refused)
            return page("error", refused.rule.core.status, rule=refused.rule)
        outcome = browser.show(
            provider,
            handle,
            national_id=form.get("login_hint", ""),
            channel=form.get("channel", "MOBILE"),
        )
        return _browse(outcome, provider)

    async def leave(request: Request) -> Response:
        try:
            query = parse_pairs(request.scope["query_string"])
        except Refused as refused:
            provider.refuse(refused)
            return page("error", refused.rule.core.status, rule=refused.rule)
        return _browse(browser.end_session(provider, query), provider)

    routes = [
        Route(paths["authorization"], authorize, methods=["GET", "POST"]),
        Route("/sandbox/login/{handle}", login, methods=["GET", "POST"]),
        Route(paths["end_session"], leave, methods=["GET"]),
    ]
    if provider.settings.profile == "psc":
        # PSC's browser entry is on its wallet host, at /auth (domain.md 4.1).
        routes.append(Route("/auth", authorize, methods=["GET", "POST"]))
    return routes


def _public_routes(provider: Provider) -> list[Route]:
    paths = provider.settings.paths

    def published(point: str, body: dict[str, Any]) -> Reply:
        struck = provider.strike(point, "")
        forced = imposed(struck, provider.settings.profile)
        return forced or spoiled(Reply(200, body, {"Cache-Control": "no-store"}), struck)

    async def metadata(request: Request) -> Response:
        del request
        document = discovery(provider.settings, provider.origin, provider.mtls_origin)
        return await to_response(published("discovery", document))

    async def jwks(request: Request) -> Response:
        del request
        return await to_response(published("jwks", provider.ring.jwks(provider.now())))

    async def userinfo(request: Request) -> Response:
        certificate = request.scope.get(PEER_CERTIFICATE)
        authorization = request.headers.get("authorization", "")
        return await to_response(grants.userinfo(provider, authorization, certificate))

    well_known = f"{paths['issuer']}/.well-known"
    return [
        Route(f"{well_known}/openid-configuration", metadata),
        Route(f"{well_known}/wallet-openid-configuration", metadata),
        # The wallet host serves it at its root.
        *([Route("/.well-known/wallet-openid-configuration", metadata)] if paths["issuer"] else []),
        Route(paths["jwks"], jwks),
        Route(paths["userinfo"], userinfo, methods=["GET", "POST"]),
    ]


class LoopbackOnly:
    """Refuse a Host that is not the sandbox's: a page elsewhere cannot rebind its name to us."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or answer 421."""
        if scope["type"] == "http" and not self._expected(scope):
            refusal = Response("421 Misdirected Request", 421, media_type="text/plain")
            await refusal(scope, receive, send)
            return
        await self._app(scope, receive, send)

    @staticmethod
    def _expected(scope: Scope) -> bool:
        for name, value in scope["headers"]:
            if name == b"host":
                host = value.decode("latin-1").rsplit(":", 1)[0].strip("[]")
                return (
                    host in ("localhost", "::1", "mssante.test")
                    or host.endswith(".mssante.test")
                    or (host.startswith("127.") and host.replace(".", "").isdigit())
                )
        return False


def application(provider: Provider, extra: list[Route]) -> ASGIApp:
    """Return the ASGI application of a provider; `extra` are the control routes and pages."""
    paths = provider.settings.paths
    answers: dict[str, Answer] = {
        "token": grants.token,
        "introspection": grants.introspect,
        "revocation": grants.revoke,
        "backchannel": Provider.backchannel,
        "par": browser.push_request,
    }
    routes = [
        Route(paths[name], _endpoint(provider, answer), methods=["POST"])
        for name, answer in answers.items()
    ]
    routes.append(Route(paths["end_session"], _endpoint(provider, grants.logout), methods=["POST"]))
    routes += _public_routes(provider) + _browser_routes(provider) + extra
    return LoopbackOnly(Starlette(routes=_merged(routes)))


def _merged(routes: list[Route]) -> list[Route]:
    """Join routes of one path, so that a wrong method answers 405 with every allowed one."""
    by_path: dict[str, list[Route]] = {}
    for route in routes:
        by_path.setdefault(route.path, []).append(route)
    merged = []
    for path, same in by_path.items():
        if len(same) == 1:
            merged.append(same[0])
            continue
        handlers = {method: route.endpoint for route in same for method in route.methods or ()}

        def dispatch(table: dict[str, Any]) -> Callable[[Request], Awaitable[Response]]:
            async def endpoint(request: Request) -> Response:
                answer: Response = await table[request.method](request)
                return answer

            return endpoint

        merged.append(Route(path, dispatch(handlers), methods=list(handlers)))
    return merged
