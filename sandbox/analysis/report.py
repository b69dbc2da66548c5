"""The report: one HTML file that needs nothing else, French first, English at a button."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from sandbox.analysis.canvas import LANGUAGES
from sandbox.analysis.comparison import Comparison
from sandbox.analysis.plots import Plots
from sandbox.analysis.sections import ReportSection, sections
from sandbox.analysis.summary import summarise
from sandbox.analysis.verdict import verdict
from sandbox.analysis.wording import Text, same

__all__ = ["render_page", "write_report"]


WORDS = {
    "kind": Text("MSSanté : comment offrir les méthodes d'authentification sur IMAP et SMTP",
                 "MSSanté: how to offer authentication methods on IMAP and SMTP"),
    "verdict": Text("Ce que disent les nombres", "What the numbers say"),
    "contents": Text("Sommaire", "Contents"),
    "numbers": Text("Les nombres :", "The numbers:"),
    "filter": Text("Filtrer :", "Filter:"),
    "made": Text("Rapport écrit par mss-sandbox : chaque phrase et chaque figure viennent des "
                 "nombres de summary.json et de observations/.",
                 "Written by mss-sandbox: every sentence and figure comes from the numbers of "
                 "summary.json and observations/."),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Images:
    """SVG figures as data addresses, by name and language."""

    found: dict[tuple[str, str], str] = field(default_factory=dict)

    def add(self, path: Path) -> None:
        """Take one file of `Plots.save`."""
        name, _, language = path.stem.partition(".")
        data = base64.b64encode(path.read_bytes()).decode("ascii")
        self.found[name, language or "fr"] = f"data:image/svg+xml;base64,{data}"


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


def render_page(
    comparison: Comparison, images: dict[tuple[str, str], str], parts: Sequence[ReportSection]
) -> str:
    """Return the page; `images` are addresses of the figures by (name, language)."""
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["both"] = _both
    scenario = comparison.scenario
    title = Text(scenario.title, scenario.title_en)
    return environment.from_string(_part("report.html.j2")).render(
        title=title,
        lines=verdict(summarise(comparison)),
        sections=parts,
        images=images,
        text=WORDS,
        style=Markup(_part("report.css")),  # noqa: S704 (our own file)
        script=Markup(_part("report.js")),  # noqa: S704 (our own file)
    )


def write_report(comparison: Comparison, folder: Path) -> Path:
    """Write the figures into `folder`/figures and the page as `folder`/report.html.

    The page appears whole or not at all.

    Returns:
        the path of the page.
    """
    images = _Images()
    for language in LANGUAGES:
        for path in Plots(comparison, language).save(folder / "figures"):
            if path.suffix == ".svg":
                images.add(path)
    page = render_page(comparison, images.found, sections(comparison, summarise(comparison)))
    partial = folder / "report.html.partial"
    partial.write_text(page, encoding="utf-8")
    return partial.replace(folder / "report.html")
