"""What an operator did and why it refused: a ring in memory and, where asked, a JSON-lines file.

ECO.4.1.1 and ECO.4.1.2 ask for traces of every action: author, instant, action. Secrets never
enter.
"""

from __future__ import annotations

import json
import os
import threading
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sandbox.observations.reasons import Reason
from sandbox.operators.model import Channel

__all__ = ["Journal"]

KEPT = 10_000


class Journal:
    """Events of one operator, oldest first.

    Args:
        path: file to append to, readable by its owner only; None keeps events in memory alone.
        clock: seconds since 1970.
    """

    def __init__(self, path: Path | None = None, *, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._kept: deque[dict[str, Any]] = deque(maxlen=KEPT)
        self._count = 0
        self._lock = threading.Lock()
        self._file = None
        if path is not None:
            descriptor = os.open(path, os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o600)
            self._file = os.fdopen(descriptor, "a", encoding="utf-8", buffering=1)

    def note(self, event: str, channel: Channel | None = None, **details: Any) -> None:
        """Record an action; `details` are plain values, without secrets."""
        self._write({"event": event, **_of(channel), **details})

    def refused(self, reason: Reason, channel: Channel | None = None, **details: Any) -> None:
        """Record a refusal with its cause, its clause and what would have worked."""
        self._write({"event": "refused", **reason.journaled(), **_of(channel), **details})

    def since(self, number: int = 0) -> list[dict[str, Any]]:
        """Return the events after a number, oldest first; at most the last KEPT are there."""
        with self._lock:
            return [event for event in self._kept if event["seq"] > number]

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            if self._file is not None:
                self._file.close()
                self._file = None

    def _write(self, event: dict[str, Any]) -> None:
        with self._lock:
            self._count += 1
            kept = {"seq": self._count, "at": round(self._clock(), 6), **event}
            self._kept.append(kept)
            if self._file is not None:
                self._file.write(json.dumps(kept, ensure_ascii=False, default=str) + "\n")


def _of(channel: Channel | None) -> dict[str, Any]:
    if channel is None:
        return {}
    return {
        "operator": channel.operator,
        "design": channel.design,
        "endpoint": channel.endpoint,
        "protocol": channel.protocol,
        "client": channel.client,
        "tls": channel.tls,
    }
