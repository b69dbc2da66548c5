"""The console of the verbs that report: width, findings, and progress on standard error."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from sandbox.analysis.report_page import Line

__all__ = ["bars", "report_console", "say_lines"]


def report_console() -> Console:
    """Return a console of 80 to 100 columns."""
    return Console(width=max(80, min(Console().width, 100)), highlight=False)


def say_lines(console: Console, lines: Iterable[Line]) -> None:
    """Print each line under its topic, in French and then in English."""
    for line in lines:
        console.print(f"\n[bold]{line.topic.fr} / {line.topic.en}[/bold]")
        console.print(line.text.fr, markup=False)
        for item in line.items:
            console.print(f"- {item.fr}", markup=False)
        console.print(line.text.en, markup=False, style="dim")
        for item in line.items:
            console.print(f"- {item.en}", markup=False, style="dim")


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
