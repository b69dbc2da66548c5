"""One connection of a client: lines out, lines and literals in, TLS now or later."""

from __future__ import annotations

import asyncio
import errno
import socket
import ssl

from sandbox.clients.plan import ServerSettings

__all__ = ["LostError", "Wire"]

_LINE = 1 << 16  # bytes of a line, at most


class LostError(Exception):
    """The connection was refused, or cut by the server."""


class Wire:
    """A connection to a door, in clear until `secure`.

    Args:
        patience: seconds without a word after which the client gives up.

    Raises (every coroutine):
        LostError: refused or cut.
        TimeoutError: nothing came in time.
    """

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, patience: float
    ) -> None:
        self._reader, self._writer = reader, writer
        self._patience = patience

    @classmethod
    async def open(cls, door: ServerSettings, patience: float) -> Wire:
        """Connect (TCP).

        Raises:
            OSError: this process has no descriptor left, of which the server knows nothing.
        """
        try:
            async with asyncio.timeout(patience):
                reader, writer = await asyncio.open_connection(
                    door.address, door.port, family=socket.AF_INET, limit=_LINE
                )
        except TimeoutError:
            raise
        except OSError as error:
            if error.errno in (errno.EMFILE, errno.ENFILE):
                raise
            raise LostError(str(error)) from None
        return cls(reader, writer, patience)

    async def secure(self, context: ssl.SSLContext, host: str) -> None:
        """Do the TLS handshake.

        Raises:
            ssl.SSLError: the certificates do not please, on this side.
        """
        try:
            await self._writer.start_tls(
                context, server_hostname=host, ssl_handshake_timeout=self._patience
            )
        except ssl.SSLError:
            raise
        except OSError as error:
            if isinstance(error, TimeoutError):
                raise
            raise LostError(str(error)) from None

    @property
    def tls(self) -> ssl.SSLObject | None:
        """What TLS settled."""
        found: ssl.SSLObject | None = self._writer.get_extra_info("ssl_object")
        return found

    def say(self, *lines: bytes) -> None:
        """Send lines, without their ends."""
        self._writer.write(b"".join(line + b"\r\n" for line in lines))

    async def line(self, patience: float | None = None) -> bytes:
        """Return the next line, without its end; `patience`: another than the connection's."""
        try:
            async with asyncio.timeout(self._patience if patience is None else patience):
                line = await self._reader.readline()
        except TimeoutError:
            raise
        except (OSError, ValueError) as error:
            raise LostError(str(error)) from None
        if not line.endswith(b"\n"):
            raise LostError("cut")
        return line.rstrip(b"\r\n")

    async def literal(self, size: int) -> bytes:
        """Return so many bytes."""
        try:
            async with asyncio.timeout(self._patience):
                return await self._reader.readexactly(size)
        except TimeoutError:
            raise
        except (OSError, asyncio.IncompleteReadError) as error:
            raise LostError(str(error)) from None

    def close(self) -> None:
        """Cut it."""
        self._writer.transport.abort()
