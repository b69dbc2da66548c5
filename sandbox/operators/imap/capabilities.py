"""Which extensions are offered, before login and after, and which of them a client may enable."""

from __future__ import annotations

from functools import lru_cache

from sandbox.operators.model import SaslName

__all__ = ["ENABLED", "after_login", "before_login"]

ALWAYS = ("IMAP4rev2", "IMAP4rev1", "SASL-IR", "ID", "ENABLE")
# After login only: before it they would be of no use. Their commands are rows of `commands`.
EXTENSIONS = (
    "LITERAL+",
    "IDLE",
    "NAMESPACE",
    "CHILDREN",
    "UIDPLUS",
    "UNSELECT",
    "MOVE",
    "SPECIAL-USE",
    "CREATE-SPECIAL-USE",
    "LIST-EXTENDED",
    "LIST-STATUS",
    "ESEARCH",
    "SEARCHRES",
    "STATUS=SIZE",
    "CONDSTORE",
    "BINARY",
    "OBJECTID",
    "UTF8=ACCEPT",
)
_PASSWORDS = (SaslName.PLAIN, SaslName.LOGIN)
# What ENABLE takes (RFC 5161), by the name in capitals, as it is told.
ENABLED = {"CONDSTORE": "CONDSTORE", "IMAP4REV2": "IMAP4rev2", "UTF8=ACCEPT": "UTF8=ACCEPT"}


@lru_cache
def before_login(offered: tuple[SaslName, ...], *, tls: bool) -> tuple[str, ...]:
    """Return what is offered to whoever has to log in; nobody does in clear."""
    if not tls:
        return (*ALWAYS, "LITERAL-", "STARTTLS", "LOGINDISABLED")
    methods = [f"AUTH={name}" for name in offered]
    login = [] if set(offered) & set(_PASSWORDS) else ["LOGINDISABLED"]
    return (*ALWAYS, "LITERAL-", *methods, *login)


@lru_cache
def after_login(message_limit: int) -> tuple[str, ...]:
    """Return what is offered to who has logged in; a message has at most so many octets."""
    return (*ALWAYS, *EXTENSIONS, f"APPENDLIMIT={message_limit}")
