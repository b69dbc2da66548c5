"""From an engine's record to observations: names instead of numbers, seconds instead of ns."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sandbox.observations.histogram import bin_middle
from sandbox.observations.observations import MEASURES, NAMED_OPERATORS, Observations, table
from sandbox.observations.schema import Cause, Phase, Protocol
from sandbox.simulation.model import EndpointStat, Model, PoolStat, Record, StationStat
from sandbox.simulation.program import Column
from sandbox.simulation.steps import Acquire, Serve
from sandbox.space.capacity import NATIONAL
from sandbox.space.designs import Design
from sandbox.space.methods import Method
from sandbox.space.population import Space

__all__ = ["SUFFIX", "observe"]

SUFFIX = "mssante.test"
MINUTE = 60e9


def _groups() -> list[tuple[str, str]]:
    pairs = [(p.name.lower(), str(m)) for p in Protocol for m in Method]
    return [*pairs, ("relay", "")]


def _names(values: NDArray[np.int64], names: list[str]) -> NDArray[np.object_]:
    return np.array(names, dtype=object)[values]


def _logins(space: Space, model: Model, record: Record) -> pd.DataFrame:
    groups = _groups()
    operator, group, measure, bins = np.nonzero(record.logins)
    labels = ["others"] * (int(model.inputs.operator_bin.max()) + 1)
    for number, row in enumerate(model.inputs.operator_bin):
        if row < NAMED_OPERATORS:
            labels[row] = space.operators[number]
    return table("logins", {
        "protocol": _names(group, [p for p, _ in groups]),
        "method": _names(group, [m for _, m in groups]),
        "operator": _names(operator, labels),
        "measure": _names(measure, list(MEASURES)),
        "seconds": bin_middle()[bins],
        "count": record.logins[operator, group, measure, bins].astype(np.int64),
    })  # fmt: skip


def _login_totals(space: Space, record: Record) -> pd.DataFrame:
    groups = _groups()
    operator, group, measure = np.nonzero(record.login_count)
    return table("login_totals", {
        "protocol": _names(group, [p for p, _ in groups]),
        "method": _names(group, [m for _, m in groups]),
        "operator": _names(operator, list(space.operators)),
        "measure": _names(measure, list(MEASURES)),
        "count": record.login_count[operator, group, measure],
        "total_seconds": record.login_time[operator, group, measure] / 1e9,
    })  # fmt: skip


def _phases(record: Record) -> tuple[pd.DataFrame, pd.DataFrame]:
    groups, names = _groups(), [phase.name.lower() for phase in Phase]
    group, phase, bins = np.nonzero(record.phases)
    detail = table("phases", {
        "protocol": _names(group, [p for p, _ in groups]),
        "method": _names(group, [m for _, m in groups]),
        "phase": _names(phase, names),
        "seconds": bin_middle()[bins],
        "count": record.phases[group, phase, bins].astype(np.int64),
    })  # fmt: skip
    group, phase = np.nonzero(record.phase_time)
    totals = table("phase_totals", {
        "protocol": _names(group, [p for p, _ in groups]),
        "method": _names(group, [m for _, m in groups]),
        "phase": _names(phase, names),
        "total_seconds": record.phase_time[group, phase] / 1e9,
    })  # fmt: skip
    return detail, totals


def _failures(record: Record) -> pd.DataFrame:
    groups = _groups()
    group, cause = np.nonzero(record.failures)
    return table("failures", {
        "protocol": _names(group, [p for p, _ in groups]),
        "method": _names(group, [m for _, m in groups]),
        "cause": _names(cause, [c.name.lower() for c in Cause]),
        "count": record.failures[group, cause],
    })  # fmt: skip


def _front_of(model: Model, role: int, operators: int) -> int:
    """Return the first station that serves the endpoint of a role (its processor)."""
    code = model.code
    for row, step in enumerate(code.steps):
        if isinstance(step, Acquire) and code.table[row, Column.EXTRA] == role * operators:
            after = range(row + 1, len(code.steps))
            serve = next(n for n in after if isinstance(code.steps[n], Serve)
                         and code.table[n, Column.INDEX] >= len(NATIONAL))  # fmt: skip
            return int(code.table[serve, Column.INDEX])
    raise ValueError(f"no program uses endpoint role {role}")


def _pool_of(model: Model, role: int, operators: int) -> int:
    code = model.code
    rows = (code.table[:, Column.EXTRA] == role * operators) & np.array(
        [isinstance(step, Acquire) for step in code.steps]
    )
    return int(code.table[np.flatnonzero(rows)[0], Column.INDEX])


def _endpoints(space: Space, design: Design, model: Model, record: Record) -> pd.DataFrame:
    operators, horizon = len(space.operators), int(model.inputs.horizon[0])
    names = [(e.name, e.host, e.port) for e in design.endpoints] + [("mx", "mx.{operator}", 25)]
    parts = []
    for role, (name, host, port) in enumerate(names):
        rows = record.endpoints[role * operators : (role + 1) * operators]
        front, pool = _front_of(model, role, operators), _pool_of(model, role, operators)
        stations = record.stations[front : front + operators]
        servers = model.inputs.servers[front : front + operators]
        parts.append(table("endpoints", {
            "operator": list(space.operators),
            "endpoint": name,
            "host": [f"{host.format(operator=op)}.{SUFFIX}" for op in space.operators],
            "port": port,
            "sessions": rows[:, EndpointStat.SESSIONS],
            "peak_connections": rows[:, EndpointStat.PEAK],
            "peak_per_second": rows[:, EndpointStat.PEAK_SECOND],
            "refused": rows[:, EndpointStat.REFUSED],
            "abandoned": rows[:, EndpointStat.ABANDONED],
            "slots": model.inputs.pool_slots[pool : pool + operators],
            "slots_used_peak": record.pools[pool : pool + operators, PoolStat.PEAK],
            "utilisation": stations[:, StationStat.BUSY] / servers / horizon,
            "utilisation_peak": stations[:, StationStat.PEAK_MINUTE] / servers / MINUTE,
        }))  # fmt: skip
    return pd.concat(parts, ignore_index=True)


def _backends(model: Model, record: Record) -> pd.DataFrame:
    stations = record.stations[: len(NATIONAL)]
    servers = model.inputs.servers[: len(NATIONAL)]
    served = stations[:, StationStat.SERVED]
    return table("backends", {
        "backend": list(NATIONAL),
        "served": served,
        "waited": stations[:, StationStat.WAITED],
        "wait_seconds": stations[:, StationStat.WAIT] / 1e9 / np.maximum(served, 1),
        "utilisation": stations[:, StationStat.BUSY] / servers / int(model.inputs.horizon[0]),
        "utilisation_peak": stations[:, StationStat.PEAK_MINUTE] / servers / MINUTE,
    })  # fmt: skip


def _load(design: Design, record: Record) -> pd.DataFrame:
    names = [e.name for e in design.endpoints] + ["mx"]
    roles, minutes = record.role_minutes.shape
    return table("load", {
        "endpoint": np.repeat(np.array(names, dtype=object), minutes),
        "minute": np.tile(np.arange(minutes), roles),
        "sessions": record.role_minutes.reshape(-1),
        "connections": record.role_connections.reshape(-1),
    })  # fmt: skip


def observe(
    space: Space, design: Design, model: Model, record: Record, about: Mapping[str, Any]
) -> Observations:
    """Name everything that a run recorded.

    Args:
        about: what to keep with the tables (engine, replication, wall time...).
    """
    groups = _groups()
    phases, phase_totals = _phases(record)
    bins = np.flatnonzero(record.deliveries)
    tables = {
        "logins": _logins(space, model, record),
        "login_totals": _login_totals(space, record),
        "phases": phases,
        "phase_totals": phase_totals,
        "deliveries": table("deliveries", {
            "seconds": bin_middle()[bins], "count": record.deliveries[bins],
        }),
        "sessions": table("sessions", {
            "protocol": [p for p, _ in groups], "method": [m for _, m in groups],
            "sessions": record.sessions,
        }),
        "failures": _failures(record),
        "endpoints": _endpoints(space, design, model, record),
        "backends": _backends(model, record),
        "load": _load(design, record),
    }  # fmt: skip
    return Observations(dict(about), tables)
