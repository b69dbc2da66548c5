"""Log-binned histograms of durations: bounded memory, relative error below 1 %.

Bin edges follow the integer's own bits (as HdrHistogram does): 64 bins to the octave, so a bin's
middle is within 1/128 = 0.8 % of any duration in it. Histograms merge by addition.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["BINS", "bin_index", "bin_middle"]

SUB_BITS = 6
UNIT_BITS = 10  # durations below 1.024 µs share the first bin
BINS = (47 - UNIT_BITS - SUB_BITS + 1) << SUB_BITS  # up to 2**47 ns = 39 hours


def bin_index(duration: int) -> int:
    """Return the bin of a duration in ns (`simulation.recorder` compiles the same arithmetic)."""
    value = max(duration, 0) >> UNIT_BITS
    if value < 1 << SUB_BITS:
        return value
    shift = value.bit_length() - SUB_BITS - 1
    return min(((shift + 1) << SUB_BITS) + (value >> shift) - (1 << SUB_BITS), BINS - 1)


def bin_middle() -> NDArray[np.float64]:
    """Return the middle of each bin, in seconds, shape (BINS,)."""
    index = np.arange(BINS)
    octave = index >> SUB_BITS
    mantissa = index & ((1 << SUB_BITS) - 1)
    linear = octave == 0
    width = np.where(linear, 1.0, 2.0 ** (octave - 1))
    low = np.where(linear, mantissa, (mantissa + (1 << SUB_BITS)) * width)
    middle: NDArray[np.float64] = (low + width / 2) * 2.0**UNIT_BITS / 1e9
    return middle
