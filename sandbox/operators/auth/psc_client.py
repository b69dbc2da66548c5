"""An operator as client of Pro Santé Connect: CIBA by polling, introspection, signed claims."""

from __future__ import annotations

import asyncio
import secrets
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from sandbox.operators.auth import refusals_ciba
from sandbox.operators.auth.ciba_ping import Pings
from sandbox.operators.auth.ciba_polling import (
    AnswerKind,
    Approved,
    Ended,
    PollAnswer,
    Polling,
    read_answer,
    start,
    unanswered,
)
from sandbox.operators.auth.openid_tokens import SentRequest, id_token_problem, instant
from sandbox.operators.auth.psc_http import (
    Marks,
    ProviderReply,
    PscError,
    PscHttp,
    Registration,
    Timing,
    UnreadableTokenError,
)
from sandbox.operators.refusals import LoginRefusal
from sandbox.psc.settings import CIBA_GRANT

__all__ = ["Approval", "CibaRequest", "Marks", "PscClient", "PscError", "Registration", "Timing"]


@dataclass(frozen=True, slots=True, kw_only=True)
class CibaRequest:
    """A request that the provider acknowledged (CIBA Core §7.3); its id is a secret."""

    auth_req_id: str = field(repr=False)
    national_id: str
    binding_message: str
    expires_in: float
    interval: float | None


@dataclass(frozen=True, slots=True)
class Approval:
    """The person approved, and the ID token said so. No token is kept."""

    national_id: str
    marks: Marks


class PscClient:
    """A provider (Pro Santé Connect, or the operator's own CIBA) as one operator uses it.

    Args:
        registration: who we are there.
        trust: TLS context of a client.
        timeout: longest time, in seconds, for one answer, however slowly it comes
            (`backends.psc.timeout`).
        timing: clocks.
        pings: where the provider's notifications come, for a client registered for ping.
    """

    def __init__(
        self,
        registration: Registration,
        trust: ssl.SSLContext,
        *,
        timeout: float,
        timing: Timing | None = None,
        pings: Pings | None = None,
    ) -> None:
        self.registration = registration
        self._pings = pings
        self._timing = timing or Timing()
        self._http = PscHttp(registration, trust, timeout=timeout, timing=self._timing)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Close every connection."""
        await self._http.close()

    async def approval(
        self,
        national_id: str,
        *,
        hold: float,
        asked: Callable[[CibaRequest], None] = lambda _: None,
    ) -> Approval:
        """Ring a person's telephone and poll until the answer; cancelling stops the polls.

        Args:
            national_id: who is asked (login_hint).
            hold: seconds, from now, after which the operator makes no further poll.
            asked: told once the request is acknowledged.

        Raises:
            PscError: refused, not answered in time, or the provider is at fault.
        """
        if self._pings is None:
            return await self._approval(national_id, hold, asked, "", None)
        with self._pings.awaited() as (token, ping):
            return await self._approval(national_id, hold, asked, token, ping)

    async def _approval(
        self, national_id: str, hold: float, asked: Callable[[CibaRequest], None], token: str,
        ping: asyncio.Event | None,
    ) -> Approval:  # fmt: skip
        elapsed = self._timing.elapsed
        began, at = elapsed(), self._timing.now()
        message = f"{secrets.randbelow(100):02d}"  # shown on the telephone
        request = await self._ask(national_id, message, token)
        rung = elapsed()
        asked(request)
        polling = start(
            rung, expires_in=request.expires_in, interval=request.interval,
            hold=max(0.0, began + hold - rung),
        )  # fmt: skip
        pending_at = rung
        while True:
            if not await self._due(polling, ping):
                end = unanswered(polling)
                raise PscError(end.refusal, end.detail, Marks(rung, elapsed()))
            sent = elapsed()
            answer = await self._poll(request)
            step = polling.after(answer, elapsed())
            match step:
                case Polling():
                    polling = step
                    if answer.kind is AnswerKind.PENDING:
                        pending_at = sent
                case Ended():
                    raise PscError(step.refusal, step.detail, Marks(rung, elapsed()))
                case Approved():
                    tokens = step.tokens
                    break
        marks = Marks(rung, sent)
        try:
            claims = await self._verified(request, tokens, at)
        except PscError as error:
            error.marks = marks
            raise
        # The decision came between two polls; auth_time (whole seconds) says when, more finely.
        authenticated = instant(claims, "auth_time")
        if authenticated is not None:
            seen = authenticated + 0.5 - self._timing.now() + elapsed()
            marks = Marks(rung, min(max(seen, pending_at), sent))
        return Approval(national_id, marks)

    async def _due(self, polling: Polling, ping: asyncio.Event | None) -> bool:
        """Return when the token endpoint is to be asked; False when no ping came in time.

        Who is pinged does not poll, unless an answer was lost.
        """
        elapsed = self._timing.elapsed
        if ping is None or polling.lost:
            await self._timing.sleep(max(0.0, polling.next_at - elapsed()))
            return True
        left = min(polling.expires_at, polling.until) - elapsed()
        try:
            await asyncio.wait_for(ping.wait(), max(0.0, left))
        except TimeoutError:
            return False
        ping.clear()
        return True

    async def _ask(self, national_id: str, message: str, token: str) -> CibaRequest:
        wanted = self.registration
        form = {
            "scope": wanted.scope,
            "acr_values": wanted.acr,
            "login_hint": national_id,
            "binding_message": message,
            "channel": wanted.channel,
        }
        if token:
            form["client_notification_token"] = token
        reply = await self._http.patient_post("backchannel_authentication_endpoint", form)
        body = reply.body
        if reply.status != 200 or body is None:
            raise PscError(*_refused_request(reply))
        auth_req_id, expires_in = body.get("auth_req_id"), _positive(body.get("expires_in"))
        interval = _positive(body["interval"]) if "interval" in body else None
        if not isinstance(auth_req_id, str) or not auth_req_id or expires_in is None:
            raise PscError(refusals_ciba.PSC_MISBEHAVES, "the acknowledgement lacks a member")
        if "interval" in body and interval is None:
            raise PscError(refusals_ciba.PSC_MISBEHAVES, "interval is not a positive number")
        return CibaRequest(
            auth_req_id=auth_req_id, national_id=national_id, binding_message=message,
            expires_in=expires_in, interval=interval,
        )  # fmt: skip

    async def _poll(self, request: CibaRequest) -> PollAnswer:
        form = {"grant_type": CIBA_GRANT, "auth_req_id": request.auth_req_id}
        try:
            reply = await self._http.post("token_endpoint", form)
        except PscError as error:
            return PollAnswer(kind=AnswerKind.LOST, detail=error.detail)
        return read_answer(reply.status, reply.body, reply.retry_after)

    async def _verified(
        self, request: CibaRequest, tokens: Mapping[str, Any], at: float
    ) -> dict[str, Any]:
        ours = self.registration
        try:
            claims = await self._http.signed_claims(tokens["id_token"], (ours.id_token_algorithm,))
        except UnreadableTokenError as error:
            raise PscError(refusals_ciba.CIBA_ID_TOKEN, str(error)) from None
        asked = SentRequest(
            issuer=ours.issuer, client_id=ours.client_id, national_id=request.national_id,
            auth_req_id=request.auth_req_id, acr=ours.acr, at=at,
        )  # fmt: skip
        problem = id_token_problem(claims, asked, tokens["access_token"], self._timing.now())
        if problem is not None:
            raise PscError(refusals_ciba.CIBA_ID_TOKEN, problem)
        return claims

    async def introspect(self, token: str) -> dict[str, Any]:
        """Ask the provider about a token (RFC 7662); `active` is a boolean in the answer.

        Raises:
            PscError: the provider does not answer, or not as it should.
        """
        form = {"token": token, "token_type_hint": "access_token"}
        reply = await self._http.patient_post("introspection_endpoint", form)
        if reply.status in (400, 401, 403):
            raise PscError(refusals_ciba.PSC_REGISTRATION, f"HTTP {reply.status}")
        if reply.status != 200:
            raise PscError(refusals_ciba.PSC_UNREACHABLE, f"HTTP {reply.status}")
        if reply.body is None or not isinstance(reply.body.get("active"), bool):
            raise PscError(refusals_ciba.PSC_MISBEHAVES, "no introspection answer")
        return reply.body

    async def signed_claims(self, token: str, algorithms: tuple[str, ...]) -> dict[str, Any]:
        """Return the claims of a JWT that the provider signed; see `PscHttp.signed_claims`."""
        return await self._http.signed_claims(token, algorithms)


def _refused_request(reply: ProviderReply) -> tuple[LoginRefusal, str]:
    """Return why an authentication request was not acknowledged (CIBA Core §13)."""
    said = reply.body or {}
    error, text = said.get("error"), str(said.get("error_description", ""))
    detail = f"HTTP {reply.status} {str(error)[:40]!r}"
    if reply.status >= 500 or reply.status == 429:
        return refusals_ciba.PSC_UNREACHABLE, detail
    if reply.body is None:
        return refusals_ciba.PSC_MISBEHAVES, f"HTTP {reply.status} without JSON"
    # Keycloak says invalid_request for a user that it does not know.
    if error == "unknown_user_id" or text.replace("_", " ").lower() == "invalid user":
        return refusals_ciba.CIBA_UNKNOWN_PERSON, detail
    if error == "access_denied":
        return refusals_ciba.CIBA_POLICY, detail
    return refusals_ciba.PSC_REGISTRATION, detail


def _positive(value: Any) -> float | None:
    """Return a number of seconds, or None for what is none (within a year)."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if 0 < value <= 31_536_000 else None
