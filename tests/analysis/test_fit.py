"""The model gives the published figures within 15 %, or the data say why not."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from sandbox.analysis import cli_fit
from sandbox.analysis.fit import PublishedFigure, fit
from sandbox.space.errors import UserError

FIGURES = fit()


@pytest.mark.parametrize("figure", FIGURES, ids=lambda f: f.published.figure)
def test_a_figure_is_within_15_percent_or_explained(figure: PublishedFigure) -> None:
    assert figure.close != bool(figure.published.explained)


@pytest.mark.parametrize(
    "figure",
    ["messages-inter-regional-2022", "largest-domain-2026-08", "personal-2026-08",
     "shared-2026-08", "messages-2021-08", "messages-2025-05", "mailboxes-2019-06"],
)  # fmt: skip
def test_the_figures_that_the_space_must_meet_are_met(figure: str) -> None:
    (found,) = (f for f in FIGURES if f.published.figure == figure)
    assert found.close


def test_the_operator_with_half_of_the_domains_does_not_send_half_of_the_messages() -> None:
    (found,) = (f for f in FIGURES if f.published.figure == "messages-inter-regional-2022")
    assert found.model < 0.1 * 12 * 12_000_000


def test_json_holds_what_the_contract_says() -> None:
    rows = json.loads(CliRunner().invoke(cli_fit.fit, ["aout-2021", "--json"]).stdout)
    assert {"figure", "published", "model", "ratio", "source"} <= set(rows[0])
    assert {row["scenario"] for row in rows} == {"aout-2021"}
    for row in rows:
        assert row["ratio"] == pytest.approx(row["model"] / row["published"], abs=1e-4)


def test_a_scenario_of_the_same_month_is_fitted_too(tmp_path: Path) -> None:
    file = tmp_path / "le-mien.toml"
    file.write_text(
        'title = "a"\ntitle_en = "a"\ncompare = ["multi-port"]\n'
        "[period]\nstart = 2021-08-02\ndays = 7\n[traffic]\nmessages = 3000000\n"
    )
    found = {figure.published.figure: figure for figure in fit(str(file))}
    assert found["messages-2021-08"].model == pytest.approx(3_000_000 * 31 / 7)


def test_a_space_about_which_nothing_was_published_is_refused() -> None:
    with pytest.raises(UserError, match=r"no published figure describes a space of 2021-09"):
        fit("demo")


def test_figures_of_one_operator_need_the_operators_of_the_list(tmp_path: Path) -> None:
    file = tmp_path / "le-mien.toml"
    file.write_text(
        'title = "a"\ntitle_en = "a"\ncompare = ["multi-port"]\n'
        "[period]\nstart = 2021-08-02\ndays = 7\n[operators]\nmailboxes = [2, 1]\n"
    )
    with pytest.raises(UserError, match="2 operators of its own"):
        fit(str(file))
