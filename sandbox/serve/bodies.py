"""Bodies of requests, read within bounds."""

from __future__ import annotations

import json
from typing import Any

from starlette.requests import Request

from sandbox.space.errors import UserError

__all__ = ["read_body", "read_object"]


async def read_body(request: Request, most: int) -> bytes | None:
    """Read a body of at most `most` bytes; None, at once, of a larger one."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > most:
            return None
    return bytes(body)


async def read_object(request: Request, most: int) -> dict[str, Any]:
    """Read a JSON object.

    Raises:
        UserError: another content type, too large, or not a JSON object.
    """
    media = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media != "application/json":
        raise UserError.expected("Content-Type", "application/json")
    body = await read_body(request, most)
    if body is None:
        raise UserError("corps trop grand", "body too large")
    try:
        data = json.loads(body or b"{}")
    except (ValueError, RecursionError):
        raise UserError("JSON illisible", "unreadable JSON") from None
    if not isinstance(data, dict):
        raise UserError("objet JSON attendu", "a JSON object is expected")
    return data
