"""Keeps an eye on a space: its feed, and once a second its pulse."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol

from sandbox.console.breakage import Breakage
from sandbox.console.feed import Feed
from sandbox.console.live_view import Pulse, pulse
from sandbox.live.faults import SpaceFaults
from sandbox.operators.recorder import Seen
from sandbox.psc.provider import Provider
from sandbox.space.errors import UserError
from sandbox.trust.resolver import Resolver

__all__ = ["SpaceWatch", "Watched"]

_SECOND = 1.0
_KEPT = 300  # moments: five minutes of rolling charts


class Watched(Protocol):
    """What of a space the console looks at and drives; see `LiveSpace`."""

    faults: SpaceFaults
    resolver: Resolver
    sheet: dict[str, Any]

    def seen(self) -> Seen:
        """Return what operators saw until now."""

    def providers(self) -> Mapping[str, Provider]:
        """Return Pro Santé Connect under "", each operator's own CIBA under its label."""

    def refresh_list(self) -> None:
        """Have the operators read the list of domains now."""


class SpaceWatch:
    """Follows a space until `close`.

    Args:
        space: that is up.
        journals: file by operator.

    Attributes:
        feed: what was written down.
        breakage: what misbehaves on demand.
        pulse: of the last second, None before the first.
        pulses: of the last minutes.
        compared: how often a comparison began or ended.
        played: gives what changes with the demonstration.
        seen: the tallies that it was made of.
    """

    def __init__(self, space: Watched, journals: Mapping[str, Path]) -> None:
        self.space = space
        self.feed = Feed(journals, space.providers)
        self.breakage = Breakage(space)
        self.pulse: Pulse | None = None
        self.compared = 0
        self.played: Callable[[], int] = lambda: 0
        self.pulses: deque[Pulse] = deque(maxlen=_KEPT)
        self.seen: Seen | None = None
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._beat, name="console-pulse", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Look no more."""
        self._over.set()
        self._thread.join()
        self.feed.close()

    def waiting(self) -> dict[str, int]:
        """Return how many requests wait for a person, by provider."""
        return {name: each.requests.pending for name, each in self.space.providers().items()}

    def versions(self) -> dict[str, Any]:
        """Return what changes when something has come: of journals, telephones and faults."""
        providers = self.space.providers()
        phones = [each.events.last for each in providers.values()]
        faults = self.breakage.rules()
        return {
            "journal": self.feed.version, "phones": sum(phones), "faults": str(faults),
            "comparison": self.compared, "demo": self.played(),
        }  # fmt: skip

    def _beat(self) -> None:
        while not self._over.wait(_SECOND):
            try:
                now = self.space.seen()
            except UserError:
                continue  # every process of operators is down: the next second, perhaps
            moment = pulse(self.seen, now, time.time(), self.waiting())
            self.seen, self.pulse = now, moment
            self.pulses.append(moment)
