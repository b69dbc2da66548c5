"""TLS that takes whatever certificate a client shows, for an application that judges it itself.

Python's `ssl` ends the handshake of a certificate that it does not trust: the client hears an alert
and no explanation. OpenSSL can let it pass (SSL_CTX_set_verify(3)), and pyOpenSSL says so to it.
A connection here stands between the same two buffers as one of `ssl`, so that event loops, doors
and their bounds are the same for both. The client still proves that it holds the key.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar, cast

from OpenSSL import SSL, crypto

from sandbox.serve.tls import CIPHERS, LEAST_TLS, load

__all__ = ["any_certificate_context"]

T = TypeVar("T")
_RECORDS = 64 * 1024  # bytes taken at once of what OpenSSL wants sent


class _Context(ssl.SSLContext):
    """What event loops take for a context of `ssl`, and ask a connection of."""

    openssl: SSL.Context

    def wrap_bio(
        self, incoming: ssl.MemoryBIO, outgoing: ssl.MemoryBIO, *_: Any, **__: Any
    ) -> ssl.SSLObject:
        """Return a connection between two buffers."""
        return cast(ssl.SSLObject, _Connection(self, incoming, outgoing))


def any_certificate_context(chain: Path, key: Path, *, ciphers: str = CIPHERS) -> ssl.SSLContext:
    """Return the context of a server that asks for a certificate and takes what comes, or nothing.

    TLS 1.2 or later, no renegotiation. No tickets: each connection shows its certificate anew.

    Args:
        chain: PEM of the certificate and its intermediates.
        key: PEM of its private key.
        ciphers: suites of TLS 1.2, as OpenSSL writes them.

    Raises:
        UserError: a file is missing, or they do not fit together.
    """
    context = _Context(ssl.PROTOCOL_TLS_SERVER)
    load(context, chain, key)
    inner = context.openssl = SSL.Context(SSL.TLS_SERVER_METHOD)
    inner.set_min_proto_version(LEAST_TLS)
    inner.set_cipher_list(ciphers.encode("ascii"))
    inner.set_options(SSL.OP_NO_RENEGOTIATION | SSL.OP_NO_TICKET | SSL.OP_NO_COMPRESSION)
    inner.set_session_cache_mode(SSL.SESS_CACHE_OFF)
    inner.use_certificate_chain_file(str(chain))
    inner.use_privatekey_file(str(key))
    inner.set_verify(SSL.VERIFY_PEER, lambda *_: True)
    return context


class _Connection:
    """What event loops ask of an `ssl.SSLObject`, done by pyOpenSSL."""

    session_reused = False

    def __init__(self, context: _Context, incoming: ssl.MemoryBIO, outgoing: ssl.MemoryBIO) -> None:
        self.context = context
        self._incoming, self._outgoing = incoming, outgoing
        self._tls = SSL.Connection(context.openssl)
        self._tls.set_accept_state()
        self._failure: ssl.SSLError | None = None
        self._unread = False  # whether OpenSSL may hold bytes that it has not looked at

    @property
    def shown(self) -> bytes | None:
        """The client's certificate (DER), which nobody has judged."""
        found = self._tls.get_peer_certificate()
        return None if found is None else crypto.dump_certificate(crypto.FILETYPE_ASN1, found)

    def do_handshake(self) -> None:
        """Go on with the handshake; an alert leaves before a failure is told, as in `tls`."""
        if self._failure is not None:
            raise self._failure
        try:
            self._do(self._tls.do_handshake)
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
            raise
        except ssl.SSLError as error:
            if not self._outgoing.pending:  # no alert, for what was no TLS
                raise
            self._failure = error
            raise ssl.SSLWantReadError from error
        finally:
            self._send()

    def read(self, size: int = 1024, buffer: bytearray | memoryview | None = None) -> bytes | int:
        """Return what came, empty at its end; or put it into a buffer and return how much."""
        try:
            data = self._do(self._tls.recv, size)
        except ssl.SSLZeroReturnError:
            data = b""
        if buffer is None:
            return data
        buffer[: len(data)] = data
        return len(data)

    def write(self, data: bytes | memoryview) -> int:
        """Have data sent; return how much of it."""
        try:
            return self._do(self._tls.send, data)
        finally:
            self._send()

    def unwrap(self) -> None:
        """Say that nothing more is sent, and hear it of the client."""
        try:
            if not self._do(self._tls.shutdown):
                raise ssl.SSLWantReadError
        finally:
            self._send()

    def pending(self) -> int:
        """Return how many bytes can be read; at least one when reading must tell."""
        return self._tls.pending() or int(self._unread)

    def getpeercert(self, binary_form: bool = False) -> dict[str, Any] | bytes | None:
        """Return no certificate: none was judged."""
        return None if binary_form else {}

    def version(self) -> str:
        """Return what `ssl` calls it: TLSv1.3."""
        return self._tls.get_protocol_version_name()

    def cipher(self) -> tuple[str, str, int] | None:
        """Return the suite, its protocol and its bits."""
        name = self._tls.get_cipher_name()
        if name is None:
            return None
        return name, self._tls.get_cipher_version() or "", self._tls.get_cipher_bits() or 0

    def compression(self) -> None:
        """Return none: it is off."""

    def _do(self, work: Callable[..., T], *given: Any) -> T:
        """Let OpenSSL work on what came; what it says is said as `ssl` would."""
        if self._incoming.pending:
            self._tls.bio_write(self._incoming.read())
            self._unread = True
        try:
            return work(*given)
        except SSL.WantReadError:
            self._unread = False
            raise ssl.SSLWantReadError from None
        except SSL.WantWriteError:
            raise ssl.SSLWantWriteError from None
        except SSL.ZeroReturnError:
            raise ssl.SSLZeroReturnError from None
        except SSL.Error as error:
            self._send()  # the alert
            raise ssl.SSLError(ssl.SSL_ERROR_SSL, f"{error}") from error

    def _send(self) -> None:
        """Take along what OpenSSL wants sent."""
        size = _RECORDS
        while size == _RECORDS:
            try:
                records = self._tls.bio_read(_RECORDS)
            except SSL.WantReadError:
                return
            self._outgoing.write(records)
            size = len(records)
