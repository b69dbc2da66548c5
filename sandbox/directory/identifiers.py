"""National identifiers: their check digits, one at a time and a column at a time.

RPPS, FINESS and SIRET end with a Luhn digit (measured on the real list, domain.md §5.3). ADELI is
given one here too: an assumption, since no rule was found.
"""

from __future__ import annotations

import re

import numpy as np
import numpy.typing as npt

__all__ = [
    "complete",
    "finess_of",
    "person_kind",
    "rpps_of",
]

# What precedes an identifier in "Identification nationale" (domain.md §5.2, §5.3).
_PERSON_KINDS = {"8": "RPPS", "0": "ADELI", "3": "FINESS", "5": "SIRET"}


def person_kind(national_id: str) -> str:
    """Name the register of a national person identifier: RPPS, ADELI, FINESS, SIRET, or nothing."""
    return _PERSON_KINDS.get(national_id[:1], "")


def rpps_of(national_id: str) -> str:
    """Return the RPPS inside a national identifier, or nothing when it holds none."""
    return national_id[1:] if re.fullmatch(r"8[0-9]{11}", national_id) else ""


def finess_of(structure_id: str) -> str:
    """Return the FINESS inside a national structure identifier (`1`+FINESS), or nothing."""
    return structure_id[1:] if re.fullmatch(r"1[0-9]{9}", structure_id) else ""


def complete(numbers: npt.NDArray[np.int64], length: int) -> npt.NDArray[np.int64]:
    """Append the Luhn digit to a column of numbers.

    Args:
        numbers: Numbers of at most `length` digits (zeros on the left count for nothing in Luhn).
        length: Digits that each number stands for, without its key.

    Returns:
        The numbers with their key, `length` + 1 digits each.
    """
    total = np.zeros_like(numbers)
    rest = numbers.copy()
    for place in range(length):
        value = (rest % 10) << (1 - place % 2)
        total += np.where(value > 9, value - 9, value)
        rest //= 10
    return numbers * 10 + (-total) % 10
