"""The SMS inbox and its links as pages, for the operator's CIBA and for the AD brick."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sandbox.psc import telephones
from sandbox.psc.ciba import DeviceDecision
from sandbox.psc.control_access import ControlAccess
from sandbox.psc.forms import parse_form
from sandbox.psc.refusals import Refused
from sandbox.psc.sms import SmsInbox
from sandbox.psc.web import OPERATOR_SMS, page, read_body
from sandbox.serve.streams import Streams
from sandbox.space.errors import UserError

__all__ = ["sms_routes"]

_LOOK = 0.25  # s between two looks at what a stream tells of: an SMS arrives, or ends, by the clock


def sms_routes(
    inbox: SmsInbox,
    now: Callable[[], float],
    message: Callable[[str], str | None],
    decide: Callable[[str, DeviceDecision], Awaitable[str]],
    pending: Callable[[str], bool],
    access: ControlAccess,
) -> list[Route]:
    """Return the pages.

    `message(ticket)` is the binding message to show; `decide(ticket, decision)` applies the answer
    and returns the state in a word, or raises UserError when it comes too late; `pending(ticket)`
    tells whether an answer is waited for. `access` guards the inbox; a link is its own secret.
    """

    def shown(name: str, status: int = 200, **values: Any) -> Response:
        return page(name, status, service=OPERATOR_SMS, **values)

    def messages() -> list[telephones.ArrivedSms]:
        return telephones.inbox(inbox, now(), pending)

    async def listing(_: Request) -> Response:
        return shown("sms", messages=messages())

    streams = Streams()

    async def events(_: Request) -> Response:
        return streams.answer(news())

    async def news() -> AsyncGenerator[str, None]:
        told: list[telephones.ArrivedSms] | None = None  # what came before is news to who listens
        yield "retry: 1000\n\n"
        while True:
            if (found := messages()) != told:
                told = found
                yield "event: sms\ndata: {}\n\n"
            await asyncio.sleep(_LOOK)

    async def show(token: str) -> Response:
        sms = inbox.open(token, now())
        if sms is None:
            return shown("sms_gone", 410)
        return shown("sms_link", token=token, message=message(sms["ticket"]))

    async def link(request: Request) -> Response:
        token = request.path_params["token"]
        if request.method == "GET":
            return await show(token)
        try:
            body = await read_body(request)
            form = parse_form(request.headers.get("content-type", ""), body)
            decision = DeviceDecision(form.get("decision", ""))
        except (Refused, ValueError):
            return shown("sms_gone", 400)
        sms = inbox.spend(token, now())
        if sms is None:
            return shown("sms_gone", 410)
        try:
            state = await decide(sms["ticket"], decision)
        except UserError:
            return shown("sms_gone", 410)
        return shown("sms_done", state=state)

    return [
        Route("/sms", access.guard_page(listing)),
        Route("/sms/events", access.guard(events)),
        Route("/s/{token}", link, methods=["GET", "POST"]),
    ]
