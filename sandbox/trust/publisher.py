"""The authority that publishes the list: signs it when it changed, and once a day at least."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime, timedelta

from sandbox.trust.domain_list import DomainLedger
from sandbox.trust.issuing import Issued
from sandbox.trust.list_xml import sign_list

__all__ = ["ListPublisher"]

_FRESH = timedelta(days=1)


class ListPublisher:
    """Gives the signed list of a ledger.

    Args:
        ledger: The history.
        signer: The list-signing certificate.
        clock: Gives the time, UTC.
        fresh: How old a signed list may grow before it is generated anew.
    """

    def __init__(
        self,
        ledger: DomainLedger,
        signer: Issued,
        clock: Callable[[], datetime],
        *,
        fresh: timedelta = _FRESH,
    ) -> None:
        self._ledger = ledger
        self._signer = signer
        self._clock = clock
        self._fresh = fresh
        self._signed = b""
        self._events = -1
        self._made: datetime | None = None
        self._lock = threading.Lock()

    def current(self) -> bytes:
        """Return the signed list as it stands now."""
        now = self._clock()
        with self._lock:
            events = len(self._ledger.history())
            aged = self._made is None or not timedelta(0) <= now - self._made < self._fresh
            if events != self._events or aged:
                self._signed = sign_list(self._ledger.at(now), self._signer)
                self._events, self._made = events, now
            return self._signed
