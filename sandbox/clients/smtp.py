"""A submission client (RFC 6409, RFC 4954): logs in by any mechanism, sends one message."""

from __future__ import annotations

import base64
import re
from collections.abc import Sequence

from sandbox.clients.imap import RefusedError
from sandbox.clients.wire import Wire

__all__ = ["Smtp"]

_ENHANCED = re.compile(rb"^\d{3}[ -](\d\.\d{1,3}\.\d{1,3})")


class Smtp:
    """One session on a wire. Every coroutine raises what `Wire` does, and RefusedError."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    async def greeted(self) -> None:
        """Read the greeting."""
        await self._reply(b"220")

    async def hello(self) -> None:
        """Say who this is."""
        self._wire.say(b"EHLO poste.mssante.test")
        await self._reply(b"250")

    async def starttls(self) -> None:
        """Ask for TLS; the handshake is the caller's."""
        self._wire.say(b"STARTTLS")
        await self._reply(b"220")

    async def authenticate(self, mechanism: str, response: bytes, *, at_once: bool) -> None:
        """Log in by SASL; see `imap.Imap.authenticate`."""
        text = base64.b64encode(response) or b"="
        self._wire.say(f"AUTH {mechanism}".encode() + (b" " + text if at_once else b""))
        if not at_once:
            await self._reply(b"334")
            self._wire.say(text)
        line = await self._any()
        if line.startswith(b"334"):  # told why not: nothing more to say
            self._wire.say(b"")
            line = await self._any()
        _expect(line, b"235")

    async def send(self, sender: str, recipients: Sequence[str], content: bytes) -> None:
        """Submit one message: envelope, DATA, content; accepted when this returns."""
        envelope = [f"MAIL FROM:<{sender}>".encode()]
        envelope += [f"RCPT TO:<{each}>".encode() for each in recipients]
        self._wire.say(*envelope)
        replies = [await self._any() for _ in envelope]
        for line in replies:
            _expect(line, b"250")
        self._wire.say(b"DATA")
        await self._reply(b"354")
        body = content.removesuffix(b"\r\n").replace(b"\r\n.", b"\r\n..")  # RFC 5321 §4.5.2
        self._wire.say(body, b".")
        await self._reply(b"250")

    async def quit(self) -> None:
        """Say goodbye."""
        self._wire.say(b"QUIT")
        await self._reply(b"221")

    async def _reply(self, code: bytes) -> None:
        _expect(await self._any(), code)

    async def _any(self) -> bytes:
        """Return the last line of the next reply."""
        while (line := await self._wire.line())[3:4] == b"-":
            pass
        return line


def _expect(line: bytes, code: bytes) -> None:
    if not line.startswith(code):
        found = _ENHANCED.match(line)
        status = line[:3].decode("ascii", "replace") + (f" {found[1].decode()}" if found else "")
        raise RefusedError(status, line.decode("utf-8", "replace"))
