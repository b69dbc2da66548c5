"""The replay: some minutes of a scenario on sockets, under each design, weighed as a comparison.

Each design has a space of its own, new, so that none finds what another left: codes used, tokens,
mail. A run that is stopped keeps the designs that are done and what it has of the one under way.
"""

from __future__ import annotations

import json
import math
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from datetime import time as midnight
from pathlib import Path
from typing import Any

from sandbox.analysis.comparison import Options, compare_runs
from sandbox.analysis.result import Result
from sandbox.analysis.summary import summarise
from sandbox.observations.observations import Observations
from sandbox.space.candidates import Candidate, candidates
from sandbox.space.errors import UserError
from sandbox.space.loader import load_scenario
from sandbox.space.methods import Method
from sandbox.space.scenario import Scenario
from sandbox.twin.checking import Checked, check_mailboxes
from sandbox.twin.drive import Driven, Watch, drive
from sandbox.twin.host import Hosted, Order, hosted
from sandbox.twin.observed import observations_of
from sandbox.twin.schedule import Schedule, Window, schedule_of
from sandbox.twin.subset import largest_operators

__all__ = ["OPERATORS", "Replay", "Replayed", "Wanted", "replay", "replay_one"]

OPERATORS = 3  # of the live space, at most; the largest, as `up` takes them
# A generator is the limit when its starts are late, or its event loop is full.
LATE_SECONDS = 0.1
FULL = 0.85


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What to replay.

    Attributes:
        scenario: name or path.
        designs: names; empty: those that the scenario compares.
        login_policy: a name; None: the scenario's.
        operators: of the live space.
        window: which minutes.
        scale: share of the mailboxes and messages.
        seed: of everything drawn.
        processes: of clients.
    """

    scenario: str
    designs: tuple[str, ...] = ()
    login_policy: str | None = None
    operators: int = OPERATORS
    window: Window
    scale: float = 1.0
    seed: int = 1
    processes: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Replayed:
    """One design's minutes.

    Attributes:
        driven: what clients did.
        checked: what became of the mail; None when the servers were gone.
        observations: as tables.
        processor: seconds that the servers spent meanwhile, nan when they were gone.
        seconds: how long it lasted.
    """

    driven: Driven
    checked: Checked | None
    observations: Observations
    processor: float
    seconds: float

    @property
    def generator_was_the_limit(self) -> bool:
        """Whether latencies may be the clients' own."""
        return self.driven.lateness_p99 > LATE_SECONDS or self.driven.share > FULL

    @property
    def summary(self) -> dict[str, Any]:
        """What the summary says of it."""
        driven, checked = self.driven, self.checked
        return {
            "intended": driven.intended,
            "started": driven.started,
            "lateness_p99_seconds": round(driven.lateness_p99, 6),
            "lost": None if checked is None or checked.unread else checked.lost,
            "duplicated": None if checked is None or checked.unread else checked.duplicated,
            "spoiled": None if checked is None else checked.spoiled,
            "misdelivered": None if checked is None else checked.strangers,
            "accepted": len(driven.accepted),
            "clients_processor_share": round(driven.share, 4),
            "servers_processor_share": None
            if math.isnan(self.processor)
            else round(self.processor / max(self.seconds, 1e-9), 4),
            "generator_was_the_limit": self.generator_was_the_limit,
            "interrupted": driven.stopped,
        }


@dataclass(frozen=True, slots=True)
class Replay:
    """All designs' minutes.

    Attributes:
        wanted: what was asked for.
        scenario: that was replayed: its largest operators.
        found: by candidate, in order; fewer when it was stopped.
        interrupted: whether it was.
    """

    wanted: Wanted
    scenario: Scenario
    found: Mapping[str, Replayed] = field(default_factory=dict)
    interrupted: bool = False

    def write(self, folder: Path) -> Path:
        """Write what `compare` writes, with what a replay adds to its summary."""
        wanted = self.wanted
        names = tuple(dict.fromkeys(name.partition("/")[0] for name in self.found))
        options = Options(
            designs=names, login_policy=wanted.login_policy, engine="live", replications=1,
            seed=wanted.seed, scale=wanted.scale, decision=False,
        )  # fmt: skip
        runs = {name: [each.observations] for name, each in self.found.items()}
        compared = compare_runs(self.scenario, options, runs, folder)
        result = Result(**{name: getattr(compared, name) for name in Result.__dataclass_fields__})
        path = result.report(folder)
        text = json.dumps(
            summarise(result) | self.summary, ensure_ascii=False, indent=1, allow_nan=False
        )
        partial = folder / "summary.json.partial"
        partial.write_text(text + "\n", encoding="utf-8")
        partial.replace(folder / "summary.json")
        return path

    @property
    def summary(self) -> dict[str, Any]:
        """All designs together, and each under `replay`."""
        rows = {name: each.summary for name, each in self.found.items()}

        def total(key: str) -> int | None:
            values = [row[key] for row in rows.values()]
            return None if None in values else sum(values)

        return {
            "intended": total("intended"),
            "started": total("started"),
            "lateness_p99_seconds": max(
                (row["lateness_p99_seconds"] for row in rows.values()), default=0.0
            ),
            "lost": total("lost"),
            "duplicated": total("duplicated"),
            "interrupted": self.interrupted,
            "window": {
                "begin_seconds": self.wanted.window.begin,
                "seconds": self.wanted.window.seconds,
                "speed": self.wanted.window.speed,
            },
            "replay": rows,
        }


def _order(wanted: Wanted, schedule: Schedule, folder: Path) -> Order:
    scenario, candidate = schedule.scenario, schedule.candidate
    first = datetime.combine(scenario.period.start, midnight.min)
    return Order(
        scenario=wanted.scenario,
        designs=(candidate.design.name,),
        login_policy=candidate.policy.name,
        operators=scenario.operators.count,
        cast=schedule.cast,
        folder=str(folder),
        seed=wanted.seed,
        # A login by code is honoured again, as in the simulation: on the wire, by its code.
        share=scenario.policies.session_seconds if scenario.policies.totp_once else 0.0,
        at=(first + timedelta(seconds=wanted.window.begin)).isoformat(),
    )


def replay_one(
    wanted: Wanted,
    schedule: Schedule,
    *,
    show: Callable[[Watch], None] = lambda _: None,
    during: Callable[[Hosted], None] | None = None,
    out: Path | None = None,
) -> Replayed:
    """Replay one design's minutes on a space of its own.

    Args:
        wanted: what for.
        schedule: the minutes.
        show: called twice a second.
        during: called once the space is up, before clients start: to change it.
        out: folder for the observations; None: they are not written.
    """
    name = schedule.candidate.name.replace("/", ".")
    with tempfile.TemporaryDirectory(prefix="mssante-replay-") as path:
        folder = Path(path)
        with hosted(_order(wanted, schedule, folder / "space")) as host:
            plan = schedule.plan(host.sheet, f"{name}-{wanted.seed}")
            if during is not None:
                during(host)
            up, before = time.monotonic(), host.processor()
            driven = drive(plan, processes=wanted.processes, show=show)
            seconds = time.monotonic() - up
            checked, servers, processor = None, None, math.nan
            if host.alive:
                processor = host.processor() - before
                design = schedule.candidate.design.name
                servers = host.observed(design, folder / "seen")
                checked = check_mailboxes(host.sheet, plan, driven.accepted)
                # What was under way has been delivered since; the check's own logins are not ours.
                arrived = host.observed(design, folder / "seen").tables["deliveries"]
                servers = Observations(servers.about, {**servers.tables, "deliveries": arrived})
    who = {each.number: (each.method, each.operator) for each in plan.accounts}
    minutes = math.ceil(seconds / 60)
    observations = observations_of(
        driven.outcomes, who, servers, minutes, int(wanted.window.begin // 60),
        {
            "scenario": schedule.scenario.name, "design": schedule.candidate.design.name,
            "policy": schedule.candidate.policy.name, "engine": "live", "seed": wanted.seed,
            "replication": 0, "scale": wanted.scale, "wall_seconds": round(seconds, 3),
            "peak_rss_bytes": 0, "accesses": len(plan.accounts),
            "mailboxes": int(schedule.space.mailboxes.sum()),
            # These minutes are the day of the people in them; applications have certificates.
            "person_days": sum(each.method is not Method.CERTIFICATE for each in plan.accounts),
        },
    )  # fmt: skip
    if out is not None:
        observations.write(out / "observations" / f"{name}-r000")
    return Replayed(
        driven=driven, checked=checked, observations=observations, processor=processor,
        seconds=seconds,
    )  # fmt: skip


def schedules(wanted: Wanted) -> tuple[Scenario, dict[str, Callable[[], Schedule]]]:
    """Return the scenario that fits, and by candidate what makes its schedule.

    Raises:
        UserError: something that cannot be.
    """
    full = load_scenario(wanted.scenario)
    most = full.operators.count
    if not 1 <= wanted.operators <= most:
        raise UserError(
            "attendu", "expected", where=f"operators {wanted.operators}", then=f"1 … {most}"
        )
    window = wanted.window
    if window.speed != 1 and full.outages:
        raise UserError(
            "les pannes du scénario durent leur temps : --speed 1",
            "the scenario's outages take their time: --speed 1",
            where=f"--speed {window.speed:g}",
        )
    scenario = largest_operators(full, wanted.operators)
    weighed = candidates(scenario, wanted.designs, wanted.login_policy)

    def made(candidate: Candidate) -> Callable[[], Schedule]:
        return lambda: schedule_of(
            scenario, candidate, list(weighed.values()), window,
            seed=wanted.seed, scale=wanted.scale,
        )  # fmt: skip

    return scenario, {name: made(candidate) for name, candidate in weighed.items()}


def replay(
    wanted: Wanted, *, out: Path | None = None,
    show: Callable[[str, Watch], None] = lambda _name, _watch: None,
) -> Replay:  # fmt: skip
    """Replay under each design in turn; Ctrl-C keeps what is done.

    Raises:
        UserError: something that cannot be.
    """
    scenario, makers = schedules(wanted)
    found: dict[str, Replayed] = {}
    for name, make in makers.items():
        try:
            found[name] = replay_one(
                wanted,
                make(),
                out=out,
                show=lambda watch, name=name: show(name, watch),  # type: ignore[misc]
            )
        except KeyboardInterrupt:
            return Replay(wanted, scenario, found, interrupted=True)
        if found[name].driven.stopped:
            return Replay(wanted, scenario, found, interrupted=True)
    return Replay(wanted, scenario, found)
