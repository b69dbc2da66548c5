"""What each figure draws, on axes that `Canvas.draw` prepares: shares, money, fill, a sweep."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, MaxNLocator

from sandbox.analysis.metrics import COMPARED
from sandbox.analysis.palette import BAND, BARRIER_COLOURS, INK, PAYER_COLOURS, SPAN
from sandbox.analysis.wording import BARRIERS, CAUSES, Text, decimal, percent

if TYPE_CHECKING:
    from sandbox.analysis.canvas import Canvas
    from sandbox.analysis.comparison import Comparison

__all__ = [
    "cannot_connect", "connections", "costs", "failure_causes",
    "failure_shares", "failures", "largest", "peak_fill", "sweep", "swept_metrics",
]  # fmt: skip

LARGEST = 10
NAME_WIDTH = 30
PAYERS = {
    "operators": Text("opérateurs", "operators"),
    "editors": Text("éditeurs", "editors"),
    "sites": Text("sites (pare-feu)", "sites (firewalls)"),
}


def wrapped(text: str, width: int = NAME_WIDTH) -> str:
    """Break a label into lines."""
    return "\n".join(textwrap.wrap(text, width)) or text


def share_axis(axis: Any, language: str) -> None:
    """Write an axis in per cent, in the language's way."""
    axis.set_major_formatter(FuncFormatter(lambda value, _: _ticks(value, language)))


def _ticks(value: float, language: str) -> str:
    digits = 0 if abs(value) >= 0.1 or value == 0 else 1 if abs(value) >= 0.001 else 2
    sign = {"fr": "\u00a0%", "en": "%"}[language]
    return decimal(100 * value, digits)[language] + sign


def _design_rows(canvas: Canvas, axes: Axes) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Name one row per design, the first on top."""
    rows = np.arange(len(canvas.designs), dtype=float)
    axes.set_yticks(rows, [wrapped(canvas.names[name]) for name in canvas.designs])
    axes.invert_yaxis()
    axes.grid(visible=False, axis="y")
    return rows


def cannot_connect(canvas: Canvas, grid: Any) -> None:
    """Stacked bars: one per design, one colour per cause."""
    axes: Axes = grid[0][0]
    rows = _design_rows(canvas, axes)
    who = canvas.comparison.compatibility
    stopped = {name: who[name].whole.by_cause for name in canvas.designs}
    left = np.zeros(len(rows))
    for cause, colour in BARRIER_COLOURS.items():
        values = np.array([stopped[name].get(cause, 0.0) for name in canvas.designs])
        if values.any():
            axes.barh(rows, values, 0.6, left=left, color=colour,
                      label=BARRIERS[cause][canvas.language])  # fmt: skip
            left += values
    for row, total in zip(rows, left, strict=True):
        axes.annotate(percent(total)[canvas.language], (total, row), (4, 0),
                      textcoords="offset points", va="center")  # fmt: skip
    axes.set_xlim(0, max(float(left.max()) * 1.12, 0.001))
    share_axis(axes.xaxis, canvas.language)
    axes.set_xlabel(
        Text("part des accès, hors webmail", "share of accesses, webmail apart")[canvas.language]
    )
    if left.any():
        axes.figure.legend(loc="outside upper left", ncols=2)


def costs(canvas: Canvas, grid: Any) -> None:
    """Stacked bars by who pays; beside them, on a log axis, the span of the assumptions."""
    axes: Axes = grid[0][0]
    span: Axes = grid[0][1]
    rows = _design_rows(canvas, axes)
    bills = [canvas.comparison.costs[name] for name in canvas.designs]
    left = np.zeros(len(rows))
    for payer, label in PAYERS.items():
        values = np.array([getattr(bill.central, payer) for bill in bills])
        axes.barh(rows, values, 0.5, left=left, color=PAYER_COLOURS[payer],
                  label=label[canvas.language])  # fmt: skip
        left += values
    axes.set_xlim(0, max(float(left.max()) * 1.06, 1.0))
    axes.set_xlabel(Text("hypothèses centrales, euros par an",
                         "central assumptions, euros a year")[canvas.language])  # fmt: skip
    axes.xaxis.set_major_locator(MaxNLocator(5))
    low = np.array([max(bill.low.total, 1.0) for bill in bills])
    high = np.array([max(bill.high.total, 1.0) for bill in bills])
    span.set_xscale("log")
    span.hlines(rows, low, high, color=SPAN, linewidth=2)
    for end in (low, high):
        span.plot(end, rows, "|", color=SPAN, markersize=9, markeredgewidth=2)
    span.plot([max(bill.central.total, 1.0) for bill in bills], rows, "o", color=INK)
    span.set_yticks([])
    span.set_ylim(axes.get_ylim())
    span.grid(visible=False, axis="y")
    span.set_xlabel(Text("bas, central et haut (axe logarithmique)",
                         "low, central and high (log axis)")[canvas.language])  # fmt: skip
    for panel in (axes, span):
        panel.xaxis.set_major_formatter(FuncFormatter(lambda v, _: _money(v, canvas.language)))
        panel.xaxis.set_minor_formatter(FuncFormatter(lambda _v, _p: ""))
    axes.figure.legend(loc="outside upper left", ncols=3)


def _money(value: float, language: str) -> str:
    """Write a tick: 20 k€, 1,5 M€."""
    for size, symbol in ((1e6, "M€"), (1e3, "k€")):
        if value >= size:
            return f"{_plain(value / size, language)}\u00a0{symbol}"
    return f"{_plain(value, language)}\u00a0€"


def banded(axes: Axes, rows: int) -> None:
    """Shade every other row, so that dots are read on their own line."""
    axes.grid(visible=False, axis="y")
    axes.tick_params(axis="y", length=0)
    for row in range(0, rows, 2):
        axes.axhspan(row - 0.5, row + 0.5, color=BAND, zorder=0, linewidth=0)


def failure_shares(comparison: Comparison) -> dict[str, dict[str, float]]:
    """Return, by design, failures by cause over attempts."""
    shares = {}
    for name, runs in comparison.runs.items():
        attempts = 0
        counts: dict[str, int] = {}
        for run in runs:
            frame = run.tables["failures"].query("protocol != 'relay'")
            by_cause = frame.groupby("cause")["count"].sum()
            logins = run.tables["login_totals"].query("measure == 'machine'")
            attempts += int(logins["count"].sum()) + int(by_cause.sum())
            for cause, count in by_cause.items():
                counts[str(cause)] = counts.get(str(cause), 0) + int(count)
        shares[name] = {c: n / attempts for c, n in counts.items() if n}
    return shares


def failure_causes(comparison: Comparison) -> list[str]:
    """Return the causes of failures that happened, the most frequent first."""
    shares = failure_shares(comparison)
    total: dict[str, float] = {}
    for causes in shares.values():
        for cause, share in causes.items():
            total[cause] = total.get(cause, 0.0) + share
    return sorted(total, key=lambda cause: (-total[cause], cause))


def _empty(axes: Axes, text: str) -> None:
    axes.set_axis_off()
    axes.text(0.5, 0.5, text, ha="center", va="center", transform=axes.transAxes)


def failures(canvas: Canvas, grid: Any) -> None:
    """Grouped dots on a log axis: a row per cause, a dot per design."""
    axes: Axes = grid[0][0]
    causes = failure_causes(canvas.comparison)
    if not causes:
        _empty(axes, Text("Aucun échec.", "No failure.")[canvas.language])
        return
    shares = failure_shares(canvas.comparison)
    step = 0.7 / max(1, len(canvas.designs) - 1)
    for number, name in enumerate(canvas.designs):
        offset = (number - (len(canvas.designs) - 1) / 2) * step
        for row, cause in enumerate(causes):
            value = shares[name].get(cause)
            if value:
                axes.plot(value, row + offset, "o", color=canvas.colours[name], markersize=6)
    axes.set_xscale("log")
    share_axis(axes.xaxis, canvas.language)
    axes.xaxis.set_major_formatter(FuncFormatter(lambda v, _: _log_share(v, canvas.language)))
    axes.xaxis.set_minor_formatter(FuncFormatter(lambda _v, _p: ""))
    axes.set_yticks(range(len(causes)), [wrapped(CAUSES[c][canvas.language]) for c in causes])
    axes.set_ylim(len(causes) - 0.5, -0.5)
    banded(axes, len(causes))
    axes.set_xlabel(Text("part des tentatives (axe logarithmique)",
                         "share of attempts (log axis)")[canvas.language])  # fmt: skip


def _log_share(value: float, language: str) -> str:
    text = f"{100 * value:.8f}".rstrip("0").rstrip(".")
    return (text.replace(".", ",") + "\u00a0%") if language == "fr" else text + "%"


def largest(comparison: Comparison) -> list[str]:
    """Return the operators with most mailboxes, the largest first."""
    space = comparison.space
    order = (-np.asarray(space.operator_mailboxes)).argsort(kind="stable")[:LARGEST]
    return [str(space.operators[number]) for number in order]


def peak_fill(comparison: Comparison) -> pd.DataFrame:
    """Return peak connections and slots of the fullest endpoint: one row per design and operator.

    Columns design, operator, endpoint, slots_used_peak, slots, fill; worst replication.
    """
    names = largest(comparison)
    rows = []
    for design, runs in comparison.runs.items():
        frame = pd.concat([run.tables["endpoints"] for run in runs])
        frame = frame[(frame["endpoint"] != "mx") & frame["operator"].isin(names)].copy()
        frame["fill"] = frame["slots_used_peak"] / frame["slots"]
        frame = frame.sort_values("fill", ascending=False, kind="stable")
        top = frame.drop_duplicates("operator").set_index("operator").reindex(names).dropna()
        rows.append(top.reset_index().assign(design=design))
    columns = ["design", "operator", "endpoint", "slots_used_peak", "slots", "fill"]
    return pd.concat(rows)[columns].reset_index(drop=True)


def connections(canvas: Canvas, grid: Any) -> None:
    """Dots: fill of the fullest endpoint of each large operator."""
    axes: Axes = grid[0][0]
    names = largest(canvas.comparison)
    frame = peak_fill(canvas.comparison)
    step = 0.7 / max(1, len(canvas.designs) - 1)
    for number, design in enumerate(canvas.designs):
        mine = frame[frame["design"] == design]
        offset = (number - (len(canvas.designs) - 1) / 2) * step
        rows = [names.index(name) + offset for name in mine["operator"]]
        axes.plot(mine["fill"], rows, "o", color=canvas.colours[design], markersize=5)
    axes.axvline(1, color=INK, linewidth=1, linestyle="--")
    axes.set_yticks(range(len(names)), names)
    axes.set_ylim(len(names) - 0.5, -0.5)
    banded(axes, len(names))
    axes.set_xlim(0, max(1.05, float(frame["fill"].max() or 0) * 1.05))
    share_axis(axes.xaxis, canvas.language)
    axes.set_xlabel(Text(
        "connexions simultanées au plus haut / connexions possibles (endpoint le plus rempli)",
        "peak connections / connection slots (fullest endpoint)")[canvas.language])  # fmt: skip


def _plain(value: float, language: str) -> str:
    text = f"{value:g}"
    return text.replace(".", ",") if language == "fr" else text


def swept_metrics(comparison: Comparison) -> list[str]:
    """Return the metrics that the sweep moves by more than their threshold."""
    assert comparison.sweep is not None
    spread = comparison.sweep.groupby(["metric", "design"])["result"].agg(
        lambda v: v.max() - v.min()
    )
    return [m for m in COMPARED
            if m in spread.index.get_level_values(0)
            and spread[m].max() >= COMPARED[m].threshold]  # fmt: skip


def sweep(canvas: Canvas, grid: Any) -> None:
    """Lines: one panel per metric that moves, one line per design."""
    frame = canvas.comparison.sweep
    assert frame is not None
    shown = swept_metrics(canvas.comparison)
    panels = list(grid.flat)
    for axes in panels[max(1, len(shown)) :]:
        axes.set_axis_off()
    if not shown:
        still = Text("Le balayage ne déplace aucune mesure de plus que le seuil utile.",
                     "The sweep moves no metric by more than its threshold.")  # fmt: skip
        _empty(panels[0], still[canvas.language])
    for axes, metric in zip(panels, shown, strict=False):
        facts = COMPARED[metric]
        mine = frame[frame["metric"] == metric]
        for name in canvas.designs:
            line = mine[mine["design"] == name]
            axes.plot(line["value"], line["result"], "o-", color=canvas.colours[name], markersize=4)
        axes.set_title(wrapped(Text(facts.french, facts.english)[canvas.language], 44))
        axes.set_ylim(bottom=0)
        if facts.unit == "share":
            share_axis(axes.yaxis, canvas.language)
        else:
            axes.set_ylabel("s")
            axes.yaxis.set_major_formatter(FuncFormatter(lambda v, _: _plain(v, canvas.language)))
        points = mine.drop_duplicates("value")
        axes.set_xticks(points["value"], points["label"], rotation=0)
        axes.tick_params(labelbottom=True)
        axes.set_xlabel(str(frame["key"].iloc[0]))
