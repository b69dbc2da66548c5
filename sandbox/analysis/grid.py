"""A table of a report: bilingual cells, and what sorts, links and colours them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sandbox.analysis.standing import design_name
from sandbox.analysis.wording import Text

__all__ = [
    "DESIGN", "METHOD", "Cell", "Link", "Table", "design_names", "head", "input_anchor", "words",
]  # fmt: skip

DESIGN = Text("Design", "Design")
METHOD = Text("Méthode", "Method")


@dataclass(frozen=True, slots=True)
class Link:
    """What a number rests on, and where the page says it; without such a place it is no link."""

    text: Text
    anchor: str


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell.

    Attributes:
        text: what it shows.
        kind: number, head (names the row), key (a name of the program) or words.
        order: what to sort by, when not the text.
        link: address that the text opens; `#` and an anchor of the page.
        anchors: ids by which other places of the page link here.
        tag: class that colours it.
        note: said in small below, in English only (notes of the inputs' table).
    """

    text: Text
    kind: str = "number"
    order: float | str | None = None
    link: str = ""
    tag: str = ""
    note: str = ""
    anchors: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Table:
    """A table with its caption; `tool` adds sorting and a filter."""

    caption: Text
    head: Sequence[Text]
    rows: Sequence[Sequence[Cell]]
    tool: str = ""


def input_anchor(key: str) -> str:
    """Return the id of an input's row, or of the first of a group (`costs.*`)."""
    return f"input-{key}"


def head(text: Text) -> Cell:
    """Return a cell that names its row."""
    return Cell(text, "head")


def words(text: Text) -> Cell:
    """Return a cell of text."""
    return Cell(text, "words")


def design_names(summary: Mapping[str, Any]) -> list[Text]:
    """Return the labels of all designs."""
    return [design_name(summary, name) for name in summary["designs"]]
