"""What servers write at the head of a message, and what others may not write there in their name.

`Received` and `Return-Path` (RFC 5321 §4.4), `Authentication-Results` (RFC 8601).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import format_datetime, parsedate_to_datetime

from sandbox.operators.post.headers import MAX_PARSED, Header, Message

__all__ = ["arrived", "first_instant", "received", "return_path", "without_return_path"]

_MILLISECONDS = re.compile(r"\(and ([0-9]{1,3}) ms\)$")
_OURS = re.compile(
    rb"^(?P<name>return-path|authentication-results)[ \t]*:"
    rb"(?P<value>[^\n]*\n(?:[ \t][^\n]*\n)*)",
    re.I | re.M,
)
_COMMENT = re.compile(rb"\([^()]*\)")
_PAIR = re.compile(rb"\\(?:([^()\"\\])|.)", re.DOTALL)
_SERVER = re.compile(rb"\s*(?:\"([^\"]*)\"|([^\s;\"]+))")


def received(
    *, client: str, address: str, server: str, protocol: str, comment: str, token: str,
    recipient: str, now: float,
) -> bytes:  # fmt: skip
    """Return a `Received` field (RFC 5321 §4.4).

    Args:
        client: name that EHLO gave.
        address: address of the peer.
        server: our name.
        protocol: value of `with` (RFC 3848, RFC 6531 §4.3).
        comment: what is added in brackets after it.
        token: value of `id`.
        recipient: value of `for`; empty leaves it out, as it must be with several (RFC 5321 §7.2).
        now: seconds since 1970.
    """
    to = f"\r\n\tfor <{recipient}>" if recipient else ""
    when = format_datetime(datetime.fromtimestamp(int(now), UTC))
    milliseconds = int(now * 1000) % 1000  # a date has whole seconds; a comment may follow it
    return (
        f"Received: from {client} ([{address}])\r\n"
        f"\tby {server} with {protocol} id {token}\r\n"
        f"\t({comment}){to};\r\n"
        f"\t{when} (and {milliseconds} ms)\r\n"
    ).encode()


def first_instant(header: Header) -> float | None:
    """Return when the first server took a message (seconds since 1970), from its trace."""
    values = header.values("Received")
    if not values:
        return None
    written = values[-1].rpartition(";")[2].strip()
    if len(written) > MAX_PARSED:
        return None
    milliseconds = _MILLISECONDS.search(written)
    try:
        whole = parsedate_to_datetime(written).timestamp()
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return whole + (int(milliseconds[1]) / 1000 if milliseconds else 0.0)


def return_path(reverse_path: str) -> bytes:
    """Return the field that final delivery puts first."""
    return f"Return-Path: <{reverse_path}>\r\n".encode()


def without_return_path(content: bytes) -> bytes:
    """Return a stored content without the `Return-Path` of a delivery here: it goes elsewhere."""
    return content.partition(b"\r\n")[2] if content.startswith(b"Return-Path:") else content


def arrived(message: Message, ours: Callable[[str], bool]) -> tuple[bytes, ...]:
    """Return a message, in parts, without what only a server of ours may have written.

    `Return-Path` is of the final delivery (RFC 5321 §4.4). `Authentication-Results` that bear a
    name of ours would be believed by our users' software, and so would those whose name cannot be
    told (RFC 8601 §5); others' results stay.

    Args:
        message: as it came.
        ours: whether a server's name is one of this operator, in lower case.
    """
    header, content = message.header, message.content
    if not (header.has("Return-Path") or header.has("Authentication-Results")):
        return (content,)

    def kept(field: re.Match[bytes]) -> bytes:
        if field["name"].lower() == b"return-path":
            return b""
        name = _server(field["value"])
        return b"" if not name or ours(name) else field[0]

    return _OURS.sub(kept, content[: header.end]), content[header.end :]


def _server(value: bytes) -> str:
    """Return the authserv-id of a value (RFC 8601 §2.2), lower case; empty where there is none."""
    if len(value) > MAX_PARSED:
        return ""
    value = _PAIR.sub(rb"\1", value)
    while (shorter := _COMMENT.sub(b" ", value)) != value:
        value = shorter
    found = _SERVER.match(value)
    name = (found[1] or found[2] or b"") if found else b""
    return name.decode("latin-1").lower().rstrip(".")
