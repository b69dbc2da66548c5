"""Keys of SEARCH as values (RFC 9051 §6.4.4)."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from sandbox.operators.imap.sequence import SequenceSet

__all__ = [
    "Both",
    "Changed",
    "Containing",
    "Dated",
    "Either",
    "Flagged",
    "Identified",
    "InHeader",
    "Key",
    "Not",
    "Recent",
    "Sized",
    "Within",
]


@dataclass(frozen=True, slots=True)
class Both:
    """All of the keys hold; none at all is ALL."""

    keys: tuple[Key, ...]


@dataclass(frozen=True, slots=True)
class Either:
    """OR."""

    first: Key
    second: Key


@dataclass(frozen=True, slots=True)
class Not:
    """NOT."""

    key: Key


@dataclass(frozen=True, slots=True)
class Flagged:
    """Has the flag; keywords whatever their case."""

    flag: str


@dataclass(frozen=True, slots=True)
class Recent:
    r"""Has \Recent (IMAP4rev1)."""


@dataclass(frozen=True, slots=True)
class Within:
    """Number, or UID, is in the set."""

    numbers: SequenceSet
    uid: bool


@dataclass(frozen=True, slots=True)
class Dated:
    """INTERNALDATE, or where `sent` the Date field, is `<`, `=` or `>` (on or after) a day."""

    sent: bool
    relation: str
    day: dt.date


@dataclass(frozen=True, slots=True)
class Sized:
    """Larger, or smaller, than a number of bytes."""

    larger: bool
    size: int


@dataclass(frozen=True, slots=True)
class InHeader:
    """A header field of this name (lower case) contains the text (case folded)."""

    field: str
    text: str


@dataclass(frozen=True, slots=True)
class Containing:
    """The body, or where `headers` the header too, contains the text (case folded)."""

    headers: bool
    text: str


@dataclass(frozen=True, slots=True)
class Changed:
    """The modification sequence is at least this (RFC 7162)."""

    modseq: int


@dataclass(frozen=True, slots=True)
class Identified:
    """EMAILID (RFC 8474)."""

    email_id: str


Key = (
    Both
    | Either
    | Not
    | Flagged
    | Recent
    | Within
    | Dated
    | Sized
    | InHeader
    | Containing
    | Changed
    | Identified
)
