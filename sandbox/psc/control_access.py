"""Who may drive the phones: the holder of the control secret, which the connection sheet gives.

Programs send it as a bearer token. A browser opens the page once with `?secret=`, and keeps a
cookie that no other site can send (SameSite) and no script can read.
"""

from __future__ import annotations

import hmac
from collections.abc import Awaitable, Callable
from functools import wraps
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response

from sandbox.psc.web import page

__all__ = ["ControlAccess", "Handler"]

Handler = Callable[[Request], Awaitable[Response]]
REFUSED = (
    "secret de contrôle absent ou faux : Authorization: Bearer …, donné par psc.json ou space.json"
    " / control secret missing or wrong: it is in psc.json or space.json"
)


class ControlAccess:
    """Guards handlers with one secret. `service` titles the page that asks for it."""

    def __init__(self, secret: str, service: str) -> None:
        self._secret = secret.encode()
        self._service = service

    @property
    def secret(self) -> str:
        """What the connection sheet gives."""
        return self._secret.decode()

    def address(self, origin: str) -> str:
        """Return the page's address, as a person opens it the first time."""
        return f"{origin}/?{urlencode({'secret': self.secret})}"

    def _cookie(self, request: Request) -> str:
        # Cookies know no ports, and several services may share one host.
        return f"sandbox_control_{request.url.port or 443}"

    def allows(self, request: Request) -> bool:
        """Whether a request carries the secret."""
        authorization = request.headers.get("authorization", "")
        if authorization[:7].lower() == "bearer ":
            return self.bears(authorization)
        return self._same(request.cookies.get(self._cookie(request), "").strip())

    def bears(self, authorization: str) -> bool:
        """Whether an Authorization header carries the secret."""
        return authorization[:7].lower() == "bearer " and self._same(authorization[7:].strip())

    def _same(self, given: str) -> bool:
        return hmac.compare_digest(given.encode("utf-8", "surrogatepass"), self._secret)

    def guard(self, handler: Handler) -> Handler:
        """Return a handler that answers 401 to those without the secret."""

        @wraps(handler)
        async def guarded(request: Request) -> Response:
            if self.allows(request):
                return await handler(request)
            return JSONResponse({"error": REFUSED}, 401, {"WWW-Authenticate": "Bearer"})

        return guarded

    def guard_page(self, handler: Handler) -> Handler:
        """Return a page's handler: `?secret=` gives the cookie, others are told where it is."""

        @wraps(handler)
        async def guarded(request: Request) -> Response:
            if self._same(request.query_params.get("secret", "")):
                response = RedirectResponse(request.url.path, 303, {"Cache-Control": "no-store"})
                secure = request.url.scheme == "https"
                response.set_cookie(
                    self._cookie(request), self.secret, httponly=True, samesite="strict",
                    secure=secure,
                )  # fmt: skip
                return response
            if self.allows(request):
                return await handler(request)
            return page("secret", 401, service=self._service)

        return guarded
