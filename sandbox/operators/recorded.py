"""What a recorder keeps: counts and histograms that grow with endpoints, not with mail."""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from sandbox.observations.histogram import bin_index
from sandbox.observations.schema import Phase
from sandbox.operators.listener import Listener, MailDoor

__all__ = ["Durations", "Minutes", "Place", "Pool", "Processor", "Record"]


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


@dataclass(slots=True)
class Pool:
    """Connections of one socket, whichever endpoint SNI picks."""

    slots: int
    now: int = 0
    peak: int = 0


@dataclass(slots=True)
class Place:
    """One endpoint of one operator."""

    listener: Listener
    port: int
    pool: Pool
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


@dataclass(slots=True)
class Record:
    """What was seen of one design; design "" is the relay."""

    logins: dict[tuple[str, str, str, str], Durations] = field(default_factory=dict)
    phases: dict[tuple[str, str, Phase], Durations] = field(default_factory=dict)
    sessions: Counter[tuple[str, str]] = field(default_factory=Counter)
    failures: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    backends: Counter[str] = field(default_factory=Counter)
    places: dict[tuple[str, str], Place] = field(default_factory=dict)
    load: dict[str, Minutes] = field(default_factory=dict)


class Processor:
    """Processor time of this process, which all its endpoints share: whole, and busiest minute."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._start = self._before = clock()
        self._minute = 0
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
