"""What moves: connections, rates and latencies of now, from two counts of the same space. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sandbox.operators.recorder import Durations, Seen

__all__ = ["Pulse", "pulse"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Pulse:
    """A moment of a space.

    Attributes:
        at: seconds since 1970.
        connections: open now, by design.
        endpoints: open now, by (design, endpoint).
        logins: accepted a second since the last moment, by method.
        failures: refused a second, all methods.
        deliveries: messages put into mailboxes a second.
        latency: mean seconds of the logins accepted since, without the person, by method.
        waiting: requests that wait for a person.
    """

    at: float
    connections: dict[str, int]
    endpoints: dict[tuple[str, str], int]
    logins: dict[str, float]
    failures: float
    deliveries: float
    latency: dict[str, float]
    waiting: int

    def data(self) -> dict[str, Any]:
        """Return it as the event stream gives it."""
        return {
            "at": round(self.at, 3),
            "connections": self.connections,
            "endpoints": {"/".join(key): count for key, count in self.endpoints.items()},
            "logins": self.logins,
            "failures": self.failures,
            "deliveries": self.deliveries,
            "latency": self.latency,
            "waiting": self.waiting,
        }


def pulse(before: Seen | None, now: Seen, at: float, waiting: Mapping[str, int]) -> Pulse:
    """Return what happened between two counts.

    Args:
        before: the earlier one; None for the first, which has no rates yet.
        now: the later one.
        at: instant of the later one.
        waiting: requests that wait for a person, by provider.
    """
    seconds = max(1e-9, now.wall - before.wall) if before else 0.0

    def rate(count: float) -> float:
        return round(max(0.0, count) / seconds, 3) if seconds else 0.0

    logins, then = _logins(now), _logins(before) if before else {}
    new = {
        method: (each.count - then.get(method, Durations()).count,
                 each.seconds - then.get(method, Durations()).seconds)
        for method, each in logins.items()
    }  # fmt: skip
    failures = _failures(now) - (_failures(before) if before else 0)
    delivered = now.deliveries.count - (before.deliveries.count if before else 0)
    endpoints = {
        (design, name): load.now
        for design, record in sorted(now.records.items())
        for name, load in sorted(record.load.items())
    }
    connections: Counter[str] = Counter()
    for (design, _), count in endpoints.items():
        connections[design] += count
    return Pulse(
        at=at,
        connections=dict(connections),
        endpoints=endpoints,
        logins={method: rate(count) for method, (count, _) in sorted(new.items())},
        failures=rate(failures),
        deliveries=rate(delivered),
        latency={
            method: round(spent / count, 6)
            for method, (count, spent) in sorted(new.items())
            if seconds and count > 0
        },
        waiting=sum(waiting.values()),
    )


def _logins(seen: Seen) -> dict[str, Durations]:
    found: dict[str, Durations] = {}
    for record in seen.records.values():
        for (_, _, method, measure), durations in record.logins.items():
            if measure == "machine":
                here = found.setdefault(method, Durations())
                here.count += durations.count
                here.seconds += durations.seconds
    return found


def _failures(seen: Seen) -> int:
    return sum(sum(record.failures.values()) for record in seen.records.values())
