"""Reads LIST and LSUB (RFC 5258, RFC 5819, RFC 6154, RFC 9051 §6.3.9)."""

from __future__ import annotations

from sandbox.operators.imap.arguments import ListMailboxes
from sandbox.operators.imap.grammar import Cursor, Malformed
from sandbox.operators.imap.names import decode_name

__all__ = ["STATUS_ITEMS", "list_mailboxes", "lsub", "status_items"]

STATUS_ITEMS = frozenset(
    (
        "APPENDLIMIT",
        "DELETED",
        "HIGHESTMODSEQ",
        "MAILBOXID",
        "MESSAGES",
        "RECENT",
        "SIZE",
        "UIDNEXT",
        "UIDVALIDITY",
        "UNSEEN",
    )
)
_SELECTION = frozenset(("RECURSIVEMATCH", "REMOTE", "SPECIAL-USE", "SUBSCRIBED"))
_PATTERNS = 16
_PATTERN = 255  # bytes; matching costs pattern times name


def list_mailboxes(cursor: Cursor, tag: str, name: str) -> ListMailboxes:
    """Read everything after the word LIST."""
    cursor.space()
    selection: frozenset[str] = frozenset()
    extended = cursor.at(b"(")
    if extended:
        selection = frozenset(cursor.listed(cursor.word, empty=True))
        if not selection <= _SELECTION:
            raise Malformed("Selection option not known")
        if selection & {"RECURSIVEMATCH"} and not selection - {"RECURSIVEMATCH", "REMOTE"}:
            raise Malformed("RECURSIVEMATCH needs another selection option")
        cursor.space()
    reference = _pattern(cursor.astring(), cursor)
    cursor.space()
    if cursor.at(b"("):
        extended = True
        patterns = cursor.listed(lambda: _pattern(cursor.pattern(), cursor))
        if len(patterns) > _PATTERNS:
            raise Malformed("Too many patterns")
    else:
        patterns = (_pattern(cursor.pattern(), cursor),)
    returned: set[str] = set()
    status: tuple[str, ...] = ()
    if not cursor.at_end():
        cursor.space()
        if cursor.word() != "RETURN":
            raise Malformed("Expected RETURN")
        cursor.space()
        extended = True
        for option, items in cursor.listed(lambda: _returned(cursor), empty=True):
            returned.add(option)
            status = items or status
    return ListMailboxes(
        tag=tag,
        name=name,
        reference=reference,
        patterns=patterns,
        selection=selection,
        returned=frozenset(returned),
        status=status,
        extended=extended,
    )


def lsub(cursor: Cursor, tag: str, name: str) -> ListMailboxes:
    """Read everything after the word LSUB."""
    cursor.space()
    reference = _pattern(cursor.astring(), cursor)
    cursor.space()
    pattern = _pattern(cursor.pattern(), cursor)
    return ListMailboxes(
        tag=tag,
        name=name,
        reference=reference,
        patterns=(pattern,),
        selection=frozenset(),
        returned=frozenset(),
        status=(),
        extended=False,
    )


def status_items(cursor: Cursor) -> tuple[str, ...]:
    """Read the list of items of STATUS."""
    items = tuple(dict.fromkeys(cursor.listed(cursor.word)))
    if not set(items) <= STATUS_ITEMS:
        raise Malformed("Status item not known")
    return items


def _returned(cursor: Cursor) -> tuple[str, tuple[str, ...]]:
    option = cursor.word()
    if option == "STATUS":
        cursor.space()
        return option, status_items(cursor)
    if option in ("CHILDREN", "SPECIAL-USE", "SUBSCRIBED"):
        return option, ()
    raise Malformed("Return option not known")


def _pattern(raw: bytes, cursor: Cursor) -> str:
    if len(raw) > _PATTERN:
        raise Malformed("Pattern too long")
    try:
        return decode_name(raw, utf8=cursor.utf8)
    except Malformed:
        # `&*` and the like: a pattern need not be a whole name, and matches none that exists.
        if raw.isascii():
            return raw.decode("ascii")
        raise
