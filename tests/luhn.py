"""The Luhn test of a number with its key (ISO/IEC 7812-1 annex B), apart from what makes keys."""

from __future__ import annotations

_DOUBLED = {str(digit): sum(divmod(2 * digit, 10)) for digit in range(10)}


def luhn_valid(digits: str) -> bool:
    """Tell whether a number ends with its own Luhn digit."""
    total = sum(map(int, digits[-1::-2])) + sum(_DOUBLED[each] for each in digits[-2::-2])
    return total % 10 == 0
