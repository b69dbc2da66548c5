"""The twin test: the same minutes simulated and on sockets, at several loads, compared.

The simulation knows the machine by its calibration alone, which is another run at no load.
"""

from __future__ import annotations

import json
import math
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

from sandbox.live.cast import CastSize
from sandbox.space.candidates import Candidate, candidates
from sandbox.space.files import write_whole
from sandbox.space.scenario import Scenario
from sandbox.twin.calibration import Calibration
from sandbox.twin.compared import FEW, GOALS, Figure, Level, Row
from sandbox.twin.cores import Placement, cores_of, placed, shared_out
from sandbox.twin.drive import Watch
from sandbox.twin.figures import write_figures, write_storms
from sandbox.twin.pace import Paces, pace_watch
from sandbox.twin.replay import Ground, Replayed, Wanted, replay_one, scenario_of
from sandbox.twin.runs import TAIL, Run, Samples, measured_of, predicted
from sandbox.twin.schedule import Schedule, Window, schedule_of
from sandbox.twin.storm import Stopping, Storm
from sandbox.twin.structure import calibrated_scenario
from sandbox.twin.subset import largest_operators
from sandbox.twin.weather import Weather

__all__ = ["Twin", "rows_of", "run_twin"]

HIGHEST = 0.8  # of saturation
STORMY = 0.5  # of saturation, at which servers stand still: they need room to catch up
BATCHES = 10
LONGEST = 30.0  # s within which the sessions of a load start; fewer minutes are taken for that
Floats = NDArray[np.float64]

STATISTICS: dict[str, Callable[[Floats], float]] = {
    "mean": lambda values: float(values.mean()),
    "p50": lambda values: float(np.quantile(values, 0.5)),
    "p95": lambda values: float(np.quantile(values, 0.95)),
}


@dataclass(frozen=True, slots=True)
class Twin:
    """All levels.

    Attributes:
        levels: by load.
        saturation: sessions a second that the servers are predicted to bear, by design.
        calibration: by which.
        interrupted: before all was over.
        samples: latencies of the highest load that was run, predicted and measured, by design.
        storms: what came of servers that stood still, by design; none unless asked for.
    """

    levels: Sequence[Level]
    saturation: Mapping[str, float]
    calibration: Calibration
    interrupted: bool = False
    samples: Mapping[str, tuple[Samples, Samples]] = field(default_factory=dict)
    storms: Sequence[Storm] = ()

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
            "storms": [each.plain for each in self.storms],
            "verdict": self.verdict,
            "missed": self.missed,
            "goals": GOALS,
            "machine": dict(self.calibration.machine),
            "interrupted": self.interrupted,
        }

    def write(self, folder: Path) -> Path:
        """Write `twin.json`, whole or not at all, and the figures of what was run."""
        folder.mkdir(parents=True, exist_ok=True)
        text = json.dumps(self.plain, ensure_ascii=False, indent=1, allow_nan=False)
        if self.levels:
            write_figures(folder, self.levels, self.samples)
        write_storms(folder, self.storms)
        return write_whole(folder / "twin.json", text + "\n")


def _interval(values: Floats, statistic: Callable[[Floats], float]) -> tuple[float, float] | None:
    """Return a 95 % interval by batch means: logins close in time are alike."""
    if len(values) < FEW:
        return None
    batches = [statistic(part) for part in np.array_split(values, min(BATCHES, len(values) // 5))]
    spread = float(np.std(batches, ddof=1)) / math.sqrt(len(batches))
    half = float(stdtrit(len(batches) - 1, 0.975)) * spread
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
    _busy: dict[float, float] = field(default_factory=dict)

    def schedule(self, window: Window) -> Schedule:
        """Return the sessions of some minutes."""
        return schedule_of(
            self.scenario, self.candidate, self.among, window,
            seed=self.wanted.seed, scale=self.wanted.scale,
        )  # fmt: skip

    def minutes_at(self, load: float) -> Window:
        """Return as many of the minutes as LONGEST has room for at a load, at their speed."""
        window = self.wanted.window
        servers = self.calibration.servers
        for _ in range(2):
            lasts = self.busy(window) / (load * servers)
            window = replace(window, seconds=window.seconds * min(1.0, LONGEST / lasts))
        return replace(window, speed=window.seconds * load * servers / self.busy(window))

    def busy(self, window: Window) -> float:
        """Return the seconds that some minutes' work takes, of servers that are never idle.

        With that of the clients, where they work on the same cores.
        """
        key = window.seconds
        if key not in self._busy:
            full, alone = self.calibration.saturated, replace(window, speed=1.0)
            run = predicted(self.schedule(alone), full, clients=self._clients)
            self._busy[key] = run.servers + (run.clients if full.shared else 0.0)
        return self._busy[key]

    def cast(self, loads: Sequence[float]) -> CastSize:
        """Return who has to play for all loads."""
        sizes = [self.schedule(self.minutes_at(load)).cast for load in loads]
        by_sms = max(each.by_sms for each in sizes)
        others = max(each.people - each.by_sms for each in sizes)
        return CastSize(people=others + by_sms, by_sms=by_sms)

    @property
    def saturation(self) -> float:
        """Sessions a second that the servers are predicted to bear."""
        window = self.wanted.window
        sessions = len(self.schedule(replace(window, speed=1.0)).model.inputs.listed)
        return sessions / self.busy(window) * self.calibration.servers

    def at(self, load: float, ground: Ground) -> Pairing:
        """Run both at a load."""
        schedule = self.schedule(self.minutes_at(load))
        wanted = replace(self.wanted, window=schedule.window)
        out = None if self.out is None else self.out / f"load-{load:.2f}"
        replayed, paces = self._replayed(wanted, schedule, ground, show=self.show, out=out)
        simulated = predicted(schedule, self.calibration, clients=self._clients, paces=paces)
        seen = measured_of(replayed, schedule)
        return Pairing(
            self.candidate.name, schedule.window.lasts, simulated, seen, replayed,
            self.calibration.pace, paces,
        )  # fmt: skip

    def storm(self, seconds: float, ground: Ground) -> tuple[Storm, Replayed]:
        """Run both with servers that stand still for so long, a third of the way."""
        schedule = self.schedule(self.minutes_at(STORMY))
        weather = Weather(schedule.window.lasts / 3, seconds)
        wanted = replace(self.wanted, window=schedule.window)
        stop = Stopping(weather, self.show)
        replayed, paces = self._replayed(
            wanted, schedule, ground, show=stop.show, during=stop.during
        )
        simulated = predicted(
            schedule, self.calibration, clients=self._clients, paces=paces, weather=weather
        )
        seen = measured_of(replayed, schedule)
        return Storm(self.candidate.name, STORMY, weather, simulated, seen), replayed

    @property
    def _cores(self) -> Placement:
        return shared_out(cores_of() if self.wanted.space else self.calibration.servers)

    @property
    def _clients(self) -> int:
        """How many processes of clients work at once."""
        return min(self.wanted.processes, len(self._cores.clients) or cores_of())

    def _replayed(
        self, wanted: Wanted, schedule: Schedule, ground: Ground, **more: Any
    ) -> tuple[Replayed, Paces]:
        """Replay with servers and clients on processors of their own, whose pace is watched.

        Whoever drives it works where clients do.
        """
        cores = self._cores  # of all that this process may work on, not of those it is placed on
        with pace_watch(cores) as watch, placed(cores.clients):
            replayed = replay_one(
                wanted, schedule, patience=TAIL, ground=ground, cores=cores, **more
            )
            return replayed, watch.paces(replayed.driven.begin)


@dataclass(frozen=True)
class Pairing:
    """One design at one load, in both executions.

    Attributes:
        design: which.
        lasts: s in which sessions start.
        simulated, seen: what came of them.
        replayed: the measured one, whole.
        pace: that the calibration is of, s; nan: unknown.
        paces: of the processors meanwhile; None: nobody watched.
    """

    design: str
    lasts: float
    simulated: Run
    seen: Run
    replayed: Replayed
    pace: float = math.nan
    paces: Paces | None = None

    @property
    def rows(self) -> tuple[Row, ...]:
        """Their latencies."""
        return rows_of(self.design, self.simulated.samples, self.seen.samples)

    @property
    def figures(self) -> tuple[Figure, ...]:
        """What is not a latency."""
        said, seen, lasts = self.simulated, self.seen, self.lasts
        found = [
            Figure(self.design, "logins_per_second", said.logins / lasts, seen.logins / lasts),
            Figure(self.design, "servers_utilisation", said.servers / lasts, seen.servers / lasts),
            Figure(self.design, "clients_utilisation", said.clients / lasts, seen.clients / lasts),
        ]
        if self.paces is not None and not math.isnan(self.pace):
            until = self.paces.begin + lasts
            for name in ("servers", "clients"):
                meanwhile = getattr(self.paces, name).mean(self.paces.begin, until)
                if not math.isnan(meanwhile):
                    found.append(Figure(self.design, f"{name}_pace_seconds", self.pace, meanwhile))
        for name, those in said.connections.items():
            if (these := seen.connections.get(name)) is not None:
                found += [
                    Figure(self.design, f"peak_connections {name}", those.most, these.most),
                    Figure(self.design, f"mean_connections {name}", those.mean, these.mean),
                ]
        return tuple(found)


def run_twin(
    wanted: Wanted, calibration: Calibration, *, levels: int = 4, storm: float | None = None,
    out: Path | None = None,
    show: Callable[[str, Watch], None] = lambda _name, _watch: None,
    tell: Callable[[str], None] = lambda _: None,
) -> Twin:  # fmt: skip
    """Run both executions at several loads up to 80 % of saturation.

    Args:
        wanted: which minutes; its speed is not used.
        calibration: of this machine.
        levels: how many loads.
        storm: s for which servers stand still in a run of its own, after the others; None: never.
        out: folder for the observations; None: they are not kept.
        show: called twice a second.
        tell: told of each load, and of what a reader has to know of it.

    Raises:
        UserError: something that cannot be.
    """
    scenario = calibrated_scenario(
        largest_operators(scenario_of(wanted), wanted.operators), calibration
    )
    weighed = candidates(scenario, wanted.designs, wanted.login_policy)
    pairs = [
        _Pair(
            wanted, scenario, each, tuple(weighed.values()), calibration, out,
            partial(show, name),
        )
        for name, each in weighed.items()
    ]  # fmt: skip
    saturation = {pair.candidate.name: pair.saturation for pair in pairs}
    loads = [HIGHEST * (number + 1) / levels for number in range(levels)]
    done: list[Level] = []
    storms: list[Storm] = []
    samples: dict[str, tuple[Samples, Samples]] = {}

    def twin(*, interrupted: bool = False) -> Twin:
        return Twin(done, saturation, calibration, interrupted, samples, storms)

    with tempfile.TemporaryDirectory(prefix="mssante-twin-") as folder:
        grounds = [Ground(Path(folder) / str(n), pair.cast(loads)) for n, pair in enumerate(pairs)]
        for load in loads:
            found: list[Pairing] = []
            for pair, ground in zip(pairs, grounds, strict=True):
                name = pair.candidate.name
                tell(f"{name}: charge {load:.0%}… / load")
                try:
                    found.append(pair.at(load, ground))
                except KeyboardInterrupt:
                    return twin(interrupted=True)
                for line in found[-1].replayed.troubles:
                    tell(f"{name}: {line}")
                if not found[-1].replayed.whole:
                    break
            done.append(Level(
                load, tuple(row for each in found for row in each.rows),
                any(each.replayed.generator_was_the_limit for each in found),
                tuple(figure for each in found for figure in each.figures),
            ))  # fmt: skip
            samples = {each.design: (each.simulated.samples, each.seen.samples) for each in found}
            if not found[-1].replayed.whole:
                return twin(interrupted=True)
        for pair, ground in zip(pairs, grounds, strict=True):
            if storm is None:
                break
            tell(f"{pair.candidate.name}: serveurs à l'arrêt / servers stand still")
            try:
                each, replayed = pair.storm(storm, ground)
            except KeyboardInterrupt:
                return twin(interrupted=True)
            if not replayed.whole:
                return twin(interrupted=True)
            storms.append(each)
    return twin()
