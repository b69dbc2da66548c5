"""Reads commands without arguments, ENABLE, ID, and logins (RFC 9051 §6.1, §6.2, RFC 4959)."""

from __future__ import annotations

import re

from sandbox.operators.imap.arguments import Authenticate, Enable, Identify, Login, Plain
from sandbox.operators.imap.grammar import Cursor, Malformed

__all__ = ["enable", "identify", "plain"]


def plain(_: Cursor, tag: str, name: str) -> Plain:
    """Read nothing: the word is all."""
    return Plain(tag=tag, name=name)


def enable(cursor: Cursor, tag: str, name: str) -> Enable:
    """Read what follows ENABLE (RFC 5161)."""
    extensions = []
    while not cursor.at_end():
        cursor.space()
        extensions.append(cursor.word())
    if not extensions:
        raise Malformed("Expected an extension")
    return Enable(tag=tag, name=name, extensions=tuple(extensions))


def identify(cursor: Cursor, tag: str, name: str) -> Identify:
    """Read what follows ID (RFC 2971)."""
    cursor.space()
    if cursor.at(b"("):
        values = cursor.listed(lambda: _nstring(cursor), empty=True)
        if len(values) % 2 or len(values) > 60:  # RFC 2971 §3.3: 30 pairs
            raise Malformed("Expected at most 30 pairs")
    elif cursor.word() == "NIL":
        values = ()
    else:
        raise Malformed("Expected a list")
    fields = tuple(
        (key.lower(), value) for key, value in zip(values[::2], values[1::2], strict=True)
    )
    return Identify(tag=tag, name=name, fields=fields)


def _nstring(cursor: Cursor) -> str:
    if cursor.at_string():
        return cursor.string().decode("utf-8", "replace")
    if cursor.word() != "NIL":
        raise Malformed("Expected a string")
    return ""


def authenticate(cursor: Cursor, tag: str, name: str) -> Authenticate:
    """Read what follows AUTHENTICATE."""
    cursor.space()
    mechanism = cursor.word()
    initial = None
    if cursor.take(b" "):
        initial = cursor.match(re.compile(rb"[^ ]+"), "an initial response")
    return Authenticate(tag=tag, name=name, mechanism=mechanism, initial=initial)


def login(cursor: Cursor, tag: str, name: str) -> Login:
    """Read what follows LOGIN."""
    cursor.space()
    user = cursor.astring()
    cursor.space()
    return Login(tag=tag, name=name, user=user, password=cursor.astring())
