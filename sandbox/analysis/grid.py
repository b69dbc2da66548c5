"""A table of a report: bilingual cells, and what sorts, links and colours them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sandbox.analysis.standing import design_name
from sandbox.analysis.wording import Text

__all__ = ["DESIGN", "METHOD", "Cell", "Table", "design_names", "head", "words"]

DESIGN = Text("Design", "Design")
METHOD = Text("Méthode", "Method")


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell.

    Attributes:
        text: what it shows.
        kind: number, head (names the row), key (a name of the program) or words.
        order: what to sort by, when not the text.
        link: address that the text opens.
        tag: class that colours it.
        note: said in small below, in English only (notes of the inputs' table).
    """

    text: Text
    kind: str = "number"
    order: float | str | None = None
    link: str = ""
    tag: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class Table:
    """A table with its caption; `tool` adds sorting and a filter."""

    caption: Text
    head: Sequence[Text]
    rows: Sequence[Sequence[Cell]]
    tool: str = ""


def head(text: Text) -> Cell:
    """Return a cell that names its row."""
    return Cell(text, "head")


def words(text: Text) -> Cell:
    """Return a cell of text."""
    return Cell(text, "words")


def design_names(summary: Mapping[str, Any]) -> list[Text]:
    """Return the labels of all designs."""
    return [design_name(summary, name) for name in summary["designs"]]
