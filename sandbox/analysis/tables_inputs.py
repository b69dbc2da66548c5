"""Tables of inputs: sweep, every assumption."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from sandbox.analysis.charts import (
    swept_metrics,
)
from sandbox.analysis.grid import Cell, Table, design_names, head, input_anchor, words
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

KNOWN_ORDER = list(KNOWLEDGE)  # the least known first


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


def _assumption_row(row: Mapping[str, Any], group: Sequence[str]) -> list[Cell]:
    url = row["url"] if str(row["url"]).startswith(("https://", "http://")) else ""
    span = NOTHING if row["low"] is None else say(
        "{low} à {high}", "{low} to {high}", low=decimal_plain(row["low"]),
        high=decimal_plain(row["high"]))  # fmt: skip
    source = Text("aucune : valeur choisie pour ce modèle", "none: chosen for this model")
    return [
        Cell(same(row["key"]), "head", note=row["note"],
             anchors=[input_anchor(row["key"]), *group]),
        Cell(decimal_plain(row["value"]), order=row["value"]),
        Cell(span, order=row["low"]),
        words(unit(row["unit"])),
        Cell(KNOWLEDGE[row["knowledge"]], "words", order=KNOWN_ORDER.index(row["knowledge"]),
             tag=row["knowledge"].replace(" ", "-")),
        Cell(source if row["source"].startswith("No source") else same(row["source"]),
             "words", link=url),
    ]  # fmt: skip


def assumption_table(summary: Mapping[str, Any]) -> Table:
    """Every input: value, range, knowledge, source."""
    groups: dict[str, list[Mapping[str, Any]]] = {}
    for row in summary["assumptions"]:
        groups.setdefault(row["key"].split(".")[0], []).append(row)
    rows = []
    for name, group in groups.items():
        group.sort(key=lambda r: (KNOWN_ORDER.index(r["knowledge"]), r["key"]))
        for place, row in enumerate(group):
            rows.append(_assumption_row(row, () if place else [input_anchor(f"{name}.*")]))
    return Table(
        Text("Toutes les entrées du modèle, par sujet, les moins connues d'abord.",
             "Every input of the model, by subject, the least known first."),
        [Text("Entrée", "Input"), Text("Valeur", "Value"),
         Text("Plage plausible", "Plausible range"),
         Text("Unité", "Unit"), Text("Connaissance", "Knowledge"), Text("Source", "Source")],
        rows, tool="assumptions",
    )  # fmt: skip
