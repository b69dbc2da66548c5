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
    """Give what shows a run; nothing is shown where nobody looks at a terminal."""
    console = Console(stderr=True)
    with Live(console=console, auto_refresh=False, transient=True) as live:

        def show(name: str, watch: Watch) -> None:
            if console.is_terminal:
                live.update(_picture(name, watch), refresh=True)

        yield show
