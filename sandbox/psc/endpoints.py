"""The endpoints that programs call, straight on ASGI: no routing, no request objects, few layers.

A table of paths and methods leads to functions from a `Call` to a `HttpReply`; pages are `web`'s.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import json
import re
import uuid
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any
from urllib.parse import unquote_plus

from starlette.types import Receive, Scope, Send

from sandbox.psc import browser, grants, refusals_request
from sandbox.psc.client_auth import Credentials
from sandbox.psc.discovery import discovery
from sandbox.psc.fault_rules import imposed, spoiled
from sandbox.psc.forms import MAX_BODY, parse_form
from sandbox.psc.provider import Provider
from sandbox.psc.refusals import Refused
from sandbox.psc.replies import HttpReply
from sandbox.serve.http import DROP, PEER_CERTIFICATE, Call, Direct, HttpAnswer

__all__ = ["Endpoints", "direct_answer", "form_of", "send_reply"]

INTERACTION = b"x-fapi-interaction-id"
_INTERACTION_ID = re.compile(rb"[A-Za-z0-9-]{1,64}")
_encode = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False).encode
# What Keycloak tells a browser before a script may call (its Cors class).
_PREFLIGHT = {
    "Access-Control-Allow-Headers": (
        "Origin, Accept, X-Requested-With, Content-Type, Access-Control-Request-Method, "
        "Access-Control-Request-Headers, DPoP, Authorization"
    ),
    "Access-Control-Allow-Credentials": "true",
    "Access-Control-Max-Age": "3600",
}


def form_of(call: Call) -> dict[str, str]:
    """Return a body as a form.

    Raises:
        Refused: it is none.
    """
    if len(call.body) > MAX_BODY:
        raise Refused(refusals_request.FORM_SIZE)
    return parse_form(call.header(b"content-type"), call.body)


Handler = Callable[[Call], HttpReply]


async def _body(receive: Receive) -> bytes:
    """Read a body; what passes `MAX_BODY` is not waited for."""
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return bytes(body)
        body += message.get("body", b"")
        if len(body) > MAX_BODY or not message.get("more_body", False):
            return bytes(body)


async def send_reply(
    reply: HttpReply, scope: Scope, send: Send, extra: Mapping[str, str] | None = None
) -> None:
    """Send a reply and `extra` headers, after its delay; one that hangs cuts the connection."""
    if reply.delay:
        await asyncio.sleep(reply.delay)
    abort = scope.get(DROP)
    if reply.hang and abort is not None:
        abort()
        return
    said = {**reply.headers, **extra} if extra else reply.headers
    headers = [(k.lower().encode(), v.encode("latin-1")) for k, v in said.items()]
    media, content = _content(reply)
    if media:
        headers.append((b"content-type", media))
    if reply.status != 204:
        headers.append((b"content-length", str(len(content)).encode()))
    await send({"type": "http.response.start", "status": reply.status, "headers": headers})
    if scope["method"] == "HEAD":
        content = b""
    await send({"type": "http.response.body", "body": content})


def _content(reply: HttpReply) -> tuple[bytes, bytes]:
    """Return the media type of a body, and the body."""
    if isinstance(reply.body, dict):
        return b"application/json", _encode(reply.body).encode("utf-8")
    return b"", b"" if reply.body is None else reply.body.encode("utf-8")


def direct_answer(reply: HttpReply, extra: Mapping[str, str]) -> HttpAnswer:
    """Return a reply that waits for nothing as a direct answer."""
    said = {**reply.headers, **extra} if extra else reply.headers
    media, content = _content(reply)
    return HttpAnswer(reply.status, _lines(tuple(said.items()), media), content)


@lru_cache(maxsize=256)
def _lines(headers: tuple[tuple[str, str], ...], media: bytes) -> bytes:
    lines = [f"{name.lower()}: {value}\r\n".encode("latin-1") for name, value in headers]
    return b"".join([*lines, b"content-type: %s\r\n" % media if media else b""])


class Endpoints:
    """The endpoints of one provider."""

    def __init__(self, provider: Provider) -> None:
        self._provider = provider
        self._cors = provider.settings.profile == "psc"
        paths = provider.settings.paths
        answers: dict[str, Callable[[Provider, Credentials], HttpReply]] = {
            "token": grants.token,
            "introspection": grants.introspect,
            "revocation": grants.revoke,
            "backchannel": Provider.backchannel,
            "par": browser.push_request,
        }
        self._table: dict[str, dict[str, Handler]] = {
            paths[name]: {"POST": self._posted(answer)} for name, answer in answers.items()
        }
        self._table[paths["userinfo"]] = {"GET": self._userinfo, "POST": self._userinfo}
        self._table[paths["jwks"]] = {"GET": self._jwks}
        well_known = f"{paths['issuer']}/.well-known"
        documents = {
            f"{well_known}/openid-configuration",
            f"{well_known}/wallet-openid-configuration",
            # The wallet host serves it at its root.
            "/.well-known/wallet-openid-configuration",
        }
        for path in documents:
            self._table[path] = {"GET": self._metadata}
        # Anybody's script may read these (Keycloak allows every origin there).
        self._public = {*documents, paths["jwks"]}

    def serves(self, path: str) -> bool:
        """Whether a path is one of these."""
        return path in self._table

    @property
    def direct(self) -> Direct:
        """The same endpoints, straight on HTTP while nothing has to wait."""
        urls = {path.encode("ascii"): path for path in self._table}

        def answer(call: Call) -> HttpAnswer | None:
            # What is slow or silent on purpose is done where a task can wait.
            if self._provider.faults.rules or self._provider.outage() is not None:
                return None
            return direct_answer(*self._reply(call, urls[call.url]))

        return Direct(urls.__contains__, answer)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request to one of these."""
        url, body = scope["raw_path"], await _body(receive)
        call = Call(scope["method"], url, dict(scope["headers"]), body, scope.get(PEER_CERTIFICATE))
        reply, extra = self._reply(call, scope["path"])
        await send_reply(reply, scope, send, extra)

    def _reply(self, call: Call, path: str) -> tuple[HttpReply, dict[str, str]]:
        """Return the reply to a call, and the headers that it has beside its own."""
        methods = self._table[path]
        handler = methods.get("GET" if call.method == "HEAD" else call.method)
        shared = self._cors and b"origin" in call.headers
        if handler is not None:
            reply = handler(call)
        elif call.method == "OPTIONS" and shared:
            reply = HttpReply(200, None, {"Access-Control-Allow-Methods": ", ".join(methods)})
        else:
            allowed = [*methods, "HEAD"] if "GET" in methods else methods
            reply = HttpReply(405, None, {"Allow": ", ".join(allowed)})
        extra = self._shared(call, path) if shared else {}
        if self._provider.settings.fapi:
            extra["x-fapi-interaction-id"] = _interaction(call)
        return reply, extra

    def _posted(self, answer: Callable[[Provider, Credentials], HttpReply]) -> Handler:
        def handler(call: Call) -> HttpReply:
            try:
                form = form_of(call)
            except Refused as refused:
                return self._provider.refuse(refused)
            authorization = call.header(b"authorization")
            return answer(self._provider, Credentials(authorization, form, call.certificate))

        return handler

    def _userinfo(self, call: Call) -> HttpReply:
        authorization = call.header(b"authorization")
        form: dict[str, str] = {}
        if call.method == "POST" and call.body:
            try:
                form = form_of(call)
            except Refused as refused:
                return self._provider.refuse(refused)
        return grants.userinfo(self._provider, authorization, form, call.certificate)

    def _published(self, point: str, body: dict[str, Any]) -> HttpReply:
        struck = self._provider.strike(point, "")
        forced = imposed(struck, self._provider.settings.profile)
        return forced or spoiled(HttpReply(200, body, {"Cache-Control": "no-store"}), struck)

    def _metadata(self, _call: Call) -> HttpReply:
        provider = self._provider
        document = discovery(
            provider.settings, provider.origin, provider.mtls_origin, provider.wallet_origin
        )
        return self._published("discovery", document)

    def _jwks(self, _call: Call) -> HttpReply:
        return self._published("jwks", self._provider.ring.jwks(self._provider.now()))

    def _shared(self, call: Call, path: str) -> dict[str, str]:
        """Return the headers that let a script of a registered origin read the answer."""
        origin = call.header(b"origin")
        if call.method == "OPTIONS":
            return {"Access-Control-Allow-Origin": origin, **_PREFLIGHT}
        if path not in self._public and origin not in self._origins(call):
            return {}
        return {
            "Access-Control-Allow-Origin": origin,
            "Access-Control-Allow-Credentials": "true",
            "Access-Control-Expose-Headers": "Access-Control-Allow-Methods",
            "Vary": "Origin",
        }

    def _origins(self, call: Call) -> frozenset[str]:
        client = self._provider.clients.get(self._caller(call))
        return client.origins if client else frozenset()

    def _caller(self, call: Call) -> str:
        """Return which client a call is of, as far as it says: nothing is proved by it."""
        scheme, _, value = call.header(b"authorization").partition(" ")
        if scheme.lower() == "bearer":
            record = self._provider.tokens.read("access", value.strip(), self._provider.now())
            return str(record["client_id"]) if record else ""
        if scheme.lower() == "basic":
            try:
                name = base64.b64decode(value, validate=True).partition(b":")[0]
                return unquote_plus(name.decode("utf-8"))
            except (binascii.Error, UnicodeDecodeError):
                return ""
        try:
            return form_of(call).get("client_id", "")
        except Refused:
            return ""


def _interaction(call: Call) -> str:
    """Return the caller's interaction id, or a new one (FAPI R 6.2.1 (11))."""
    given = call.headers.get(INTERACTION, b"")
    return given.decode() if _INTERACTION_ID.fullmatch(given) else str(uuid.uuid4())
