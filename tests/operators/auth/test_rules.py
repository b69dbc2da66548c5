"""The table of refusals is complete in both languages, and no row is out of reach."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from sandbox.operators.auth.rules import RULES, unproved
from sandbox.operators.rules import Refusal, Rule


@pytest.mark.parametrize("rule", RULES.values(), ids=RULES)
def test_a_rule_says_what_where_it_is_written_and_what_would_have_worked(rule: Rule) -> None:
    for text in (rule.french, rule.english, rule.remedy_french, rule.remedy_english):
        assert text.endswith((".", "?"))
        assert len(text) < 200
    assert rule.clause


@pytest.mark.parametrize("name", RULES)
def test_every_rule_is_expected_by_a_test_of_behaviour(name: str) -> None:
    tests = "".join(
        path.read_text()
        for path in Path(__file__).parent.glob("test_*.py")
        if path.name != Path(__file__).name
    )
    assert re.search(rf'"{name}"', tests)


def test_who_has_proved_nothing_hears_the_same_of_every_rule() -> None:
    assert {unproved(rule).refusal for rule in RULES.values()} == {Refusal.CREDENTIALS}
