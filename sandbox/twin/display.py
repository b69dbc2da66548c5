"""What a terminal shows of a replay while it lasts."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np
from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from sandbox.twin.drive import Watch

__all__ = ["showing"]

EVERY = 20.0  # s between two lines


def _picture(name: str, watch: Watch) -> Group:
    spent = max(0.0, time.monotonic() - watch.begin)
    head = Text(
        f"{name}  {spent:.0f} s   {watch.sessions} sessions, {watch.rate:.1f}/s"
        f"   ouvertes / open {sum(watch.open.values())}"
        f"   commencées / started {sum(watch.started.values())} ({watch.intended})"
    )
    logins = Table(box=None, pad_edge=False, header_style="bold")
    logins.add_column("")
    for heading in ("n", "p50 ms", "p95 ms"):
        logins.add_column(heading, justify="right")
    for (protocol, method), values in sorted(watch.logins.copy().items()):
        recent = 1000 * np.array(list(values))
        logins.add_row(
            f"{protocol} {method}", str(len(recent)),
            *(f"{np.quantile(recent, q):.1f}" for q in (0.5, 0.95)),
        )  # fmt: skip
    failures = "   ".join(f"{cause} {count}" for cause, count in watch.failures.most_common(6))
    return Group(head, logins, Text(failures, style="red"))


@contextmanager
def showing() -> Iterator[Callable[[str, Watch], None]]:
    """Give what shows a run: a picture on a terminal, elsewhere a line now and then."""
    console = Console(stderr=True, highlight=False)
    if not console.is_terminal:
        yield _Lines(console).show
        return
    with Live(console=console, auto_refresh=False, transient=True) as live:
        yield lambda name, watch: live.update(_picture(name, watch), refresh=True)


class _Lines:
    """Says where a run is when it begins, and each EVERY seconds."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._watch: Watch | None = None
        self._next = 0.0

    def show(self, name: str, watch: Watch) -> None:
        now = time.monotonic()
        if watch is self._watch and now < self._next:
            return
        self._watch, self._next = watch, now + EVERY
        self._console.print(
            f"{name}: {max(0.0, now - watch.begin):.0f} s, {watch.sessions}/{watch.intended}"
            f" sessions, ouvertes / open {sum(watch.open.values())}",
            soft_wrap=True,
        )
