"""Ping and push: the request that is sent to a client (CIBA Core 10.2, 10.3), and its sending."""

from __future__ import annotations

import json
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import httpx

from sandbox.psc.ciba import AuthRequest
from sandbox.psc.clients import Client, is_local

__all__ = ["Notification", "Sender", "loopback", "notification"]

TIMEOUT = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Notification:
    """One POST to a client's notification endpoint."""

    client_id: str
    ticket: str
    url: str
    bearer: str | None
    body: dict[str, Any]


def notification(client: Client, request: AuthRequest, body: dict[str, Any]) -> Notification | None:
    """Return what tells a client of a request, or None where it has no endpoint."""
    if client.notification_endpoint is None:
        return None
    return Notification(
        client_id=client.client_id,
        ticket=request.ticket,
        url=client.notification_endpoint,
        bearer=request.notification_token,
        body=body,
    )


def loopback(host: str) -> str:
    """Resolve without asking anyone: the sandbox's names are this machine."""
    return "127.0.0.1" if host == "localhost" or host.endswith("mssante.test") else host


class Sender:
    """Sends notifications; redirects are not followed and a body is never read back (P2)."""

    def __init__(
        self,
        verify: ssl.SSLContext | bool,
        resolve: Callable[[str], str] = loopback,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._verify = verify
        self._resolve = resolve
        self._transport = transport
        self._client: httpx.AsyncClient | None = None

    async def send(self, notification: Notification) -> str:
        """Send once; return the outcome in words: the status, or what went wrong."""
        if not is_local(notification.url):
            return "refused: not a loopback or mssante.test address"
        parts = urlsplit(notification.url)
        host = parts.hostname or ""
        address = self._resolve(host)
        bracketed = f"[{address}]" if ":" in address else address
        port = f":{parts.port}" if parts.port else ""
        url = urlunsplit((parts.scheme, bracketed + port, parts.path, parts.query, ""))
        headers = {"Content-Type": "application/json", "Host": parts.netloc.rpartition("@")[2]}
        if notification.bearer is not None:
            headers["Authorization"] = f"Bearer {notification.bearer}"
        if self._client is None:
            self._client = httpx.AsyncClient(
                verify=self._verify,
                timeout=TIMEOUT,
                follow_redirects=False,
                trust_env=False,
                transport=self._transport,
            )
        try:
            async with self._client.stream(
                "POST",
                url,
                content=json.dumps(notification.body),
                headers=headers,
                extensions={"sni_hostname": host},
            ) as response:
                return _in_words(response.status_code)
        except httpx.HTTPError as error:
            return f"not delivered ({type(error).__name__})"

    async def close(self) -> None:
        """Close the connections."""
        if self._client is not None:
            await self._client.aclose()
            self._client = None


def _in_words(status: int) -> str:
    if status == 204:
        return "204"
    if status == 200:
        return "200, tolerated (204 is expected)"
    if 300 <= status < 400:
        return f"{status}, not followed"
    return f"{status}, not sent again; the client may still poll"
