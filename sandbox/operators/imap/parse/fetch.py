"""Reads what FETCH is asked for (RFC 9051 §6.4.5, RFC 7162, RFC 8474)."""

from __future__ import annotations

import re

from sandbox.operators.imap.arguments import Fetch, FetchItem, SectionItem
from sandbox.operators.imap.grammar import Cursor, Malformed
from sandbox.operators.imap.parse.changes import modifier
from sandbox.operators.imap.responses import astring
from sandbox.operators.imap.sequence import parse_set

__all__ = ["fetch"]

_NAME = re.compile(rb"[A-Za-z0-9.]+")
_PATH = re.compile(rb"[1-9][0-9]{0,5}(?:\.[1-9][0-9]{0,5})*")
_DEPTH = 64
_PARTIAL = re.compile(rb"<([0-9]{1,10})\.([1-9][0-9]{0,9})>")
_ITEMS = 256

_MACROS: dict[str, tuple[FetchItem, ...]] = {
    "ALL": ("FLAGS", "INTERNALDATE", "RFC822.SIZE", "ENVELOPE"),
    "FAST": ("FLAGS", "INTERNALDATE", "RFC822.SIZE"),
    "FULL": ("FLAGS", "INTERNALDATE", "RFC822.SIZE", "ENVELOPE", "BODY"),
}
_PLAIN = frozenset(
    (
        "BODY",
        "BODYSTRUCTURE",
        "EMAILID",
        "ENVELOPE",
        "FLAGS",
        "INTERNALDATE",
        "MODSEQ",
        "RFC822.SIZE",
        "THREADID",
        "UID",
    )
)
_RFC822: dict[str, FetchItem] = {
    "RFC822": SectionItem(label=b"RFC822"),
    "RFC822.HEADER": SectionItem(label=b"RFC822.HEADER", kind="HEADER", peek=True),
    "RFC822.TEXT": SectionItem(label=b"RFC822.TEXT", kind="TEXT"),
}
_FORMS = {
    "BODY": ("BODY", False),
    "BODY.PEEK": ("BODY", True),
    "BINARY": ("BINARY", False),
    "BINARY.PEEK": ("BINARY", True),
    "BINARY.SIZE": ("SIZE", True),
}


def fetch(cursor: Cursor, tag: str, name: str, *, uid: bool = False) -> Fetch:
    """Read what follows FETCH."""
    cursor.space()
    numbers = parse_set(cursor)
    cursor.space()
    items = _items(cursor)
    changed_since = None
    if not cursor.at_end():
        cursor.space()
        changed_since = modifier(cursor, "CHANGEDSINCE")
    return Fetch(
        tag=tag, name=name, uid=uid, numbers=numbers, items=items, changed_since=changed_since
    )


def _items(cursor: Cursor) -> tuple[FetchItem, ...]:
    """Read one item, a macro, or a list of items."""
    if cursor.at(b"("):
        items = cursor.listed(lambda: _item(cursor, _name(cursor)))
        if len(items) > _ITEMS:
            raise Malformed("Too many items")
        return tuple(dict.fromkeys(items))
    name = _name(cursor)
    return _MACROS.get(name) or (_item(cursor, name),)


def _name(cursor: Cursor) -> str:
    return cursor.match(_NAME, "a data item").decode("ascii").upper()


def _item(cursor: Cursor, name: str) -> FetchItem:
    if name in _FORMS and cursor.take(b"["):
        return _section(cursor, name)
    if name in _PLAIN:
        return name
    if name in _RFC822:
        return _RFC822[name]
    raise Malformed(f"Data item {name[:32]} not known")


def _section(cursor: Cursor, name: str) -> SectionItem:
    form, peek = _FORMS[name]
    label = [b"BODY[" if form == "BODY" else b"BINARY[" if form == "BINARY" else b"BINARY.SIZE["]
    path: tuple[int, ...] = ()
    kind = ""
    fields: tuple[bytes, ...] = ()
    if not cursor.at(b"]"):
        numbers = b""
        try:
            numbers = cursor.match(_PATH, "a part number")
        except Malformed:
            if form != "BODY":
                raise
        if numbers:
            label.append(numbers)
            path = tuple(map(int, numbers.split(b".")))
            if len(path) > _DEPTH:
                raise Malformed("Part number too long")
        if form == "BODY" and (not numbers or cursor.take(b".")):
            kind = _name(cursor)
            label.append((b"." if numbers else b"") + kind.encode("ascii"))
            fields = _fields(cursor, kind, path)
            if fields:
                label.append(b" (" + b" ".join(map(astring, fields)) + b")")
    cursor.need(b"]")
    label.append(b"]")
    partial = None
    if form != "SIZE" and cursor.at(b"<"):
        found = _PARTIAL.fullmatch(cursor.match(_PARTIAL, "<origin.length>"))
        assert found is not None
        partial = (int(found[1]), int(found[2]))
    return SectionItem(
        label=b"".join(label),
        path=path,
        kind=kind,
        fields=frozenset(field.lower() for field in fields),
        partial=partial,
        peek=peek,
        form=form,
    )


def _fields(cursor: Cursor, kind: str, path: tuple[int, ...]) -> tuple[bytes, ...]:
    if kind in ("HEADER.FIELDS", "HEADER.FIELDS.NOT"):
        cursor.space()
        return cursor.listed(cursor.astring)
    if kind in ("HEADER", "TEXT") or (kind == "MIME" and path):
        return ()
    raise Malformed(f"Section {kind[:32]} not known")
