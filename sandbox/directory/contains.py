"""The "contains" index: three letters in a row, anywhere in a name or a local part."""

from __future__ import annotations

import sqlite3

from sandbox.directory.tables import fold

__all__ = ["add_words", "match_words"]


def match_words(text: str) -> str:
    """Return the MATCH expression that finds a folded text, empty below three letters.

    The index keeps no position: it finds all that hold every group of three letters, which may be
    more than all that hold the text. The caller checks.
    """
    groups = dict.fromkeys(text[at : at + 3] for at in range(len(text) - 2))
    return " AND ".join('"' + group.replace('"', '""') + '"' for group in groups)


def add_words(connection: sqlite3.Connection, row: int, name: str, address: str) -> None:
    """Index a new mailbox: the folded name of its bearer and its local part."""
    text = f"{fold(name)}\n{address.partition('@')[0]}"
    connection.execute("INSERT INTO words.search (rowid, text) VALUES (?, ?)", (row, text))
