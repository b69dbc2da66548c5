"""Form bodies, read strictly: one value per parameter, UTF-8, bounded (R1, R11)."""

from __future__ import annotations

from urllib.parse import unquote_to_bytes

from sandbox.psc import refusals_request
from sandbox.psc.refusals import Refused

__all__ = ["MAX_BODY", "MAX_PARAMETERS", "parse_form", "parse_pairs"]

MAX_BODY = 65_536
MAX_PARAMETERS = 64


def parse_pairs(encoded: bytes) -> dict[str, str]:
    """Decode `a=1&b=2`.

    Parameters sent without a value are dropped, as RFC 6749 3.1 asks.

    Raises:
        Refused: too large, too many, repeated, or not UTF-8 (also raw or percent-encoded NUL).
    """
    if len(encoded) > MAX_BODY:
        raise Refused(refusals_request.FORM_SIZE)
    parts = encoded.split(b"&") if encoded else []
    if len(parts) > MAX_PARAMETERS:
        raise Refused(refusals_request.FORM_SIZE)
    form: dict[str, str] = {}
    for part in parts:
        if not part:
            continue
        name_bytes, _, value_bytes = part.partition(b"=")
        name, value = _decoded(name_bytes), _decoded(value_bytes)
        if name in form:
            raise Refused(refusals_request.FORM_REPEATED)
        form[name] = value
    return form


def _decoded(part: bytes) -> str:
    if b"%" in part or b"+" in part:  # most need no decoding
        part = unquote_to_bytes(part.replace(b"+", b" "))
    try:
        text = part.decode("utf-8")
    except UnicodeDecodeError:
        raise Refused(refusals_request.FORM_SYNTAX) from None
    if "\0" in text:
        raise Refused(refusals_request.FORM_SYNTAX)
    return text


def parse_form(content_type: str, body: bytes) -> dict[str, str]:
    """Decode a request body that must be a form.

    Raises:
        Refused: another content type, or whatever `parse_pairs` refuses.
    """
    media = content_type.partition(";")[0].strip().lower()
    if media != "application/x-www-form-urlencoded":
        raise Refused(refusals_request.FORM_TYPE)
    return parse_pairs(body)
