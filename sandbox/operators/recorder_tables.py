"""From a live record to observations: the tables that a simulation gives, for the same analysis."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from sandbox.observations.histogram import bin_middle
from sandbox.observations.observations import NAMED_OPERATORS, Observations, table, table_of
from sandbox.observations.schema import Protocol
from sandbox.operators.recorder import DesignTally, Seen
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


def observations_of(seen: Seen, design: str, **about: Any) -> Observations:
    """Return what operators saw of a design in the tables of a simulated run.

    What a server cannot see is left out (name look-up; the person's own gestures on his side of
    the wire: a login has a `user` measure where the server waited for a person) or nan (waiting
    within back ends). Relay and deliveries belong to no design: each design's run has
    them all. Utilisation is that of the whole process that serves an endpoint, of one processor.

    Args:
        seen: until now.
        design: name of a design that is or was up.
        about: what to keep with the tables (scenario, seed...).

    Raises:
        KeyError: the design has no endpoint here.
    """
    records = mine, relay = seen.records[design], seen.records.get("", DesignTally())
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
        "deliveries": _histograms("deliveries", {(): seen.deliveries.bins}),
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
        "endpoints": table_of(
            "endpoints",
            [row for each in (design, "") for row in seen.endpoints.get(each, ())],
        ),
        "backends": table_of("backends", backends),
        "load": _load(records),
    }
    named = {"design": design, "engine": "live", "wall_seconds": seen.wall}
    return Observations({**named, **about}, tables)


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
