"""National identifiers and their check digits."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.directory import identifiers
from sandbox.trust.identity import luhn_key


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
    expected = [int(f"{n}{luhn_key(f'{n:010d}')}") for n in numbers]
    assert expected == completed.tolist()
