"""The telephone in a person's hand, and the tokens that software asks Pro Santé Connect for.

A telephone answers after the delay that the plan drew: who rings it is told what its person will do
before the request comes, through the control API of the emulator.
"""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Any

import httpx

from sandbox.clients.holder import AccessMemory, AccessToken
from sandbox.clients.plan import LoadPlan, Round
from sandbox.serve import client_context

__all__ = ["DownError", "Telephones", "UnansweredError"]

_CIBA = "urn:openid:params:grant-type:ciba"
_SECONDS = 30.0  # before software gives up on Pro Santé Connect


class DownError(Exception):
    """Pro Santé Connect does not answer."""


class UnansweredError(Exception):
    """The person refused, or never answered."""

    def __init__(self, *, refused: bool) -> None:
        super().__init__("refused" if refused else "no answer")
        self.refused = refused


class Telephones:
    """Sets what people do, and asks them.

    Args:
        plan: of the run.

    Used as an asynchronous context manager.
    """

    def __init__(self, plan: LoadPlan) -> None:
        self._plan = plan
        self._http = httpx.AsyncClient(
            verify=client_context(Path(plan.authorities)), trust_env=False, timeout=_SECONDS,
            limits=httpx.Limits(max_connections=32),
        )  # fmt: skip
        self._places: dict[str, Any] | None = None

    async def __aenter__(self) -> Telephones:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._http.aclose()

    async def will(self, holder: AccessMemory, what: Round) -> None:
        """Say what a person will do with the next request.

        Raises:
            DownError: nobody there to tell.
        """
        account = holder.account
        behaviour: dict[str, Any] = {"national_id": account.identity, "kind": "ignore"}
        if what.answer is not None:
            kind = "refuse" if what.refused else "approve"
            behaviour |= {"kind": kind, "delay": min(what.answer, 3_600.0)}
        headers = {"Authorization": f"Bearer {self._plan.control}"}
        try:
            reply = await self._http.post(account.telephone, json=behaviour, headers=headers)
        except httpx.HTTPError as error:
            raise DownError(str(error)) from None
        reply.raise_for_status()

    async def token(self, holder: AccessMemory, what: Round) -> float:
        """Give a holder a token that is good; return how long the person took of it.

        Raises:
            DownError, UnansweredError
        """
        now = time.monotonic()
        token = holder.token
        if token is not None and now < token.until:
            return 0.0
        if token is not None and now < token.session_until:
            answer = await self._ask(grant_type="refresh_token", refresh_token=token.refresh)
            if "access_token" in answer:
                holder.token = self._kept(answer, token.session_until)
                return 0.0
        return await self._ring(holder, what)

    async def _ring(self, holder: AccessMemory, what: Round) -> float:
        places = await self._discovered()
        begin = time.monotonic()
        asked = await self._post(
            places["backchannel_authentication_endpoint"],
            {
                "scope": "openid scope_all", "login_hint": holder.account.identity,
                "binding_message": "42", "acr_values": "eidas1", "channel": "MOBILE",
            },
        )  # fmt: skip
        if "auth_req_id" not in asked:
            raise DownError(str(asked.get("error_description", asked)))
        interval = float(asked.get("interval", self._plan.rules.interval))
        end = begin + float(asked.get("expires_in", self._plan.rules.expiry))
        while True:
            await asyncio.sleep(interval)
            answer = await self._ask(grant_type=_CIBA, auth_req_id=asked["auth_req_id"])
            if "access_token" in answer:
                until = time.monotonic() + float(answer.get("refresh_expires_in", 0.0))
                holder.token = self._kept(answer, until)
                return min(what.answer or 0.0, time.monotonic() - begin)
            error = answer.get("error")
            if error == "slow_down":
                interval += 5.0  # CIBA Core section 11
            elif error != "authorization_pending" or time.monotonic() > end:
                raise UnansweredError(refused=error == "access_denied")

    @staticmethod
    def _kept(answer: dict[str, Any], until: float) -> AccessToken:
        return AccessToken(
            text=answer["access_token"],
            until=time.monotonic() + float(answer.get("expires_in", 0.0)),
            refresh=answer.get("refresh_token", ""),
            session_until=until,
        )

    async def _discovered(self) -> dict[str, Any]:
        if self._places is None:
            try:
                reply = await self._http.get(self._plan.psc["discovery"])
            except httpx.HTTPError as error:
                raise DownError(str(error)) from None
            self._places = reply.raise_for_status().json()
        return self._places

    async def _ask(self, **data: str) -> dict[str, Any]:
        return await self._post((await self._discovered())["token_endpoint"], data)

    async def _post(self, url: str, data: dict[str, str]) -> dict[str, Any]:
        psc = self._plan.psc
        try:
            reply = await self._http.post(
                url, data=data, auth=(psc["client_id"], psc["client_secret"])
            )
            found: dict[str, Any] = reply.json()
        except (httpx.HTTPError, ValueError) as error:
            raise DownError(str(error)) from None
        if reply.status_code >= 500:
            raise DownError(f"{reply.status_code}")
        return found
