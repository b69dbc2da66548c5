"""The SMS inbox and its links as pages, for the operator's CIBA and for the AD brick."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sandbox.psc.ciba import Decision
from sandbox.psc.forms import parse_form
from sandbox.psc.refusals import Refused
from sandbox.psc.sms import SmsInbox
from sandbox.psc.web import page, read_body
from sandbox.space.errors import UserError

__all__ = ["sms_routes"]


def sms_routes(
    inbox: SmsInbox,
    now: Callable[[], float],
    message: Callable[[str], str | None],
    decide: Callable[[str, Decision], Awaitable[str]],
) -> list[Route]:
    """Return the pages.

    `message(ticket)` is the binding message to show; `decide(ticket, decision)` applies the answer
    and returns the state in a word, or raises UserError when it comes too late.
    """

    async def listing(request: Request) -> Response:
        del request
        return page("sms", messages=inbox.arrived(now()))

    async def show(token: str) -> Response:
        sms = inbox.open(token, now())
        if sms is None:
            return page("sms_gone", 410)
        return page("sms_link", token=token, message=message(sms["ticket"]))

    async def link(request: Request) -> Response:
        token = request.path_params["token"]
        if request.method == "GET":
            return await show(token)
        try:
            body = await read_body(request)
            form = parse_form(request.headers.get("content-type", ""), body)
            decision = Decision(form.get("decision", ""))
        except (Refused, ValueError):
            return page("sms_gone", 400)
        sms = inbox.spend(token, now())
        if sms is None:
            return page("sms_gone", 410)
        try:
            state = await decide(sms["ticket"], decision)
        except UserError:
            return page("sms_gone", 410)
        return page("sms_done", state=state)

    return [Route("/sms", listing), Route("/s/{token}", link, methods=["GET", "POST"])]
