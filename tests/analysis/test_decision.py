"""What `decide` tells: the contract of its JSON, a first screen that answers, a whole page."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from sandbox.analysis.decide import DecisionResult
from sandbox.analysis.decision_names import condition_text, factor_name
from sandbox.analysis.decision_words import decision_lines
from sandbox.analysis.decision_words import decision_lines as lines_of
from sandbox.decision.criteria import CRITERIA
from sandbox.decision.rules import Condition, Rule
from sandbox.decision.study import Decision
from sandbox.space.tables import inputs
from tests.analysis.test_report import Page


@pytest.fixture(scope="module")
def written(decided: Decision, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return DecisionResult(decided, 1.0).report(tmp_path_factory.mktemp("decision"))


@pytest.fixture(scope="module")
def page(written: Path) -> Page:
    return Page(written.read_text(encoding="utf-8"))


def test_the_summary_has_what_the_contract_says(written: Path, decided: Decision) -> None:
    found = json.loads((written.parent / "decision.json").read_text(encoding="utf-8"))
    assert {"scenario", "runs", "wall_seconds", "designs", "inputs", "map", "measure_first"} <= set(
        found
    )
    assert list(found["designs"]) == list(decided.names)
    for design in found["designs"].values():
        assert {"probability_best", "regret_mean", "by_criterion"} <= set(design)
        assert list(design["by_criterion"]) == list(CRITERIA)
    for row in found["inputs"]:
        assert {"key", "first", "total", "ci95", "evppi", "unit"} <= set(row)
    for rule in found["map"]:
        assert {"if", "then", "probability", "coverage"} <= set(rule)


def test_an_index_without_a_narrow_interval_is_no_number(decided: Decision) -> None:
    rows = DecisionResult(decided, 1.0).summary["inputs"]
    for row, driver in zip(rows, decided.drivers, strict=True):
        if driver.index is None or not driver.index.known:
            assert row["total"] is None
            assert row["ci95"] is None


QUESTIONS = {  # of the deck, and what a reader must find
    "Que choisir ?": ("«",),  # endpoint unique, endpoints ou ports ?
    "Quelle chance d'avoir raison ?": ("probabilité", "%", "regret"),
    "Qui ne peut pas se connecter ?": ("Un seul endpoint", "Un port"),  # SASL, pare-feu
    "Combien cela coûte-t-il ?": ("€",),  # certificats, DNS, adresses
    "Que mesurer ensuite ?": ("gagner", "point"),
}


def test_the_first_screen_answers_the_questions_of_the_deck(decided: Decision, page: Page) -> None:
    said = {
        line.topic.fr: " ".join(each.fr for each in (line.text, *line.items))
        for line in decision_lines(decided)
    }
    shown = " ".join(page.text)
    for question, words in QUESTIONS.items():
        assert question in shown
        for word in words:
            assert word in said[question], question


def test_exceptions_beyond_three_are_counted_not_dropped(decided: Decision) -> None:
    other = next(name for name in decided.names if name != decided.choice.recommended)
    rules = tuple(
        Rule((Condition("costs.editors", 100.0 * n, above=True),
              Condition("costs.editors", 100.0 * n + 50, above=False)),
             other, (), 0.9, 0.9, 0.05, (), ())
        for n in range(5)
    )  # fmt: skip
    found = replace(decided, map=replace(decided.map, rules=rules))
    told = [item.en for item in decision_lines(found)[0].items]
    assert len(told) == 4
    assert told[-1] == "2 more cases (10.0% of draws), on the map"


def test_a_rival_that_is_best_more_often_is_said_to_be(decided: Decision) -> None:
    """What is recommended is what is regretted least, not what is best most often."""
    choice = decided.choice
    best, rival = choice.recommended, choice.rival
    likelier = replace(choice.together[rival], probability=0.9)
    found = replace(decided, choice=replace(choice, together={**choice.together, rival: likelier}))
    assert choice.together[best].probability < 0.9
    assert "is best more often, but regretted more" in decision_lines(found)[1].text.en


def test_every_line_is_in_both_languages(decided: Decision) -> None:
    for line in lines_of(decided):
        assert line.text.fr != line.text.en
        assert "{" not in line.text.fr + line.text.en
        assert all(item.fr != item.en and "{" not in item.fr + item.en for item in line.items)


def test_every_headline_links_to_the_input_that_drives_it(decided: Decision, page: Page) -> None:
    keys = {m.key for d in decided.drivers for m in d.factor.members}
    for line in decision_lines(decided)[:-1]:
        assert line.rests
        assert {link.anchor.removeprefix("input-") for link in line.rests} <= keys
    ids = {a["id"] for _, a in page.tags if a.get("id")}
    inner = {str(a["href"])[1:] for a in page.all("a") if str(a["href"]).startswith("#input-")}
    assert inner
    assert inner <= ids


def test_every_tag_of_the_page_is_closed(page: Page) -> None:
    assert page.open == []
    assert len(list(page.all("img"))) == 6  # three figures, two languages


def test_frames_hold_the_same_numbers(decided: Decision) -> None:
    found = DecisionResult(decided, 1.0)
    best = found.designs["probability_best"]
    assert best.sum() == pytest.approx(1.0)
    assert len(found.inputs) == len(decided.drivers)
    assert set(found.criteria.index.get_level_values(0)) == set(CRITERIA)
    assert list(found.map.columns) == ["if", "then", "probability", "coverage"]


@pytest.mark.parametrize(
    ("condition", "said"),
    [
        (Condition("robot.imap_external", 0.55, above=True),
         "more than 55% of application software speak EXTERNAL over IMAP"),
        (Condition("login_policy", 0.5, above=True, category="xoauth2"),
         "login policy = xoauth2"),
        (Condition("login_policy", 0.5, above=False, category="xoauth2"),
         "login policy other than xoauth2"),
        (Condition("costs.editors", 150.0, above=True), "number of editors above 150 (editors)"),
        (Condition("incidents.deployment.spread_hours", 2.06, above=True), (
         "more than 2.1\u00a0h a year at an operator of bad deployments that reach other "
         "methods")),
        (Condition("incidents.deployment.spread_hours_worth", 6.84, above=False), (
            "at most 6.8\u00a0h a year of bad deployments that reach other methods for 1,000 "
            "euros a year of one more endpoint")),
        (Condition("robot.stopped_preauth-external", -0.08, above=True), (
            "application software stopped where PREAUTH is imposed (0 without it) less those that "
            "EXTERNAL would stop: more than \u22128.0 points")),
        (Condition("incidents.host.hours", 3.0, above=False),
         "at most 3.0\u00a0h a year at an operator with a host down"),
        (Condition("people.request_fails-host_fixed", 0.028, above=True), (
            "people's accesses stopped by a certificate request less those whose host cannot be "
            "set: more than +2.8 points")),
    ],
)  # fmt: skip
def test_a_condition_is_said_in_words(condition: Condition, said: str) -> None:
    assert condition_text(condition).en == said


def test_a_factor_has_a_name_that_a_reader_knows() -> None:
    assert factor_name("products.lps-a.sni").fr == (
        "part des installations de lps-a qui envoient le nom du serveur (SNI)"
    )
    assert factor_name("populations.liberal.method_*").en == "split of methods (liberal)"
    assert factor_name("populations.liberal.active").en == (
        "share of mailboxes that software connects to (liberal)"
    )


@pytest.mark.parametrize("key", [key for key in inputs() if key.startswith("incidents.")])
def test_an_incident_is_named_in_words(key: str) -> None:
    name = factor_name(key)
    assert key not in (name.fr, name.en)
    assert name.fr != name.en


def test_every_price_that_is_drawn_is_named_in_words() -> None:
    prices = [key for key, row in inputs().items()
              if key.startswith("costs.") and row.knowledge != "published"]  # fmt: skip
    assert prices
    assert [key for key in prices if factor_name(key).fr == key] == []
