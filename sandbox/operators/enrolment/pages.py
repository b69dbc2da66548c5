"""The pages of enrolment, for browsers: plain forms, no script, nothing from elsewhere."""

from __future__ import annotations

import hmac
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from sandbox.operators.auth.accounts import Secret
from sandbox.operators.enrolment.answers import (
    CARD_REFUSED,
    CONFIRMED,
    ENOUGH,
    FORGED,
    MAX_BODY,
    REVOKED,
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
from sandbox.operators.enrolment.tickets import LIFE, Ticket
from sandbox.operators.refusals import LoginRefusal
from sandbox.psc.forms import parse_form
from sandbox.psc.refusals import Refused
from sandbox.psc.web import read_body
from sandbox.serve.http import PEER_CERTIFICATE
from sandbox.serve.pages import POLICY, templates

__all__ = ["EnrolmentPages"]

COOKIE = "__Host-enrolment"
_TEMPLATES = templates(Path(__file__).with_name("templates"))
_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": f"{POLICY}; form-action 'self'; frame-ancestors 'none'",
    # With no-referrer, browsers would send `Origin: null` with our own forms.
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


def _day(secret: Secret) -> str:
    return datetime.fromtimestamp(secret.since, UTC).strftime("%d/%m/%Y %H:%M UTC")


class EnrolmentPages:
    """HTML for browsers."""

    def __init__(self, enrolment: Enrolment) -> None:
        self._enrolment = enrolment

    def page(self, name: str, status: int = 200, **values: Any) -> Response:
        """Return a page, which shows `error` or `done` where given."""
        text = _TEMPLATES.get_template(f"{name}.html").render(
            operator=self._enrolment.operator,
            **{"error": None, "done": None, **values},
        )
        return HTMLResponse(text, status, _HEADERS)

    async def home(self, request: Request) -> Response:
        """Show the sign-in forms, or the telephones of who has signed in."""
        ticket = self._ticket(request)
        return self.page("sign_in") if ticket is None else self._telephones(ticket)

    async def sign_in(self, request: Request) -> Response:
        """Sign in with password or card."""
        form = await self._form(request)
        user, client = form.get("user", "").strip(), client_of(request)
        if form.get("with") == "card":
            peer = request.scope.get(PEER_CERTIFICATE)
            found = await self._enrolment.sign_in_by_card(peer, user, client)
            otherwise = CARD_REFUSED
        else:
            current = form.get("current", "").replace(" ", "")
            found = await self._enrolment.sign_in(user, form.get("password", ""), current, client)
            otherwise = SIGN_IN_REFUSED
        if isinstance(found, LoginRefusal):
            return self.page("sign_in", status_of(found), error=told_of(found, otherwise))
        answer = RedirectResponse("/", 303, _HEADERS)
        answer.set_cookie(
            COOKIE, found.key, max_age=int(LIFE), path="/", secure=True, httponly=True,
            samesite="strict",
        )  # fmt: skip
        return answer

    async def sign_out(self, request: Request) -> Response:
        """Forget the ticket."""
        ticket, _ = await self._signed_in(request)
        self._enrolment.tickets.drop(ticket.key)
        answer = RedirectResponse("/", 303, _HEADERS)
        answer.delete_cookie(COOKIE, path="/", secure=True, httponly=True, samesite="strict")
        return answer

    async def enrol(self, request: Request) -> Response:
        """Show the QR code of a new secret."""
        ticket, form = await self._signed_in(request)
        label = form.get("label", "")
        if self._enrolment.begin(ticket.account, label, client_of(request)) is None:
            return self._telephones(ticket, 409, error=ENOUGH)
        return self._telephones(ticket)

    async def confirm(self, request: Request) -> Response:
        """Make the pending secret count."""
        ticket, form = await self._signed_in(request)
        code = form.get("code", "").replace(" ", "")
        refused = await self._enrolment.confirm(ticket.account, code, client_of(request))
        if refused is not None:
            return self._telephones(ticket, status_of(refused), error=told_of(refused, WRONG_CODE))
        return self._telephones(ticket, done=CONFIRMED)

    async def revoke(self, request: Request) -> Response:
        """Revoke a telephone."""
        ticket, form = await self._signed_in(request)
        number = number_of(form.get("id", ""))
        if not self._enrolment.revoke(ticket.account, number, client_of(request)):
            raise Problem(404, FORGED)
        return self._telephones(ticket, done=REVOKED)

    def _telephones(self, ticket: Ticket, status: int = 200, **values: Any) -> Response:
        pending = self._enrolment.pending(ticket.account)
        secret = pending.secret if pending else ""
        return self.page(
            "telephones",
            status,
            account=ticket.account,
            form_token=ticket.form_token,
            telephones=[
                (each.id, each.label, _day(each), self._enrolment.shown_code(each))
                for each in self._enrolment.telephones(ticket.account)
            ],
            pending=pending,
            uri=self._enrolment.uri(pending) if pending else "",
            groups=" ".join(secret[at : at + 4] for at in range(0, len(secret), 4)),
            **values,
        )

    def _ticket(self, request: Request) -> Ticket | None:
        return self._enrolment.tickets.get(request.cookies.get(COOKIE, ""))

    async def _form(self, request: Request) -> dict[str, str]:
        """Read a form of this site.

        Raises:
            Problem: another site's, or not a form.
        """
        origin = request.headers.get("origin")
        if origin is not None and origin != f"https://{request.headers.get('host', '')}":
            raise Problem(403, FORGED)
        try:
            body = await read_body(request, MAX_BODY)
            return parse_form(request.headers.get("content-type", ""), body)
        except Refused:
            raise Problem(400, FORGED) from None

    async def _signed_in(self, request: Request) -> tuple[Ticket, dict[str, str]]:
        form = await self._form(request)
        ticket = self._ticket(request)
        if ticket is None:
            raise Problem(403, SIGNED_OUT)
        given = form.get("form_token", "").encode()
        if not hmac.compare_digest(given, ticket.form_token.encode()):
            raise Problem(403, FORGED)
        return ticket, form
