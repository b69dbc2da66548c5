"""A page of a report: one HTML file that needs nothing else, French first, English at a button."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from sandbox.analysis.grid import Link, Table
from sandbox.analysis.wording import Text, same

__all__ = ["Line", "ReportPicture", "ReportSection", "page_of"]


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the first screen: what it is about, what the numbers say, what they rest on.

    Attributes:
        items: a list below the text.
    """

    topic: Text
    text: Text
    rests: Sequence[Link] = ()
    items: Sequence[Text] = ()


@dataclass(frozen=True, slots=True)
class ReportPicture:
    """A figure: its name, its caption, and what one who cannot see it is told."""

    name: str
    caption: Text
    alt: Text


@dataclass(frozen=True, slots=True)
class ReportSection:
    """A section.

    Attributes:
        anchor: id in the page.
        paragraphs: before the figures.
        code: a command to show, or empty.
        folded: whether the tables start closed.
        rests: what its numbers rest on.
        screen: whether its tables are too long for paper, which says where they are.
    """

    anchor: str
    title: Text
    paragraphs: Sequence[Text] = ()
    pictures: Sequence[ReportPicture] = ()
    tables: Sequence[Table] = ()
    code: str = ""
    folded: bool = False
    rests: Sequence[Link] = ()
    screen: bool = False


def _part(name: str) -> str:
    return (files("sandbox.analysis") / "templates" / name).read_text(encoding="utf-8")


def _both(text: Text | str) -> Markup:
    """Return escaped markup that shows the chosen language."""
    if isinstance(text, str):
        text = same(text)
    if text.fr == text.en:
        return Markup("{}").format(text.fr)
    return Markup(
        '<span class="fr" lang="fr">{}</span><span class="en" lang="en">{}</span>'
    ).format(text.fr, text.en)


def page_of(
    title: Text, words: Mapping[str, Text], lines: Sequence[Line], parts: Sequence[ReportSection],
    images: Mapping[tuple[str, str], str],
) -> str:  # fmt: skip
    """Return the page.

    Args:
        words: kind, verdict, contents, numbers, filter, rests, made.
        lines: of the first screen.
        images: addresses of the figures by (name, language).
    """
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["both"] = _both
    anchors = {
        anchor
        for part in parts
        for table in part.tables
        for row in table.rows
        for cell in row
        for anchor in cell.anchors
    }
    return environment.from_string(_part("report.html.j2")).render(
        title=title,
        lines=lines,
        sections=parts,
        images=images,
        anchors=anchors,
        text=words,
        style=Markup(_part("report.css")),  # noqa: S704 (our own file)
        script=Markup(_part("report.js")),  # noqa: S704 (our own file)
    )
