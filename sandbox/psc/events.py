"""The event log: every refusal explained, every misbehaviour owned up to, nothing secret.

Bounded: the oldest events leave first. `listen` feeds the live stream.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from sandbox.observations.schema import Reason
from sandbox.psc.refusals import Refused

__all__ = ["EventLog", "ProviderEvent"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderEvent:
    """What happened. `at` is the provider's (virtual) time, in epoch seconds."""

    seq: int
    at: float
    kind: str  # request, poll, tokens, refusal, decision, notification, fault, clock, sms, warning
    client_id: str | None = None
    ticket: str | None = None
    text_fr: str = ""
    text_en: str = ""
    reason: str | None = None
    rows: tuple[str, ...] = ()
    clause: str | None = None
    remedy_fr: str | None = None
    remedy_en: str | None = None
    detail: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return plain data without the members that say nothing."""
        return {k: v for k, v in asdict(self).items() if v not in (None, "", ())}


class EventLog:
    """The last 10,000 events."""

    def __init__(self) -> None:
        self._events: deque[ProviderEvent] = deque(maxlen=10_000)
        self._seq = 0
        self._lock = threading.Lock()
        self._listeners: list[Callable[[], None]] = []

    def add(
        self, at: float, kind: str, french: str = "", english: str = "",
        client_id: str | None = None, ticket: str | None = None, **members: Any,
    ) -> ProviderEvent:  # fmt: skip
        """Append an event and wake the listeners."""
        with self._lock:
            self._seq += 1
            event = ProviderEvent(
                seq=self._seq, at=at, kind=kind, text_fr=french, text_en=english,
                client_id=client_id, ticket=ticket, **members,
            )  # fmt: skip
            self._events.append(event)
            listeners = tuple(self._listeners)
        for wake in listeners:
            wake()
        return event

    def refusal(
        self, at: float, refused: Refused, client_id: str | None = None, ticket: str | None = None
    ) -> ProviderEvent:
        """Append the explanation of a refusal."""
        return self.explained(
            at, refused.refusal.reason, client_id=client_id, ticket=ticket,
            rows=refused.refusal.rows, detail=refused.detail or None,
        )  # fmt: skip

    def explained(self, at: float, reason: Reason, **members: Any) -> ProviderEvent:
        """Append a refusal for a reason."""
        return self.add(
            at,
            "refusal",
            *reason.what,
            reason=reason.name,
            clause=reason.clause,
            remedy_fr=reason.remedy.french,
            remedy_en=reason.remedy.english,
            **members,
        )

    def since(self, seq: int = 0, limit: int = 1000) -> list[ProviderEvent]:
        """Return the events after `seq`, oldest first, at most `limit`."""
        with self._lock:
            newest: list[ProviderEvent] = []
            for event in reversed(self._events):
                if event.seq <= seq:
                    break
                newest.append(event)
        return newest[::-1][:limit]

    @property
    def last(self) -> int:
        """The sequence number of the newest event."""
        return self._seq

    def listen(self, wake: Callable[[], None]) -> Callable[[], None]:
        """Call `wake` after each event; return the function that stops it."""
        with self._lock:
            self._listeners.append(wake)

        def stop() -> None:
            with self._lock:
                if wake in self._listeners:
                    self._listeners.remove(wake)

        return stop
