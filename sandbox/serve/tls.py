"""The TLS of every server and client here, in one place."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from sandbox.space.errors import UserError

__all__ = [
    "CIPHERS", "LEAST_TLS", "Tls", "client_context", "load", "route_by_name", "server_context",
    "tls_of",
]  # fmt: skip

# BCP 195 and ECO.1.1.3: forward secrecy and AEAD only; TLS 1.3 has nothing else.
CIPHERS = "ECDHE+AESGCM:ECDHE+CHACHA20"
LEAST_TLS = ssl.TLSVersion.TLSv1_2
_ASKS = {"none": ssl.CERT_NONE, "optional": ssl.CERT_OPTIONAL, "required": ssl.CERT_REQUIRED}


@dataclass(frozen=True, slots=True)
class Tls:
    """What a handshake settled.

    Attributes:
        version: as `ssl` names it, TLSv1.3.
        resumed: whether it took up an earlier session.
        certificate: the peer's (DER), verified; None without one.
        shown: the peer's (DER), which nobody has judged (`any_certificate`); None elsewhere.
    """

    version: str
    resumed: bool
    certificate: bytes | None
    shown: bytes | None = None


# What came was no TLS: OpenSSL has no alert for it.
_NO_TLS = ("WRONG_VERSION_NUMBER", "HTTP_REQUEST", "HTTPS_PROXY_REQUEST")


class _Alerting(ssl.SSLObject):
    """Lets the alert of a handshake that failed leave before the connection goes (RFC 8446 §6.2).

    Event loops drop what is still to be sent when a handshake raises, and send it when it waits.
    """

    _failure: ssl.SSLError | None = None

    def do_handshake(self) -> None:
        """Wait once more when it fails; what comes next, if anything, ends it."""
        if self._failure is not None:
            raise self._failure
        try:
            super().do_handshake()
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
            raise
        except ssl.SSLError as error:
            if error.reason in _NO_TLS:
                raise
            self._failure = error
            raise ssl.SSLWantReadError from error


def server_context(
    chain: Path,
    key: Path,
    *,
    authorities: str = "",
    client_certificate: str = "none",
    ciphers: str = CIPHERS,
    tls13: bool = True,
    tickets: bool = True,
) -> ssl.SSLContext:
    """Return the context of a server: TLS 1.2 or later, no renegotiation.

    Args:
        chain: PEM of the certificate and its intermediates.
        key: PEM of its private key.
        authorities: PEM of the authorities that client certificates chain to.
        client_certificate: none; optional (asked for: who has none is told so by the protocol
            above, where a handshake that fails says nothing); required by the handshake itself.
        ciphers: suites of TLS 1.2, as OpenSSL writes them.
        tls13: offered beside TLS 1.2.
        tickets: given, so that sessions are resumed.

    Raises:
        UserError: a file is missing, or they do not fit together.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.sslobject_class = _Alerting
    _harden(context, ciphers)
    # A handshake that a client asks for again and again costs it little and us much.
    context.options |= ssl.OP_NO_RENEGOTIATION
    if not tls13:
        context.maximum_version = ssl.TLSVersion.TLSv1_2
    if not tickets:
        context.options |= ssl.OP_NO_TICKET
        context.num_tickets = 0
    load(context, chain, key)
    context.verify_mode = _ASKS[client_certificate]
    if authorities:
        context.load_verify_locations(cadata=authorities)
    return context


def client_context(
    authorities: Path | str,
    chain: Path | None = None,
    key: Path | None = None,
    *,
    ciphers: str = CIPHERS,
) -> ssl.SSLContext:
    """Return the context of a client that trusts `authorities` alone: TLS 1.2 or later.

    Args:
        authorities: a file of PEM, or PEM itself.
        chain, key: PEM of its own certificate with intermediates, and of the key, if it has one.
        ciphers: suites of TLS 1.2, as OpenSSL writes them.

    Raises:
        UserError: a file is missing or is not what it should be.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    _harden(context, ciphers)
    try:
        if isinstance(authorities, Path):
            context.load_verify_locations(authorities)
        else:
            context.load_verify_locations(cadata=authorities)
    except OSError as error:
        raise UserError.because(
            "aucun certificat PEM", "no certificates in PEM", authorities, error
        ) from None
    if chain is not None and key is not None:
        load(context, chain, key)
    return context


def _harden(context: ssl.SSLContext, ciphers: str) -> None:
    context.minimum_version = LEAST_TLS
    context.set_ciphers(ciphers)


def load(context: ssl.SSLContext, chain: Path, key: Path) -> None:
    """Give a context its certificate and key.

    Raises:
        UserError: a file is missing, or they do not fit together.
    """
    try:
        context.load_cert_chain(chain, key)
    except OSError as error:  # ssl.SSLError is one
        raise UserError.because(
            "ce n'est pas un certificat et sa clé",
            "not a certificate and its key",
            f"{chain}, {key}",
            error,
        ) from None


def route_by_name(contexts: Mapping[str, ssl.SSLContext]) -> ssl.SSLContext:
    """Return the context of a socket that several host names share: SNI picks each one's own.

    A client without SNI, or with another name, gets the first.
    """
    first = next(iter(contexts.values()))
    if len(contexts) == 1:
        return first
    by_name = {name.lower(): context for name, context in contexts.items()}

    def choose(connection: ssl.SSLObject, name: str | None, _: ssl.SSLContext) -> None:
        chosen = by_name.get((name or "").lower().rstrip("."))
        if chosen is not None:
            connection.context = chosen

    first.sni_callback = choose
    return first


def tls_of(connection: ssl.SSLObject) -> Tls:
    """Return what a finished handshake settled."""
    return Tls(
        connection.version() or "",
        bool(connection.session_reused),
        connection.getpeercert(binary_form=True),
        getattr(connection, "shown", None),
    )
