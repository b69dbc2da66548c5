"""The door to a decision for Python and the shell."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from sandbox.analysis.decision_page import write_decision
from sandbox.analysis.decision_summary import summarise_decision
from sandbox.decision.criteria import CRITERIA
from sandbox.decision.evaluation import prepare
from sandbox.decision.ranges import read_ranges
from sandbox.decision.study import AUTO, DRAWS, Decision, study
from sandbox.space.files import write_whole
from sandbox.space.loader import load_scenario
from sandbox.space.scenario import Scenario
from sandbox.workers.spread import Workers

__all__ = ["DecisionResult", "decide"]


@dataclass(frozen=True)
class DecisionResult:
    """A decision as frames, a summary and a page."""

    found: Decision
    wall_seconds: float

    @cached_property
    def summary(self) -> dict[str, Any]:
        """What `decision.json` holds: see docs/decision.md."""
        found = summarise_decision(self.found)
        return {**found, "wall_seconds": round(self.wall_seconds, 1)}

    @property
    def designs(self) -> pd.DataFrame:
        """One row a candidate: probability_best, its interval, regret in points."""
        rows = {
            name: {key: row[key] for key in ("probability_best", "regret_mean", "regret_p95",
                                             "probability_best_equal_weights", "near_best")}
            for name, row in self.summary["designs"].items()
        }  # fmt: skip
        return pd.DataFrame(rows).T

    @property
    def criteria(self) -> pd.DataFrame:
        """One row a criterion and candidate: mean, probability_best, regret, unit."""
        return pd.DataFrame([
            {"criterion": criterion, "design": name, **row["by_criterion"][criterion]}
            for criterion in CRITERIA
            for name, row in self.summary["designs"].items()
        ]).drop(columns="ci95").set_index(["criterion", "design"])  # fmt: skip

    @property
    def inputs(self) -> pd.DataFrame:
        """One row a factor: Sobol' indices (nan: none), EVPPI in points, elementary effect."""
        columns = ["key", "first", "total", "evppi", "elementary_effect"]
        return pd.DataFrame(self.summary["inputs"])[columns].set_index("key")

    @property
    def map(self) -> pd.DataFrame:
        """One row a rule: if, then, probability, coverage."""
        return pd.DataFrame(self.summary["map"])[["if", "then", "probability", "coverage"]]

    @property
    def measure_first(self) -> pd.DataFrame:
        """One row a measure: key, EVPPI in points, where, observations."""
        columns = ["key", "evppi", "where", "observations", "observed"]
        return pd.DataFrame(self.summary["measure_first"], columns=columns)

    def report(self, folder: str | Path) -> Path:
        """Write decision.json and decision.html into `folder`; return the page."""
        target = Path(folder)
        target.mkdir(parents=True, exist_ok=True)
        text = json.dumps(self.summary, indent=2, ensure_ascii=False, allow_nan=False)
        write_whole(target / "decision.json", text + "\n")
        return write_decision(self.found, target)


def decide(
    scenario: str | Path | Scenario = "aout-2021",
    *,
    designs: Sequence[str] = (),
    policy: str | None = None,
    ranges: str | Path | None = None,
    runs: int | None = None,
    draws: int = DRAWS,
    seed: int = 1,
    workers: int | None = None,
    scheduler: str | None = None,
    out: str | Path | None = None,
    progress: Callable[[str, float], None] | None = None,
) -> DecisionResult:
    """Say which design to choose, how likely that is right, and what to measure first.

    Args:
        scenario: name of a shipped scenario, path of a file, or a loaded scenario.
        designs: names; empty: those that the scenario compares.
        policy: a login policy, or `all` to decide on it too; None: it is drawn, the same for all.
        ranges: a CSV file of ranges that replace or add to those of the tables.
        runs: whole draws, the engine included; None: until the emulator errs by less than a point.
        draws: draws on which probabilities and gains are taken.
        workers: processes; scheduler: address of a Dask scheduler whose workers do it instead.
        out: folder that keeps whole draws; the same call goes on there.
        progress: called with the stage (engine, draws, indices) and its share done.

    Raises:
        UserError: a scenario, design, policy, range or option that is not allowed.
    """
    begin = time.perf_counter()
    loaded = scenario if isinstance(scenario, Scenario) else load_scenario(scenario)
    given = read_ranges(Path(ranges)) if ranges is not None else ()
    evaluation = prepare(loaded, designs=designs, policy=policy, ranges=given, seed=seed)
    found = study(
        evaluation, runs=AUTO if runs is None else runs, draws=draws, seed=seed,
        folder=None if out is None else Path(out) / "draws", workers=Workers(workers, scheduler),
        progress=progress,
    )  # fmt: skip
    return DecisionResult(found, time.perf_counter() - begin)
