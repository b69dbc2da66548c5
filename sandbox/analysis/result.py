"""The door to a comparison for Python and the shell: what it found, told in tables and pages."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from sandbox.analysis.comparison import Comparison, run_comparison
from sandbox.analysis.plots import Plots
from sandbox.analysis.report import write_report
from sandbox.analysis.summary import summarise, write_summary
from sandbox.space.scenario import Scenario

__all__ = ["Result", "compare"]


@dataclass(frozen=True)
class Result(Comparison):
    """A comparison that can tell what it found."""

    @property
    def summary(self) -> dict[str, Any]:
        """What `summary.json` holds: see docs/summary.md."""
        return summarise(self)

    @property
    def plot(self) -> Plots:
        """Figures: `result.plot.latency()` and others."""
        return Plots(self)

    def report(self, folder: str | Path) -> Path:
        """Write summary.json, the figures and report.html into `folder`; return the report."""
        target = Path(folder)
        target.mkdir(parents=True, exist_ok=True)
        write_summary(self, target)
        return write_report(self, target)


def compare(
    scenario: str | Path | Scenario = "aout-2021",
    *,
    out: str | Path | None = None,
    progress: Callable[[str, float], None] | None = None,
    **options: Any,
) -> Result:
    """Replay a scenario under each design and compare them.

    Args:
        scenario: name of a shipped scenario, path of a file, or a loaded scenario.
        out: folder that keeps the observations; the same call resumes there. None: a temporary
            one, which lives as long as the result.
        progress: called with the stage (comparison, sweep, headroom, decision) and its share done.
        options: fields of comparison.Options: designs, login_policy, engine, replications, seed,
            scale, workers, scheduler, trace, headroom, decision.

    Raises:
        UserError: a scenario, design or option that does not exist or is not allowed.
    """
    found = run_comparison(scenario, out=out, progress=progress, **options)
    return Result(**{field.name: getattr(found, field.name) for field in fields(found)})
