"""What the wire tells of a refused login, and that no refusal is out of reach."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from sandbox.observations.schema import Cause
from sandbox.operators.auth import refusals, refusals_ciba
from sandbox.operators.refusals import LoginAnswer, LoginRefusal
from tests.vocabulary import refusals_in

OWN = refusals_in(refusals, LoginRefusal)
CIBA = refusals_in(refusals_ciba, LoginRefusal)
# Whoever knows the password learns nothing more from these than that the login failed.
PERSON = [name for name in CIBA if name.startswith(("ciba-", "sms-")) and name != "ciba-too-many"]


@pytest.mark.parametrize("name", OWN)
def test_every_refusal_is_expected_by_a_test_of_behaviour(name: str) -> None:
    tests = "".join(
        path.read_text()
        for path in Path(__file__).parents[1].rglob("test_*.py")
        if path.name != Path(__file__).name
    )
    assert re.search(rf'"{name}"', tests)


def test_who_has_proved_nothing_hears_the_same_of_every_refusal() -> None:
    answers = {refusals.unproved(each).answer for each in OWN.values()}
    assert answers == {LoginAnswer.CREDENTIALS}


@pytest.mark.parametrize("name", PERSON)
def test_what_the_person_did_is_not_told_to_the_client(name: str) -> None:
    assert CIBA[name].answer is LoginAnswer.CREDENTIALS


def test_what_is_nobodys_fault_is_temporary_and_nothing_else_is() -> None:
    down = {name for name, each in CIBA.items() if each.cause is Cause.BACKEND_DOWN}
    temporary = {name for name, each in CIBA.items() if each.answer is LoginAnswer.UNAVAILABLE}
    assert down == temporary
