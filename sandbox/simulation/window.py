"""Some minutes of a model alone: the sessions that start in them, and no others."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from sandbox.simulation.arrivals import between
from sandbox.simulation.draws import NANOSECONDS
from sandbox.simulation.model import Model

__all__ = ["windowed"]

TAIL = 10  # minutes in which what began in the window ends
UNTIL, INSTANT = 3, 5  # columns of a list of arrivals


def windowed(model: Model, begin: float, seconds: float, *, speed: float = 1.0) -> Model:
    """Return a model whose sessions are those that start in a window, which becomes its period.

    It begins empty: nobody is connected, nothing is cached. Connections that are kept end with it.

    Args:
        begin: of the window, s from the start of the period.
        seconds: its length in the period.
        speed: how much faster its sessions start. What happens in them takes as long as ever.
    """
    first, last = round(begin * NANOSECONDS), round((begin + seconds) * NANOSECONDS)
    inputs = model.inputs
    rows = between(inputs, first, last)
    for column in (UNTIL, INSTANT):
        rows[:, column] = (np.clip(rows[:, column], first, last) - first) / speed
    horizon = max(1, round(seconds / speed * NANOSECONDS))
    outages = inputs.outages.copy()
    outages[:, 1:] = (outages[:, 1:] - first) / speed
    return replace(
        model,
        inputs=inputs._replace(
            polls=inputs.polls[:0], sends=inputs.sends[:0], send_counts=inputs.send_counts[:0],
            listed=rows, horizon=np.array([horizon], dtype=np.int64), outages=outages,
        ),
        minutes=math.ceil(seconds / speed / 60) + TAIL,
    )  # fmt: skip
