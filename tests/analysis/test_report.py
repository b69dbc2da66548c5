"""The page: one file that needs nothing, both languages whole, nothing of a user runs in it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path

import pytest

from sandbox.analysis import canvas
from sandbox.analysis.comparison import Comparison
from sandbox.analysis.report import render_page, write_report
from sandbox.analysis.sections import command, sections
from sandbox.analysis.tables import headline_table, latency_table
from sandbox.analysis.tables_inputs import assumption_table
from sandbox.analysis.wording import same

VOID = {"meta", "img", "input", "br", "link"}


class Page(HTMLParser):
    """What the page holds: tags in order, and whether each is closed in its place."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.text: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] not in {"style", "script"}:
            self.text.append(data)

    def all(self, tag: str) -> Iterator[dict[str, str | None]]:
        return (attributes for name, attributes in self.tags if name == tag)


@pytest.fixture(scope="module")
def written(varied: Comparison, tmp_path_factory: pytest.TempPathFactory) -> Path:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(canvas, "DPI", 40)  # the page holds the SVG figures; PNG ones cost time
        return write_report(varied, tmp_path_factory.mktemp("report"))


@pytest.fixture(scope="module")
def page(written: Path) -> Page:
    return Page(written.read_text(encoding="utf-8"))


def bare(comparison: Comparison) -> str:
    """Return the page without drawing the figures."""
    parts = sections(comparison, comparison.summary)
    names = [picture.name for part in parts for picture in part.pictures]
    return render_page(
        comparison, {(n, lang): "data:," for n in names for lang in ("fr", "en")}, parts
    )


def test_the_report_and_its_figures_are_written_whole(written: Path) -> None:
    assert written.name == "report.html"
    assert not list(written.parent.glob("*.partial"))
    names = {path.name for path in (written.parent / "figures").iterdir()}
    assert {"latency.png", "latency.svg", "latency.en.png", "latency.en.svg"} <= names


def test_every_tag_is_closed_in_its_place(page: Page) -> None:
    assert page.open == []


def test_the_page_loads_nothing_from_anywhere(page: Page) -> None:
    for attributes in (*page.all("img"), *page.all("script"), *page.all("link")):
        for key in ("src", "href"):
            assert (attributes.get(key) or "data:").startswith("data:")
    policy = next(m for m in page.all("meta") if m.get("http-equiv") == "Content-Security-Policy")
    assert str(policy["content"]).startswith("default-src 'none'")


def test_the_style_names_no_address_and_no_font_file(written: Path) -> None:
    style = re.findall(r"<style>(.*?)</style>", written.read_text(encoding="utf-8"), re.DOTALL)
    assert len(style) == 1
    assert "url(" not in style[0]
    assert "@import" not in style[0]


def test_each_language_has_as_many_pieces_and_says_which_it_is(page: Page) -> None:
    spans = [a for a in (*page.all("span"), *page.all("img")) if a.get("class") in {"fr", "en"}]
    french = sum(a["class"] == "fr" for a in spans)
    assert french > 200
    assert french * 2 == len(spans)
    button = [a for a in spans if a["class"] != a["lang"]]
    assert len(button) == 2  # the button is written in the language that it leads to


def test_every_figure_has_an_alternative_text_in_both_languages(page: Page) -> None:
    images = list(page.all("img"))
    assert len(images) == 2 * 11  # three of the decision
    assert all(len(str(image["alt"])) > 40 for image in images)


def test_every_table_has_a_caption_and_every_header_a_scope(page: Page) -> None:
    tables, captions = (len(list(page.all(tag))) for tag in ("table", "caption"))
    assert tables == captions > 10
    assert all(head["scope"] in {"col", "row"} for head in page.all("th"))


def test_ids_are_unique_and_every_inner_link_leads_somewhere(page: Page) -> None:
    ids = [a["id"] for _, a in page.tags if a.get("id")]
    assert len(ids) == len(set(ids))
    inner = [str(a["href"])[1:] for a in page.all("a") if str(a["href"]).startswith("#")]
    assert inner
    assert set(inner) <= set(ids)


def test_every_section_of_numbers_links_to_its_assumptions(small: Comparison) -> None:
    unlinked = {"simulated", "assumptions", "method"}
    parts = sections(small, small.summary)
    assert {part.anchor for part in parts if not part.rests} == unlinked
    anchors = {anchor for part in parts for table in part.tables for row in table.rows
               for cell in row for anchor in cell.anchors}  # fmt: skip
    assert {link.anchor for part in parts for link in part.rests} <= anchors


def test_long_tables_stay_off_paper_which_says_where_they_are(page: Page) -> None:
    screen = [a["id"] for a in page.all("section") if str(a.get("class")).startswith("screen")]
    assert {"assumptions", "latency", "pairs"} <= set(screen)
    assert not {"access", "costs", "incidents"} & set(screen)
    notes = [a for a in page.all("p") if a.get("class") == "paper"]
    assert len(notes) == len(screen)


def test_headings_go_down_one_level_at_a_time(page: Page) -> None:
    levels = [int(tag[1]) for tag, _ in page.tags if re.fullmatch(r"h[1-6]", tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))


def test_what_a_user_wrote_is_shown_and_never_run(small: Comparison) -> None:
    bad = "<script>alert(1)</script>\"'&"
    scenario = small.scenario.model_copy(update={"title": bad, "title_en": bad + "2"})
    text = bare(replace(small, scenario=scenario))
    assert "alert(1)</script>" not in text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in text
    assert len(list(Page(text).all("script"))) == 1


def test_a_link_that_is_not_web_is_not_a_link(small: Comparison) -> None:
    summary = {**small.summary}
    row = {**summary["assumptions"][0], "url": "javascript:alert(1)"}
    (cells,) = assumption_table({**summary, "assumptions": [row]}).rows
    assert not any(cell.link for cell in cells)


def test_a_reduced_scale_is_said_to_distort_queues(small: Comparison) -> None:
    assert "sont déformées" in bare(small)
    whole = replace(small, options=replace(small.options, scale=1.0))
    assert "sont déformées" not in bare(whole)


@pytest.mark.parametrize("fixture", ["small", "varied", "alone"])
def test_a_page_is_made_whatever_the_comparison_lacks(
    fixture: str, request: pytest.FixtureRequest
) -> None:
    text = bare(request.getfixturevalue(fixture))
    assert Page(text).open == []
    shown = "".join(Page(text).text)
    assert not re.search(r"\bnan\b|\bNone\b|\binf\b", shown)


def test_sections_of_what_was_not_computed_say_so_or_are_left_out(
    small: Comparison, varied: Comparison, alone: Comparison
) -> None:
    anchors = {name: {part.anchor for part in sections(c, c.summary)}
               for name, c in (("small", small), ("varied", varied), ("alone", alone))}  # fmt: skip
    assert "sweep" in anchors["varied"] - anchors["small"]
    assert "pairs" in anchors["small"] - anchors["alone"]
    assert "pas été tirées" in bare(small)
    assert "Que choisir ?" in bare(varied)


def test_the_command_gives_the_same_comparison_again(small: Comparison) -> None:
    assert command(small) == (
        "mss-sandbox compare demo --design single-endpoint --design multi-port --engine fast"
        " --replications 2 --seed 1 --scale 0.25"
    )


def test_an_automatic_number_of_replications_stays_automatic(small: Comparison) -> None:
    found = replace(small, options=replace(small.options, replications=None))
    assert "--replications auto" in command(found)


def test_every_assumption_is_listed_by_subject_guesses_before_facts(small: Comparison) -> None:
    table = assumption_table(small.summary)
    assert len(table.rows) == len(small.summary["assumptions"])
    subjects: dict[str, list[int]] = {}
    for row in table.rows:
        subjects.setdefault(row[0].text.fr.split(".")[0], []).append(int(str(row[4].order)))
    assert all(order == sorted(order) for order in subjects.values())


def test_the_headline_marks_the_leaders_unless_there_is_one_design(
    small: Comparison, alone: Comparison
) -> None:
    marks = [c.tag for row in headline_table(small.summary).rows for c in row]
    assert "best" in marks
    assert "best" not in [c.tag for row in headline_table(alone.summary).rows for c in row]


def test_a_method_without_logins_has_no_line_of_latency(alone: Comparison) -> None:
    table = latency_table(alone.summary, "user", same("x"))
    assert table.rows
    assert not any("eCPS" in row[0].text.fr for row in table.rows)
