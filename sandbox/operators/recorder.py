"""An observer that keeps what it is told in bounded memory.

Operators may run in several processes, each with a recorder of its own: what one has seen until now
(`Seen`) is plain data, which goes to another process, is put together with the others' and becomes
tables in `recorder_tables`.
"""

from __future__ import annotations

import threading
import time
from array import array
from collections import Counter
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any, TypeVar

from sandbox.observations.histogram import bin_index
from sandbox.observations.schema import Phase
from sandbox.operators.listener import Listener, MailDoor
from sandbox.operators.model import Channel
from sandbox.operators.observing import DeliveryObserved, LoginObserved, SessionObserved

__all__ = ["DesignTally", "Durations", "Recorder", "Seen"]

K = TypeVar("K")
# As a simulated period has a last minute, which takes what comes after it.
MINUTES = 31 * 24 * 60


@dataclass(slots=True)
class Durations:
    """A histogram and an exact sum of durations, which merge by addition."""

    count: int = 0
    seconds: float = 0.0
    bins: Counter[int] = field(default_factory=Counter)

    def add(self, seconds: float) -> None:
        """Book one duration."""
        self.count += 1
        self.seconds += seconds
        self.bins[bin_index(int(seconds * 1e9))] += 1

    def merge(self, other: Durations) -> None:
        """Add what others booked."""
        self.count += other.count
        self.seconds += other.seconds
        self.bins.update(other.bins)


@dataclass(slots=True)
class Slots:
    """Connections of one socket, whichever endpoint SNI picks."""

    capacity: int
    now: int = 0
    peak: int = 0


@dataclass(slots=True)
class EndpointTally:
    """One endpoint of one operator."""

    listener: Listener
    slots: Slots
    door: MailDoor
    sessions: int = 0
    now: int = 0
    peak: int = 0
    second: int = -1
    in_second: int = 0
    peak_per_second: int = 0


@dataclass(slots=True)
class Minutes:
    """One endpoint of all operators together: connections taken, and most at once, a minute."""

    sessions: array[int] = field(default_factory=lambda: array("I"))
    connections: array[int] = field(default_factory=lambda: array("I"))
    now: int = 0

    def until(self, minute: int) -> None:
        """Carry open connections on into the minutes that nothing happened in."""
        while len(self.sessions) <= minute:
            self.sessions.append(0)
            self.connections.append(self.now)

    def merge(self, other: Minutes) -> None:
        """Add the minutes of other operators.

        The most at once of both together is not known: their sum is no less.
        """
        self.until(len(other.sessions) - 1)
        for minute, (sessions, connections) in enumerate(
            zip(other.sessions, other.connections, strict=True)
        ):
            self.sessions[minute] += sessions
            self.connections[minute] += connections
        self.now += other.now


@dataclass(slots=True)
class DesignTally:
    """What was seen of one design; design "" is the relay."""

    logins: dict[tuple[str, str, str, str], Durations] = field(default_factory=dict)
    phases: dict[tuple[str, str, Phase], Durations] = field(default_factory=dict)
    sessions: Counter[tuple[str, str]] = field(default_factory=Counter)
    failures: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    backends: Counter[str] = field(default_factory=Counter)
    load: dict[str, Minutes] = field(default_factory=dict)

    def merge(self, other: DesignTally) -> None:
        """Add what was seen of the same design elsewhere."""
        for login, durations in other.logins.items():
            self.logins.setdefault(login, Durations()).merge(durations)
        for phase, durations in other.phases.items():
            self.phases.setdefault(phase, Durations()).merge(durations)
        self.sessions.update(other.sessions)
        self.failures.update(other.failures)
        self.backends.update(other.backends)
        for name, load in other.load.items():
            if name in self.load:
                self.load[name].merge(load)
            else:
                self.load[name] = load


@dataclass(slots=True, kw_only=True)
class Seen:
    """All that a recorder has seen until an instant; plain data.

    Attributes:
        wall: seconds since its start.
        records: by design.
        endpoints: rows of that table, by design.
        deliveries: ages.
    """

    wall: float
    records: dict[str, DesignTally]
    endpoints: dict[str, list[tuple[Any, ...]]]
    deliveries: Durations

    def merge(self, other: Seen) -> None:
        """Add what another process saw of other operators in the same time."""
        self.wall = max(self.wall, other.wall)
        for design, record in other.records.items():
            self.records.setdefault(design, DesignTally()).merge(record)
        for design, rows in other.endpoints.items():
            self.endpoints.setdefault(design, []).extend(rows)
        self.deliveries.merge(other.deliveries)


class ProcessorTally:
    """Processor time of this process, which all its endpoints share: whole, and busiest minute."""

    def __init__(self, clock: Callable[[], float], minute: int = 0) -> None:
        self._clock = clock
        self._start = self._before = clock()
        self._minute = minute
        self.peak = 0.0  # seconds in the busiest minute

    @property
    def busy(self) -> float:
        """Seconds since the start."""
        return self._clock() - self._start

    def at(self, minute: int) -> None:
        """Close the minutes before this one."""
        if minute > self._minute:
            now = self._clock()
            self.peak = max(self.peak, (now - self._before) / (minute - self._minute))
            self._before, self._minute = now, minute


class Recorder:
    """An `Observer` of every operator of a process, from its start.

    Memory grows with designs, endpoints and methods, and by 8 bytes a minute and endpoint for 31
    days. Every call may come from any thread.

    Args:
        start: instant that minutes are counted from, so that several recorders count the same; now
            by default.
        clock: seconds since 1970.
        processor: processor seconds of this process.
    """

    def __init__(
        self,
        start: float | None = None,
        *,
        clock: Callable[[], float] = time.time,
        processor: Callable[[], float] = time.process_time,
    ) -> None:
        self._clock = clock
        self._begun = clock()
        self.start = self._begun if start is None else start
        self._processor = ProcessorTally(processor, self._minute(self._begun))
        self._lock = threading.Lock()
        self._records: dict[str, DesignTally] = {}
        self._places: dict[str, dict[tuple[str, str], EndpointTally]] = {}
        self._deliveries = Durations()

    def watch(self, door: MailDoor) -> None:
        """Count the connections of a door that is about to listen."""
        with self._lock:
            slots = Slots(door.limits.connections)
            for listener in door.listeners:
                where = listener.place
                record = self._records.setdefault(where.design, DesignTally())
                places = self._places.setdefault(where.design, {})
                name = _name(where.protocol, where.name)
                places[where.operator, name] = EndpointTally(listener, slots, door)
                record.load.setdefault(name, Minutes())

    def connected(self, channel: Channel, at: float) -> None:
        """Take one new connection."""
        minute, name = self._minute(at), _endpoint(channel)
        with self._lock:
            self._processor.at(minute)
            record = self._records[channel.design]
            place = self._places[channel.design][channel.operator, name]
            place.sessions += 1
            place.now += 1
            place.peak = max(place.peak, place.now)
            if int(at) != place.second:
                place.second, place.in_second = int(at), 0
            place.in_second += 1
            place.peak_per_second = max(place.peak_per_second, place.in_second)
            place.slots.now += 1
            place.slots.peak = max(place.slots.peak, place.slots.now)
            load = record.load[name]
            load.until(minute)
            load.now += 1
            load.sessions[minute] += 1
            load.connections[minute] = max(load.connections[minute], load.now)
            if channel.protocol == "relay":
                record.sessions["relay", ""] += 1

    def session(self, seen: SessionObserved) -> None:
        """Take the end of one connection; whoever logged in was counted then."""
        channel, name = seen.channel, _endpoint(seen.channel)
        minute = self._minute(seen.at + seen.seconds)
        with self._lock:
            self._processor.at(minute)
            record = self._records[channel.design]
            place = self._places[channel.design][channel.operator, name]
            load = record.load[name]
            load.until(minute)
            place.now -= 1
            place.slots.now -= 1
            load.now -= 1
            if seen.method is None and channel.protocol != "relay":
                record.sessions[channel.protocol, ""] += 1

    def login(self, seen: LoginObserved) -> None:
        """Take one attempt to log in."""
        channel, method = seen.channel, str(seen.method or "")
        with self._lock:
            record = self._records[channel.design]
            if seen.backend > 0:
                record.backends[method] += 1
            if seen.cause is not None:
                record.failures[channel.protocol, method, seen.cause.name.lower()] += 1
                return
            record.sessions[channel.protocol, method] += 1
            machine = seen.tls + seen.sasl + seen.backend
            self._book(record, channel, method, "machine", machine)
            if seen.person > 0:
                self._book(record, channel, method, "user", machine + seen.person)
            for phase, seconds in (
                (Phase.TLS, seen.tls),
                (Phase.SASL, seen.sasl),
                (Phase.BACKEND, seen.backend),
                (Phase.PERSON, seen.person),
            ):
                if seconds > 0:
                    _at(record.phases, (channel.protocol, method, phase)).add(seconds)

    def delivery(self, seen: DeliveryObserved) -> None:
        """Take one delivery."""
        with self._lock:
            self._deliveries.add(seen.age)

    def seen(self) -> Seen:
        """Return what was seen until now."""
        now = self._clock()
        with self._lock:
            minute = self._minute(now)
            self._processor.at(minute)
            for record in self._records.values():
                for load in record.load.values():
                    load.until(minute)
            wall = max(now - self._begun, 1e-9)
            busy = self._processor.busy / wall, self._processor.peak / 60
            return Seen(
                wall=max(now - self.start, 1e-9),
                records=deepcopy(self._records),
                endpoints={
                    design: [_row(*key, place, busy) for key, place in places.items()]
                    for design, places in self._places.items()
                },
                deliveries=deepcopy(self._deliveries),
            )

    def _minute(self, at: float) -> int:
        return min(max(int((at - self.start) // 60), 0), MINUTES - 1)

    @staticmethod
    def _book(
        record: DesignTally, channel: Channel, method: str, measure: str, seconds: float
    ) -> None:
        key = channel.operator, channel.protocol, method, measure
        _at(record.logins, key).add(seconds)


def _at(kept: dict[K, Durations], key: K) -> Durations:
    """Return the durations of a key, none yet when it is new."""
    found = kept.get(key)
    if found is None:
        found = kept[key] = Durations()
    return found


def _name(protocol: str, endpoint: str) -> str:
    return "mx" if protocol == "relay" else endpoint


def _endpoint(channel: Channel) -> str:
    return _name(channel.protocol, channel.endpoint)


def _row(
    operator: str, name: str, place: EndpointTally, busy: tuple[float, float]
) -> tuple[Any, ...]:
    """Return a row of the table of endpoints."""
    return (
        operator, name, place.listener.place.host, place.door.port,
        place.sessions, place.peak, place.peak_per_second, place.door.refused,
        0,  # a door has no backlog that a client could leave
        place.slots.capacity, place.slots.peak, *busy,
    )  # fmt: skip
