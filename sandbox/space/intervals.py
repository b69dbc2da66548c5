"""Intervals of shares that were counted."""

from __future__ import annotations

import math

__all__ = ["Z", "share_interval"]

Z = 1.959963984540054  # of the normal distribution, 95 % two-sided


def share_interval(share: float, count: int) -> tuple[float, float]:
    """Return the 95 % interval of a share of `count` independent trials (Wilson 1927).

    It stays within 0 and 1, and has a width where all trials end alike.
    """
    middle = (share + Z * Z / (2 * count)) / (1 + Z * Z / count)
    spread = math.sqrt(share * (1 - share) / count + Z * Z / (4 * count * count))
    half = Z / (1 + Z * Z / count) * spread
    return max(0.0, middle - half), min(1.0, middle + half)
