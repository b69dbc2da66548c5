"""Progress on standard error, one bar a stage."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

__all__ = ["bars"]


@contextmanager
def bars(stages: Mapping[str, str]) -> Iterator[Callable[[str, float], None]]:
    """Yield what reports a stage, a key of `stages`, and its share done."""
    shown = Progress(
        TextColumn("{task.description:<26}"), BarColumn(), TextColumn("{task.percentage:>3.0f} %"),
        TimeElapsedColumn(), TimeRemainingColumn(), console=Console(stderr=True),
    )  # fmt: skip
    with shown:
        tasks = {}

        def report(stage: str, share: float) -> None:
            if stage not in tasks:
                tasks[stage] = shown.add_task(stages[stage], total=1.0)
            shown.update(tasks[stage], completed=share)

        yield report
