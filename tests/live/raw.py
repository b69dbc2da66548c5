"""A client that says exactly what it is told, in clear or over TLS, and returns what it hears."""

from __future__ import annotations

import base64
import socket
import ssl
from types import TracebackType
from typing import Any, Self

__all__ = ["Raw", "external", "plain"]

SECONDS = 20.0


def plain(user: str, password: str) -> bytes:
    """Return a PLAIN response."""
    return base64.b64encode(f"\0{user}\0{password}".encode())


def external(name: str) -> bytes:
    """Return an EXTERNAL response."""
    return base64.b64encode(name.encode()) or b"="


class Raw:
    """One connection to an endpoint of the sheet.

    Args:
        at: the endpoint.
        context: TLS at once, or by STARTTLS where the endpoint has that; None stays in clear.
    """

    def __init__(self, at: dict[str, Any], context: ssl.SSLContext | None) -> None:
        self._at = at
        self._buffer = b""
        self.closed = False
        self._socket = socket.create_connection((at["address"], at["port"]), timeout=SECONDS)
        try:
            self._open(context)
        except BaseException:
            self._socket.close()
            raise

    def _open(self, context: ssl.SSLContext | None) -> None:
        smtp = self._at["protocol"] != "imap"
        if context is not None and self._at["tls"] == "implicit":
            self.secure(context)
        self.greeting = self.reply() if smtp else self.line()
        if context is not None and self._at["tls"] == "starttls":
            if smtp:
                self.smtp("EHLO client.mssante.test", "STARTTLS")
            else:
                self.imap(b"STARTTLS")
            self.secure(context)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._socket.close()

    def secure(self, context: ssl.SSLContext) -> None:
        """Do the handshake."""
        self._socket = context.wrap_socket(self._socket, server_hostname=self._at["host"])
        self._buffer = b""

    def send(self, data: bytes) -> None:
        """Send octets."""
        self._socket.sendall(data)

    def line(self) -> str:
        """Return the next line without its end; empty when the server has closed."""
        while b"\n" not in self._buffer:
            data = self._socket.recv(65_536)
            if not data:
                self.closed = True
                break
            self._buffer += data
        line, _, self._buffer = self._buffer.partition(b"\n")
        return line.rstrip(b"\r").decode("utf-8", "replace")

    def reply(self) -> str:
        """Return the last line of an SMTP reply."""
        while True:
            line = self.line()
            if line[3:4] != "-":
                return line

    def smtp(self, *commands: str) -> str:
        """Say SMTP commands, one after the other; return the last reply."""
        answer = ""
        for command in commands:
            self.send(command.encode() + b"\r\n")
            answer = self.reply()
        return answer

    def message(self, content: str) -> str:
        """Say DATA and a message; return the reply."""
        assert self.smtp("DATA").startswith("354")
        self.send(content.encode() + b"\r\n.\r\n")
        return self.reply()

    def imap(self, command: bytes) -> list[str]:
        """Say an IMAP command; return all lines up to its own."""
        self.send(b"x " + command + b"\r\n")
        heard = [self.line()]
        while not (heard[-1].startswith("x ") or self.closed):
            heard.append(self.line())
        return heard
