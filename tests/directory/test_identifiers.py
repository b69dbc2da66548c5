"""National identifiers and their check digits."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.directory import identifiers


@pytest.mark.parametrize("rpps", ["10005831911", "10000001916"])
def test_a_real_rpps_ends_with_its_luhn_digit(rpps: str) -> None:
    assert identifiers.is_rpps(rpps)


@pytest.mark.parametrize("rpps", ["10102727017", "10107582544", "1000583191", "1000583191x", ""])
def test_a_broken_rpps_is_told_apart(rpps: str) -> None:
    assert not identifiers.is_rpps(rpps)


def test_luhn_of_something_else_than_digits_is_an_error() -> None:
    with pytest.raises(ValueError, match="digits"):
        identifiers.luhn_digit("12a")


@pytest.mark.parametrize(
    ("national_id", "register"),
    [("899700000019", "RPPS"), ("0759312345", "ADELI"), ("3750100018/000001", "FINESS")],
)
def test_the_first_character_of_a_national_identifier_names_its_register(
    national_id: str, register: str
) -> None:
    assert identifiers.person_kind(national_id) == register


@given(st.lists(st.integers(0, 10**10 - 1), min_size=1))
def test_a_column_of_numbers_gets_the_digits_that_each_one_would_get(numbers: list[int]) -> None:
    completed = identifiers.complete(np.array(numbers, dtype=np.int64), 10)
    expected = [int(f"{n}{identifiers.luhn_digit(f'{n:010d}')}") for n in numbers]
    assert expected == completed.tolist()
