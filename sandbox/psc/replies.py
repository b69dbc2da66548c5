"""What an endpoint answers over HTTP, as a value: nothing of a socket."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from sandbox.psc.refusals import ProfileName, Refused

__all__ = ["NO_STORE", "HttpReply", "refusal_reply"]

NO_STORE = {"Cache-Control": "no-store", "Pragma": "no-cache"}


@dataclass(frozen=True, slots=True)
class HttpReply:
    """Status, JSON (or text) body, headers; `delay` seconds before it; `hang`: never answered."""

    status: int = 200
    body: dict[str, Any] | str | None = None
    headers: dict[str, str] = field(default_factory=dict)
    delay: float = 0.0
    hang: bool = False


def refusal_reply(refused: Refused, profile: ProfileName, basic: bool = False) -> HttpReply:
    """Return the standard's error answer, and nothing beyond it (R14)."""
    answer = refused.refusal.answer(profile)
    headers = {**NO_STORE, **dict(refused.headers)}
    if answer.status == 401 and basic:
        headers["WWW-Authenticate"] = 'Basic realm="psc"'
    body = {"error": answer.error, "error_description": answer.description}
    return HttpReply(answer.status, body, headers)
