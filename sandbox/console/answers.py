"""What every handler of the API does: reads JSON within bounds, and says what is wrong."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from sandbox.serve import bodies
from sandbox.space.errors import UserError

__all__ = ["Handler", "MissingError", "Shown", "answered", "count_of", "read_object", "text_of"]

Handler = Callable[[Request], Awaitable[Response]]
# Of a page: the name of its template, and what it shows.
Shown = Callable[[Request], Awaitable[tuple[str, dict[str, Any]]]]
MAX_BODY = 40 * 2**20  # a message of 25 MB in base64, and some


class MissingError(UserError):
    """What the address names is not there: 404."""


def answered(handler: Handler) -> Handler:
    """Return a handler that answers 400 or 404 to what a `UserError` says."""

    async def answer(request: Request) -> Response:
        try:
            return await handler(request)
        except UserError as error:
            status = 404 if isinstance(error, MissingError) else 400
            parts = [(error.where, text, error.then) for text in (error.french, error.english)]
            fr, en = (
                " ".join(": ".join(filter(None, (where, f"{text} {then}".strip()))).split())
                for where, text, then in parts
            )
            return JSONResponse({"error": {"fr": fr, "en": en}}, status)

    return answer


async def read_object(request: Request) -> dict[str, Any]:
    """Read a JSON object; see `serve.bodies`."""
    return await bodies.read_object(request, MAX_BODY)


def text_of(data: dict[str, Any], name: str, default: str | None = None) -> str:
    """Return a text member.

    Raises:
        UserError: it is missing, and has no default, or is no text.
    """
    value = data.get(name, default)
    if not isinstance(value, str) or len(value) > MAX_BODY:
        raise UserError("texte attendu", "a text is expected", where=name)
    return value


def count_of(request: Request, name: str, default: int, most: int) -> int:
    """Return a number of the query, from 1 to `most`.

    Raises:
        UserError: it is none.
    """
    text = request.query_params.get(name, "")
    if not text:
        return default
    if not (text.isascii() and text.isdigit() and len(text) < 10 and 1 <= int(text) <= most):
        raise UserError.expected(name, f"1 … {most}")
    return int(text)
