"""What the figures of time and load draw: latency by method, phases, load over the week."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, LogLocator

from sandbox.analysis.charts import wrapped
from sandbox.analysis.metrics import QUANTILES
from sandbox.analysis.metrics import latency as quantiles
from sandbox.analysis.palette import ENDPOINT_COLOURS, PHASE_COLOURS, SPAN, SPARE_COLOURS
from sandbox.analysis.statistics import estimate
from sandbox.analysis.wording import MEASURES, METHOD_NAMES, PHASES, Text, decimal
from sandbox.space.methods import Method

if TYPE_CHECKING:
    from sandbox.analysis.canvas import Canvas
    from sandbox.analysis.comparison import Comparison

__all__ = [
    "latency", "load", "mean_phases", "methods_used", "phases", "week_profile"
]  # fmt: skip

WEEK_HOURS = 168
DECADES = 1e4  # shown below the busiest hour
LINES = {"imap": "-", "smtp": "--", "mx": ":"}


def methods_used(comparison: Comparison) -> list[str]:
    """Return the methods by which somebody logged in under some design."""
    seen: set[str] = set()
    for runs in comparison.runs.values():
        for run in runs:
            totals = run.tables["login_totals"]
            seen |= set(totals.loc[totals["count"] > 0, "method"])
    return [str(method) for method in Method if str(method) in seen]


def _duration(value: float, language: str) -> str:
    """Write a tick: 10 ms, 0,1 s, 1 s, 10 s."""
    if value < 0.1:
        return f"{1000 * value:g}\u00a0ms"
    text = f"{value:g}\u00a0s"
    return text.replace(".", ",") if language == "fr" else text


def _points(canvas: Canvas, design: str, method: str, measure: str) -> dict[str, float]:
    runs = canvas.comparison.runs[design]
    rows = [quantiles(run, method, measure) for run in runs]
    return {name: estimate([row[name] for row in rows]).mean for name in QUANTILES}


def latency(canvas: Canvas, grid: Any) -> None:
    """One row of panels per method: a line from p50 to p99 for each design."""
    rows = np.arange(len(canvas.designs))
    for line, method in enumerate(methods_used(canvas.comparison)):
        for column, measure in enumerate(MEASURES):
            axes: Axes = grid[line][column]
            axes.set_xscale("log")
            for row, name in zip(rows, canvas.designs, strict=True):
                found = _points(canvas, name, method, measure)
                if np.isnan(found["p50"]):
                    continue
                colour = canvas.colours[name]
                axes.plot([found["p50"], found["p99"]], [row, row], "-", color=colour, linewidth=2)
                axes.plot(found["p50"], row, "o", color=colour, markersize=6)
                axes.plot(found["p95"], row, "|", color=colour, markersize=9, markeredgewidth=2)
                axes.plot(found["p99"], row, "o", color=colour, markerfacecolor="white",
                          markersize=5)  # fmt: skip
            axes.set_ylim(len(rows) - 0.5, -0.5)
            axes.set_yticks([])
            if not axes.lines:
                nobody = Text("aucune personne n'attend", "no person waits")[canvas.language]
                axes.text(0.02, 0.5, nobody, transform=axes.transAxes, color=SPAN, va="center")
            axes.xaxis.set_major_locator(LogLocator(10, subs=(1, 2, 5), numticks=20))
            axes.xaxis.set_major_formatter(
                FuncFormatter(lambda v, _: _duration(v, canvas.language))
            )
            axes.xaxis.set_minor_formatter(FuncFormatter(lambda _v, _p: ""))
            axes.set_title(METHOD_NAMES[method][canvas.language] if column == 0 else "")
            axes.tick_params(labelbottom=True)
            if line == len(grid) - 1:
                axes.set_xlabel(say_measure(measure, canvas.language))


def say_measure(measure: str, language: str) -> str:
    """Name a latency axis, with how to read its marks."""
    return f"{MEASURES[measure][language]}\n● p50   | p95   ○ p99"


def mean_phases(comparison: Comparison, design: str) -> dict[str, dict[str, float]]:
    """Return the mean seconds that a successful login spends: phase -> method -> seconds."""
    runs = comparison.runs[design]
    totals = pd.concat([run.tables["phase_totals"] for run in runs])
    counts = pd.concat([run.tables["login_totals"] for run in runs])
    logins = counts[counts["measure"] == "machine"].groupby("method")["count"].sum()
    sums = totals.groupby(["method", "phase"])["total_seconds"].sum().unstack("phase")
    means = sums.div(logins, axis=0)
    whole = means.reindex(index=[str(m) for m in Method], columns=list(PHASES)).fillna(0.0)
    return {phase: {str(m): float(v) for m, v in whole[phase].items()} for phase in PHASES}


def phases(canvas: Canvas, grid: Any) -> None:
    """Stacked bars: one row of panels per method, machine phases left, the person right."""
    rows = np.arange(len(canvas.designs), dtype=float)
    means = {name: mean_phases(canvas.comparison, name) for name in canvas.designs}
    machine = [phase for phase in PHASES if phase != "person"]
    sides = (machine, ["person"])
    used = methods_used(canvas.comparison)
    for line, method in enumerate(used):
        for column, wanted in enumerate(sides):
            axes: Axes = grid[line][column]
            left = np.zeros(len(rows))
            if column and not any(means[n]["person"][method] for n in canvas.designs):
                axes.set_axis_off()
                continue
            for phase in wanted:
                values = np.array([means[n][phase][method] for n in canvas.designs])
                label = PHASES[phase][canvas.language] if line == 0 else None
                axes.barh(rows, values, 0.7, left=left, color=PHASE_COLOURS[phase], label=label)
                left += values
            axes.set_yticks(rows, [wrapped(canvas.names[n], 34) for n in canvas.designs]
                            if column == 0 else [], fontsize=7.5)  # fmt: skip
            axes.set_ylim(len(rows) - 0.5, -0.5)
            axes.set_xlim(0, max(float(left.max()) * 1.05, 1e-3))
            axes.grid(visible=False, axis="y")
            axes.xaxis.set_major_formatter(
                FuncFormatter(
                    lambda v, _: f"{v:g}".replace(".", "," if canvas.language == "fr" else ".")
                )
            )
            if column == 0:
                axes.set_title(METHOD_NAMES[method][canvas.language])
            elif line == 0:
                axes.set_title(Text("la personne (s)", "the person (s)")[canvas.language])
            if line == len(used) - 1 and column == 0:
                axes.set_xlabel(Text("secondes par connexion réussie",
                                     "seconds per successful login")[canvas.language])  # fmt: skip
    if used:
        grid[0][0].figure.legend(loc="outside upper left", ncols=6)


def week_profile(comparison: Comparison, design: str) -> pd.DataFrame:
    """Return connections a minute, by hour of the week (rows, Monday 0 h first) and endpoint.

    Means over replications and over the weeks of the period; nan for hours not covered.
    """
    frame = pd.concat([run.tables["load"] for run in comparison.runs[design]])
    first = comparison.scenario.period.start.weekday() * 24
    hour = (first + frame["minute"] // 60) % WEEK_HOURS
    means = frame.groupby([hour, "endpoint"], sort=False)["sessions"].mean().unstack("endpoint")
    names = list(dict.fromkeys(frame["endpoint"]))
    return means.reindex(range(WEEK_HOURS))[names]


def load(canvas: Canvas, grid: Any) -> None:
    """Lines over the week: one panel per design, colour by method, dashes by protocol."""
    days = Text("lun. mar. mer. jeu. ven. sam. dim.", "Mon Tue Wed Thu Fri Sat Sun")
    spare: dict[str, str] = {}
    highest = 0.0
    for line, design in enumerate(canvas.designs):
        axes: Axes = grid[line][0]
        frame = week_profile(canvas.comparison, design)
        highest = max(highest, float(np.nanmax(frame.to_numpy(), initial=0.0)))
        for name in frame.columns:
            protocol, _, label = name.partition(".")
            known = ENDPOINT_COLOURS | spare
            if label not in known:
                spare[label] = SPARE_COLOURS[len(spare) % len(SPARE_COLOURS)]
            values = frame[name].where(frame[name] > 0)
            axes.plot(frame.index, values, LINES.get(protocol, "-"), linewidth=1.3,
                      color=(ENDPOINT_COLOURS | spare)[label], label=name)  # fmt: skip
        axes.set_title(canvas.names[design])
        axes.set_yscale("log")
        axes.set_xlim(0, WEEK_HOURS)
        axes.set_xticks(range(0, WEEK_HOURS, 24), [])
        axes.set_xticks(range(12, WEEK_HOURS, 24), days[canvas.language].split(), minor=True)
        axes.tick_params(axis="x", which="minor", length=0, labelbottom=True)
        axes.yaxis.set_major_formatter(
            FuncFormatter(
                lambda v, _: decimal(v, 0 if v >= 1 else -round(math.log10(v)))[canvas.language]
            )
        )
        axes.yaxis.set_minor_formatter(FuncFormatter(lambda _v, _p: ""))
        axes.set_ylabel(Text("connexions / min", "connections / min")[canvas.language])
        if axes.lines:  # servers that are not ours tell no connections
            axes.legend(loc="center left", bbox_to_anchor=(1.01, 0.5), fontsize=7.5)
    if highest > 0:
        # Nights of the smallest endpoints would take half of every panel.
        grid[0][0].set_ylim(highest / DECADES, highest * 2)
