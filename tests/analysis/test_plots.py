"""Figures: one colour per design, both languages, the same bytes again, nothing needed."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import RendererSVG
from matplotlib.figure import Figure
from matplotlib.text import Text

from sandbox.analysis import charts, charts_time
from sandbox.analysis.canvas import colours, render
from sandbox.analysis.comparison import Comparison
from sandbox.analysis.palette import DESIGN_COLOURS
from sandbox.analysis.plots import Plots
from sandbox.space.designs import BUILT_IN

FIGURES = ["cannot_connect", "connections", "costs", "failures", "latency", "load", "phases"]


def words(figure: Figure) -> str:
    return " ".join(text.get_text() for text in figure.findobj(lambda a: hasattr(a, "get_text")))


@pytest.mark.parametrize("name", [*FIGURES, "sweep"])
def test_a_figure_speaks_the_language_asked_for(varied: Comparison, name: str) -> None:
    french, english = (words(getattr(Plots(varied, lang), name)()) for lang in ("fr", "en"))
    assert french != english
    assert "Un seul endpoint" in french
    assert "Un seul endpoint" not in english


@pytest.mark.parametrize("name", ["cannot_connect", "costs", "phases"])
def test_no_word_of_a_figure_is_cut(small: Comparison, name: str) -> None:
    figure = getattr(Plots(small), name)()
    render(figure, "svg")
    width, height = figure.bbox.width, figure.bbox.height
    pen = RendererSVG(width, height, io.StringIO())
    for axes in figure.axes:
        for text in (axes.title, axes.xaxis.label, axes.yaxis.label, *shown_labels(axes)):
            if text.get_visible() and text.get_text():
                box = text.get_window_extent(pen)
                assert min(box.x0, box.y0, width - box.x1, height - box.y1) >= 0, text.get_text()


def shown_labels(axes: Axes) -> list[Text]:
    """The tick labels within the limits."""
    found = []
    for axis, (one, other) in ((axes.xaxis, axes.get_xlim()), (axes.yaxis, axes.get_ylim())):
        low, high = sorted((one, other))
        for place, label in zip(axis.get_ticklocs(), axis.get_ticklabels(), strict=False):
            if low <= place <= high and axes.axison:
                found.append(label)
    return found


@pytest.mark.parametrize("kind", ["png", "svg"])
def test_the_same_data_give_the_same_bytes(small: Comparison, kind: str) -> None:
    first, second = (render(Plots(small).cannot_connect(), kind) for _ in range(2))
    assert first == second
    assert b"date" not in first.lower()


def test_every_built_in_design_has_its_own_colour_whatever_the_others() -> None:
    assert set(DESIGN_COLOURS) == set(BUILT_IN)
    assert len(set(DESIGN_COLOURS.values())) == len(DESIGN_COLOURS)
    assert colours(("multi-port",))["multi-port"] == colours(tuple(BUILT_IN))["multi-port"]


def test_a_design_of_a_scenario_takes_a_colour_that_no_built_in_one_has() -> None:
    found = colours((*BUILT_IN, "mine", "yours"))
    assert len(set(found.values())) == len(BUILT_IN) + 2


def test_saving_writes_each_figure_as_png_and_svg(alone: Comparison, tmp_path: Path) -> None:
    paths = Plots(alone, "en").save(tmp_path / "figures")
    assert sorted(path.name for path in paths) == sorted(
        f"{name}.en.{kind}" for name in FIGURES for kind in ("png", "svg")
    )
    assert all(path.stat().st_size > 1000 for path in paths)


@pytest.mark.parametrize("name", ["sweep"])
def test_a_figure_of_what_was_not_computed_is_refused(small: Comparison, name: str) -> None:
    with pytest.raises(ValueError, match=name):
        getattr(Plots(small), name)()


def test_no_failure_is_said_rather_than_drawn(alone: Comparison) -> None:
    assert "Aucun échec." in words(Plots(alone).failures())
    assert charts.failure_causes(alone) == []


def test_a_method_that_nobody_uses_is_left_out_of_the_figures(
    small: Comparison, alone: Comparison
) -> None:
    assert "ecps" in charts_time.methods_used(small)
    assert "ecps" not in charts_time.methods_used(alone)
    assert "eCPS" not in words(Plots(alone).latency())


def test_failures_are_shares_of_the_attempts_of_accesses_that_can_connect(
    small: Comparison,
) -> None:
    design = small.designs[0]
    shares = charts.failure_shares(small)[design]
    mean = np.average(
        [row["failure_share"] for row in small.metrics[design]],
        weights=[_attempts(run) for run in small.runs[design]],
    )
    assert sum(shares.values()) == pytest.approx(mean)


def _attempts(run: object) -> float:
    tables = run.tables  # type: ignore[attr-defined]
    failures = tables["failures"].query("protocol != 'relay'")
    lost = failures["count"].sum()
    logins = tables["login_totals"].query("measure == 'machine'")["count"].sum()
    return float(logins + lost)


def test_phases_sum_to_the_mean_of_the_machine_and_of_the_person(small: Comparison) -> None:
    means = charts_time.mean_phases(small, "single-endpoint")
    runs = small.runs["single-endpoint"]
    total = sum(float(r.tables["phase_totals"]["total_seconds"].sum()) for r in runs)
    logins: dict[str, float] = {}
    for run in runs:
        machine = run.tables["login_totals"].query("measure == 'machine'")
        for method, count in machine.groupby("method")["count"].sum().items():
            logins[str(method)] = logins.get(str(method), 0) + float(count)
    rebuilt = sum(means[p][m] * logins.get(m, 0) for p in means for m in means[p])
    assert rebuilt == pytest.approx(total)


def test_the_week_begins_on_monday_and_holds_every_connection(small: Comparison) -> None:
    profile = charts_time.week_profile(small, "single-endpoint")
    load = [run.tables["load"] for run in small.runs["single-endpoint"]]
    mean = sum(float(frame["sessions"].sum()) for frame in load) / len(load)
    assert len(profile) == 168
    assert float(profile.sum().sum()) * 60 == pytest.approx(mean)
    # The demonstration begins on a Sunday: its first minutes are hour 144 of the week.
    first = sum(float(frame[frame["minute"] < 60]["sessions"].sum()) for frame in load) / len(load)
    assert float(profile.loc[144].sum()) * 60 == pytest.approx(first)


def test_a_sweep_shows_only_the_metrics_that_it_moves(varied: Comparison) -> None:
    assert charts.swept_metrics(varied) == ["cannot_connect"]


def test_the_fullest_endpoint_of_the_largest_operators_is_shown(small: Comparison) -> None:
    frame = charts.peak_fill(small)
    assert charts.largest(small)[0] == small.space.operators[0]
    assert set(frame["design"]) == set(small.designs)
    assert "mx" not in set(frame["endpoint"])
    assert (frame["fill"] == frame["slots_used_peak"] / frame["slots"]).all()
