"""Figures of a twin test: quantiles, latency against load, a storm. SVG, both languages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sandbox.analysis.canvas import Picture, render, sheet
from sandbox.analysis.palette import GRID, INK, MEASURED, METHOD_COLOURS, PREDICTED, SPAN
from sandbox.twin.compared import Level
from sandbox.twin.storm import Storm

__all__ = [
    "against_load",
    "quantiles",
    "timeline",
    "write_figures",
    "write_storms",
]

LEVELS = np.linspace(0.05, 0.95, 19)
FEW = 20  # logins of a method below which its quantiles are chance
Samples = Mapping[tuple[str, str], NDArray[np.float64]]


def quantiles(predicted: Samples, measured: Samples, title: str) -> Picture:
    """Return quantiles of machine latency, predicted against measured, a line a method, ms."""
    with sheet(5.2, 5.0) as picture:
        axes = picture.subplots()
        for method, colour in METHOD_COLOURS.items():
            key = method, "machine"
            said, seen = predicted.get(key, np.zeros(0)), measured.get(key, np.zeros(0))
            if min(len(said), len(seen)) >= FEW:
                axes.plot(1000 * np.quantile(seen, LEVELS), 1000 * np.quantile(said, LEVELS),
                          marker=".", color=colour, label=method)  # fmt: skip
        axes.set_xscale("log")
        axes.set_yscale("log")
        low = min(axes.get_xlim()[0], axes.get_ylim()[0])
        high = max(axes.get_xlim()[1], axes.get_ylim()[1])
        axes.plot([low, high], [low, high], color=SPAN, linewidth=1)
        axes.set_xlabel("mesuré / measured, ms")
        axes.set_ylabel("prédit / predicted, ms")
        axes.set_title(title)
        if axes.get_legend_handles_labels()[0]:
            axes.legend()
    return picture


def against_load(levels: Sequence[Level], design: str) -> Picture:
    """Return mean machine latency against load, a panel a method: lines predicted, dots measured.

    Bars are the 95 % intervals of what was measured.
    """
    rows: dict[str, list[tuple[float, Any]]] = {}
    for level in levels:
        for row in level.rows:
            if (row.design, row.measure, row.statistic) == (design, "machine", "mean"):
                rows.setdefault(row.method, []).append((level.load, row))
    with sheet(2.4 * max(1, len(rows)), 2.8) as picture:
        panels = picture.subplots(1, max(1, len(rows)), squeeze=False)[0]
        for axes, (method, found) in zip(panels, sorted(rows.items()), strict=False):
            colour = METHOD_COLOURS.get(method, INK)
            said = [(x, 1000 * r.predicted) for x, r in found if r.predicted is not None]
            if said:
                axes.plot(*zip(*said, strict=True), color=colour)
            for load, row in found:
                if row.measured is None:
                    continue
                axes.plot([load], [1000 * row.measured], marker="o", color=colour)
                if row.ci95 is not None:
                    ends = [1000 * max(0.0, end) for end in row.ci95]
                    axes.plot([load, load], ends, color=colour, linewidth=1)
            axes.set_title(method)
            axes.set_xlim(0, 1)
            axes.set_ylim(bottom=0)
            axes.set_xlabel("charge / load")
        panels[0].set_ylabel("ms ; ligne : prédit / line: predicted")
    return picture


def timeline(storm: Storm) -> Picture:
    """Return mean latency of TOTP and certificates by when connections began, around a storm."""
    with sheet(5.2, 3.0) as picture:
        axes = picture.subplots()
        weather = storm.weather
        axes.axvspan(weather.at, weather.at + weather.seconds, color=GRID, linewidth=0)
        said, seen = storm.timeline(storm.predicted), storm.timeline(storm.measured)
        axes.plot(said[:, 0], 1000 * said[:, 1], color=PREDICTED, label="prédit / predicted")
        axes.plot(seen[:, 0], 1000 * seen[:, 1], color=MEASURED, marker=".", linestyle="",
                  label="mesuré / measured")  # fmt: skip
        axes.set_yscale("log")
        axes.set_xlabel("début de la connexion / connection begins, s")
        axes.set_ylabel("ms")
        axes.set_title(f"{storm.design}, {storm.load:.0%}, {weather.seconds:g} s")
        axes.legend()
    return picture


def write_storms(folder: Path, storms: Sequence[Storm]) -> list[Path]:
    """Write a timeline for each design."""
    written = []
    for storm in storms:
        path = folder / f"storm-{storm.design.replace('/', '.')}.svg"
        path.write_bytes(render(timeline(storm), "svg"))
        written.append(path)
    return written


def write_figures(
    folder: Path, levels: Sequence[Level], samples: Mapping[str, tuple[Samples, Samples]]
) -> list[Path]:
    """Write both for each design; `samples` are those of the highest load, by design."""
    written = []
    for design, (said, seen) in samples.items():
        name = design.replace("/", ".")
        for kind, picture in (
            ("quantiles", quantiles(said, seen, f"{design}, {levels[-1].load:.0%}")),
            ("load", against_load(levels, design)),
        ):
            path = folder / f"{kind}-{name}.svg"
            path.write_bytes(render(picture, "svg"))
            written.append(path)
    return written
