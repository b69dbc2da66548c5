"""The twin test: the same minutes simulated and on sockets, at several loads, compared.

The simulation knows the machine by its calibration alone, which is another run at no load.
"""

from __future__ import annotations

import json
import math
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from sandbox.observations.schema import Phase
from sandbox.simulation import fast
from sandbox.simulation.model import Kind, StationStat
from sandbox.simulation.state import TRACE_FIELDS
from sandbox.space.candidates import Candidate, candidates
from sandbox.space.capacity import capacity_of
from sandbox.space.loader import load_scenario
from sandbox.space.population import ROBOT
from sandbox.space.scenario import Scenario
from sandbox.twin.calibration import Calibration
from sandbox.twin.drive import Driven, Watch
from sandbox.twin.observed import machine_seconds
from sandbox.twin.replay import Replayed, Wanted, replay_one
from sandbox.twin.schedule import ALL_METHODS, Schedule, schedule_of
from sandbox.twin.structure import calibrated_model, calibrated_scenario
from sandbox.twin.subset import largest_operators

__all__ = ["GOALS", "Level", "Row", "Twin", "predicted", "rows_of", "run_twin"]

GOALS = {"mean": 0.10, "p50": 0.10, "p95": 0.15}  # relative errors within which they agree
HIGHEST = 0.8  # of saturation
FEW = 20  # logins below which nothing is judged
BATCHES = 10
Floats = NDArray[np.float64]
Samples = Mapping[tuple[str, str], Floats]  # (method, measure): seconds, in order of start

STATISTICS: dict[str, Callable[[Floats], float]] = {
    "mean": lambda values: float(values.mean()),
    "p50": lambda values: float(np.quantile(values, 0.5)),
    "p95": lambda values: float(np.quantile(values, 0.95)),
}


@dataclass(frozen=True, slots=True)
class Row:
    """One figure, predicted and measured, s."""

    design: str
    method: str
    measure: str
    statistic: str
    predicted: float | None
    measured: float | None
    ci95: tuple[float, float] | None
    count: int

    @property
    def relative_error(self) -> float | None:
        """Of the prediction; None where there is nothing to compare."""
        if self.predicted is None or not self.measured:
            return None
        return self.predicted / self.measured - 1

    @property
    def judged(self) -> bool:
        """Whether there were enough logins to tell."""
        return self.count >= FEW and self.relative_error is not None and self.ci95 is not None

    @property
    def missed(self) -> bool:
        """Whether the error is beyond the goal, and the prediction beyond the measure's chance."""
        if not self.judged:
            return False
        assert self.ci95 is not None
        assert self.predicted is not None
        error = abs(self.relative_error or 0.0)
        return error > GOALS[self.statistic] and not (
            self.ci95[0] <= self.predicted <= self.ci95[1]
        )

    @property
    def plain(self) -> dict[str, Any]:
        """As `twin.json` has it."""
        return {
            "design": self.design, "method": self.method, "measure": self.measure,
            "statistic": self.statistic, "predicted": _rounded(self.predicted),
            "measured": _rounded(self.measured),
            "ci95": None if self.ci95 is None else [_rounded(end) for end in self.ci95],
            "relative_error": _rounded(self.relative_error), "logins": self.count,
        }  # fmt: skip


def _rounded(value: float | None) -> float | None:
    return None if value is None or math.isnan(value) else round(value, 6)


@dataclass(frozen=True, slots=True)
class Level:
    """One load: share of saturation that is predicted, and what came of it."""

    load: float
    rows: tuple[Row, ...]
    clients_were_the_limit: bool = False

    @property
    def plain(self) -> dict[str, Any]:
        """As `twin.json` has it."""
        return {
            "load": round(self.load, 4), "rows": [row.plain for row in self.rows],
            "generator_was_the_limit": self.clients_were_the_limit,
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class Twin:
    """All levels.

    Attributes:
        levels: by load.
        saturation: sessions a second that the servers are predicted to bear, by design.
        calibration: by which.
        interrupted: before all was over.
    """

    levels: Sequence[Level]
    saturation: Mapping[str, float]
    calibration: Calibration
    interrupted: bool = False

    @property
    def missed(self) -> list[dict[str, Any]]:
        """Rows beyond the goals, with their load."""
        return [
            {"load": round(level.load, 4), **row.plain}
            for level in self.levels
            for row in level.rows
            if row.missed
        ]

    @property
    def verdict(self) -> str:
        """within, outside, or undecided where too few logged in."""
        if not any(row.judged for level in self.levels for row in level.rows):
            return "undecided"
        return "outside" if self.missed else "within"

    @property
    def plain(self) -> dict[str, Any]:
        """As `twin.json` has it."""
        return {
            "levels": [level.plain for level in self.levels],
            "saturation": {name: round(value, 3) for name, value in self.saturation.items()},
            "verdict": self.verdict,
            "missed": self.missed,
            "goals": GOALS,
            "machine": dict(self.calibration.machine),
            "interrupted": self.interrupted,
        }

    def write(self, folder: Path) -> Path:
        """Write `twin.json`, whole or not at all."""
        folder.mkdir(parents=True, exist_ok=True)
        partial = folder / "twin.json.partial"
        text = json.dumps(self.plain, ensure_ascii=False, indent=1, allow_nan=False)
        partial.write_text(text + "\n", encoding="utf-8")
        return partial.replace(folder / "twin.json")


def predicted(schedule: Schedule, calibration: Calibration) -> tuple[Samples, float]:
    """Return the latencies that the simulation gives, and the seconds that its servers work."""
    model = calibrated_model(schedule.model, calibration)
    capacity = capacity_of(schedule.scenario, schedule.candidate.design)  # a live space is whole
    slots = np.concatenate(list(capacity.slots.values()))
    model = replace(model, inputs=model.inputs._replace(pool_slots=slots))
    blocks: list[NDArray[np.int64]] = [np.zeros((0, TRACE_FIELDS), dtype=np.int64)]
    record = fast.run(model, trace=blocks.append)
    rows = np.concatenate(blocks)
    rows = rows[rows[:, 4] >= 0]  # who logged in
    rows = rows[np.argsort(rows[:, 3], kind="stable")]
    access = rows[:, 0]
    person = rows[:, 9 + Phase.PERSON] / 1e9
    whole = (rows[:, 4] - rows[:, 3]) / 1e9
    robot = schedule.accesses.software[access] == ROBOT
    waited = np.isin(rows[:, 1], (Kind.OPEN, Kind.SEND)) & ~robot
    found: dict[tuple[str, str], Floats] = {}
    for number, method in enumerate(ALL_METHODS):
        mine = schedule.accesses.method[access] == number
        found[str(method), "machine"] = (whole - person)[mine]
        found[str(method), "user"] = whole[mine & (waited | (person > 0))]
    return found, float(record.stations[:, StationStat.BUSY].sum()) / 1e9


def measured_of(driven: Driven, methods: Mapping[int, str]) -> Samples:
    """Return the latencies that clients saw."""
    found: dict[tuple[str, str], list[float]] = defaultdict(list)
    for each in driven.outcomes:
        if each.login is None:
            continue
        machine = machine_seconds(each)
        found[methods[each.account], "machine"].append(machine)
        if each.attended or each.person > 0:
            found[methods[each.account], "user"].append(machine + each.person)
    return {key: np.array(values) for key, values in found.items()}


def _interval(values: Floats, statistic: Callable[[Floats], float]) -> tuple[float, float] | None:
    """Return a 95 % interval by batch means: logins close in time are alike."""
    if len(values) < FEW:
        return None
    batches = [statistic(part) for part in np.array_split(values, min(BATCHES, len(values) // 5))]
    spread = float(np.std(batches, ddof=1)) / math.sqrt(len(batches))
    half = float(stats.t.ppf(0.975, len(batches) - 1)) * spread
    middle = statistic(values)
    return middle - half, middle + half


def rows_of(design: str, simulated: Samples, seen: Samples) -> tuple[Row, ...]:
    """Compare by method, measure and statistic."""
    rows = []
    nothing = np.zeros(0)
    for method, measure in sorted({*simulated, *seen}):
        said = simulated.get((method, measure), nothing)
        found = seen.get((method, measure), nothing)
        if not len(said) and not len(found):
            continue
        for name, statistic in STATISTICS.items():
            rows.append(Row(
                design, method, measure, name,
                statistic(said) if len(said) else None,
                statistic(found) if len(found) else None,
                _interval(found, statistic), len(found),
            ))  # fmt: skip
    return tuple(rows)


@dataclass(frozen=True)
class _Pair:
    """One design, in both executions."""

    wanted: Wanted
    scenario: Scenario
    candidate: Candidate
    among: tuple[Candidate, ...]
    calibration: Calibration
    out: Path | None
    show: Callable[[Watch], None] = field(default=lambda _: None)

    def schedule(self, speed: float) -> Schedule:
        """Return its minutes at a speed."""
        window = replace(self.wanted.window, speed=speed)
        return schedule_of(
            self.scenario, self.candidate, self.among, window,
            seed=self.wanted.seed, scale=self.wanted.scale,
        )  # fmt: skip

    def speed_at(self, load: float) -> tuple[float, float]:
        """Return the speed that gives a load, and the sessions a second that saturate."""
        schedule = self.schedule(1.0)
        _, busy = predicted(schedule, self.calibration)
        servers = self.calibration.servers
        bears = len(schedule.model.inputs.listed) / busy * servers
        return load * self.wanted.window.seconds * servers / busy, bears

    def at(self, load: float) -> tuple[tuple[Row, ...], Replayed]:
        """Run both at a load."""
        schedule = self.schedule(self.speed_at(load)[0])
        simulated, _ = predicted(schedule, self.calibration)
        wanted = replace(self.wanted, window=schedule.window)
        out = None if self.out is None else self.out / f"load-{load:.2f}"
        replayed = replay_one(wanted, schedule, show=self.show, out=out)
        methods = {number: str(schedule.method(number)) for number in schedule.active}
        seen = measured_of(replayed.driven, methods)
        return rows_of(self.candidate.name, simulated, seen), replayed


def run_twin(
    wanted: Wanted, calibration: Calibration, *, levels: int = 4, out: Path | None = None,
    show: Callable[[str, Watch], None] = lambda _name, _watch: None,
    tell: Callable[[str], None] = lambda _: None,
) -> Twin:  # fmt: skip
    """Run both executions at several loads up to 80 % of saturation.

    Args:
        wanted: which minutes; its speed is not used.
        calibration: of this machine.
        levels: how many loads.
        out: folder for the observations; None: they are not kept.
        show: called twice a second.
        tell: told of each load, and of what a reader has to know of it.

    Raises:
        UserError: something that cannot be.
    """
    scenario = calibrated_scenario(
        largest_operators(load_scenario(wanted.scenario), wanted.operators), calibration
    )
    weighed = candidates(scenario, wanted.designs, wanted.login_policy)
    pairs = [
        _Pair(
            wanted, scenario, each, tuple(weighed.values()), calibration, out,
            lambda watch, name=name: show(name, watch),  # type: ignore[misc]
        )
        for name, each in weighed.items()
    ]  # fmt: skip
    saturation = {pair.candidate.name: pair.speed_at(1.0)[1] for pair in pairs}
    done: list[Level] = []
    for number in range(levels):
        load = HIGHEST * (number + 1) / levels
        rows: list[Row] = []
        limit = False
        for pair in pairs:
            name = pair.candidate.name
            tell(f"{name}: charge {load:.0%}… / load")
            try:
                found, replayed = pair.at(load)
            except KeyboardInterrupt:
                return Twin(done, saturation, calibration, interrupted=True)
            rows += found
            limit |= replayed.generator_was_the_limit
            for line in replayed.troubles:
                tell(f"{name}: {line}")
            if not replayed.whole:
                level = Level(load, tuple(rows), limit)
                return Twin([*done, level], saturation, calibration, interrupted=True)
        done.append(Level(load, tuple(rows), limit))
    return Twin(done, saturation, calibration)
