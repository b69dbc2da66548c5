"""The refusals: each explained in two languages, none telling the wire more than its kind."""

from __future__ import annotations

import pytest

from sandbox.observations.schema import Cause
from sandbox.operators.auth.rules import RULES as OTHERS
from sandbox.operators.auth.rules_ciba import RULES
from sandbox.operators.rules import Refusal, Rule

# Whoever knows the password learns nothing more from these than that the login failed.
PERSON = [name for name in RULES if name.startswith(("ciba-", "sms-")) and name != "ciba-too-many"]


@pytest.mark.parametrize("rule", RULES.values(), ids=list(RULES))
def test_a_refusal_says_what_where_and_what_would_have_worked(rule: Rule):
    texts = (
        rule.french, rule.english, rule.remedy_french, rule.remedy_english, rule.clause,
    )  # fmt: skip
    assert all(text.strip() for text in texts)
    assert all(text.endswith(".") for text in texts[:-1])


@pytest.mark.parametrize("name", PERSON)
def test_what_the_person_did_is_not_told_to_the_client(name: str):
    assert RULES[name].refusal is Refusal.CREDENTIALS


def test_what_is_nobodys_fault_is_temporary_and_nothing_else_is():
    down = {rule.name for rule in RULES.values() if rule.cause is Cause.BACKEND_DOWN}
    temporary = {rule.name for rule in RULES.values() if rule.refusal is Refusal.UNAVAILABLE}
    assert down == temporary


def test_a_name_in_the_journal_means_one_rule():
    assert not set(RULES) & set(OTHERS)
