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

from sandbox.observations.schema import Reason
from sandbox.operators.model import Channel

__all__ = ["Journal"]

KEPT = 10_000
_JSON = json.JSONEncoder(ensure_ascii=False, default=str)


class Journal:
    """Events of one operator, oldest first. What cannot be written stops nobody.

    On a full disk events are counted; once there is room again a line says how many are not in the
    file. A line is whole, or it is not there.

    Args:
        path: file to append to, readable by its owner only; None keeps events in memory alone.
        clock: seconds since 1970.

    Attributes:
        lost: events that are not in the file.
    """

    def __init__(self, path: Path | None = None, *, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._kept: deque[dict[str, Any]] = deque(maxlen=KEPT)
        self._count = 0
        self.lost = self._untold = 0
        self._lock = threading.Lock()
        self._file = None
        if path is not None:
            self._file = os.open(path, os.O_CREAT | os.O_RDWR | os.O_APPEND, 0o600)
            self._cut_half_line(self._file)

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
                os.close(self._file)
                self._file = None

    def _write(self, event: dict[str, Any]) -> None:
        with self._lock:
            kept = self._numbered(event)
            self._kept.append(kept)
            if self._file is None:
                return
            lines = _line(kept)
            if self._untold:
                lines = (
                    _line(self._numbered({"event": "journal-lost", "lost": self._untold})) + lines
                )
            if self._append(self._file, lines):
                self._untold = 0
            else:
                self.lost += 1
                self._untold += 1

    def _numbered(self, event: dict[str, Any]) -> dict[str, Any]:
        self._count += 1
        return {"seq": self._count, "at": round(self._clock(), 6), **event}

    @staticmethod
    def _append(file: int, lines: bytes) -> bool:
        """Write all of it or nothing."""
        try:
            written = os.write(file, lines)
            if written < len(lines):
                os.ftruncate(file, os.fstat(file).st_size - written)
        except OSError:
            return False
        return written == len(lines)

    @staticmethod
    def _cut_half_line(file: int) -> None:
        """Take away what a crash left after the last whole line."""
        size = os.fstat(file).st_size
        end = size
        while end > 0:
            start = max(0, end - 65_536)
            found = os.pread(file, end - start, start).rfind(b"\n")
            if found >= 0:
                end = start + found + 1
                break
            end = start
        if end < size:
            os.ftruncate(file, end)


def _line(event: dict[str, Any]) -> bytes:
    return _JSON.encode(event).encode("utf-8", "replace") + b"\n"


def _of(channel: Channel | None) -> dict[str, Any]:
    if channel is None:
        return {}
    return {
        "operator": channel.operator,
        "design": channel.design,
        "endpoint": channel.endpoint,
        "protocol": channel.protocol,
        "client": channel.client,
        "client_port": channel.client_port,
        "session": channel.session,
        "tls": channel.tls,
    }
