"""A browser and a script in front of the enrolment of an operator, without sockets."""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass

import httpx
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from sandbox.operators.auth.access_control import AccessControl, AccessPolicy
from sandbox.operators.enrolment import Enrolment, application
from sandbox.serve.http import PEER_CERTIFICATE, LoopbackOnly
from tests.operators.auth.world import World

HOST = "comptes.op1.mssante.test:10443"
ORIGIN = f"https://{HOST}"


@dataclass
class Site:
    """Attributes: the operator, a client that keeps cookies, and the last page it saw."""

    control: AccessControl
    browser: httpx.AsyncClient
    page: httpx.Response | None = None

    async def get(self) -> str:
        self.page = await self.browser.get("/")
        return self.page.text

    async def post(self, path: str, **fields: str) -> httpx.Response:
        """Send a form as a page of this site would, following the way to the next page."""
        if self.page is not None and (token := self.form_token()):
            fields.setdefault("form_token", token)
        self.page = await self.browser.post(
            path, data=fields, headers={"origin": ORIGIN}, follow_redirects=True
        )
        return self.page

    def form_token(self) -> str:
        found = re.search(r'name="form_token" value="([^"]+)"', self.text)
        return found[1] if found else ""

    def secret(self) -> str:
        """Return the secret that the page shows for typing by hand."""
        found = re.search(r"<code>([A-Z2-7 ]+)</code>", self.text)
        assert found is not None
        return found[1].replace(" ", "")

    @property
    def text(self) -> str:
        assert self.page is not None
        return self.page.text

    async def api(self, name: str, **values: object) -> httpx.Response:
        return await self.browser.post(f"/api/{name}", json=values)


@contextlib.asynccontextmanager
async def opened(
    world: World, *, card: x509.Certificate | None = None, policy: AccessPolicy | None = None
) -> AsyncIterator[Site]:
    async with world.operator(policy) as control:
        enrolment = Enrolment(
            control, operator="op1", host="comptes.op1.mssante.test", port=10443, clock=world.clock
        )
        app = LoopbackOnly(application(enrolment))
        der = card.public_bytes(Encoding.DER) if card is not None else None

        async def with_certificate(scope: dict, receive: object, send: object) -> None:  # type: ignore[type-arg]
            await app({**scope, PEER_CERTIFICATE: der}, receive, send)  # type: ignore[arg-type]

        transport = httpx.ASGITransport(app=with_certificate)
        async with httpx.AsyncClient(transport=transport, base_url=ORIGIN) as browser:
            yield Site(control, browser)


def run(work: Callable[[], Awaitable[None]]) -> None:
    asyncio.run(asyncio.wait_for(work(), 30))  # type: ignore[arg-type]
