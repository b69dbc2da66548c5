"""From a live record to observations: the tables that a simulation gives, for the same analysis."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from sandbox.observations.histogram import bin_middle
from sandbox.observations.observations import NAMED_OPERATORS, Observations, table, table_of
from sandbox.observations.schema import Protocol
from sandbox.operators.recorder import DesignTally, Durations
from sandbox.space.methods import Method

__all__ = ["observations_of"]

# The back end that a method cannot do without; ours knows no queue of theirs.
BACKENDS: dict[str, tuple[Method, ...]] = {
    "psc": (Method.ECPS,),
    "sms": (Method.SMS,),
    "directory": (Method.CPS, Method.CERTIFICATE),
}
MIDDLES = bin_middle()


def _histograms(name: str, labelled: Mapping[tuple[str, ...], Counter[int]]) -> pd.DataFrame:
    return table_of(
        name,
        (
            (*labels, MIDDLES[number], count)
            for labels, bins in labelled.items()
            for number, count in sorted(bins.items())
        ),
    )


def _logins(record: DesignTally) -> pd.DataFrame:
    by_operator: Counter[str] = Counter()
    for (operator, _, _, measure), durations in record.logins.items():
        by_operator[operator] += durations.count if measure == "machine" else 0
    named = {operator for operator, _ in by_operator.most_common(NAMED_OPERATORS)}
    merged: dict[tuple[str, ...], Counter[int]] = {}
    for (operator, protocol, method, measure), durations in record.logins.items():
        key = protocol, method, operator if operator in named else "others", measure
        merged.setdefault(key, Counter()).update(durations.bins)
    return _histograms("logins", merged)


def observations_of(
    records: tuple[DesignTally, DesignTally],
    endpoints: Iterable[Sequence[Any]],
    deliveries: Durations,
    about: Mapping[str, Any],
) -> Observations:
    """Name everything that was recorded.

    Args:
        records: of the design and of the relay.
        endpoints: rows of that table.
        deliveries: ages.
        about: what to keep with the tables.
    """
    mine, relay = records
    groups = [(p.name.lower(), str(m)) for p in Protocol for m in Method]
    nobody = sorted(key for key in mine.sessions if not key[1])
    backends = (
        (name, sum(mine.backends[method] for method in methods), *[math.nan] * 4)
        for name, methods in BACKENDS.items()
    )
    tables = {
        "logins": _logins(mine),
        "login_totals": table_of(
            "login_totals",
            (
                (protocol, method, operator, measure, durations.count, durations.seconds)
                for (operator, protocol, method, measure), durations in mine.logins.items()
            ),
        ),
        "phases": _histograms(
            "phases", {(p, m, ph.name.lower()): d.bins for (p, m, ph), d in mine.phases.items()}
        ),
        "phase_totals": table_of(
            "phase_totals",
            ((p, m, ph.name.lower(), d.seconds) for (p, m, ph), d in mine.phases.items()),
        ),
        "deliveries": _histograms("deliveries", {(): deliveries.bins}),
        "sessions": table_of(
            "sessions",
            [
                *((*key, mine.sessions[key]) for key in [*groups, *nobody]),
                ("relay", "", relay.sessions["relay", ""]),
            ],
        ),
        "failures": table_of(
            "failures",
            ((*k, count) for record in records for k, count in sorted(record.failures.items())),
        ),
        "endpoints": table_of("endpoints", endpoints),
        "backends": table_of("backends", backends),
        "load": _load(records),
    }
    return Observations(dict(about), tables)


def _load(records: Iterable[DesignTally]) -> pd.DataFrame:
    loads = [(name, load) for record in records for name, load in record.load.items()]
    minutes = [len(load.sessions) for _, load in loads]
    return table("load", {
        "endpoint": np.repeat(np.array([name for name, _ in loads], dtype=object), minutes),
        "minute": np.concatenate([np.arange(count) for count in [*minutes, 0]]),
        "sessions": np.concatenate([np.zeros(0, np.int64), *(load.sessions for _, load in loads)]),
        "connections": np.concatenate(
            [np.zeros(0, np.int64), *(load.connections for _, load in loads)]
        ),
    })  # fmt: skip
