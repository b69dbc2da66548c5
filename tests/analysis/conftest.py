"""A small comparison, run once, and variants of it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pandas as pd
import pytest

from sandbox.analysis import headroom
from sandbox.analysis.comparison import Comparison
from sandbox.analysis.metrics import COMPARED
from sandbox.analysis.result import compare
from sandbox.decision.evaluation import prepare
from sandbox.decision.study import Decision, study
from sandbox.space.compatibility import Compatibility
from sandbox.space.loader import load_scenario
from sandbox.workers.spread import Workers

DESIGNS = ("single-endpoint", "multi-port")


@contextmanager
def one_sample_alone() -> Iterator[None]:
    """The headroom of one sample instead of three: most of the time of a small comparison."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(headroom, "SAMPLES", 1)
        yield


@pytest.fixture(scope="module")
def one_sample() -> Iterator[None]:
    with one_sample_alone():
        yield


@pytest.fixture(scope="session")
def small(tmp_path_factory: pytest.TempPathFactory) -> Comparison:
    """Two designs, two replications, a quarter of the demonstration."""
    with one_sample_alone():
        return compare(
            "demo",
            designs=DESIGNS,
            replications=2,
            scale=0.25,
            decision=False,
            workers=1,
            out=tmp_path_factory.mktemp("small"),
        )


@pytest.fixture(scope="session")
def decided(tmp_path_factory: pytest.TempPathFactory) -> Decision:
    """A decision between the two designs on a few factors."""
    whole = prepare(load_scenario("demo"), designs=DESIGNS)
    names = ("login_policy", "products.lps", "incidents.deployment", "costs.endpoint_year")
    kept = [each for each in whole.factors if each.key.startswith(names)]
    return study(replace(whole, factors=tuple(kept)), runs=8, draws=512, workers=Workers(1))


@pytest.fixture(scope="session")
def varied(small: Comparison, decided: Decision) -> Comparison:
    """The small comparison with a decision, and a sweep made by hand."""
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
        decision=decided,
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
