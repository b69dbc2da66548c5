"""Who may look and touch: whoever holds the space's control secret, and no other site's page.

Scripts send the secret as a bearer token. A browser opens the console once with `?secret=` and
keeps a cookie that no script can read. What a cookie opens, another site could ask for on its
owner's behalf: hence every request that changes something has to come with the `Origin` of the
console itself, as JSON. Which Hosts are ours is `serve.http.LoopbackOnly`'s to say.
"""

from __future__ import annotations

import hmac

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sandbox.serve.pages import POLICY

__all__ = ["HEADERS", "MAIL_POLICY", "Guard"]

_POLICY = f"{POLICY}; frame-src 'self'; form-action 'self'; frame-ancestors 'none'"
# Of a mail's HTML, in a frame of its own: styles of its own, and nothing else; it has no origin.
MAIL_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; form-action 'none'; "
    "base-uri 'none'; frame-ancestors 'self'; sandbox"
)
HEADERS = {
    "Content-Security-Policy": _POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Cache-Control": "no-store",
}
# What says nothing of anybody, so that a probe or a style sheet needs no secret.
_FILES = ("/static/", "/shared/")
_OPEN = ("/api/openapi.json", "/api/metrics")
_SAFE = ("GET", "HEAD", "OPTIONS")
_REFUSED = {
    401: "secret absent ou faux : l'adresse de la console est la première ligne de « up », le"
    " secret est control.secret de space.json / secret missing or wrong: the console's address is"
    " the first line of `up`, the secret is control.secret of space.json",
    403: "demande d'un autre site / asked by another site",
}


class Guard:
    """Lets through who may, and gives every answer its headers.

    Args:
        app: what answers.
        secret: of the space's control API.
    """

    def __init__(self, app: ASGIApp, secret: str) -> None:
        self._app = app
        self._secret = secret.encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or answer 401 or 403."""
        if scope["type"] != "http":
            return
        request = Request(scope)

        async def headed(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        answer = self._refusal(request)
        await (answer or self._app)(scope, receive, headed)

    def _refusal(self, request: Request) -> Response | None:
        path = request.url.path
        if self._same(request.query_params.get("secret", "")) and request.method == "GET":
            return self._welcome(request)
        if path.startswith(_FILES) or path in _OPEN:
            return None
        if self._bearer(request.headers):
            return None
        if not self._same(request.cookies.get(_cookie(request), "")):
            return _refused(request, 401)
        own = f"{request.url.scheme}://{request.headers.get('host', '')}"
        foreign = request.headers.get("sec-fetch-site", "same-origin") == "cross-site"
        if request.method not in _SAFE and request.headers.get("origin") != own:
            return _refused(request, 403)
        # A link in a ticket may lead to a page; nothing else is another site's to ask for.
        if foreign and request.headers.get("sec-fetch-mode") != "navigate":
            return _refused(request, 403)
        return None

    def _welcome(self, request: Request) -> Response:
        """Put the secret into a cookie, and out of the address and the history."""
        answer = RedirectResponse(request.url.path, 303)
        answer.set_cookie(
            _cookie(request), self._secret.decode(), httponly=True, samesite="lax", path="/"
        )
        return answer

    def _bearer(self, headers: Headers) -> bool:
        scheme, _, given = headers.get("authorization", "").partition(" ")
        return scheme.lower() == "bearer" and self._same(given.strip())

    def _same(self, given: str) -> bool:
        return hmac.compare_digest(given.encode("utf-8", "surrogatepass"), self._secret)


def _cookie(request: Request) -> str:
    # Cookies know no ports, and several consoles may share one host.
    return f"mssante_console_{request.url.port or 80}"


def _refused(request: Request, status: int) -> Response:
    french, _, english = _REFUSED[status].partition(" / ")
    if request.url.path.startswith("/api/"):
        headers = {"WWW-Authenticate": "Bearer"} if status == 401 else {}
        return JSONResponse({"error": {"fr": french, "en": english}}, status, headers)
    return Response(f"{french}\n\n{english}\n", status, media_type="text/plain")
