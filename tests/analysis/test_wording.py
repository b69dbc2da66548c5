"""Every word and number of a report reads right in French and in English."""

from __future__ import annotations

import csv
import math

import pytest

from sandbox.analysis import wording
from sandbox.analysis.wording import NOTHING, Text, same, say
from sandbox.observations.schema import Cause, Phase
from sandbox.space.methods import Method
from sandbox.space.tables import inputs, shipped

HARD, THIN = "\u00a0", "\u202f"

NUMBERS = [
    (wording.count(1234567), f"1{THIN}234{THIN}567", "1,234,567"),
    (wording.count(-3), "\u22123", "\u22123"),
    (wording.decimal(1234.5, 1), f"1{THIN}234,5", "1,234.5"),
    (wording.decimal(-0.001, 1), "0,0", "0.0"),
    (wording.percent(0.1234), f"12,3{HARD}%", "12.3%"),
    (wording.percent(0.00123), f"0,12{HARD}%", "0.12%"),
    (wording.percent(0), f"0{HARD}%", "0%"),
    (wording.percent(0.00001), f"<{HARD}0,01{HARD}%", f"<{HARD}0.01%"),
    (wording.percent(1), f"100{HARD}%", "100%"),
    (wording.seconds(0.0123), f"12,3{HARD}ms", f"12.3{HARD}ms"),
    (wording.seconds(1.5), f"1,50{HARD}s", f"1.50{HARD}s"),
    (wording.seconds(600), f"10,0{HARD}min", f"10.0{HARD}min"),
    (wording.seconds(0), f"0{HARD}s", f"0{HARD}s"),
    (wording.seconds(5.25e-7), f"<{HARD}0,01{HARD}ms", f"<{HARD}0.01{HARD}ms"),
    (wording.rounded(4_708_401), f"4{THIN}710{THIN}000", "4,710,000"),
    (wording.rounded(87), "87", "87"),
    (wording.euros(950), f"950{HARD}€", f"950{HARD}€"),
    (wording.euros(42672), f"42,7{HARD}k€", f"42.7{HARD}k€"),
    (wording.euros(4.42e6), f"4,42{HARD}M€", f"4.42{HARD}M€"),
    (wording.difference(0.316, "share"), f"31,6{HARD}points", f"31.6{HARD}points"),
    (wording.difference(0.0005, "share"), f"0,050{HARD}point", f"0.050{HARD}points"),
    (wording.limit(0.0005, "share"), f"0,05{HARD}%", "0.05%"),
    (wording.limit(0.02, "share"), f"2{HARD}%", "2%"),
    (wording.limit(0.005, "s"), f"5{HARD}ms", f"5{HARD}ms"),
    (wording.limit(0.1, "s"), f"100{HARD}ms", f"100{HARD}ms"),
]


@pytest.mark.parametrize(("text", "french", "english"), NUMBERS)
def test_a_number_is_written_as_its_language_does(text: Text, french: str, english: str) -> None:
    assert (text.fr, text.en) == (french, english)


@pytest.mark.parametrize("value", [None, math.nan, math.inf])
def test_what_is_not_known_is_a_dash(value: float | None) -> None:
    assert wording.seconds(value) == wording.percent(value) == wording.count(value) == NOTHING


def test_an_interval_says_its_unit_once() -> None:
    found = wording.interval(wording.seconds(0.156), wording.seconds(0.551))
    assert found.fr == f"[156{HARD};{HARD}551{HARD}ms]"
    assert found.en == f"[156;{HARD}551{HARD}ms]"


def test_an_interval_between_two_units_says_both() -> None:
    found = wording.interval(wording.seconds(0.9), wording.seconds(1.2))
    assert found.fr == f"[900{HARD}ms{HARD};{HARD}1,20{HARD}s]"


def test_a_list_reads_as_a_sentence() -> None:
    three = wording.enumerate_texts([same("a"), same("b"), same("c")])
    assert (three.fr, three.en) == ("a, b et c", "a, b and c")
    assert wording.enumerate_texts([same("a")]) == same("a")
    assert wording.enumerate_texts([]) == NOTHING


def test_a_template_gives_each_language_its_own_half() -> None:
    found = say("{a} oui", "{a} yes", a=Text("eau", "water"))
    assert found == Text("eau oui", "water yes")


def test_braces_in_a_value_are_not_a_template() -> None:
    assert say("{a}", "{a}", a=same("{b}")) == same("{b}")


def test_every_cause_phase_and_method_has_a_name_in_both_languages() -> None:
    assert set(wording.CAUSES) == {cause.name.lower() for cause in Cause}
    assert set(wording.PHASES) == {phase.name.lower() for phase in Phase}
    assert set(wording.METHOD_NAMES) == {str(method) for method in Method}
    texts = [*wording.CAUSES.values(), *wording.METHOD_NAMES.values()]
    assert all(text.fr and text.en and text.fr != text.en for text in texts)


def test_every_unit_and_state_of_knowledge_of_the_inputs_is_translated() -> None:
    units = {row.unit for row in inputs().values()}
    assert units <= set(wording.UNITS)
    with (shipped("data") / "inputs.csv").open(encoding="utf-8", newline="") as file:
        assert {row["knowledge"] for row in csv.DictReader(file)} <= set(wording.KNOWLEDGE)
