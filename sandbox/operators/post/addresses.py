"""Paths of MAIL and RCPT (RFC 5321 §4.1.2; RFC 6531 §3.3 with SMTPUTF8), strictly read."""

from __future__ import annotations

import re
from functools import lru_cache

from sandbox.trust.domain_list import normal_domain

__all__ = ["AddressError", "domain_of", "normal_address", "read_path"]

LOCAL_OCTETS, DOMAIN_OCTETS, PATH_OCTETS = 64, 255, 256

_OTHER = "\u00a0-\ud7ff\uf900-\ufdcf\ufdf0-\uffef\U00010000-\U0010fffd"  # no control, no private
_ATEXT = rf"[A-Za-z0-9!#$%&'*+\-/=?^_`{{|}}~{_OTHER}]"
_DOT_STRING = re.compile(rf"{_ATEXT}+(?:\.{_ATEXT}+)*")
_QUOTED = re.compile(rf'"(?:[ !#-\[\]-~{_OTHER}]|\\[ -~])*"')
_LITERAL = re.compile(r"\[[!-Z^-~]+\]")
_SOURCE_ROUTE = re.compile(r"@[A-Za-z0-9.-]+(?:,@[A-Za-z0-9.-]+)*:")


class AddressError(ValueError):
    """Not an address; the text says why, without the address."""


@lru_cache(maxsize=4_096)
def read_path(text: str) -> tuple[str, str]:
    """Read `<path>` at the start of a text.

    Source routes are read and dropped (RFC 5321 §4.1.1.3). Quotes that a local part does not need
    are dropped, so that one mailbox has one spelling.

    Returns:
        The address, empty for `<>` (its domain in lower case and ASCII), and the text after it.

    Raises:
        AddressError: not a path, or too long.
    """
    if not text.startswith("<"):
        raise AddressError("the path is not in angle brackets")
    if text.startswith("<>"):
        return "", text[2:]
    position = 1
    route = _SOURCE_ROUTE.match(text, position)
    if route is not None:
        position = route.end()
    local = _DOT_STRING.match(text, position) or _QUOTED.match(text, position)
    if local is None:
        raise AddressError("the local part is not a dot-string or a quoted string")
    position = local.end()
    closing = text.find(">", position)
    if closing < 0:
        raise AddressError("the path has no closing bracket")
    if closing == position and local[0].lower() == "postmaster":
        return "postmaster", text[closing + 1 :]
    if text[position] != "@":
        raise AddressError("the local part is not followed by @ and a domain")
    address = _join(local[0], text[position + 1 : closing])
    return address, text[closing + 1 :]


def _join(local: str, domain: str) -> str:
    if local.startswith('"'):
        plain = re.sub(r"\\(.)", r"\1", local[1:-1])
        if _DOT_STRING.fullmatch(plain):
            local = plain
    if len(local.encode()) > LOCAL_OCTETS:
        raise AddressError(f"the local part is over {LOCAL_OCTETS} octets")
    if not _LITERAL.fullmatch(domain):
        try:
            # Two labels or more, LDH; U-labels become A-labels.
            domain = normal_domain(domain) if domain == domain.strip().strip(".") else ""
        except ValueError:
            domain = ""
        if not domain:
            raise AddressError("the domain is not a domain name")
    if len(domain) > DOMAIN_OCTETS or len(f"<{local}@{domain}>".encode()) > PATH_OCTETS:
        raise AddressError(f"the path is over {PATH_OCTETS} octets")
    return f"{local}@{domain.lower()}"


def domain_of(address: str) -> str:
    """Return the domain of an address, in lower case; empty when it has none."""
    return address.rpartition("@")[2].lower() if "@" in address else ""


def normal_address(text: str) -> str:
    """Return an address as `read_path` would, in lower case: to compare mailboxes.

    Raises:
        AddressError: not an address.
    """
    address, rest = read_path(f"<{text}>")
    if rest or not address:
        raise AddressError("not one address")
    return address.lower()
