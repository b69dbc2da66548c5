"""Seeded chance without state: what rules that strike on demand draw from, and count with."""

from __future__ import annotations

import hashlib
from collections import OrderedDict

from sandbox.space.errors import UserError

__all__ = ["Tally", "check_strike", "uniform"]

_MOST = 50_000


def check_strike(fault: str, nth: int | None, probability: float, seconds: float) -> None:
    """Refuse a rule whose numbers are out of range.

    Raises:
        UserError: naming the fault, the member and what is allowed.
    """
    bounds = {
        "nth": (1 if nth is None else nth, 1, 1_000_000),
        "probability": (probability, 0, 1),
        "seconds": (seconds, 0, 600),
    }
    for name, (value, least, most) in bounds.items():
        whole = name != "nth" or type(value) is int  # a bool is no count
        if not (whole and least <= value <= most):
            raise UserError.expected(f"{fault}: {name} = {value}", f"{least} … {most}")


def uniform(seed: int, *counters: object) -> float:
    """Return a number in (0, 1), a function of the seed and the counters alone."""
    text = "\x1f".join([str(seed), *map(str, counters)])
    digest = hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return ((int.from_bytes(digest, "big") >> 11) + 0.5) / 2**53


class Tally:
    """How often each key was seen. Bounded: what was seen longest ago is forgotten first."""

    def __init__(self) -> None:
        self._counts: OrderedDict[tuple[object, ...], int] = OrderedDict()

    def count(self, *key: object) -> int:
        """Count one more and return how many that makes."""
        count = self._counts.pop(key, 0) + 1
        self._counts[key] = count
        while len(self._counts) > _MOST:
            self._counts.popitem(last=False)
        return count

    def clear(self) -> None:
        """Begin again."""
        self._counts.clear()
