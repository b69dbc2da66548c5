r"""Flags of messages (RFC 9051 §2.3.2) as the store writes them: one text, sorted, by spaces."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

from sandbox.operators.store.schema import StoreError

__all__ = ["DELETED", "canonical", "combine", "decode", "encode"]

DELETED = r"\Deleted"
_SYSTEM = {name.lower(): name for name in (r"\Answered", r"\Flagged", DELETED, r"\Seen", r"\Draft")}
NO_ATOM = frozenset('\\ (){%*"]')
MAX_KEYWORDS = 100
MAX_KEYWORD_LENGTH = 100


def canonical(flags: Iterable[str]) -> frozenset[str]:
    r"""Return flags with system flags in their usual case and without `\Recent`.

    Raises:
        StoreError: `cannot`, a system flag that does not exist or a keyword that is no atom;
            `limit`, too many or too long.
    """
    kept: dict[str, str] = {}
    for flag in flags:
        lower = flag.lower()
        if lower == r"\recent":
            continue
        if lower in _SYSTEM:
            flag = _SYSTEM[lower]
        elif not flag.isascii() or not flag.isprintable() or set(flag or " ") & NO_ATOM:
            raise StoreError("cannot", f"flag {flag!r}")
        elif len(flag) > MAX_KEYWORD_LENGTH:
            raise StoreError("limit", "length of a keyword")
        kept.setdefault(lower, flag)
    if len(kept) > MAX_KEYWORDS:
        raise StoreError("limit", "flags of a message")
    return frozenset(kept.values())


def combine(old: frozenset[str], action: str, given: frozenset[str]) -> frozenset[str]:
    """Return flags after STORE `+`, `-` or `=`; keywords differ in more than case (§2.3.2).

    Args:
        old: canonical flags.
        action: `+`, `-` or `=`.
        given: canonical flags.

    Raises:
        StoreError: `limit`, too many.
    """
    if action == "=":
        return given
    names = {flag.lower() for flag in given}
    others = frozenset(flag for flag in old if flag.lower() not in names)
    if action == "-":
        return others
    known = {flag.lower() for flag in old}
    merged = old | {flag for flag in given if flag.lower() not in known}
    if len(merged) > MAX_KEYWORDS:
        raise StoreError("limit", "flags of a message")
    return merged


def encode(flags: frozenset[str]) -> str:
    """Return the text of canonical flags."""
    return " ".join(sorted(flags))


@lru_cache(maxsize=4096)
def decode(text: str) -> frozenset[str]:
    """Return the flags of a text; equal texts give one set."""
    return frozenset(text.split())
