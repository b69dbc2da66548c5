"""From what clients and servers saw of a replay to the tables of a run.

Clients say how long logins took, from the instant at which each had to start; only servers know
slots, deliveries and processors. What neither can see is nan or absent, as in a live record.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from sandbox.clients.plan import SessionOutcome
from sandbox.observations.histogram import bin_index, bin_middle
from sandbox.observations.observations import NAMED_OPERATORS, Observations, table_of
from sandbox.observations.schema import Protocol
from sandbox.space.methods import Method

__all__ = ["machine_seconds", "observations_of"]

NANOSECONDS = 1_000_000_000
MIDDLES = bin_middle()


def machine_seconds(outcome: SessionOutcome) -> float:
    """Return how long a login took without the person, from the instant when it had to start."""
    assert outcome.login is not None
    return max(0.0, outcome.login - outcome.intended - outcome.person)


def _binned(name: str, values: Mapping[tuple[str, ...], list[float]]) -> pd.DataFrame:
    return table_of(
        name,
        (
            (*labels, MIDDLES[number], count)
            for labels, seconds in sorted(values.items())
            for number, count in sorted(
                Counter(bin_index(int(each * NANOSECONDS)) for each in seconds).items()
            )
        ),
    )


def observations_of(
    outcomes: Sequence[SessionOutcome],
    who: Mapping[int, tuple[Method, str]],
    servers: Observations | None,
    minutes: int,
    first: int,
    about: Mapping[str, Any],
) -> Observations:
    """Name everything that was seen.

    Args:
        outcomes: of clients.
        who: method and operator of each account.
        servers: what servers saw; None when they were gone.
        minutes: that the replay lasted, the last ones of the servers.
        first: minute of the period that it began at.
        about: what to keep with the tables.
    """
    logins: dict[tuple[str, ...], list[float]] = defaultdict(list)
    phases: dict[tuple[str, ...], list[float]] = defaultdict(list)
    sessions: Counter[tuple[str, str]] = Counter()
    failures: Counter[tuple[str, str, str]] = Counter()
    for each in outcomes:
        method, operator = who[each.account]
        sessions[each.protocol, str(method)] += 1
        for cause in each.failures:
            failures[each.protocol, str(method), cause.name.lower()] += 1
        if each.login is None:
            continue
        machine = machine_seconds(each)
        logins[each.protocol, str(method), operator, "machine"].append(machine)
        if each.attended or each.person > 0:
            whole = machine + each.person
            logins[each.protocol, str(method), operator, "user"].append(whole)
        for phase, seconds in each.phases.items():
            if seconds > 0:
                phases[each.protocol, str(method), phase.name.lower()].append(seconds)
    groups = [(p.name.lower(), str(m)) for p in Protocol for m in Method]
    tables = {
        "logins": _binned("logins", _named(logins)),
        "login_totals": table_of(
            "login_totals", ((*key, len(v), sum(v)) for key, v in sorted(logins.items()))
        ),
        "phases": _binned("phases", phases),
        "phase_totals": table_of(
            "phase_totals", ((*key, sum(v)) for key, v in sorted(phases.items()))
        ),
        "failures": table_of("failures", ((*key, n) for key, n in sorted(failures.items()))),
    }
    relayed = 0
    if servers is None:
        tables |= {
            name: table_of(name, ()) for name in ("deliveries", "endpoints", "backends", "load")
        }
    else:
        tables |= {name: servers.tables[name] for name in ("deliveries", "endpoints", "backends")}
        tables["load"] = _load(servers.tables["load"], minutes, first)
        relay = servers.tables["sessions"].query("protocol == 'relay'")["sessions"]
        relayed = int(relay.sum())
    tables["sessions"] = table_of(
        "sessions", [*((*key, sessions[key]) for key in groups), ("relay", "", relayed)]
    )
    return Observations(dict(about), tables)


def _named(logins: Mapping[tuple[str, ...], list[float]]) -> dict[tuple[str, ...], list[float]]:
    """Put the logins of all but the busiest operators together."""
    size: Counter[str] = Counter()
    for (_, _, operator, measure), seconds in logins.items():
        size[operator] += len(seconds) if measure == "machine" else 0
    named = {operator for operator, _ in size.most_common(NAMED_OPERATORS)}
    found: dict[tuple[str, ...], list[float]] = defaultdict(list)
    for (protocol, method, operator, measure), seconds in logins.items():
        key = protocol, method, operator if operator in named else "others", measure
        found[key] += seconds
    return found


def _load(frame: pd.DataFrame, minutes: int, first: int) -> pd.DataFrame:
    """Return the minutes of the replay, as minutes of the period."""
    begin = max(0, int(frame["minute"].max()) + 1 - minutes) if len(frame) else 0
    kept = frame[frame["minute"] >= begin].copy()
    kept["minute"] += first - begin
    return kept.reset_index(drop=True)
