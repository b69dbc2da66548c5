"""The comparison: runs every design on the same people and the same days, and weighs them."""

from __future__ import annotations

import itertools
import shutil
import time
import weakref
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import pandas as pd

from sandbox.analysis.headroom import Headroom, headroom_of
from sandbox.analysis.incidents import Loss, incidents_of
from sandbox.analysis.metrics import CANNOT_CONNECT, METRICS, collect, headline, login_weights
from sandbox.analysis.statistics import (
    Estimate,
    PairedDifference,
    estimate,
    finite,
    paired_difference,
    replications_needed,
)
from sandbox.decision.evaluation import prepare
from sandbox.decision.study import STAGES, Decision, study
from sandbox.observations.observations import Observations
from sandbox.simulation.runner import Task, run_tasks
from sandbox.space.candidates import Candidate, candidates
from sandbox.space.compatibility import Compatibility, can_connect, compatibility
from sandbox.space.costs import DesignCost, design_cost
from sandbox.space.errors import UserError
from sandbox.space.incidents import Incident
from sandbox.space.loader import load_scenario, with_inputs
from sandbox.space.population import Space, build_space
from sandbox.space.scenario import Scenario
from sandbox.workers.spread import Workers

__all__ = ["Comparison", "Options", "compare_runs", "run_comparison"]

Candidates = Mapping[str, Candidate]
FIRST_STAGE = 8  # replications that say how many more are needed
FIRST_ACCESSES = 3000  # of each, or the whole space if it is smaller
FIRST_NUMBER = 10_000  # of the first stage's replications: other people than the others'
MOST_REPLICATIONS = 12
DECISION_RUNS, DECISION_DRAWS = 48, 2048  # of the small study; `decide` makes a longer one


@dataclass(frozen=True, slots=True)
class Options:
    """How to run a comparison; nothing here changes what a scenario means.

    Attributes:
        designs: names; empty: those that the scenario compares.
        login_policy: a name, `all`, or None for the scenario's.
        replications: how many, None: as many as it takes to know differences that matter.
        scale: share of mailboxes and messages.
        workers: processes of this machine, None: one a processor.
        scheduler: address of a Dask scheduler, whose workers do it instead of this machine.
        headroom: find how much more traffic each design carries, which a report needs.
        decision: draw the uncertain inputs too, a small study of `decide`.
    """

    designs: tuple[str, ...] = ()
    login_policy: str | None = None
    engine: str = "fast"
    replications: int | None = None
    seed: int = 1
    scale: float = 1.0
    workers: int | None = None
    scheduler: str | None = None
    trace: bool = False
    headroom: bool = True
    decision: bool = True

    @property
    def crew(self) -> Workers:
        """Who does the work."""
        return Workers(self.workers, self.scheduler)


@dataclass(frozen=True)
class FirstStage:
    """Replications that said how many more were needed, and say how wide the intervals are.

    Attributes:
        share: of the space that each has; 1: they are the first replications themselves.
        runs, metrics: as in `Comparison`.
    """

    share: float
    runs: Mapping[str, Sequence[Observations]]
    metrics: Mapping[str, Sequence[Mapping[str, float]]]


@dataclass(frozen=True)
class Comparison:
    """What the designs of a scenario give, replication by replication.

    Attributes:
        candidates: designs under their login policy, by name; `design` below is such a name.
        runs: observations by design, in order of replication.
        metrics: by design, one dict of METRICS per replication.
        first_stage: None when the number of replications was given.
        space: of the first replication; others have as many mailboxes and other people.
        compatibility: by design, who can connect, computed; what is simulated is the traffic of
            those who can under every one of the designs.
        costs: by design.
        headroom: by design, how much more traffic it carries; empty when it was not asked for.
        incidents: by design, what each kind of incident costs.
        sweep: one row per value, design and metric, when the scenario sweeps an input.
        decision: what a small study says; None when it was not asked for, or of one design.
        folder: where the observations are.
    """

    scenario: Scenario
    options: Options
    space: Space
    candidates: Mapping[str, Candidate]
    runs: Mapping[str, Sequence[Observations]]
    metrics: Mapping[str, Sequence[Mapping[str, float]]]
    first_stage: FirstStage | None
    compatibility: Mapping[str, Compatibility]
    costs: Mapping[str, DesignCost]
    headroom: Mapping[str, Headroom]
    incidents: Mapping[str, Mapping[Incident, Loss]]
    sweep: pd.DataFrame | None
    decision: Decision | None
    wall_seconds: float
    peak_rss_bytes: int
    folder: Path
    _keep: object = field(default=None, repr=False)

    @property
    def designs(self) -> tuple[str, ...]:
        """Names, in the order compared."""
        return tuple(self.runs)

    def estimate(self, design: str, metric: str) -> Estimate:
        """Return the mean of a metric over replications, and its interval."""
        first = self.first_stage
        return estimate(
            collect(self.metrics[design], metric),
            pilot=collect(first.metrics[design], metric) if first else (),
            share=first.share if first else 1.0,
        )

    def estimate_of(self, design: str, value: Callable[[Observations], float]) -> Estimate:
        """Return the mean over replications of what `value` finds in each, and its interval."""
        first = self.first_stage
        return estimate(
            [value(run) for run in self.runs[design]],
            pilot=[value(run) for run in first.runs[design]] if first else (),
            share=first.share if first else 1.0,
        )

    @property
    def frame(self) -> pd.DataFrame:
        """One row each: columns design, replication, metric, value."""
        rows = [
            {"design": design, "replication": number, "metric": metric, "value": value}
            for design, replications in self.metrics.items()
            for number, values in enumerate(replications)
            for metric, value in values.items()
        ]
        return pd.DataFrame(rows)

    @property
    def table(self) -> pd.DataFrame:
        """Mean of each metric (rows) under each design (columns), over replications."""
        means = self.frame.groupby(["metric", "design"], sort=False)["value"].mean()
        return means.unstack("design")[list(self.designs)]

    @property
    def paired(self) -> list[dict[str, Any]]:
        """Every pair of designs under every metric, judged together within a metric."""
        pairs = list(itertools.combinations(self.designs, 2))
        rows = []
        for metric in METRICS.values():
            for first, second in pairs:
                found = _difference(
                    self.metrics, self.first_stage, first, second, metric.name, len(pairs)
                )
                rows.append({
                    "metric": metric.name, "first": first, "second": second,
                    "family": f"pairs of designs: {metric.name}", "comparisons": len(pairs),
                    "difference": finite(found.difference.mean),
                    "ci95": _interval(found.difference.interval),
                    "significant": found.significant,
                    "matters": abs(found.difference.mean) >= metric.threshold,
                    "correlation": finite(found.correlation),
                    "variance_reduction": finite(found.variance_reduction),
                })  # fmt: skip
        return rows


def _difference(
    metrics: Mapping[str, Sequence[Mapping[str, float]]], stage: FirstStage | None,
    first: str, second: str, metric: str, comparisons: int,
) -> PairedDifference:  # fmt: skip
    a, b = (collect(metrics[name], metric) for name in (first, second))
    if stage is None:
        return paired_difference(a, b, comparisons=comparisons)
    c, d = (collect(stage.metrics[name], metric) for name in (first, second))
    return paired_difference(a, b, comparisons=comparisons, pilot=(c, d), share=stage.share)


def _interval(ends: tuple[float, float] | None) -> list[float | None] | None:
    return None if ends is None else [finite(ends[0]), finite(ends[1])]


def _tasks(
    scenario: Scenario, options: Options, weighed: Candidates, replications: range
) -> list[Task]:
    among = tuple((each.design.name, each.policy.name) for each in weighed.values())
    return [
        Task(scenario, candidate.design.name, candidate.policy.name, replication, options.seed,
             options.scale, options.engine, options.trace, among)
        for replication in replications
        for candidate in weighed.values()
    ]  # fmt: skip


def _by_name(weighed: Candidates, found: Sequence[Observations]) -> dict[str, list[Observations]]:
    """Deal out observations, made in the order of `_tasks`, to the candidates."""
    names = list(weighed)
    return {name: list(found[place :: len(names)]) for place, name in enumerate(names)}


def _compatibilities(
    scenario: Scenario, weighed: Candidates, scale: float
) -> dict[str, Compatibility]:
    return {
        name: compatibility(scenario, each.design, each.policy, scale=scale)
        for name, each in weighed.items()
    }


def _headlines(
    runs: Mapping[str, Sequence[Observations]],
    mix: Mapping[str, Sequence[Observations]] | None = None,
) -> dict[str, list[dict[str, float]]]:
    """Return the metrics of each run, at the mix of methods of `mix` (None: of all runs)."""
    weights = login_weights(run for some in (mix or runs).values() for run in some)
    return {
        design: [headline(run, weights) for run in replications]
        for design, replications in runs.items()
    }


def _needed(metrics: Mapping[str, Sequence[Mapping[str, float]]], share: float) -> int:
    """Return how many replications tell every difference of designs that matters."""
    pairs = list(itertools.combinations(metrics, 2))
    needed = [1]
    for metric in METRICS.values():
        for first, second in pairs:
            a, b = (collect(metrics[name], metric.name) for name in (first, second))
            needed.append(replications_needed(
                [y - x for x, y in zip(a, b, strict=True)], metric.threshold,
                share=share, comparisons=len(pairs),
            ))  # fmt: skip
    return min(max(needed), MOST_REPLICATIONS)


def _replicate(
    scenario: Scenario, options: Options, weighed: Candidates, root: Path,
    progress: Callable[[str, float], None],
) -> tuple[
    dict[str, list[Observations]], dict[str, list[dict[str, float]]], FirstStage | None
]:  # fmt: skip
    """Run all replications, or as many as the first stage says (Stein 1945).

    The first stage is a few samples of the space, beside its first replication; of a small space it
    is the first replications themselves.
    """

    def run(tasks: list[Task]) -> list[Observations]:
        return run_tasks(
            tasks, root, workers=options.crew,
            progress=lambda share: progress("comparison", share),
        )  # fmt: skip

    def whole(replications: range) -> list[Task]:
        return _tasks(scenario, options, weighed, replications)

    if options.replications:
        runs = _by_name(weighed, run(whole(range(options.replications))))
        return runs, _headlines(runs), None
    accesses = len(build_space(scenario, seed=options.seed, scale=options.scale).accesses)
    share = min(1.0, FIRST_ACCESSES / max(1, accesses))
    if share < 1:
        small = Options(**{**_fields(options), "scale": options.scale * share, "trace": False})
        numbers = range(FIRST_NUMBER, FIRST_NUMBER + FIRST_STAGE)
        begun = whole(range(1))
        found = run([*begun, *_tasks(scenario, small, weighed, numbers)])
        runs, first = (
            _by_name(weighed, part) for part in (found[: len(begun)], found[len(begun) :])
        )
    else:
        runs = first = _by_name(weighed, run(whole(range(FIRST_STAGE))))
    needed = _needed(_headlines(first, runs), share)
    if needed > len(next(iter(runs.values()))):
        runs = _by_name(weighed, run(whole(range(needed))))
    stage = FirstStage(share, first, _headlines(first, runs))
    return runs, _headlines(runs), stage


def _sweep(
    scenario: Scenario, options: Options, weighed: Candidates, root: Path,
    progress: Callable[[str, float], None],
) -> pd.DataFrame | None:  # fmt: skip
    """Repeat the comparison over the values of the scenario's sweep, one replication each."""
    sweep = scenario.sweep
    if sweep is None:
        return None
    points = [
        with_inputs(scenario, {sweep.key: value}).model_copy(update={"sweep": None})
        for value in sweep.values
    ]
    rows = []
    for number, point in enumerate(points):
        single = Options(**{**_fields(options), "replications": 1, "trace": False})

        def done(share: float, number: int = number) -> None:
            progress("sweep", (number + share) / len(points))

        found = run_tasks(
            _tasks(point, single, weighed, range(1)), root / f"sweep-{number:02d}",
            workers=options.crew, progress=done,
        )  # fmt: skip
        metrics = _headlines(_by_name(weighed, found))
        for name, who in _compatibilities(point, weighed, options.scale).items():
            metrics[name][0][CANNOT_CONNECT.name] = who.whole.cannot_connect
        label = sweep.labels[number] if sweep.labels else f"{sweep.values[number]:g}"
        rows += [
            {"key": sweep.key, "value": sweep.values[number], "label": label, "design": design,
             "metric": metric, "result": value}
            for design, (values,) in metrics.items()
            for metric, value in values.items()
        ]  # fmt: skip
    return pd.DataFrame(rows)


class _Folder:
    """A temporary folder that is removed with the last result that uses it."""

    def __init__(self) -> None:
        self.path = Path(mkdtemp(prefix="mss-sandbox-"))
        weakref.finalize(self, shutil.rmtree, self.path, ignore_errors=True)


def _fields(options: Options) -> dict[str, Any]:
    return {name: getattr(options, name) for name in Options.__slots__}


def run_comparison(
    scenario: str | Path | Scenario = "aout-2021",
    *,
    out: str | Path | None = None,
    progress: Callable[[str, float], None] | None = None,
    **options: Any,
) -> Comparison:
    """Replay a scenario under each design and compare them.

    Args:
        scenario: name of a shipped scenario, path of a file, or a loaded scenario.
        out: folder that keeps the observations; the same call resumes there. None: a temporary
            one, which lives as long as the result.
        progress: called with the stage (a key of cli_compare.STAGES) and its share done.
        options: fields of Options: designs, login_policy, engine, replications, seed, scale,
            workers, scheduler, trace, headroom, decision.

    Raises:
        UserError: a scenario, design or option that does not exist or is not allowed.
    """
    begin = time.perf_counter()
    try:
        chosen = Options(**options)
    except TypeError:
        unknown = ", ".join(set(options) - set(Options.__slots__))
        raise UserError.among(
            "option inconnue", "unknown option", f"compare: {unknown}", Options.__slots__
        ) from None
    if chosen.replications is not None and not 1 <= chosen.replications <= 1000:
        raise UserError(
            "attendu 1 à 1000, ou auto",
            "must be 1 to 1000, or auto",
            where=f"replications {chosen.replications}",
        )
    loaded = scenario if isinstance(scenario, Scenario) else load_scenario(scenario)
    weighed = candidates(loaded, chosen.designs, chosen.login_policy)
    report = progress or (lambda _stage, _share: None)
    keep = _Folder() if out is None else None
    folder = keep.path if keep else Path(str(out))
    root = folder / "observations"
    runs, metrics, first_stage = _replicate(loaded, chosen, weighed, root, report)
    sweep = _sweep(loaded, chosen, weighed, root, report)
    found = _weighed(loaded, chosen, weighed, runs, metrics, report, folder, begin)
    decision = None
    if chosen.decision and len(weighed) > 1:
        evaluation = prepare(
            loaded, designs=chosen.designs, policy=chosen.login_policy, seed=chosen.seed
        )
        decision = study(
            evaluation, runs=DECISION_RUNS, draws=DECISION_DRAWS, seed=chosen.seed,
            folder=folder / "draws", workers=chosen.crew,
            progress=lambda stage, share: report(
                "decision", (STAGES.index(stage) + share) / len(STAGES)
            ),
        )  # fmt: skip
    wall = time.perf_counter() - begin
    return replace(
        found, first_stage=first_stage, sweep=sweep, decision=decision, wall_seconds=wall,
        _keep=keep,
    )  # fmt: skip


def compare_runs(
    scenario: Scenario,
    options: Options,
    runs: Mapping[str, Sequence[Observations]],
    folder: Path,
) -> Comparison:
    """Weigh designs by runs that were made elsewhere: on sockets.

    What is computed or simulated beside the runs of a comparison (who can connect, costs, headroom,
    incidents) is so here too.

    Args:
        scenario: whose designs.
        options: as they were made.
        runs: by candidate, replication after replication.
        folder: where the observations are.
    """
    weighed = candidates(scenario, options.designs, options.login_policy)
    begin = time.perf_counter()
    return _weighed(
        scenario, options, weighed, runs, _headlines(runs), lambda _stage, _share: None, folder,
        begin,
    )  # fmt: skip


def _weighed(
    scenario: Scenario, options: Options, weighed: Candidates,
    runs: Mapping[str, Sequence[Observations]],
    metrics: Mapping[str, Sequence[Mapping[str, float]]],
    report: Callable[[str, float], None], folder: Path, begin: float,
) -> Comparison:  # fmt: skip
    """Add to runs what is told of designs without them."""
    space = build_space(scenario, seed=options.seed, scale=options.scale)
    headroom = {} if not options.headroom else headroom_of(
        scenario, list(weighed.values()), seed=options.seed, scale=options.scale,
        workers=options.crew, progress=lambda share: report("headroom", share),
    )  # fmt: skip
    able = can_connect(space, [(each.design, each.policy) for each in weighed.values()])
    return Comparison(
        scenario=scenario,
        options=options,
        space=space,
        candidates=weighed,
        runs=runs,
        metrics=metrics,
        first_stage=None,
        compatibility=_compatibilities(scenario, weighed, options.scale),
        costs={
            name: design_cost(each.design, scenario, each.policy) for name, each in weighed.items()
        },
        headroom=headroom,
        incidents={name: incidents_of(space, each, able) for name, each in weighed.items()},
        sweep=None,
        decision=None,
        wall_seconds=time.perf_counter() - begin,
        peak_rss_bytes=max(run.about["peak_rss_bytes"] for rows in runs.values() for run in rows),
        folder=folder,
    )
