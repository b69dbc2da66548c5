"""A storm: servers stand still for some seconds, and everybody who came meanwhile is let in.

Predicted, it is one service of that length at every server; on the wire, the process of the servers
is stopped and goes on (SIGSTOP, SIGCONT): connections are taken by the system, and nobody answers.
"""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sandbox.twin.drive import Watch
from sandbox.twin.host import Hosted
from sandbox.twin.runs import Run
from sandbox.twin.weather import Weather

__all__ = ["Stopping", "Storm"]

AHEAD = 1.0  # s before, at which the timer is set
SLICE = 0.5  # s of the timeline


@dataclass(frozen=True, slots=True)
class Storm:
    """What came of it, under one design, in both executions.

    Attributes:
        design: which.
        load: share of saturation at which it was.
        weather: what it was.
        predicted, measured: that run.
    """

    design: str
    load: float
    weather: Weather
    predicted: Run
    measured: Run

    def drain(self, run: Run) -> float | None:
        """Return after how long all who came while servers stood still are in, s; None: nobody."""
        began, login = run.unattended[:, 0], run.unattended[:, 1]
        resumed = self.weather.at + self.weather.seconds
        came = (began >= self.weather.at) & (began < resumed)
        return float(login[came].max() - resumed) if came.any() else None

    def timeline(self, run: Run) -> NDArray[np.float64]:
        """Return mean latency by when connections began, (n, 2) s: middle of the slice, mean."""
        began, login = run.unattended[:, 0], run.unattended[:, 1]
        slices = (began // SLICE).astype(int)
        return np.array([
            [(each + 0.5) * SLICE, (login - began)[slices == each].mean()]
            for each in np.unique(slices)
        ]).reshape(-1, 2)  # fmt: skip

    @property
    def plain(self) -> dict[str, Any]:
        """As `twin.json` has it."""
        said, seen = self.drain(self.predicted), self.drain(self.measured)
        return {
            "design": self.design, "load": round(self.load, 4),
            "stopped_at_seconds": round(self.weather.at, 3),
            "stopped_seconds": self.weather.seconds,
            "drain_predicted": None if said is None else round(said, 6),
            "drain_measured": None if seen is None else round(seen, 6),
            "relative_error": round(said / seen - 1, 6) if said is not None and seen else None,
        }  # fmt: skip


@dataclass(slots=True)
class Stopping:
    """Stops the servers of a replay: `during` it is told which, `show` it sees the time.

    Attributes:
        weather: when, and for how long.
        beside: called as well, twice a second.
        pids: of the servers.
    """

    weather: Weather
    beside: Callable[[Watch], None]
    pids: set[int] = field(default_factory=set)
    _set: bool = False

    def during(self, host: Any) -> None:
        """Take note of the servers."""
        assert isinstance(host, Hosted)
        self.pids = {host.process.pid, *(each["pid"] for each in host.sheet["operators"])}

    def show(self, watch: Watch) -> None:
        """Set the timer when its instant is near."""
        self.beside(watch)
        left = watch.begin + self.weather.at - time.monotonic()
        if left <= AHEAD and not self._set:
            self._set = True
            threading.Timer(max(0.0, left), self._stop).start()

    def _stop(self) -> None:
        self._signal(signal.SIGSTOP)
        time.sleep(self.weather.seconds)
        self._signal(signal.SIGCONT)

    def _signal(self, number: signal.Signals) -> None:
        for pid in self.pids:
            with contextlib.suppress(ProcessLookupError):  # it ended before
                os.kill(pid, number)
