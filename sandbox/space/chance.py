"""Seeded chance without state: what rules that strike on demand draw from, and count with."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from typing import Annotated

from pydantic import Field

__all__ = ["Count", "Tally", "uniform"]

# The `nth` of a rule.
Count = Annotated[int, Field(ge=1, le=1_000_000)]
_MOST = 50_000


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
