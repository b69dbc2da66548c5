"""A small comparison, run once, and variants of it."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd
import pytest

from sandbox.analysis.comparison import Comparison
from sandbox.analysis.metrics import COMPARED
from sandbox.analysis.result import compare
from sandbox.analysis.sensitivity import RANKED, Sensitivity, Swing
from sandbox.space.compatibility import Compatibility

DESIGNS = ("single-endpoint", "multi-port")


@pytest.fixture(scope="session")
def small(tmp_path_factory: pytest.TempPathFactory) -> Comparison:
    """Two designs, two replications, a quarter of the demonstration."""
    return compare(
        "demo",
        designs=DESIGNS,
        replications=2,
        scale=0.25,
        sensitivity=False,
        workers=1,
        out=tmp_path_factory.mktemp("small"),
    )


def _swing(key: str, end: str, wait: float, changes: tuple[str, ...]) -> Swing:
    results = {m: dict.fromkeys(DESIGNS, 0.1) for m in RANKED}
    results["user_wait"] = {DESIGNS[0]: 10.0, DESIGNS[1]: 10.0 + wait}
    return Swing(key, end, 0.5, results, changes)


@pytest.fixture(scope="session")
def varied(small: Comparison) -> Comparison:
    """The small comparison with a sensitivity and a sweep, made by hand."""
    base = {m: dict.fromkeys(DESIGNS, 0.1) for m in RANKED}
    base["user_wait"] = {DESIGNS[0]: 10.0, DESIGNS[1]: 11.0}
    swings = (
        _swing("policies.session_seconds", "low", 1.5, ()),
        _swing("policies.session_seconds", "high", 4.0, ()),
        _swing("network.dns_miss", "low", -1.0, ("user_wait",)),
        _swing("network.dns_miss", "high", 1.0, ()),
    )
    rows = [
        {"key": "populations.liberal.port_blocked", "value": value, "label": f"{value:.0%}",
         "design": design, "metric": metric,
         "result": value * number if metric == "cannot_connect" else 0.5}
        for value in (0.0, 0.1, 0.2)
        for number, design in enumerate(DESIGNS)
        for metric in COMPARED
    ]  # fmt: skip
    return replace(
        small,
        sensitivity=Sensitivity(base, swings, 400, {"costs.editors low": "impossible"}),
        sweep=pd.DataFrame(rows),
    )


@pytest.fixture(scope="session")
def alone(small: Comparison) -> Comparison:
    """One design, one replication, no person under eCPS, no failure at all."""
    name = DESIGNS[0]
    run = small.runs[name][0]
    tables = dict(run.tables)
    for table in ("logins", "login_totals", "phases", "phase_totals"):
        tables[table] = tables[table][tables[table]["method"] != "ecps"]
    tables["failures"] = tables["failures"].iloc[:0]
    return replace(
        small,
        runs={name: [replace(run, tables=tables)]},
        metrics={name: small.metrics[name][:1]},
        candidates={name: small.candidates[name]},
        compatibility={name: Compatibility()},
        costs={name: small.costs[name]},
    )
