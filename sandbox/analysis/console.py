"""The console of the verbs that report: its width, and how it says a finding."""

from __future__ import annotations

from collections.abc import Iterable

from rich.console import Console

from sandbox.analysis.report_page import Line

__all__ = ["report_console", "say_lines"]


def report_console() -> Console:
    """Return a console of 80 to 100 columns."""
    return Console(width=max(80, min(Console().width, 100)), highlight=False)


def say_lines(console: Console, lines: Iterable[Line]) -> None:
    """Print each line under its topic, in French and then in English."""
    for line in lines:
        console.print(f"\n[bold]{line.topic.fr} / {line.topic.en}[/bold]")
        console.print(line.text.fr, markup=False)
        console.print(line.text.en, markup=False, style="dim")
