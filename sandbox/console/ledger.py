"""The index of what operators wrote down: a trail for each connection, in bounded memory.

It keeps where an entry is in its journal, not the entry: a place is 8 bytes, a line some 700. Pure:
entries come in with their places, and whoever wants to read them reads there.

A page that is open asks the same again and again. What a search found is kept for a while, and the
same search looks from then on only at the trails that have changed since: what an entry costs does
not grow with the index.
"""

from __future__ import annotations

import itertools
from array import array
from collections import Counter, OrderedDict, deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from operator import attrgetter
from typing import Any

__all__ = ["KEPT_CONNECTIONS", "Query", "RelayedMessage", "Trail", "TrailOutcome", "Trails"]

Entry = Mapping[str, Any]
KEPT_CONNECTIONS = 100_000
_KEPT_MESSAGES = 50_000
_KEPT_CHANGES = 20_000  # a minute or two at 200 entries a second
_KEPT_SEARCHES = 64  # as many as pages may listen at once
_NAMES = ("mailbox", "user", "identity", "name", "reverse_path", "recipient", "to")


class TrailOutcome:
    """What became of a connection, in a word that filters and addresses use."""

    REFUSED = "refused"
    PENDING = "pending"
    PASSED = "passed"
    ALL = (REFUSED, PENDING, PASSED)


@dataclass(slots=True)
class Trail:
    """One connection, or one thing that an operator did of its own.

    Attributes:
        key: `operator-session`, the permanent name.
        number: 1 for the first of the index, and so on.
        operator, design, endpoint, protocol, client, port, method: as journaled.
        begin, end: instants of the first and the last entry, seconds since 1970.
        mailbox: that was opened or tried; of a relay, the sender.
        person: name of who logged in.
        names: all of them in lower case, one a line, to be searched at once.
        refusals: how many there are.
        reason: name of the last one.
        waiting: whether a telephone was asked, and nobody has answered yet.
        places: of its entries, in the operator's journal.
        tickets: of its requests at Pro Santé Connect or the operator's own CIBA.
        queued: identifiers of the messages that it handed over.
    """

    key: str
    operator: str
    number: int = 0
    design: str = ""
    endpoint: str = ""
    protocol: str = ""
    client: str = ""
    port: int = 0
    method: str = ""
    begin: float = 0.0
    end: float = 0.0
    mailbox: str = ""
    person: str = ""
    names: str = ""
    refusals: int = 0
    reason: str = ""
    waiting: bool = False
    places: array[int] = field(default_factory=lambda: array("Q"))
    tickets: list[str] = field(default_factory=list)
    queued: list[str] = field(default_factory=list)

    @property
    def outcome(self) -> str:
        """A word of `TrailOutcome`."""
        if self.refusals:
            return TrailOutcome.REFUSED
        return TrailOutcome.PENDING if self.waiting else TrailOutcome.PASSED


@dataclass(frozen=True, slots=True, kw_only=True)
class RelayedMessage:
    """A message that a relay handed to an operator: where to look on."""

    at: float
    reverse_path: str
    key: str
    queue_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """Which connections; empty members fit all.

    Attributes:
        person: part of a name, mailbox, user name or national identifier.
        operator, design, protocol, method, reason: as journaled.
        client: address of the client, or its beginning.
        port: of the client, 0 for any.
        outcome: a word of `TrailOutcome`.
        before: key of a trail: those that began before it.
    """

    person: str = ""
    operator: str = ""
    design: str = ""
    protocol: str = ""
    method: str = ""
    reason: str = ""
    client: str = ""
    outcome: str = ""
    port: int = 0
    before: str = ""

    def tests(self) -> list[Callable[[Trail], bool]]:
        """Return what a trail that is asked for has to pass: few, every trail is looked at."""
        names = ("operator", "design", "protocol", "method", "reason", "outcome", "port")
        found: list[Callable[[Trail], bool]] = [
            _having(name, getattr(self, name)) for name in names if getattr(self, name)
        ]
        if self.client:
            found.append(partial(_from, self.client))
        if self.person:
            found.append(partial(_named, self.person.lower()))
        return found


def _having(name: str, value: object) -> Callable[[Trail], bool]:
    """Return whether a trail has a value: one call each."""
    of = attrgetter(name)
    return lambda trail: bool(of(trail) == value)


def _from(client: str, trail: Trail) -> bool:
    return trail.client.startswith(client)


def _named(part: str, trail: Trail) -> bool:
    return part in trail.names


@dataclass(frozen=True, slots=True)
class _Search:
    """What a search has found, the newest first, when the index had seen so many changes."""

    changes: int
    trails: list[Trail]


class Trails:
    """All trails, the oldest leaving first.

    Args:
        most: trails that are kept.
    """

    def __init__(self, most: int = KEPT_CONNECTIONS) -> None:
        self._most = most
        self._trails: OrderedDict[str, Trail] = OrderedDict()
        self._queues: OrderedDict[tuple[str, str], array[int]] = OrderedDict()
        self._owners: OrderedDict[str, list[str]] = OrderedDict()
        self._arrivals: OrderedDict[str, list[RelayedMessage]] = OrderedDict()
        self._reasons: Counter[str] = Counter()
        self._changed: deque[Trail] = deque(maxlen=_KEPT_CHANGES)
        self._changes = 0
        self._searches: OrderedDict[tuple[Query, int], _Search] = OrderedDict()
        self._last = 0  # number of the newest trail
        self.entries = 0

    def __len__(self) -> int:
        return len(self._trails)

    def add(self, operator: str, entry: Entry, place: int) -> None:
        """Book an entry of an operator's journal, which is at `place` there."""
        self.entries += 1
        queue_id = str(entry.get("queue_id", ""))
        if not entry.get("session"):
            if queue_id:
                _bounded(self._queues, (operator, queue_id), array("Q"), _KEPT_MESSAGES).append(
                    place
                )
                return
            key = f"{operator}-{entry.get('seq', place)}"
        else:
            key = f"{operator}-{entry['session']}"
        trail = self._trails.get(key)
        if trail is None:
            self._last += 1
            trail = Trail(key, operator, self._last, begin=float(entry["at"]))
            self._trails[key] = trail
            if len(self._trails) > self._most:
                self._count(self._trails.popitem(last=False)[1].reason, -1)
        self._count(trail.reason, -1)
        _book(trail, entry, place)
        self._count(trail.reason, 1)
        self._changed.append(trail)
        self._changes += 1
        if queue_id:
            owners: list[str] = _bounded(self._owners, queue_id, [], _KEPT_MESSAGES)
            if key not in owners:
                owners.append(key)
            if entry.get("protocol") == "relay":
                self._arrived(entry, key, queue_id)

    def _count(self, reason: str, more: int) -> None:
        if reason:
            self._reasons[reason] += more

    def _arrived(self, entry: Entry, key: str, queue_id: str) -> None:
        arrival = RelayedMessage(
            at=float(entry["at"]), reverse_path=str(entry.get("reverse_path", "")), key=key,
            queue_id=queue_id,
        )  # fmt: skip
        for recipient in entry.get("recipients", ()):
            here: list[RelayedMessage] = _bounded(
                self._arrivals, recipient.lower(), [], _KEPT_MESSAGES
            )
            here.append(arrival)
            del here[:-50]

    def get(self, key: str) -> Trail | None:
        """Return a trail, None when there is none or it has left."""
        return self._trails.get(key)

    def find(self, query: Query, limit: int) -> list[Trail]:
        """Return the newest trails that are asked for."""
        if query.before:
            return list(itertools.islice(self._passing(query), limit))
        last = self._searches.pop((query, limit), None)
        found = None if last is None else self._again(last, query, limit)
        if found is None:
            found = list(itertools.islice(self._passing(query), limit))
        self._searches[query, limit] = _Search(self._changes, found)
        if len(self._searches) > _KEPT_SEARCHES:
            self._searches.popitem(last=False)
        return list(found)

    def _passing(self, query: Query) -> Iterator[Trail]:
        trails = self._from(query.before)
        for test in query.tests():
            trails = filter(test, trails)
        return trails

    def _again(self, last: _Search, query: Query, limit: int) -> list[Trail] | None:
        """Return what a search finds now; None when its last answer does not tell."""
        news = self._changes - last.changes
        if news > len(self._changed):
            return None
        oldest = self._last - len(self._trails) + 1
        # Where the last answer was full, nothing is known of the trails before its own.
        known = last.trails[-1].number if len(last.trails) == limit else 0
        least = max(known, oldest)
        changed = {each.number: each for each in itertools.islice(reversed(self._changed), news)}
        kept = [each for each in last.trails if each.number not in changed]
        tests = query.tests()
        fitting = [each for each in changed.values() if all(test(each) for test in tests)]
        found = [each for each in (*kept, *fitting) if each.number >= least]
        if len(found) < limit and known > oldest:
            return None
        return sorted(found, key=lambda each: each.number, reverse=True)[:limit]

    def _from(self, before: str) -> Iterator[Trail]:
        newest = reversed(self._trails.values())
        if before not in self._trails:
            return newest
        return itertools.islice(
            itertools.dropwhile(lambda trail: trail.key != before, newest), 1, None
        )

    def reasons(self) -> list[tuple[str, int]]:
        """Return the names of the last refusals of trails, the most frequent first."""
        counts = [each for each in self._reasons.items() if each[1]]
        return sorted(counts, key=lambda each: (-each[1], each[0]))

    def queue(self, operator: str, queue_id: str) -> list[int]:
        """Return the places of what an operator did with a message that it had taken."""
        return list(self._queues.get((operator, queue_id), ()))

    def owners(self, queue_id: str) -> list[str]:
        """Return the keys of the connections that handed a message over under an identifier."""
        return list(self._owners.get(queue_id, ()))

    def arrival(
        self, recipient: str, reverse_path: str, begin: float, end: float
    ) -> RelayedMessage | None:
        """Return the arrival of a message within an attempt to relay it, from `begin` to `end`."""
        for each in reversed(self._arrivals.get(recipient.lower(), ())):
            if each.reverse_path == reverse_path and begin <= each.at <= end:
                return each
        return None


def _book(trail: Trail, entry: Entry, place: int) -> None:
    trail.places.append(place)
    trail.end = max(trail.end, float(entry["at"]))
    for name in ("design", "endpoint", "protocol", "client", "method"):
        value = entry.get(name)
        if value:
            setattr(trail, name, str(value))
    trail.port = int(entry.get("client_port") or trail.port)
    for name in _NAMES:
        value = entry.get(name)
        if isinstance(value, str) and f"\n{value.lower()}\n" not in trail.names:
            trail.names += f"\n{value.lower()}\n" if value else ""
    trail.person = str(entry.get("name") or trail.person)
    tried = entry.get("user") or entry.get("reverse_path")
    trail.mailbox = str(entry.get("mailbox") or trail.mailbox or tried or "")
    event = entry["event"]
    if event == "refused":
        trail.refusals += 1
        trail.reason = str(entry.get("reason", ""))
    if event == "ciba-request":
        trail.waiting = True
        trail.tickets.append(str(entry.get("ticket", "")))
    elif event in ("login", "refused"):
        trail.waiting = False
    if entry.get("queue_id"):
        trail.queued.append(str(entry["queue_id"]))


def _bounded(kept: OrderedDict[Any, Any], key: Any, default: Any, most: int) -> Any:
    """Return the value of a key, put there where it is missing; the oldest key leaves."""
    found = kept.setdefault(key, default)
    if len(kept) > most:
        kept.popitem(last=False)
    return found
