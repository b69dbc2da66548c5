"""What a login showed, whatever carried it: the secret alone, as a digest."""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Sequence

__all__ = ["digest_of", "digest_of_responses"]


def digest_of(secret: bytes) -> str:
    """Return the digest of a secret."""
    return hashlib.sha256(secret).hexdigest()


def _decoded(response: bytes) -> bytes:
    try:
        return base64.b64decode(response, validate=True)
    except binascii.Error:
        return response


def digest_of_responses(mechanism: str, responses: Sequence[bytes]) -> str:
    """Return the digest of the secret in SASL responses, in base64 as they were sent.

    PLAIN has it behind its second NUL (RFC 4616), LOGIN last; a token is all of the first response.
    """
    decoded = [_decoded(each) for each in responses if each not in (b"", b"=")]
    if not decoded:
        return ""
    if mechanism == "PLAIN":
        return digest_of(decoded[-1].rpartition(b"\0")[2])
    return digest_of(decoded[-1] if mechanism == "LOGIN" else decoded[0])
