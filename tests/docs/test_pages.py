"""The pages say what the code does, and link to what exists."""

from __future__ import annotations

import re
import runpy
import tomllib
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = ["glossary.md", "model.md", "decisions.md", "stress-des.md", "fit.md"]


@pytest.fixture(scope="module")
def generate() -> dict[str, Any]:
    return runpy.run_path(str(DOCS / "generate.py"))


@pytest.mark.parametrize("name", ["stress-des.md", "fit.md"])
def test_the_tables_of_a_page_are_those_of_the_code(name: str, generate: dict[str, Any]) -> None:
    """Else: python docs/generate.py."""
    page = (DOCS / name).read_text(encoding="utf-8")
    assert generate["updated"](page) == page


def test_every_table_is_on_the_page_once(generate: dict[str, Any]) -> None:
    text = "".join(page.read_text(encoding="utf-8") for page in generate["PAGES"])
    assert sorted(re.findall(r"<!-- table: (\w+) -->", text)) == sorted(generate["TABLES"])


def test_the_checklist_has_its_twenty_items() -> None:
    """Monks et al. 2018: item 2.5 has five parts."""
    page = (DOCS / "stress-des.md").read_text(encoding="utf-8")
    items = re.findall(r"^### (\d\.\d) ", page, flags=re.MULTILINE)
    assert items == [
        "1.1", "1.2", "1.3", "2.1", "2.2", "2.3", "2.4", "2.5", "3.1", "3.2", "3.3", "3.4",
        "4.1", "4.2", "4.3", "5.1", "5.2", "5.3", "5.4", "6.1",
    ]  # fmt: skip
    for part in range(1, 6):
        assert f"**2.5.{part} " in page


def test_the_changes_of_this_version_are_told_first() -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    newest = re.search(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert newest is not None
    assert newest[1] == version


@pytest.mark.parametrize("page", PAGES)
def test_a_page_links_to_pages_that_exist(page: str) -> None:
    text = (DOCS / page).read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([\w./-]+\.md)\)", text):
        assert (DOCS / target).is_file(), target


@pytest.mark.parametrize("page", PAGES)
def test_a_page_names_inputs_that_exist(page: str) -> None:
    from sandbox.space.tables import inputs

    text = (DOCS / page).read_text(encoding="utf-8")
    sections = {key.split(".")[0] for key in inputs()}
    for key in re.findall(r"`(\w+\.[\w.]+)`", text):
        if key.split(".")[0] in sections:
            assert key in inputs()


def test_a_page_that_asks_for_an_unknown_table_is_refused(generate: dict[str, Any]) -> None:
    with pytest.raises(KeyError, match="nothing"):
        generate["updated"]("<!-- table: nothing -->\n<!-- end -->")
