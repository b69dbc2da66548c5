"""Which uncertain inputs move the differences between designs, and by how much."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping
from dataclasses import dataclass

from sandbox.analysis.metrics import COMPARED
from sandbox.analysis.sensitivity import Sensitivity

__all__ = ["Influence", "influences"]


@dataclass(frozen=True, slots=True)
class Influence:
    """What one input does over its range.

    Attributes:
        moves: metric -> largest move of a difference between two designs, in the metric's unit.
        changed: metrics whose order of designs changes.
        ends: value at the low and at the high end.
    """

    key: str
    moves: Mapping[str, float]
    changed: frozenset[str]
    ends: Mapping[str, float]

    @property
    def weight(self) -> float:
        """Largest move, in thresholds of its metric."""
        return max((move / COMPARED[m].threshold for m, move in self.moves.items()), default=0.0)


def _move(base: Mapping[str, float], other: Mapping[str, float]) -> float:
    """Return how much the difference between two designs moves at most; 0 when none is known."""
    moves = [
        abs((other[b] - other[a]) - (base[b] - base[a])) for a, b in itertools.combinations(base, 2)
    ]
    return max((move for move in moves if not math.isnan(move)), default=0.0)


def influences(sensitivity: Sensitivity) -> list[Influence]:
    """Return every input varied: those that change the ranking first, then by weight."""
    moves: dict[str, dict[str, float]] = {}
    changed: dict[str, set[str]] = {}
    ends: dict[str, dict[str, float]] = {}
    for swing in sensitivity.swings:
        mine = moves.setdefault(swing.key, dict.fromkeys(sensitivity.base, 0.0))
        for metric, base in sensitivity.base.items():
            mine[metric] = max(mine[metric], _move(base, swing.results[metric]))
        changed.setdefault(swing.key, set()).update(swing.changes)
        ends.setdefault(swing.key, {})[swing.end] = swing.value
    found = [Influence(key, moves[key], frozenset(changed[key]), ends[key]) for key in moves]
    return sorted(found, key=lambda i: (-len(i.changed), -i.weight, i.key))
