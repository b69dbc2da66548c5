"""What an operator forgets, and when: facts of indicators, once a day."""

from __future__ import annotations

import asyncio

from sandbox.operators.journal import Journal
from sandbox.operators.store import MailStore, StoreError

__all__ = ["ended", "keep_forgetting"]

DAY = 86_400.0


async def keep_forgetting(store: MailStore, months: int, journal: Journal) -> None:
    """Forget now and each day what was noted before the last `months` whole months."""
    while True:
        try:
            forgotten = await store.forget(months)
        except StoreError as error:  # the disk refuses: tomorrow again
            journal.note("traffic-not-forgotten", error=str(error))
        else:
            if forgotten:
                journal.note("traffic-forgotten", facts=forgotten)
        await asyncio.sleep(DAY)


async def ended(task: asyncio.Task[None]) -> None:
    """End a task that would go on."""
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
