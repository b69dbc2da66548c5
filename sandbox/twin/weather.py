"""Servers that stand still for some seconds, in a model: one service of that length at each."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, replace

import numpy as np

from sandbox.simulation.model import PACE_BITS, SessionKind
from sandbox.simulation.program import Column
from sandbox.simulation.steps import Op, Scope
from sandbox.twin.exchanges import Exchanges

__all__ = ["Weather", "struck"]

NANOSECONDS = 1_000_000_000
BY_ACCESS = (
    "access_class", "access_operator", "access_population", "access_rtt", "access_phase",
    "access_features", "access_identity", "access_limits",
)  # fmt: skip
BY_STATION = ("servers", "server_offset", "server_time", "kind", "follow_time")


@dataclass(frozen=True, slots=True)
class Weather:
    """When servers stop, s from the start of the minutes, and for how long."""

    at: float
    seconds: float


def struck(made: Exchanges, weather: Weather) -> Exchanges:
    """Return a model in which a last access, nobody's, occupies every server at an instant."""
    model, inputs = made.model, made.model.inputs
    station = int(np.flatnonzero(~made.clients)[0])
    table = model.code.table
    rows = np.zeros((2, table.shape[1]), dtype=table.dtype)
    rows[:, [Column.PHASE, Column.LAW, Column.INDEX, Column.TARGET]] = -1
    rows[0, Column.OP], rows[1, Column.OP] = Op.SERVE, Op.END
    rows[0, Column.FIXED] = round(weather.seconds * NANOSECONDS)
    rows[0, Column.INDEX], rows[0, Column.SCOPE] = len(made.clients), Scope.NATIONAL
    rows[:, Column.GROUP] = table[0, Column.GROUP]
    entry = np.full((1, inputs.entry.shape[1]), -1, dtype=inputs.entry.dtype)
    entry[0, SessionKind.OPEN] = len(table)
    nobody, at = len(inputs.access_class), round(weather.at * NANOSECONDS)
    visits = [[nobody, SessionKind.OPEN, n, at, 0, at] for n in range(int(inputs.servers[station]))]
    listed = np.concatenate([inputs.listed, np.array(visits, dtype=inputs.listed.dtype)])
    grown = {name: np.concatenate([getattr(inputs, name)] * 2)[: nobody + 1] for name in BY_ACCESS}
    grown["access_class"][nobody] = len(inputs.entry)
    whole = np.concatenate([table, rows])
    # A station of its own on the same servers: it takes its time, whatever their pace.
    same = [*range(len(made.clients)), station]
    stations = {name: getattr(inputs, name)[same] for name in BY_STATION}
    for name in ("server_time", "follow_time"):
        stations[name][-1] = 1 << PACE_BITS
    inputs = inputs._replace(
        **grown, **stations, code=whole,
        entry=np.concatenate([inputs.entry, entry]),
        visit=np.append(inputs.visit, 1.0),
        left_open=np.append(inputs.left_open, 0.0),
        listed=listed[np.argsort(listed[:, -1], kind="stable")],
    )  # fmt: skip
    code = dataclasses.replace(model.code, table=whole)
    return Exchanges(replace(model, inputs=inputs, code=code), made.clients[same])
