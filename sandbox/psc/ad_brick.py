"""The AD brick alone: an SMS authentication device for a real Keycloak (the deck's OTP option 2).

Keycloak's authentication-channel protocol: Keycloak posts the request here with a bearer token,
we answer 201 and send an SMS; the answer goes back to its callback with that same bearer token as
SUCCEED, CANCELLED or UNAUTHORIZED. The token is Keycloak's own and opaque to us.
"""

from __future__ import annotations

import json
import secrets
import time
from collections import OrderedDict
from dataclasses import dataclass
from typing import Any

import httpx
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from sandbox.psc.ciba import DeviceDecision
from sandbox.psc.clients import is_local
from sandbox.psc.control_access import ControlAccess
from sandbox.psc.jose import BadTokenError, unverified_claims
from sandbox.psc.people import People
from sandbox.psc.refusals import Refused
from sandbox.psc.sms import SmsInbox, SmsLaw
from sandbox.psc.sms_pages import sms_routes
from sandbox.psc.store import ProviderStore
from sandbox.psc.web import OPERATOR_SMS, read_body
from sandbox.serve.pages import SHARED
from sandbox.space.errors import UserError

__all__ = ["STATUS", "AdBrick", "ChannelRequest"]

# Decision -> what Keycloak's callback understands.
STATUS = {
    DeviceDecision.APPROVE: "SUCCEED",
    DeviceDecision.REFUSE: "CANCELLED",
    DeviceDecision.WRONG_CODE: "UNAUTHORIZED",
    DeviceDecision.FAIL: "UNAUTHORIZED",
}
DEFAULT_LIFE = 120.0
MAX_WAITING = 10_000


@dataclass(frozen=True, slots=True)
class ChannelRequest:
    """What Keycloak asks: who, what to show, and the bearer to answer with."""

    login_hint: str
    binding_message: str | None
    bearer: str
    expires_at: float


def read_channel_request(authorization: str, body: bytes, now: float) -> ChannelRequest:
    """Read Keycloak's POST.

    Raises:
        UserError: no bearer, or a body that is not Keycloak's.
    """
    scheme, _, bearer = authorization.partition(" ")
    if scheme.lower() != "bearer" or not bearer.strip():
        raise UserError.expected("Authorization", "Bearer")
    try:
        data = json.loads(body)
    except (ValueError, RecursionError):
        raise UserError("JSON illisible", "unreadable JSON") from None
    if not isinstance(data, dict) or not isinstance(data.get("login_hint"), str):
        raise UserError("chaîne attendue", "a string is expected", where="login_hint")
    message = data.get("binding_message")
    shown = message if isinstance(message, str) else None
    return ChannelRequest(data["login_hint"], shown, bearer.strip(), _expiry(bearer, now))


def _expiry(bearer: str, now: float) -> float:
    """Read exp of the bearer, unverified: it only bounds how long the link is offered."""
    try:
        exp: Any = unverified_claims(bearer).get("exp")
    except BadTokenError:
        return now + DEFAULT_LIFE
    number = isinstance(exp, int | float) and not isinstance(exp, bool)
    if number and now < exp < now + 86_400:
        return float(exp)
    return now + DEFAULT_LIFE


class AdBrick:
    """Receives channel requests, sends SMS, calls back.

    `callback` is Keycloak's `…/ext/ciba/auth/callback`; it must be on this machine.

    Raises:
        UserError: a callback outside of the sandbox.
    """

    def __init__(
        self,
        origin: str,
        callback: str,
        people: People,
        law: SmsLaw,
        *,
        seed: int = 0,
        control_secret: str | None = None,
    ) -> None:
        if not is_local(callback):
            raise UserError.expected(callback, "127.0.0.0/8, *.mssante.test")
        self.callback = callback
        self.people = people
        self.inbox = SmsInbox(ProviderStore(), origin, law, seed)
        self.access = ControlAccess(control_secret or secrets.token_urlsafe(24), OPERATOR_SMS)
        self._waiting: OrderedDict[str, ChannelRequest] = OrderedDict()
        self.application: ASGIApp = Starlette(
            routes=[
                SHARED,
                Route("/channel", self._channel, methods=["POST"]),
                Route("/sandbox/sms", self.access.guard(self._messages)),
                *sms_routes(
                    self.inbox,
                    time.time,
                    self._message,
                    self._decide,
                    lambda ticket: ticket in self._waiting,
                    self.access,
                ),
            ]
        )

    async def _channel(self, request: Request) -> Response:
        try:
            body = await read_body(request)
            authorization = request.headers.get("authorization", "")
            asked = read_channel_request(authorization, body, time.time())
        except Refused:
            return JSONResponse({"error": "body too large"}, 413)
        except UserError as error:
            return JSONResponse({"error": str(error)}, 400)
        person = self.people.find(asked.login_hint)
        if person is None or not person.enabled:
            # Anything but 201 makes Keycloak answer 503 to its client.
            return JSONResponse({"error": "inconnu / unknown user"}, 404)
        ticket = secrets.token_hex(8)
        self._waiting[ticket] = asked
        while len(self._waiting) > MAX_WAITING:
            self._waiting.popitem(last=False)
        number, message = person.phone_number, asked.binding_message
        self.inbox.send(number, ticket, message, time.time(), asked.expires_at)
        return Response(None, 201)

    async def _messages(self, request: Request) -> Response:
        number = request.query_params.get("number")
        kept = ("number", "text", "link", "ticket", "sent_at", "used")
        arrived = self.inbox.arrived(time.time(), number)
        listed: list[dict[str, Any]] = [{name: sms[name] for name in kept} for sms in arrived]
        return JSONResponse({"sms": listed})

    def _message(self, ticket: str) -> str | None:
        asked = self._waiting.get(ticket)
        return asked.binding_message if asked else None

    async def _decide(self, ticket: str, decision: DeviceDecision) -> str:
        asked = self._waiting.pop(ticket, None)
        if asked is None:
            raise UserError("demande oubliée", "forgotten request")
        headers = {"Authorization": f"Bearer {asked.bearer}"}
        body = {"status": STATUS[decision]}
        async with httpx.AsyncClient(timeout=10, trust_env=False) as client:
            try:
                answer = await client.post(self.callback, json=body, headers=headers)
            except httpx.HTTPError as error:
                raise UserError.because(
                    "injoignable", "cannot be reached", "Keycloak", type(error).__name__
                ) from None
        if answer.status_code != 200:
            raise UserError("réponse", "answer", where="Keycloak", then=answer.status_code)
        return STATUS[decision]
