"""Sequence sets: `1:3,7,*` and `$` (RFC 9051 §9, RFC 5182)."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sandbox.operators.imap.grammar import Cursor, Malformed

__all__ = ["SequenceSet", "compact", "parse_set"]

STAR = 0  # no message has this number
_SET = re.compile(rb"[0-9*][0-9:,*]*")
_RANGE = re.compile(rb"([1-9][0-9]{0,9}|\*)(?::([1-9][0-9]{0,9}|\*))?")
_RANGES = 10_000


@dataclass(frozen=True, slots=True)
class SequenceSet:
    """Ranges as they came, `*` as 0; or `saved`, the result of the last search (`$`)."""

    ranges: tuple[tuple[int, int], ...]
    saved: bool = False

    def bounds(self, largest: int) -> list[tuple[int, int]]:
        """Return ranges (low, high) in rising order, without overlap; `*` is `largest`."""
        merged: list[tuple[int, int]] = []
        ranges = [(low or largest, high or largest) for low, high in self.ranges]
        for low, high in sorted((min(pair), max(pair)) for pair in ranges):
            if merged and low <= merged[-1][1] + 1:
                merged[-1] = (merged[-1][0], max(high, merged[-1][1]))
            else:
                merged.append((low, high))
        return merged

    def among_numbers(self, count: int) -> list[int]:
        """Return indexes (from 0) of message numbers.

        Raises:
            Malformed: a number beyond the last message (RFC 9051 §9, seq-number). `*` in an empty
                mailbox is no message: clients ask for `1:*` without looking first.
        """
        if count == 0 and any(STAR in pair for pair in self.ranges):
            return []
        bounds = self.bounds(count)
        if bounds and bounds[-1][1] > count:
            raise Malformed(f"There are {count} messages")
        return [index for low, high in bounds for index in range(low - 1, high)]

    def among_uids(self, uids: Sequence[int]) -> list[int]:
        """Return indexes (from 0) of those of `uids` (rising) that are in the set."""
        if not uids:
            return []
        found: list[int] = []
        for low, high in self.bounds(uids[-1]):
            found.extend(range(bisect_left(uids, low), bisect_right(uids, high)))
        return found


def parse_set(cursor: Cursor) -> SequenceSet:
    """Read a sequence set."""
    if cursor.take(b"$"):
        return SequenceSet((), saved=True)
    items = cursor.match(_SET, "a sequence set").split(b",")
    if len(items) > _RANGES:
        raise Malformed("Too many ranges")
    ranges = []
    for item in items:
        found = _RANGE.fullmatch(item)
        if found is None:
            raise Malformed("Expected a sequence set")
        low = STAR if found[1] == b"*" else int(found[1])
        high = low if found[2] is None else STAR if found[2] == b"*" else int(found[2])
        if max(low, high) > 2**32 - 1:
            raise Malformed("Number too large")
        ranges.append((low, high))
    return SequenceSet(tuple(ranges))


def compact(numbers: Iterable[int]) -> str:
    """Write numbers (rising) as a sequence set; empty for none."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and number == runs[-1][1] + 1:
            runs[-1][1] = number
        else:
            runs.append([number, number])
    return ",".join(f"{low}" if low == high else f"{low}:{high}" for low, high in runs)
