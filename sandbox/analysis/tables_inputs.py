"""Tables of inputs: sweep, every assumption."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from sandbox.analysis.charts import (
    swept_metrics,
)
from sandbox.analysis.grid import Cell, Table, design_names, head, words
from sandbox.analysis.metrics import COMPARED
from sandbox.analysis.wording import (
    KNOWLEDGE,
    NOTHING,
    Text,
    decimal,
    measure,
    same,
    say,
    unit,
)

if TYPE_CHECKING:
    from sandbox.analysis.comparison import Comparison

__all__ = [
    "assumption_table", "decimal_plain", "sweep_table"
]  # fmt: skip


def decimal_plain(value: float | str | None) -> Text:
    """Return an input as it was written: no rounding, the language's separators."""
    if value is None:
        return NOTHING
    if isinstance(value, str):
        return same(value)
    digits = len(f"{value:.9f}".rstrip("0").split(".")[1])
    return decimal(value, digits)


def sweep_table(comparison: Comparison, summary: Mapping[str, Any]) -> Table:
    """Values of the sweep by metric and design."""
    frame = comparison.sweep
    assert frame is not None
    rows = []
    for metric in swept_metrics(comparison):
        mine = frame[frame["metric"] == metric]
        for (_, label), group in mine.groupby(["value", "label"], sort=False):
            results = group.set_index("design")["result"]
            rows.append([
                head(Text(COMPARED[metric].french, COMPARED[metric].english)),
                words(same(str(label))),
                *(Cell(measure(float(results[d]), COMPARED[metric].unit))
                  for d in comparison.designs),
            ])  # fmt: skip
    key = str(frame["key"].iloc[0])
    return Table(
        say("Mesures selon {key}, une réplication par valeur.",
            "Measures by {key}, one replication for each value.", key=key),
        [Text("Mesure", "Measure"), Text("Valeur", "Value"), *design_names(summary)], rows,
    )  # fmt: skip


def assumption_table(summary: Mapping[str, Any]) -> Table:
    """Every input: value, range, knowledge, source."""
    order = {name: number for number, name in enumerate(KNOWLEDGE)}
    rows = []
    for row in sorted(summary["assumptions"], key=lambda r: (order[r["knowledge"]], r["key"])):
        value = row["value"]
        url = row["url"] if str(row["url"]).startswith(("https://", "http://")) else ""
        span = NOTHING if row["low"] is None else say(
            "{low} à {high}", "{low} to {high}", low=decimal_plain(row["low"]),
            high=decimal_plain(row["high"]))  # fmt: skip
        source = Text("aucune : valeur choisie pour ce modèle", "none: chosen for this model")
        rows.append([
            Cell(same(row["key"]), "head", note=row["note"]),
            Cell(decimal_plain(value), order=value),
            Cell(span, order=row["low"]),
            words(unit(row["unit"])),
            Cell(KNOWLEDGE[row["knowledge"]], "words", order=order[row["knowledge"]],
                 tag=row["knowledge"].replace(" ", "-")),
            Cell(source if row["source"].startswith("No source") else same(row["source"]),
                 "words", link=url),
        ])  # fmt: skip
    return Table(
        Text("Toutes les entrées du modèle, groupées par état de connaissance.",
             "Every input of the model, grouped by state of knowledge."),
        [Text("Entrée", "Input"), Text("Valeur", "Value"),
         Text("Plage plausible", "Plausible range"),
         Text("Unité", "Unit"), Text("Connaissance", "Knowledge"), Text("Source", "Source")],
        rows, tool="assumptions",
    )  # fmt: skip
