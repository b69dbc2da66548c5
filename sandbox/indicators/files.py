"""The monthly file of an operator: written whole, read with doubt, kept where it is deposited.

The layout is ours: the official one is not public.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from sandbox.indicators.counting import (
    Indicators,
    LoginKey,
    MailboxCount,
    MailboxKey,
    MessageKey,
    Volume,
)
from sandbox.indicators.month import Month
from sandbox.space.errors import UserError
from sandbox.space.files import write_private

__all__ = ["LAYOUT", "as_json", "deposit", "deposited", "from_json", "read_file"]

LAYOUT = "mssante-sandbox/indicators/1"
_NOTE = {
    "fr": "Format de ce bac à sable ; le format officiel n'est pas public. Mois en UTC.",
    "en": "Layout of this sandbox; the official one is not public. Months of UTC.",
}
_MOST = 64 * 2**20  # octets of a file that is read
Tree = dict[str, Any]


def as_json(said: Indicators) -> Tree:
    """Return the file as a tree; the same indicators give the same tree."""
    return {
        "layout": LAYOUT,
        "note": _NOTE,
        "operator": said.operator,
        "month": str(said.month),
        "domains": list(said.domains),
        "mailboxes": [{**key._asdict(), **asdict(n)} for key, n in said.mailboxes.items()],
        "messages": [
            {**key._asdict(), "count": n.number, "octets": n.octets}
            for key, n in said.messages.items()
        ],
        "logins": [{**key._asdict(), "count": n} for key, n in said.logins.items()],
    }


def from_json(tree: object, where: object = "") -> Indicators:
    """Read a file's tree.

    Raises:
        UserError: it is not of this layout, or a figure is no count.
    """
    try:
        if not isinstance(tree, dict) or tree["layout"] != LAYOUT:
            raise _refused(where, LAYOUT)
        return Indicators(
            operator=_text(tree["operator"]),
            month=Month.of(_text(tree["month"])),
            domains=tuple(_text(each) for each in tree["domains"]),
            mailboxes={
                MailboxKey(*_texts(row, MailboxKey._fields)): MailboxCount(
                    **{each.name: _count(row[each.name]) for each in fields(MailboxCount)}
                )
                for row in tree["mailboxes"]
            },
            messages={
                MessageKey(*_texts(row, MessageKey._fields)): Volume(
                    _count(row["count"]), _count(row["octets"])
                )
                for row in tree["messages"]
            },
            logins={
                LoginKey(*_texts(row, LoginKey._fields)): _count(row["count"])
                for row in tree["logins"]
            },
        )
    except (KeyError, TypeError, ValueError) as error:
        raise _refused(where, f"({type(error).__name__}: {error})") from None


def read_file(path: Path) -> Indicators:
    """Read a deposited file.

    Raises:
        UserError: it cannot be read, is too large, or is not of this layout.
    """
    try:
        if path.stat().st_size > _MOST:
            raise _refused(path, f"(> {_MOST} octets)")
        return from_json(json.loads(path.read_bytes()), path)
    except (OSError, ValueError, RecursionError) as error:
        raise _refused(path, f"({error})") from None


def deposit(folder: Path, said: Iterable[Indicators]) -> list[Path]:
    """Write each operator's file, whole or not at all; return where they are."""
    written = []
    for each in said:
        path = folder / str(each.month) / f"{each.operator}.json"
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        data = json.dumps(as_json(each), ensure_ascii=False, indent=1).encode()
        write_private(path, data + b"\n")
        written.append(path)
    return written


def deposited(folder: Path, month: Month) -> Mapping[str, Path]:
    """Return the files of a month by operator."""
    return {path.stem: path for path in sorted((folder / str(month)).glob("*.json"))}


def _refused(where: object, then: object) -> UserError:
    return UserError(
        "ce n'est pas un fichier d'indicateurs de ce format",
        "not an indicator file of this layout", where=where, then=then,
    )  # fmt: skip


def _texts(row: Tree, names: Iterable[str]) -> list[str]:
    return [_text(row[name]) for name in names]


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r:.40} is no text")
    return value


def _count(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise ValueError(f"{value!r:.40} is no count")
    return value
