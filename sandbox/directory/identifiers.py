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
    "is_adeli",
    "is_finess",
    "is_rpps",
    "is_siret",
    "luhn_digit",
    "person_kind",
    "rpps_of",
]

# What precedes an identifier in "Identification nationale" (domain.md §5.2, §5.3).
_PERSON_KINDS = {"8": "RPPS", "0": "ADELI", "3": "FINESS", "5": "SIRET"}


def luhn_digit(digits: str) -> str:
    """Return the Luhn digit that completes `digits`.

    Raises:
        ValueError: `digits` holds something other than the digits 0 to 9.
    """
    if not re.fullmatch(r"[0-9]*", digits):
        raise ValueError(f"{digits!r} is not made of digits")
    total = 0
    for place, digit in enumerate(reversed(digits)):
        value = int(digit) << (1 - place % 2)
        total += value - 9 if value > 9 else value
    return str(-total % 10)


def _ends_well(text: str, length: int) -> bool:
    return bool(re.fullmatch(rf"[0-9]{{{length}}}", text)) and luhn_digit(text[:-1]) == text[-1]


def is_rpps(text: str) -> bool:
    """Tell whether `text` is an RPPS: 11 digits, the last one a Luhn digit."""
    return _ends_well(text, 11)


def is_adeli(text: str) -> bool:
    """Tell whether `text` is an ADELI as this sandbox makes them: 9 digits ending in Luhn."""
    return _ends_well(text, 9)


def is_finess(text: str) -> bool:
    """Tell whether `text` is a FINESS: 9 digits, the last one a Luhn digit."""
    return _ends_well(text, 9)


def is_siret(text: str) -> bool:
    """Tell whether `text` is a SIRET: 14 digits ending in Luhn, the first 9 ending in Luhn too."""
    return _ends_well(text, 14) and _ends_well(text[:9], 9)


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
