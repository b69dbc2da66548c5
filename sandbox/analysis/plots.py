"""Figures of a comparison: one colour per design everywhere, the same bytes for the same data."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import matplotlib as mpl
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from sandbox.analysis import charts, charts_time
from sandbox.analysis.wording import Text

if TYPE_CHECKING:
    from sandbox.analysis.comparison import Comparison

__all__ = ["LANGUAGES", "Picture", "Plots", "colours"]

LANGUAGES = ("fr", "en")
# Okabe and Ito's palette, told apart by colour-blind readers; a design keeps its colour in every
# comparison, whatever the others.
OWN = {
    "single-endpoint": "#0072B2",
    "multi-endpoint": "#D55E00",
    "multi-port": "#009E73",
    "multi-endpoint-sni": "#CC79A7",
    "api-lps-2023": "#E69F00",
}
SPARE = ("#56B4E9", "#000000", "#8C6D31", "#7F7F7F", "#6A3D9A", "#B15928")
STYLE: Any = {
    "font.family": "sans-serif", "font.sans-serif": ["DejaVu Sans"], "font.size": 9,
    "axes.titlesize": 10, "axes.titleweight": "bold", "axes.titlelocation": "left",
    "axes.spines.top": False, "axes.spines.right": False, "axes.edgecolor": "#666666",
    "axes.labelcolor": "#333333", "axes.grid": True, "axes.axisbelow": True,
    "grid.color": "#E3E3E3", "grid.linewidth": 0.7, "xtick.color": "#333333",
    "ytick.color": "#333333", "legend.frameon": False, "figure.facecolor": "white",
    "savefig.facecolor": "white", "svg.hashsalt": "mss-sandbox", "svg.fonttype": "path",
    "path.simplify": True,
}  # fmt: skip
DPI = 150


class Picture(Figure):
    """A figure that a notebook shows without pyplot's global state."""

    def _repr_png_(self) -> bytes:
        return render(self, "png")


def render(figure: Figure, kind: str) -> bytes:
    """Return the bytes of a figure as png or svg, the same for the same figure."""
    target = io.BytesIO()
    with mpl.rc_context(STYLE):
        metadata = {"Date": None, "Creator": None} if kind == "svg" else {"Software": None}
        figure.savefig(target, format=kind, dpi=DPI, metadata=metadata)
    return target.getvalue()


def colours(designs: tuple[str, ...]) -> dict[str, str]:
    """Return the colour of each design."""
    others = [name for name in designs if name not in OWN]
    return {
        name: OWN[name] if name in OWN else SPARE[others.index(name) % len(SPARE)]
        for name in designs
    }


@contextmanager
def _sheet(width: float, height: float) -> Iterator[Picture]:
    with mpl.rc_context(STYLE):
        figure = Picture(figsize=(width, height), layout="constrained")
        FigureCanvasAgg(figure)
        yield figure


class Plots:
    """Figures of a comparison.

    Args:
        comparison: what to draw.
        language: fr or en.
    """

    def __init__(self, comparison: Comparison, language: str = "fr") -> None:
        self.comparison = comparison
        self.language = language
        self.designs = comparison.designs
        self.colours = colours(comparison.designs)
        design = comparison.scenario.design
        self.names = {n: Text(design(n).label, design(n).english)[language].split(":")[0].strip()
                      for n in comparison.designs}  # fmt: skip

    def _legend(self, figure: Figure) -> None:
        handles = [
            Line2D([], [], color=self.colours[name], marker="s", linestyle="", markersize=8,
                   label=self.names[name])
            for name in self.designs
        ]  # fmt: skip
        columns = 1 if len(handles) == 1 else 3 if len(handles) in {3, 5, 6} else 2
        figure.legend(handles=handles, loc="outside upper left", ncols=columns)

    def _draw(
        self, job: Callable[..., None], rows: int, columns: int, size: tuple[float, float],
        *, legend: bool = True, **sharing: Any,
    ) -> Figure:  # fmt: skip
        with _sheet(*size) as figure:
            axes: Any = figure.subplots(rows, columns, squeeze=False, **sharing)
            if legend:
                self._legend(figure)
            job(self, axes)
        return figure

    def latency(self) -> Figure:
        """Time to log in by method: p50, p95 and p99, machine and person."""
        methods = charts_time.methods_used(self.comparison)
        height = 1.2 + len(methods) * (0.45 + 0.16 * len(self.designs))
        return self._draw(charts_time.latency, len(methods), 2, (9.5, height), sharex="col")

    def load(self) -> Figure:
        """Connections a minute over the hours of the week, per endpoint: one panel per design."""
        count = len(self.designs)
        return self._draw(charts_time.load, count, 1, (9.5, 0.6 + 2.1 * count), legend=False,
                          sharex=True, sharey=True)  # fmt: skip

    def failures(self) -> Figure:
        """Failures of accesses that can connect, by cause."""
        causes = charts.failure_causes(self.comparison)
        height = 1.5 + max(1, len(causes)) * (0.2 + 0.13 * len(self.designs))
        return self._draw(charts.failures, 1, 1, (9.5, height))

    def cannot_connect(self) -> Figure:
        """Accesses that cannot connect, by cause."""
        return self._draw(charts.cannot_connect, 1, 1, (9.5, 1.6 + 0.42 * len(self.designs)),
                          legend=False)  # fmt: skip

    def costs(self) -> Figure:
        """Euros a year by who pays, with the low and the high view."""
        return self._draw(charts.costs, 1, 2, (9.5, 1.6 + 0.42 * len(self.designs)), legend=False)

    def phases(self) -> Figure:
        """Where the time of a login goes, by method: machine and back end, then the person."""
        methods = charts_time.methods_used(self.comparison)
        height = 1.2 + len(methods) * (0.45 + 0.2 * len(self.designs))
        return self._draw(charts_time.phases, len(methods), 2, (9.5, height), legend=False,
                          width_ratios=(2.2, 1))  # fmt: skip

    def connections(self) -> Figure:
        """Peak connections over slots, at the operators with most mailboxes."""
        rows = charts.largest(self.comparison)
        height = 1.2 + len(rows) * (0.18 + 0.11 * len(self.designs))
        return self._draw(charts.connections, 1, 1, (9.5, height))

    def sensitivity(self) -> Figure:
        """The inputs that move the differences between designs most, by metric.

        Raises:
            ValueError: the comparison has no sensitivity.
        """
        if self.comparison.sensitivity is None:
            raise ValueError("sensitivity: the comparison was made with sensitivity=False")
        return self._draw(charts.sensitivity, 1, 1, (9.5, 5.2), legend=False)

    def sweep(self) -> Figure:
        """Each metric over the values of the scenario's sweep.

        Raises:
            ValueError: the scenario sweeps no input.
        """
        if self.comparison.sweep is None:
            raise ValueError(f"sweep: scenario {self.comparison.scenario.name} sweeps no input")
        shown = charts.swept_metrics(self.comparison)
        rows = max(1, (len(shown) + 1) // 2)
        return self._draw(charts.sweep, rows, 2, (9.5, 0.8 + 2.3 * rows), sharex=True)

    @property
    def available(self) -> Mapping[str, Callable[[], Figure]]:
        """The figures that this comparison has, by name."""
        found: dict[str, Callable[[], Figure]] = {
            "cannot_connect": self.cannot_connect, "costs": self.costs, "latency": self.latency,
            "phases": self.phases, "load": self.load, "connections": self.connections,
            "failures": self.failures,
        }  # fmt: skip
        if self.comparison.sensitivity is not None:
            found["sensitivity"] = self.sensitivity
        if self.comparison.sweep is not None:
            found["sweep"] = self.sweep
        return found

    def save(self, folder: str | Path) -> list[Path]:
        """Write every figure into `folder` as PNG and SVG; English ones end in `.en`."""
        target = Path(folder)
        target.mkdir(parents=True, exist_ok=True)
        ending = "" if self.language == "fr" else f".{self.language}"
        paths = []
        for name, draw in self.available.items():
            figure = draw()
            figure.draw_without_rendering()  # lays it out, once for both files
            figure.set_layout_engine("none")
            for kind in ("png", "svg"):
                path = target / f"{name}{ending}.{kind}"
                path.write_bytes(render(figure, kind))
                paths.append(path)
        return paths
