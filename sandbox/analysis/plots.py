"""The figures of a comparison, by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from matplotlib.figure import Figure

from sandbox.analysis import charts, charts_time
from sandbox.analysis.canvas import Canvas, render

__all__ = ["Plots"]


class Plots(Canvas):
    """Figures of a comparison.

    Args:
        comparison: what to draw.
        language: fr or en.
    """

    def latency(self) -> Figure:
        """Time to log in by method: p50, p95 and p99, machine and person."""
        methods = charts_time.methods_used(self.comparison)
        height = 1.2 + len(methods) * (0.45 + 0.16 * len(self.designs))
        return self.draw(charts_time.latency, len(methods), 2, (9.5, height), sharex="col")

    def load(self) -> Figure:
        """Connections a minute over the hours of the week, per endpoint: one panel per design."""
        count = len(self.designs)
        return self.draw(charts_time.load, count, 1, (9.5, 0.6 + 2.1 * count), legend=False,
                          sharex=True, sharey=True)  # fmt: skip

    def failures(self) -> Figure:
        """Failures of accesses that can connect, by cause."""
        causes = charts.failure_causes(self.comparison)
        height = 1.5 + max(1, len(causes)) * (0.2 + 0.13 * len(self.designs))
        return self.draw(charts.failures, 1, 1, (9.5, height))

    def cannot_connect(self) -> Figure:
        """Accesses that cannot connect, by cause."""
        return self.draw(charts.cannot_connect, 1, 1, (9.5, 1.6 + 0.42 * len(self.designs)),
                          legend=False)  # fmt: skip

    def costs(self) -> Figure:
        """Euros a year by who pays, with the low and the high view."""
        return self.draw(charts.costs, 1, 2, (9.5, 1.6 + 0.42 * len(self.designs)), legend=False)

    def phases(self) -> Figure:
        """Where the time of a login goes, by method: machine and back end, then the person."""
        methods = charts_time.methods_used(self.comparison)
        height = 1.2 + len(methods) * (0.45 + 0.2 * len(self.designs))
        return self.draw(charts_time.phases, len(methods), 2, (9.5, height), legend=False,
                          width_ratios=(2.2, 1))  # fmt: skip

    def connections(self) -> Figure:
        """Peak connections over slots, at the operators with most mailboxes."""
        rows = charts.largest(self.comparison)
        height = 1.2 + len(rows) * (0.18 + 0.11 * len(self.designs))
        return self.draw(charts.connections, 1, 1, (9.5, height))

    def sweep(self) -> Figure:
        """Each metric over the values of the scenario's sweep.

        Raises:
            ValueError: the scenario sweeps no input.
        """
        if self.comparison.sweep is None:
            raise ValueError(f"sweep: scenario {self.comparison.scenario.name} sweeps no input")
        shown = charts.swept_metrics(self.comparison)
        rows = max(1, (len(shown) + 1) // 2)
        return self.draw(charts.sweep, rows, 2, (9.5, 0.8 + 2.3 * rows), sharex=True)

    @property
    def available(self) -> Mapping[str, Callable[[], Figure]]:
        """The figures that this comparison has, by name."""
        found: dict[str, Callable[[], Figure]] = {
            "cannot_connect": self.cannot_connect, "costs": self.costs, "latency": self.latency,
            "phases": self.phases, "load": self.load, "connections": self.connections,
            "failures": self.failures,
        }  # fmt: skip
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
            for kind in ("png", "svg"):
                path = target / f"{name}{ending}.{kind}"
                path.write_bytes(render(figure, kind))
                figure.set_layout_engine("none")  # it is laid out, once for both files
                paths.append(path)
        return paths
