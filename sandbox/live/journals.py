"""The operators' journals as files: read, followed, chosen from, and put into words."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from sandbox.space.errors import UserError

__all__ = ["Journals", "concerns", "in_words", "why"]

Tree = dict[str, Any]
_LOOK = 0.2  # seconds between two looks at files that are followed
_ABOUT = ("mailbox", "user", "reverse_path", "recipient", "recipients", "to")


class Journals:
    """Journals of operators, read on from where they were.

    Args:
        places: file by operator.
        from_now: leave out what is there already.
    """

    def __init__(self, places: Mapping[str, Path], *, from_now: bool = False) -> None:
        self._places = dict(places)
        self._read = dict.fromkeys(self._places, 0)
        if from_now:
            for name, path in self._places.items():
                self._read[name] = path.stat().st_size if path.exists() else 0

    @classmethod
    def of(cls, folder: Path) -> Journals:
        """Return those of a space, whether it runs or not.

        Raises:
            UserError: there are none.
        """
        found = {path.parent.name: path for path in folder.glob("operators/*/journal.jsonl")}
        if not found:
            raise UserError(
                "aucun journal ici ; démarrer un espace avec",
                "no journal there; start a space with",
                where=folder,
                then=f"mss-sandbox up --dir {folder}",
            )
        return cls(found)

    def more(self) -> list[Tree]:
        """Return the entries that have come, oldest first; a line under way waits for its end."""
        found = []
        for name, path in self._places.items():
            if not path.exists():
                continue
            with path.open("rb") as file:
                file.seek(self._read[name])
                whole, end, _ = file.read().rpartition(b"\n")
            self._read[name] += len(whole) + len(end)
            found += [_entry(name, line) for line in whole.splitlines()]
        return sorted(found, key=lambda entry: entry["at"])

    def follow(self) -> Iterator[Tree]:
        """Yield entries as they come, for ever."""
        while True:
            yield from self.more()
            time.sleep(_LOOK)


def _entry(operator: str, line: bytes) -> Tree:
    try:
        entry = json.loads(line)
        at = float(entry["at"])
    except (ValueError, TypeError, KeyError):
        # A disk that was full may have cut it.
        text = line.decode("utf-8", "replace")
        return {"at": 0.0, "operator": operator, "event": "unreadable", "line": text}
    return {**entry, "at": at, "operator": operator}


def concerns(entry: Tree, address: str) -> bool:
    """Tell whether an entry is about a client (`127.0.0.1`, `127.0.0.1:49152`) or a mailbox."""
    if "@" not in address:
        client = str(entry.get("client", ""))
        return address in {client, f"{client}:{entry.get('client_port', '')}"}
    named = [entry.get(key, ()) for key in _ABOUT]
    flat = [each for value in named for each in ([value] if isinstance(value, str) else value)]
    return address.lower() in {each.lower() for each in flat}


def why(entries: Sequence[Tree]) -> str:
    """Return the words of the last refusal among entries, French and English; empty for none."""
    for entry in reversed(entries):
        if entry["event"] == "refused":
            told = [f"{entry[key]} {entry[f'remedy_{key}']}" for key in ("fr", "en")]
            return f"{' / '.join(told)} ({entry['clause']} ; {entry['reason']})"
    return ""


_PLACE = ("operator", "protocol", "endpoint", "client", "event")
_LEFT_OUT = {"seq", "at", "design", "tls", "fr", "en", "clause", "reason"}


def in_words(entry: Tree) -> str:
    """Return an entry as a person reads it: when, where, who, what, and for a refusal why."""
    when = datetime.fromtimestamp(entry["at"]).astimezone().strftime("%H:%M:%S.%f")[:-3]
    place = [str(entry[key]) for key in _PLACE if entry.get(key)]
    reason = why([entry])
    rest = [
        f"{key}={_short(value)}"
        for key, value in entry.items()
        if key not in _LEFT_OUT and key not in _PLACE and not key.startswith("remedy_")
        and value not in ("", [], None)
    ]  # fmt: skip
    line = "  ".join([when, *place, *rest, *([reason] if reason else [])])
    # Clients wrote some of it: no character moves the cursor or ends the line.
    return "".join(letter if letter.isprintable() else "\ufffd" for letter in line)


def _short(value: object) -> str:
    return ",".join(map(str, value)) if isinstance(value, list) else str(value)
