"""Reads AUTHENTICATE and LOGIN (RFC 9051 §6.2, RFC 4959)."""

from __future__ import annotations

import re

from sandbox.operators.imap.commands import Authenticate, Login
from sandbox.operators.imap.grammar import Cursor

__all__ = ["authenticate", "login"]


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
