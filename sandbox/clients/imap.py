"""An IMAP client (RFC 9051, RFC 3501): logs in by any mechanism, looks for new mail, waits."""

from __future__ import annotations

import asyncio
import base64
import itertools
import re
import time
from collections.abc import AsyncIterator, Sequence

from sandbox.clients.wire import Wire

__all__ = ["Imap", "RefusedError"]

_LITERAL = re.compile(rb"\{(\d+)\}$")
_UIDS = re.compile(rb"^\* SEARCH((?: \d+)+)")
_CODE = re.compile(rb"^\S+ (?:NO|BAD) \[([A-Z-]+)")
MOST = 50  # messages fetched in one look


class RefusedError(Exception):
    """The server said no: `code` is its response code or enhanced status, empty without one."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(text)
        self.code = code


def _refused(line: bytes) -> RefusedError:
    code = _CODE.match(line)
    return RefusedError(code[1].decode() if code else "", line.decode("utf-8", "replace"))


class Imap:
    """One session on a wire. Every coroutine raises what `Wire` does.

    Attributes:
        ready: logged in by the certificate alone (PREAUTH).
    """

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self._tags = itertools.count(1)
        self.ready = False

    async def greeted(self) -> None:
        """Read the greeting.

        Raises:
            RefusedError: BYE.
        """
        line = await self._wire.line()
        if line.startswith(b"* BYE"):
            raise RefusedError("BYE", line.decode("utf-8", "replace"))
        self.ready = line.startswith(b"* PREAUTH")

    async def command(self, text: str) -> list[bytes]:
        """Send a command and return its untagged answers; a literal is an answer of its own.

        Raises:
            RefusedError: NO or BAD.
        """
        tag = self._begin(text)
        return await self._answers(tag)

    def _begin(self, text: str) -> bytes:
        tag = f"a{next(self._tags)}".encode()
        self._wire.say(tag + b" " + text.encode())
        return tag

    async def _answers(self, tag: bytes) -> list[bytes]:
        found: list[bytes] = []
        while True:
            line = await self._wire.line()
            if line.startswith(tag + b" "):
                if not line.startswith(tag + b" OK"):
                    raise _refused(line)
                return found
            found.append(line)
            if size := _LITERAL.search(line):
                found.append(await self._wire.literal(int(size[1])))

    async def starttls(self) -> None:
        """Ask for TLS; the handshake is the caller's."""
        await self.command("STARTTLS")

    async def capabilities(self) -> None:
        """Ask what is offered."""
        await self.command("CAPABILITY")

    async def authenticate(self, mechanism: str, response: bytes, *, at_once: bool) -> None:
        """Log in by SASL (RFC 9051 section 6.2.2); untagged lines meanwhile keep it waiting.

        Args:
            mechanism: SASL name.
            response: the client's only one.
            at_once: with the command (SASL-IR, RFC 4959), or once the server asks.

        Raises:
            RefusedError: it did not please.
        """
        text = base64.b64encode(response).decode() or "="
        if at_once:
            await self._answered(self._begin(f"AUTHENTICATE {mechanism} {text}"), b"")
        else:
            await self._answered(self._begin(f"AUTHENTICATE {mechanism}"), text.encode())

    async def _answered(self, tag: bytes, response: bytes) -> None:
        while True:
            line = await self._wire.line()
            if line.startswith(b"+"):  # asked for it, or told why not (XOAUTH2): then nothing
                self._wire.say(response)
                response = b""
            elif line.startswith(tag + b" OK"):
                return
            elif line.startswith(tag + b" "):
                raise _refused(line)

    async def look(self) -> list[bytes]:
        """Open INBOX and return the contents that are new; three round trips."""
        await self.command("SELECT INBOX")
        return await self._new()

    async def beyond(self, uid: int) -> AsyncIterator[tuple[int, bytes]]:
        """Open INBOX and yield UID and content of what is there beyond a UID, left as it is."""
        await self.command("EXAMINE INBOX")
        for each in await self._uids(f"UID {uid + 1}:*"):
            if each > uid:  # `*` is the last, whatever its UID
                for content in await self._contents([each], "BODY.PEEK[]"):
                    yield each, content

    async def _new(self) -> list[bytes]:
        uids = await self._uids("UNSEEN")
        if not uids:
            await self.command("NOOP")
            return []
        return await self._contents(uids[:MOST], "BODY[]")

    async def _uids(self, what: str) -> list[int]:
        answers = await self.command(f"UID SEARCH {what}")
        return [int(uid) for line in answers if (m := _UIDS.match(line)) for uid in m[1].split()]

    async def _contents(self, uids: Sequence[int], what: str) -> list[bytes]:
        lines = await self.command(f"UID FETCH {','.join(map(str, uids))} ({what})")
        return [after for line, after in itertools.pairwise(lines) if _LITERAL.search(line)]

    async def idle(self, until: float, *, fetch: bool) -> list[bytes]:
        """Wait on INBOX (IDLE, RFC 2177) until an instant of the monotonic clock.

        Args:
            until: when to end.
            fetch: fetch what arrives.

        Returns:
            contents that arrived.
        """
        contents: list[bytes] = []
        while (left := until - time.monotonic()) > 0:
            tag = self._begin("IDLE")
            while not (await self._wire.line()).startswith(b"+"):
                pass
            arrived = await self._arrived(left)
            self._wire.say(b"DONE")
            await self._answers(tag)
            if arrived and fetch:
                contents += await self._new()
        return contents

    async def _arrived(self, seconds: float) -> bool:
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            try:
                if (await self._wire.line(left)).endswith(b"EXISTS"):
                    return True
            except TimeoutError:
                return False
        return False

    async def logout(self) -> None:
        """Say goodbye."""
        await self.command("LOGOUT")
        await asyncio.sleep(0)
