"""Draws that are the same on every machine: integers from (seed, stream, index), and nothing else.

No floating point, no hash of strings, no order of a set: splitmix64 over counters. Each attribute
has its own stream, so adding one attribute leaves every other one as it was.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

__all__ = ["Draws", "Ints", "running_count"]

Ints = npt.NDArray[np.int64]

_MASK = (1 << 64) - 1
_GOLDEN = 0x9E3779B97F4A7C15
_MIX_1 = 0xBF58476D1CE4E5B9
_MIX_2 = 0x94D049BB133111EB


def _scramble(value: int) -> int:
    value = ((value ^ (value >> 30)) * _MIX_1) & _MASK
    value = ((value ^ (value >> 27)) * _MIX_2) & _MASK
    return value ^ (value >> 31)


class Draws:
    """All the draws of one population.

    Args:
        seed: Any integer; equal seeds give equal draws.
    """

    def __init__(self, seed: int) -> None:
        self._seed = _scramble((seed * _GOLDEN + _GOLDEN) & _MASK)

    def words(self, stream: str, count: int) -> npt.NDArray[np.uint64]:
        """Return `count` words of 64 bits for a named stream."""
        key = self._seed
        for byte in stream.encode():
            key = _scramble((key + byte + _GOLDEN) & _MASK)
        words = np.arange(1, count + 1, dtype=np.uint64) * np.uint64(_GOLDEN) + np.uint64(key)
        words = (words ^ (words >> np.uint64(30))) * np.uint64(_MIX_1)
        words = (words ^ (words >> np.uint64(27))) * np.uint64(_MIX_2)
        return words ^ (words >> np.uint64(31))

    def below(self, stream: str, count: int, bound: int) -> Ints:
        """Return `count` integers in [0, bound)."""
        return ((self.words(stream, count) >> np.uint64(11)) % np.uint64(bound)).astype(np.int64)

    def pick(self, stream: str, count: int, weights: Ints) -> Ints:
        """Return `count` indices drawn with the given integer weights."""
        edges = np.cumsum(weights)
        draws = self.below(stream, count, int(edges[-1]))
        return np.searchsorted(edges, draws, side="right").astype(np.int64)

    def chance(self, stream: str, per_thousand: Ints | int, count: int) -> npt.NDArray[np.bool_]:
        """Return `count` booleans, true with the given chance in a thousand."""
        verdict: npt.NDArray[np.bool_] = self.below(stream, count, 1000) < per_thousand
        return verdict

    def order(self, stream: str, count: int) -> Ints:
        """Return a permutation of range(count)."""
        return np.argsort(self.words(stream, count), kind="stable").astype(np.int64)

    def numbers(self, stream: str, count: int, modulus: int) -> Ints:
        """Return `count` distinct numbers in [0, modulus), a power of ten, in scattered order.

        Raises:
            ValueError: there are not that many numbers.
        """
        if count > modulus:
            raise ValueError(f"{count} distinct numbers below {modulus}: too many")
        step = 387_420_489 % modulus  # 3 to the 18th: prime to every power of ten
        start = int(self.below(stream, 1, modulus)[0])
        return (np.arange(count, dtype=np.int64) * step + start) % modulus


def running_count(*columns: Ints) -> Ints:
    """Number the rows that are equal on all columns: 0 for the first, 1 for the next, and so on."""
    order = np.lexsort(columns[::-1])
    new = np.ones(len(order), dtype=bool)
    for column in columns:
        ordered = column[order]
        if len(order) > 1:
            changed = ordered[1:] != ordered[:-1]
            new[1:] = changed if column is columns[0] else new[1:] | changed
    positions = np.arange(len(order), dtype=np.int64)
    firsts = np.maximum.accumulate(np.where(new, positions, 0)) if len(order) else positions
    counts = np.empty(len(order), dtype=np.int64)
    counts[order] = positions - firsts
    return counts
