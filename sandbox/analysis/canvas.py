"""What figures are drawn on: one style, same bytes for same data."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import cycle
from typing import TYPE_CHECKING, Any

import matplotlib as mpl
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from sandbox.analysis.palette import DESIGN_COLOURS, GRID, INK, SPAN, SPARE_COLOURS
from sandbox.analysis.wording import Text

if TYPE_CHECKING:
    from sandbox.analysis.comparison import Comparison

__all__ = ["LANGUAGES", "Canvas", "Picture", "colours", "render", "sheet"]

LANGUAGES = ("fr", "en")
STYLE: Any = {
    "font.family": "sans-serif", "font.sans-serif": ["DejaVu Sans"], "font.size": 9,
    "axes.titlesize": 10, "axes.titleweight": "bold", "axes.titlelocation": "left",
    "axes.spines.top": False, "axes.spines.right": False, "axes.edgecolor": SPAN,
    "axes.labelcolor": INK, "axes.grid": True, "axes.axisbelow": True,
    "grid.color": GRID, "grid.linewidth": 0.7, "xtick.color": INK,
    "ytick.color": INK, "legend.frameon": False, "figure.facecolor": "white",
    "savefig.facecolor": "white", "svg.hashsalt": "mss-sandbox", "svg.fonttype": "path",
    "path.simplify": True,
}  # fmt: skip
DPI = 150


class Picture(Figure):
    """A figure that a notebook shows without pyplot's global state."""

    def _repr_png_(self) -> bytes:
        return render(self, "png")


def render(figure: Figure, kind: str) -> bytes:
    """Return the bytes of a figure as png or svg, the same for the same figure.

    The canvas prints by itself: `Figure.savefig` would draw everything twice.
    """
    target = io.BytesIO()
    with mpl.rc_context(STYLE):
        figure.set_dpi(DPI)
        if kind == "svg":
            svg: Any = FigureCanvasSVG(figure)
            svg.print_svg(target, metadata={"Date": None, "Creator": None})
        else:
            agg: Any = FigureCanvasAgg(figure)
            agg.print_png(target, metadata={"Software": None})
    return target.getvalue()


def colours(designs: tuple[str, ...]) -> dict[str, str]:
    """Return the colour of each design."""
    others = [name for name in designs if name not in DESIGN_COLOURS]
    spare = dict(zip(others, cycle(SPARE_COLOURS), strict=False))
    return {name: DESIGN_COLOURS.get(name) or spare[name] for name in designs}


@contextmanager
def sheet(width: float, height: float) -> Iterator[Picture]:
    """Yield an empty figure in the style of the reports; sides in inches."""
    with mpl.rc_context(STYLE):
        figure = Picture(figsize=(width, height))
        # SVG's text is wider than what the layout measures: without margin its ends are cut.
        figure.set_layout_engine("constrained", w_pad=0.12, h_pad=0.08)
        FigureCanvasAgg(figure)
        yield figure


class Canvas:
    """A comparison in a language, with the names and colours of its designs.

    Args:
        comparison: what to draw.
        language: fr or en.
    """

    def __init__(self, comparison: Comparison, language: str = "fr") -> None:
        self.comparison = comparison
        self.language = language
        self.designs = comparison.designs
        self.colours = colours(comparison.designs)
        self.names = {name: Text(each.label, each.english)[language].split(":")[0].strip()
                      for name, each in comparison.candidates.items()}  # fmt: skip

    def legend(self, figure: Figure) -> None:
        """Name the designs and their colours above a figure."""
        handles = [
            Line2D([], [], color=self.colours[name], marker="s", linestyle="", markersize=8,
                   label=self.names[name])
            for name in self.designs
        ]  # fmt: skip
        columns = 1 if len(handles) == 1 else 3 if len(handles) in {3, 5, 6} else 2
        figure.legend(handles=handles, loc="outside upper left", ncols=columns)

    def draw(
        self, job: Callable[..., None], rows: int, columns: int, size: tuple[float, float],
        *, legend: bool = True, **sharing: Any,
    ) -> Figure:  # fmt: skip
        """Return a figure of rows by columns that `job` has drawn on."""
        with sheet(*size) as figure:
            axes: Any = figure.subplots(rows, columns, squeeze=False, **sharing)
            if legend:
                self.legend(figure)
            job(self, axes)
        return figure
