"""Who wants to know of changes, and how they are told."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable
from functools import partial

from sandbox.operators.store.writer import Changes

__all__ = ["Listeners"]


class Listeners:
    """Callbacks, called on the event loop after the commit that they are about."""

    def __init__(self) -> None:
        self._mailboxes: dict[int, list[Callable[[int], None]]] = defaultdict(list)
        self._queue: list[Callable[[], None]] = []

    def of_mailbox(self, mailbox: int, callback: Callable[[int], None]) -> Callable[[], None]:
        """Tell the ids of a mailbox's folders that change; return the way to stop."""
        self._mailboxes[mailbox].append(callback)
        listening = True

        def stop() -> None:
            nonlocal listening
            if listening:
                listening = False
                self._mailboxes[mailbox].remove(callback)
                if not self._mailboxes[mailbox]:
                    del self._mailboxes[mailbox]

        return stop

    def of_queue(self, callback: Callable[[], None]) -> None:
        """Tell that something entered the queue."""
        self._queue.append(callback)

    def tell(self, changes: Changes) -> None:
        """Tell what a commit changed."""
        for mailbox, folder in sorted(changes.folders):
            for callback in tuple(self._mailboxes.get(mailbox, ())):
                _call(partial(callback, folder))
        if changes.queued:
            for notice in self._queue:
                _call(notice)


def _call(callback: Callable[[], None]) -> None:
    """Call one; what it raises is the loop's to report, and does not keep the others waiting."""
    try:
        callback()
    except Exception as error:  # noqa: BLE001 - reported, as the loop does for its own callbacks
        asyncio.get_running_loop().call_exception_handler(
            {"message": "a listener of the mail store failed", "exception": error}
        )
