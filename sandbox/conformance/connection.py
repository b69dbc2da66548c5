"""One connection as bytes in and bytes out: lines, TLS over any pipe, and what was said.

TLS is done in memory (`ssl.MemoryBIO`), so that a pipe may be a socket or an object.
"""

from __future__ import annotations

import contextlib
import ssl
from collections import deque
from collections.abc import Iterable
from typing import Protocol

__all__ = [
    "CutError",
    "Pipe",
    "ProbeConnection",
    "SilentError",
    "SlowError",
    "TlsRefusedError",
    "Transcript",
    "UnreachableError",
]

_LINE = 64 * 1024  # the longest line that is read; beyond, the server is talking nonsense
_SHOWN = 160  # characters of a line that are kept as evidence
_KEPT = 14  # lines
_LONGEST = 20_000  # characters that are searched for secrets
_MASK = "***"


class UnreachableError(Exception):
    """No connection."""


class CutError(Exception):
    """The server closed the connection where an answer was due."""


class SilentError(Exception):
    """The server said nothing for too long."""


class SlowError(Exception):
    """The server speaks, but takes too long over it; no check waits for it again."""


class TlsRefusedError(Exception):
    """The TLS handshake failed."""

    def __init__(self, reason: str, *, by_us: bool) -> None:
        super().__init__(reason)
        self.by_us = by_us


class Pipe(Protocol):
    """What carries bytes to a server and back."""

    def write(self, data: bytes) -> None:
        """Send.

        Raises:
            CutError: it is closed.
        """

    def read(self) -> bytes:
        """Return what came; nothing at the end.

        Raises:
            SilentError: nothing comes.
        """

    def close(self) -> None:
        """Hang up."""


class Transcript:
    """What was said in a check, with secrets masked."""

    def __init__(self) -> None:
        self._lines: deque[str] = deque(maxlen=_KEPT)
        self._secrets: set[str] = set()

    def hide(self, secrets: Iterable[str]) -> None:
        """Mask these wherever they are said, by whoever."""
        self._secrets.update(each for each in secrets if len(each) > 3)

    def note(self, who: str, line: bytes | str) -> None:
        """Keep a line: `C` said it, or `S`, or `#` for what happened."""
        text = line.decode("utf-8", "replace") if isinstance(line, bytes) else line
        self._lines.append(f"{who}: {text.rstrip()[:_LONGEST]}")

    @property
    def evidence(self) -> tuple[str, ...]:
        """The last lines."""
        return tuple(self._shown(each) for each in self._lines)

    def masked(self, text: str) -> str:
        """Return a text without the secrets in it; it must not have been cut before."""
        for secret in sorted(self._secrets, key=len, reverse=True):
            text = text.replace(secret, _MASK)
        return text

    def _shown(self, line: str) -> str:
        line = self.masked(line)
        line = "".join(each if each.isprintable() else "\ufffd" for each in line)
        return line if len(line) <= _SHOWN else f"{line[:_SHOWN]}…"


class ProbeConnection:
    """Bytes to and from one server.

    Args:
        pipe: carries them.
        transcript: told of what is said.
    """

    def __init__(self, pipe: Pipe, transcript: Transcript) -> None:
        self._pipe = pipe
        self.transcript = transcript
        self._buffer = b""
        self._tls: ssl.SSLObject | None = None
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()

    def close(self) -> None:
        """Hang up."""
        self._pipe.close()

    def secure(self, context: ssl.SSLContext, name: str) -> None:
        """Do the TLS handshake.

        Raises:
            TlsRefusedError: it failed, on our side or theirs.
            CutError, SilentError: it did not end.
        """
        left, self._buffer = self._buffer, b""
        if left:
            raise TlsRefusedError("clear text where TLS was due", by_us=True)
        tls = context.wrap_bio(self._incoming, self._outgoing, server_hostname=name)
        while True:
            try:
                tls.do_handshake()
                break
            except ssl.SSLWantReadError:
                self._flush()
                self._more()
            except ssl.SSLCertVerificationError as error:
                self._alert()
                raise TlsRefusedError(error.verify_message, by_us=True) from None
            except ssl.SSLError as error:
                self._alert()
                reason = error.reason or str(error)
                raise TlsRefusedError(reason, by_us="ALERT" not in reason) from None
        self._flush()
        self._tls = tls
        self.transcript.note("#", self.settled)

    @property
    def settled(self) -> str:
        """TLS version and suite."""
        assert self._tls is not None
        cipher = self._tls.cipher()
        return f"{self._tls.version()} {cipher[0] if cipher else ''}"

    @property
    def certificate(self) -> bytes | None:
        """The server's, DER."""
        assert self._tls is not None
        return self._tls.getpeercert(binary_form=True)

    def _alert(self) -> None:
        with contextlib.suppress(CutError):
            self._flush()

    def _flush(self) -> None:
        data = self._outgoing.read()
        if data:
            self._pipe.write(data)

    def _more(self) -> None:
        data = self._pipe.read()
        if data:
            self._incoming.write(data)
            return
        raise CutError

    def send(self, data: bytes) -> None:
        """Send bytes; who calls notes them."""
        if self._tls is None:
            self._pipe.write(data)
            return
        self._tls.write(data)
        self._flush()

    def receive(self) -> bytes:
        """Return what comes next.

        Raises:
            CutError: the server closed.
            SilentError: nothing comes.
        """
        if self._tls is None:
            data = self._pipe.read()
            if not data:
                raise CutError
            return data
        while True:
            try:
                data = self._tls.read(65_536)
            except ssl.SSLWantReadError:
                self._more()
                self._flush_quietly()
                continue
            except ssl.SSLZeroReturnError:
                raise CutError from None
            except ssl.SSLError as error:
                # A certificate is refused after the handshake in TLS 1.3 (RFC 8446 §4.4.2.4).
                raise TlsRefusedError(error.reason or str(error), by_us=False) from None
            if not data:
                raise CutError
            return data

    def _flush_quietly(self) -> None:
        with contextlib.suppress(CutError):
            self._flush()

    def line(self) -> bytes:
        """Return the next line with its end.

        Raises:
            CutError, SilentError: none comes.
        """
        while b"\n" not in self._buffer and len(self._buffer) < _LINE:
            self._buffer += self.receive()
        line, end, self._buffer = self._buffer.partition(b"\n")
        self.transcript.note("S", line)
        return line + end

    def octets(self, count: int) -> bytes:
        """Return so many bytes."""
        while len(self._buffer) < count:
            self._buffer += self.receive()
        data, self._buffer = self._buffer[:count], self._buffer[count:]
        return data
