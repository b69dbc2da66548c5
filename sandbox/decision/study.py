"""The study: draw, evaluate, weigh, explain. What `decide` does, from a scenario to a decision.

1. Whole draws: the engine and the closed forms at the points of a Sobol' sequence, spread over
   workers, kept as they come.
2. An emulator of the engine's differences, with its error; from then on a draw costs a quarter of a
   millisecond.
3. On many draws: who is best, regret, weights, what each factor is worth, the map and, on fresh
   draws, how well it predicts.
4. Morris and Sobol' on the gap between the candidate that is recommended and its rival.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sandbox.decision.choice import FULL, Choice, choose, points_of, scales_of, weights_of
from sandbox.decision.criteria import CLOSED, CRITERIA, SIMULATED
from sandbox.decision.emulator import Emulator, fit_emulator
from sandbox.decision.evaluation import Evaluation
from sandbox.decision.factors import Factor, Values, columns_of
from sandbox.decision.features import Label, features_of
from sandbox.decision.indices import KEPT, OTHERS, Index, screen, sobol
from sandbox.decision.information import Gain, basis, evppi, explained, perfect_information
from sandbox.decision.observations import Measure, measure_of
from sandbox.decision.rules import Accuracy, DecisionMap, Sample, grow
from sandbox.decision.traffic import ACCESSES
from sandbox.space.errors import UserError
from sandbox.workers.spread import HERE, Workers, hand_out

__all__ = ["AUTO", "DRAWS", "STAGES", "Decision", "Driver", "study"]

Floats = NDArray[np.float64]
STAGES = ("engine", "draws", "indices")
AUTO = 0  # runs: as many as the emulator needs
BATCH, MOST_RUNS = 64, 4096
AUTO_MOST = 384
GOOD_ENOUGH = 1.0  # points: root mean square error of the emulator at which `auto` stops
CHUNK = 4  # draws of one task
DRAWS = 4096
FRESH = 0.5  # of the draws as many others, to judge the map on
LEAST_POINTS = 64  # of Sobol' indices; an eighth of the draws, a power of two
REPEATS = 6  # other samples of accesses, to know the sampling error
FIRST = 5  # to measure
LEAST_SHARE = 0.01  # of a variance: an input that explains less drives nothing
LEAST_RUNS = 8
FORMAT = 1  # of kept draws; a change makes old ones run again
MAP_WEIGHTS = 32  # under which the map is judged
FEW_WEIGHTS = 16  # over which what a factor is worth is taken


@dataclass(frozen=True, slots=True)
class Driver:
    """What one factor does.

    Attributes:
        effect: Morris' mean absolute elementary effect on the gap, points.
        index: Sobol' indices; None where screening left it.
        gain: what knowing it is worth over all weights, points; by criterion, in its unit.
        explains: by criterion, the share of the variance of the gap between the first two that it
            predicts alone.
    """

    factor: Factor
    effect: float
    index: Index | None
    gain: Gain
    by_criterion: Mapping[str, Gain]
    explains: Mapping[str, float]


@dataclass(frozen=True)
class Decision:
    """What a study found.

    Attributes:
        runs: whole draws, engine included; draws: on which shares and gains are taken.
        scales: what 100 points are worth, by criterion.
        drivers: largest gain first, then largest effect.
        others: Sobol' indices of all that screening left, together.
        perfect: what knowing everything is worth, points; by criterion, in its unit.
        map_replayed: how well the map does on the whole draws, without the emulator.
        emulator: of the engine's criteria.
        sampling: criterion -> standard deviation of a difference over samples of accesses.
        measure_first: what to measure next, most worth first.
        means: criterion -> candidate -> mean over draws.
    """

    evaluation: Evaluation
    runs: int
    draws: int
    choice: Choice
    scales: Mapping[str, float]
    drivers: tuple[Driver, ...]
    others: Index
    perfect: float
    perfect_by_criterion: Mapping[str, float]
    map: DecisionMap
    map_replayed: Accuracy
    emulator: Emulator
    sampling: Mapping[str, float]
    measure_first: tuple[Measure, ...]
    means: Mapping[str, Mapping[str, float]]
    by_policy: Mapping[str, Mapping[str, float]]

    @property
    def names(self) -> tuple[str, ...]:
        """The candidates."""
        return self.evaluation.names

    def driving(self, criterion: str, most: int = 3) -> list[Driver]:
        """Return what moves the gap between the first two most on a criterion, most first."""
        ordered = sorted(self.drivers, key=lambda d: (-d.explains[criterion], d.factor.key))
        return [each for each in ordered[:most] if each.explains[criterion] >= LEAST_SHARE]


def _points(evaluation: Evaluation, count: int, seed: int, stream: int) -> Floats:
    """Return points of the unit cube, a scrambled Sobol' sequence, (count, columns)."""
    from scipy.stats import qmc  # a second of imports

    power = int(np.ceil(np.log2(max(count, 2))))
    drawn = qmc.Sobol(evaluation.columns, rng=np.random.default_rng([seed, stream]))
    found: Floats = drawn.random_base2(power)[:count]
    return found


def _evaluate(evaluation: Evaluation, points: Floats) -> dict[str, Floats]:
    return evaluation.simulated(evaluation.values(points))


def _fingerprint(evaluation: Evaluation, points: Floats) -> str:
    """Tell whether kept draws answer this study."""
    scenario = evaluation.scenario.model_dump(mode="json", exclude={"title", "title_en"})
    text = json.dumps(
        [FORMAT, ACCESSES, evaluation.base.seed, scenario, repr(evaluation.factors),
         {policy: list(weighed) for policy, weighed in evaluation.by_policy.items()}],
        sort_keys=True,
    )  # fmt: skip
    return hashlib.sha256(text.encode() + points.tobytes()).hexdigest()[:16]


def _simulated(
    evaluation: Evaluation, points: Floats, folder: Path | None, workers: Workers,
    progress: Callable[[float], None],
) -> dict[str, Floats]:  # fmt: skip
    """Return the engine's criteria at all points; what a folder already holds is not done again."""
    parts = [points[first : first + CHUNK] for first in range(0, len(points), CHUNK)]
    files = [None if folder is None else folder / f"{_fingerprint(evaluation, each)}.npz"
             for each in parts]  # fmt: skip
    found: dict[int, dict[str, Floats]] = {}
    for place, path in enumerate(files):
        if path is not None and path.is_file():
            with np.load(path) as kept:
                found[place] = {name: kept[name] for name in SIMULATED}
    left = [place for place in range(len(parts)) if place not in found]

    def keep(place: int, answer: dict[str, Floats]) -> None:
        found[left[place]] = answer
        path = files[left[place]]
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
            partial_file = path.with_suffix(".partial")
            with partial_file.open("wb") as file:
                np.savez(file, **answer)  # type: ignore[arg-type]  # the stubs see allow_pickle in it
            partial_file.replace(path)
        progress(len(found) / len(parts))

    hand_out(partial(_evaluate, evaluation), [parts[place] for place in left], keep, workers)
    return {name: np.concatenate([found[place][name] for place in range(len(parts))])
            for name in SIMULATED}  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Drawn:
    """Points of the unit cube, and what is read off them again and again.

    Attributes:
        values: of the inputs.
        labels, features: what the emulator and the map read: values, categories, abilities by kind
            of software; float64 (n, features).
    """

    values: Values
    labels: list[Label]
    features: Floats

    @classmethod
    def at(cls, evaluation: Evaluation, u: Floats) -> _Drawn:
        values = evaluation.values(u)
        return cls(values, *features_of(evaluation.scenario, evaluation.factors, values, len(u)))


def _sampling(evaluation: Evaluation) -> dict[str, float]:
    """Return by how much another sample of accesses moves a difference, at the middle of ranges."""
    middle = np.full((1, evaluation.columns), 0.5)
    rows: dict[str, list[Floats]] = {name: [] for name in SIMULATED}
    for repeat in range(REPEATS):
        other = replace(evaluation, base=replace(evaluation.base, seed=1_000_003 + repeat))
        for name, values in other.simulated(other.values(middle)).items():
            rows[name].append(values[0] - values[0].mean())
    return {name: float(np.nanmax(np.std(each, axis=0, ddof=1))) for name, each in rows.items()}


def _base_points(draws: int) -> int:
    return max(LEAST_POINTS, 1 << int(np.log2(max(draws // 8, 1))))


def _whole(evaluation: Evaluation, emulator: Emulator, drawn: _Drawn) -> dict[str, Floats]:
    """Return every criterion at points; those of the engine as differences from their mean."""
    found = evaluation.closed(drawn.values) | emulator.predict(drawn.features)
    return {name: found[name] for name in CRITERIA}


def study(
    evaluation: Evaluation,
    *,
    runs: int = AUTO,
    draws: int = DRAWS,
    seed: int = 1,
    folder: Path | None = None,
    workers: Workers = HERE,
    progress: Callable[[str, float], None] | None = None,
) -> Decision:
    """Decide.

    Args:
        runs: whole draws; AUTO: until the emulator errs by less than a point.
        draws: cheap ones, on which probabilities and gains are taken.
        folder: keeps the whole draws; the same call goes on there.
        workers: who runs the engine; that changes no result.
        progress: called with the stage (of STAGES) and its share done.

    Raises:
        UserError: runs out of range.
    """
    if runs != AUTO and not LEAST_RUNS <= runs <= MOST_RUNS:
        raise UserError(
            f"attendu {LEAST_RUNS} à {MOST_RUNS}, ou auto",
            f"must be {LEAST_RUNS} to {MOST_RUNS}, or auto",
            where=f"--runs {runs}",
        )
    tell = progress or (lambda _stage, _share: None)
    most = runs or AUTO_MOST
    points = _points(evaluation, most, seed, 0)
    count = runs or BATCH
    while True:
        mine = points[:count]

        def simulated(share: float, count: int = count) -> None:
            tell("engine", share * count / most)

        engine = _simulated(evaluation, mine, folder, workers, simulated)
        replayed = _Drawn.at(evaluation, mine)
        emulator = fit_emulator(replayed.features, engine)
        if runs or count >= most:
            break
        scales = scales_of(evaluation.closed(replayed.values) | engine)
        if max(100 * emulator.error[n] / scales[n] for n in SIMULATED) / len(CRITERIA) < (
            GOOD_ENOUGH
        ):
            break
        count += BATCH
    tell("engine", 1.0)
    u = _points(evaluation, draws, seed, 1)
    drawn = _Drawn.at(evaluation, u)
    metrics = _whole(evaluation, emulator, drawn)
    scales = scales_of(metrics)
    choice = choose(evaluation.names, metrics, scales, seed)
    tell("draws", 0.3)
    lost = points_of(metrics, scales)
    decision_map = _map(evaluation, emulator, scales, Sample(drawn.features, lost), seed)
    whole = evaluation.closed(replayed.values) | engine
    judged = Sample(replayed.features, points_of({n: whole[n] for n in CRITERIA}, scales))
    tell("draws", 0.5)
    weights = weights_of(len(CRITERIA), FEW_WEIGHTS, seed)
    best, rival = (evaluation.names.index(n) for n in (choice.recommended, choice.rival))
    gains, shares = _gains(
        evaluation.factors, u, lost, weights, (best, rival),
        lambda share: tell("draws", 0.5 + 0.5 * share),
    )  # fmt: skip

    def gap(at: Floats) -> Floats:
        metrics = _whole(evaluation, emulator, _Drawn.at(evaluation, at))
        there = points_of(metrics, scales).mean(axis=2)
        found: Floats = there[:, rival] - there[:, best]
        return found

    effects = screen(evaluation.factors, gap, seed)
    tell("indices", 0.5)
    kept = list(effects)[:KEPT]
    indices = sobol(evaluation.factors, gap, kept, _base_points(draws), seed)
    tell("indices", 1.0)
    drivers = [
        Driver(
            f, effects[f.key], indices.get(f.key), gains[f.key][0],
            {
                name: Gain(gain.mean * scales[name] / FULL, gain.half * scales[name] / FULL)
                for name, gain in zip(CRITERIA, gains[f.key][1:], strict=True)
            },
            dict(zip(CRITERIA, map(float, shares[f.key]), strict=True)),
        )
        for f in evaluation.factors
    ]  # fmt: skip
    drivers.sort(key=lambda d: (-d.gain.clear, -d.effect, d.factor.key))
    return Decision(
        evaluation=evaluation, runs=count, draws=draws, choice=choice, scales=scales,
        drivers=tuple(drivers), others=indices.get(OTHERS, Index(0.0, 0.0, 0.0, 0.0)),
        perfect=perfect_information(lost, weights),
        perfect_by_criterion={
            name: perfect_information(lost[:, :, [k]], np.ones((1, 1))) * scales[name] / FULL
            for k, name in enumerate(CRITERIA)
        },
        map=decision_map, map_replayed=decision_map.judge(judged, _least(scales)),
        emulator=emulator, sampling=_sampling(evaluation),
        measure_first=tuple(
            measure_of(d.factor, d.gain, drawn.values) for d in drivers[:FIRST] if d.gain.clear > 0
        ),
        means=_means(evaluation.names, metrics, engine),
        by_policy=_by_policy(evaluation.names, drawn.values, choice),
    )  # fmt: skip


def _means(
    names: Sequence[str], metrics: Mapping[str, Floats], engine: Mapping[str, Floats]
) -> dict[str, dict[str, float]]:
    """Return means over draws; of the engine's criteria, over the whole draws."""
    found = {}
    for name in CRITERIA:
        means = np.nanmean(metrics[name] if name in CLOSED else engine[name], axis=0)
        found[name] = dict(zip(names, map(float, means), strict=True))
    return found


def _by_policy(
    names: Sequence[str], values: Mapping[str, NDArray[np.object_]], choice: Choice
) -> dict[str, dict[str, float]]:
    """Return, by login policy, how often each candidate is best at equal weights; empty: fixed."""
    if "login_policy" not in values:
        return {}
    best = choice.losses <= choice.losses.min(axis=1, keepdims=True) + 1e-9
    part = best / best.sum(axis=1, keepdims=True)
    found = {}
    for policy in dict.fromkeys(values["login_policy"]):
        mine = part[values["login_policy"] == policy].mean(axis=0)
        found[str(policy)] = dict(zip(names, map(float, mine), strict=True))
    return found


def _map(
    evaluation: Evaluation,
    emulator: Emulator,
    scales: Mapping[str, float],
    train: Sample,
    seed: int,
) -> DecisionMap:
    """Grow the map on the draws and judge it on fresh ones."""
    count = round(FRESH * len(train.features))
    fresh = _Drawn.at(evaluation, _points(evaluation, count, seed, 2))
    points = points_of(_whole(evaluation, emulator, fresh), scales)
    return grow(
        evaluation.names, fresh.labels, train, Sample(fresh.features, points), _least(scales),
        weights_of(len(CRITERIA), MAP_WEIGHTS, seed + 1),
    )  # fmt: skip


def _least(scales: Mapping[str, float]) -> Floats:
    """Return the least gap that matters, in points, by criterion."""
    return np.array([FULL * each.threshold / scales[name] for name, each in CRITERIA.items()])


def _gains(
    factors: Sequence[Factor], u: Floats, losses: Floats, weights: Floats, pair: tuple[int, int],
    progress: Callable[[float], None],
) -> tuple[dict[str, list[Gain]], dict[str, Floats]]:  # fmt: skip
    """Return what knowing each factor is worth, points: over all weights, then by criterion.

    Then, by criterion, the share of the variance of the gap between a pair that it explains.
    """
    found, shares = {}, {}
    gaps = losses[:, pair[1]] - losses[:, pair[0]]
    for place, (each, columns) in enumerate(zip(factors, columns_of(factors), strict=True)):
        features = basis(each, u[:, columns.start : columns.stop])
        found[each.key] = evppi(features, losses, weights)
        shares[each.key] = explained(features, gaps)
        progress((place + 1) / len(factors))
    return found, shares
