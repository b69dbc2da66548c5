"""Reads SELECT, CREATE, DELETE, RENAME, SUBSCRIBE, STATUS (RFC 9051 §6.3)."""

from __future__ import annotations

from sandbox.operators.imap.arguments import Create, OnMailbox, Rename, Select, Status
from sandbox.operators.imap.grammar import Cursor, Malformed
from sandbox.operators.imap.names import read_name
from sandbox.operators.imap.parse.changes import FLAG
from sandbox.operators.imap.parse.listing import status_items

__all__ = ["create", "on_mailbox", "rename", "select", "status"]


def on_mailbox(cursor: Cursor, tag: str, name: str) -> OnMailbox:
    """Read the name of a mailbox, and no more."""
    return OnMailbox(tag=tag, name=name, mailbox=read_name(cursor))


def select(cursor: Cursor, tag: str, name: str) -> Select:
    """Read what follows SELECT or EXAMINE."""
    mailbox = read_name(cursor)
    options: tuple[str, ...] = ()
    if not cursor.at_end():
        cursor.space()
        options = cursor.listed(cursor.word)
        if set(options) != {"CONDSTORE"}:
            raise Malformed("SELECT takes (CONDSTORE)")
    return Select(tag=tag, name=name, mailbox=mailbox, condstore=bool(options))


def create(cursor: Cursor, tag: str, name: str) -> Create:
    """Read what follows CREATE (RFC 6154)."""
    mailbox = read_name(cursor)
    use: tuple[str, ...] = ()
    if not cursor.at_end():
        cursor.space()
        cursor.need(b"(")
        if cursor.word() != "USE":
            raise Malformed("CREATE takes (USE (...))")
        cursor.space()
        use = cursor.listed(lambda: cursor.match(FLAG, "an attribute").decode(), empty=True)
        cursor.need(b")")
    return Create(tag=tag, name=name, mailbox=mailbox, use=use)


def rename(cursor: Cursor, tag: str, name: str) -> Rename:
    """Read what follows RENAME."""
    mailbox = read_name(cursor)
    return Rename(tag=tag, name=name, mailbox=mailbox, to=read_name(cursor))


def status(cursor: Cursor, tag: str, name: str) -> Status:
    """Read what follows STATUS."""
    mailbox = read_name(cursor)
    cursor.space()
    return Status(tag=tag, name=name, mailbox=mailbox, items=status_items(cursor))
