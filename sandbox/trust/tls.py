"""The TLS of every server here, in one place."""

from __future__ import annotations

import ssl
from pathlib import Path

__all__ = ["CIPHERS", "server_context"]

# BCP 195 and ECO.1.1.3: forward secrecy and AEAD only; TLS 1.3 has nothing else.
CIPHERS = "ECDHE+AESGCM:ECDHE+CHACHA20"


def server_context(chain: Path, key: Path) -> ssl.SSLContext:
    """Return a context of TLS 1.2 or later that asks no client for a certificate.

    Args:
        chain: PEM of the certificate and its intermediates.
        key: PEM of its private key.

    Raises:
        OSError: a file is missing, or they do not fit together (ssl.SSLError).
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(CIPHERS)
    # A handshake that a client asks for again and again costs it little and us much.
    context.options |= ssl.OP_NO_RENEGOTIATION
    context.load_cert_chain(chain, key)
    return context
