"""Reads what operators and Pro Santé Connect write down, as it comes; wakes those who look on."""

from __future__ import annotations

import json
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from sandbox.console.ledger import Trail, Trails
from sandbox.psc.events import ProviderEvent
from sandbox.psc.provider import Provider

__all__ = ["Feed", "PscEvent"]

Entry = dict[str, Any]
LOOK = 0.2  # s between two looks at the journals
_TAIL = 64 * 2**20  # bytes of each journal that are read at the start
_AT_ONCE = 2**20  # bytes of a journal read in one go
_KEPT_TICKETS = 20_000
_MAIL = (b"accepted", b"relay-failed", b"returned")  # of which fates are told


class PscEvent:
    """An event of a provider with the operators' own time; `operator` is empty for PSC."""

    __slots__ = ("at", "event", "operator")

    def __init__(self, event: ProviderEvent, operator: str, ahead: float) -> None:
        self.event, self.operator, self.at = event, operator, event.at - ahead


class Feed:
    """Follows a space in a thread of its own until `close`.

    Args:
        journals: file by operator.
        providers: Pro Santé Connect under "", each operator's own CIBA under its label.

    Attributes:
        ledger: the index; read it under `lock`.
        version: changes whenever something has come.
    """

    def __init__(
        self, journals: Mapping[str, Path], providers: Callable[[], Mapping[str, Provider]]
    ) -> None:
        self.ledger = Trails()
        self.lock = threading.Condition()  # told whenever something has come
        self.version = 0
        self._journals = dict(journals)
        self._read = {name: _start(path) for name, path in self._journals.items()}
        self._providers = providers
        self._heard: dict[str, int] = {}
        self._tickets: OrderedDict[str, list[PscEvent]] = OrderedDict()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._follow, name="console-feed", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Read no more."""
        self._over.set()
        self._thread.join()

    def look(self) -> int:
        """Book what has come since the last look; return how much."""
        count = sum(self._journal(name) for name in self._journals) + self._provided()
        if count:
            with self.lock:
                self.version += count
                self.lock.notify_all()
        return count

    def entries(self, trail: Trail) -> list[Entry]:
        """Read the entries of a trail."""
        return self.read(trail.operator, trail.places)

    def read(self, operator: str, places: Iterable[int]) -> list[Entry]:
        """Read entries of a journal by their places; what cannot be read is left out."""
        found = []
        try:
            with self._journals[operator].open("rb") as file:
                for place in places:
                    file.seek(place)
                    entry = _entry(operator, file.readline())
                    if entry is not None:
                        found.append(entry)
        except OSError:
            return found
        return found

    def mail(self) -> Iterator[Entry]:
        """Yield what journals say of messages taken, relayed in vain and returned."""
        for operator, path in self._journals.items():
            try:
                with path.open("rb") as file:
                    file.seek(_start(path))
                    for line in file:
                        if any(word in line for word in _MAIL):
                            entry = _entry(operator, line)
                            if entry is not None:
                                yield entry
            except OSError:
                continue

    def heard(self, ticket: str) -> list[PscEvent]:
        """Return what a provider said of a request."""
        with self.lock:
            return list(self._tickets.get(ticket, ()))

    def _follow(self) -> None:
        while not self._over.is_set():
            self.look()
            self._over.wait(LOOK)

    def _journal(self, operator: str) -> int:
        path, count = self._journals[operator], 0
        try:
            with path.open("rb") as file:
                while True:
                    place = self._read[operator]
                    file.seek(place)
                    data = file.read(_AT_ONCE)
                    whole, end, _ = data.rpartition(b"\n")
                    if not end:
                        return count
                    lines = whole.split(b"\n")
                    with self.lock:
                        for line in lines:
                            entry = _entry(operator, line)
                            if entry is not None:
                                self.ledger.add(operator, entry, place)
                            place += len(line) + 1
                    self._read[operator] = place
                    count += len(lines)
        except OSError:
            return count

    def _provided(self) -> int:
        count = 0
        for operator, provider in self._providers().items():
            ahead = provider.now() - time.time()
            for event in provider.events.since(self._heard.get(operator, 0)):
                self._heard[operator] = event.seq
                count += 1
                if event.ticket:
                    with self.lock:
                        here = self._tickets.setdefault(event.ticket, [])
                        here.append(PscEvent(event, operator, ahead))
                        if len(self._tickets) > _KEPT_TICKETS:
                            self._tickets.popitem(last=False)
        return count


def _start(path: Path) -> int:
    """Return where to begin: a journal of years is read from its last part on, at a line."""
    try:
        size = path.stat().st_size
        if size <= _TAIL:
            return 0
        with path.open("rb") as file:
            file.seek(size - _TAIL)
            file.readline()
            return file.tell()
    except OSError:
        return 0


def _entry(operator: str, line: bytes) -> Entry | None:
    try:
        entry = json.loads(line)
        return {**entry, "at": float(entry["at"]), "event": str(entry["event"]),
                "operator": operator}  # fmt: skip
    except (ValueError, TypeError, KeyError):
        return None  # a full disk may have cut it
