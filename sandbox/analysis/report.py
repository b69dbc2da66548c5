"""The report: one HTML file that needs nothing else, French first, English at a button."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from sandbox.analysis.canvas import LANGUAGES
from sandbox.analysis.comparison import Comparison
from sandbox.analysis.decision_charts import decision_images
from sandbox.analysis.decision_page import decision_sections
from sandbox.analysis.decision_words import decision_lines
from sandbox.analysis.plots import Plots
from sandbox.analysis.report_page import ReportSection, page_of
from sandbox.analysis.sections import sections
from sandbox.analysis.summary import summarise
from sandbox.analysis.verdict import verdict
from sandbox.analysis.wording import Text
from sandbox.space.files import write_whole

__all__ = ["render_page", "write_report"]


FIRST = 4  # lines and sections of a decision: what, how sure, what would change it, what to measure
WORDS = {
    "kind": Text("MSSanté : comment offrir les méthodes d'authentification sur IMAP et SMTP",
                 "MSSanté: how to offer authentication methods on IMAP and SMTP"),
    "verdict": Text("Ce que disent les nombres", "What the numbers say"),
    "contents": Text("Sommaire", "Contents"),
    "numbers": Text("Les nombres :", "The numbers:"),
    "filter": Text("Filtrer :", "Filter:"),
    "rests": Text("Repose sur :", "Rests on:"),
    "paper": Text("Ces tableaux sont à l'écran et dans summary.json.",
                  "These tables are on the screen and in summary.json."),
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


def render_page(
    comparison: Comparison, images: dict[tuple[str, str], str], parts: Sequence[ReportSection]
) -> str:
    """Return the page; `images` are addresses of the figures by (name, language)."""
    scenario = comparison.scenario
    title = Text(scenario.title, scenario.title_en)
    lines = verdict(summarise(comparison))
    if comparison.decision is not None:
        lines = [*decision_lines(comparison.decision)[:FIRST], *lines]
    return page_of(title, WORDS, lines, parts, images)


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
    parts = sections(comparison, summarise(comparison))
    if comparison.decision is not None:
        first = decision_sections(comparison.decision)[:FIRST]
        parts = [*(replace(each, screen=True) for each in first), *parts]
        images.found.update(decision_images(comparison.decision))
    page = render_page(comparison, images.found, parts)
    return write_whole(folder / "report.html", page)
