"""The replay: some minutes of a scenario on sockets, under each design, weighed as a comparison.

Each design has a space of its own, new, so that none finds what another left: codes used, tokens,
mail. A run that is stopped keeps the designs that are done and what it has of the one under way.
"""

from __future__ import annotations

import contextlib
import json
import math
import secrets
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from datetime import time as midnight
from functools import partial
from pathlib import Path
from typing import Any

from sandbox.clients.plan import LoadPlan
from sandbox.live.cast import CastSize
from sandbox.observations.observations import Observations
from sandbox.observations.schema import Cause
from sandbox.space.candidates import Candidate, candidates
from sandbox.space.errors import UserError
from sandbox.space.files import write_whole
from sandbox.space.loader import load_scenario
from sandbox.space.methods import Method
from sandbox.space.scenario import Scenario
from sandbox.twin.checking import Checked, check_mailboxes
from sandbox.twin.cores import Placement
from sandbox.twin.drive import Driven, Watch, drive
from sandbox.twin.foreign import Joined, fitted, joined, subjects_of
from sandbox.twin.host import Hosted, Order, hosted
from sandbox.twin.observed import observations_of
from sandbox.twin.plan import plan_of
from sandbox.twin.schedule import Schedule, Window, schedule_of
from sandbox.twin.stepped import prove
from sandbox.twin.subset import largest_operators

__all__ = [
    "OPERATORS",
    "Ground",
    "Replay",
    "Replayed",
    "Wanted",
    "replay",
    "replay_one",
    "scenario_of",
    "schedules",
]

OPERATORS = 3  # of the live space, at most; the largest, as `up` takes them
# A generator is the limit when its starts are late, or its event loop is full.
LATE_SECONDS = 0.1
FULL = 0.85
ANYWHERE = Placement()
CLOCK_SECONDS = 1.0  # by which the clock may be slewed and nobody cares


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
        crews: processes that operators are shared out to; 0: all are in the space's own.
        space: files of operators that are not ours, one each; empty: a space of ours is started.
    """

    scenario: str
    designs: tuple[str, ...] = ()
    login_policy: str | None = None
    operators: int = OPERATORS
    window: Window
    scale: float = 1.0
    seed: int = 1
    processes: int = 1
    crews: int = 0
    space: tuple[Path, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Replayed:
    """One design's minutes.

    Attributes:
        driven: what clients did.
        checked: what became of the mail; None when nobody could look.
        observations: as tables.
        processor: seconds that the servers spent meanwhile, nan when they were gone.
        seconds: how long it lasted.
        gone: whether the servers ended before the replay did.
    """

    driven: Driven
    checked: Checked | None
    observations: Observations
    processor: float
    seconds: float
    gone: bool = False

    @property
    def generator_was_the_limit(self) -> bool:
        """Whether latencies may be the clients' own."""
        return self.driven.lateness_p99 > LATE_SECONDS or self.driven.share > FULL

    @property
    def whole(self) -> bool:
        """Whether it went to its end: nobody stopped it, no process of it ended by itself."""
        return not (self.driven.stopped or self.driven.crashed or self.gone)

    @property
    def troubles(self) -> list[str]:
        """What a reader has to know before the figures, a line each, French first."""
        driven, found = self.driven, []
        for why in driven.crashed:
            found.append(
                f"un processus de clients s'est arrêté ({why}), ses sessions manquent"
                f" / a process of clients ended ({why}), its sessions are missing"
            )
        if self.gone:
            lost = sum(Cause.CONNECTION_LOST in each.failures for each in driven.outcomes)
            found.append(
                f"les serveurs se sont arrêtés : {lost} sessions coupées ou sans réponse, courrier"
                f" non vérifié / servers ended: {lost} sessions cut or unanswered, mail not checked"
            )
        if driven.clock > CLOCK_SECONDS:
            found.append(
                f"l'horloge a été changée de {driven.clock:.1f} s : les codes à usage unique en"
                " dépendent, les durées non / the clock was set by"
                f" {driven.clock:.1f} s: one-time codes go by it, durations do not"
            )
        if self.generator_was_the_limit:
            found.append(
                "les clients étaient la limite, ces latences sont aussi les leurs"
                " (--processes, --speed) / clients were the limit: latencies are theirs too"
            )
        return found

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
            "clock_set_seconds": round(driven.clock, 3),
            "clients_crashed": len(driven.crashed),
            "servers_ended": self.gone,
            "interrupted": driven.stopped,
            "troubles": self.troubles,
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

    @property
    def whole(self) -> bool:
        """Whether every design went to its end."""
        return not self.interrupted and all(each.whole for each in self.found.values())

    def write(self, folder: Path) -> Path:
        """Write what `compare` writes, with what a replay adds to its summary.

        Of one that did not go to its end, only what it adds: whoever stopped it waits for nothing.

        Returns:
            the report, or the summary where there is none.
        """
        if not self.whole:
            return _written(folder / "summary.json", self.summary)
        wanted = self.wanted
        names = tuple(dict.fromkeys(name.partition("/")[0] for name in self.found))
        # It takes seconds to import, and who looks on at a replay waits for none of it.
        from sandbox.analysis.comparison import Options, compare_runs
        from sandbox.analysis.result import Result
        from sandbox.analysis.summary import summarise

        options = Options(
            designs=names, login_policy=wanted.login_policy, engine="live", replications=1,
            seed=wanted.seed, scale=wanted.scale, decision=False,
        )  # fmt: skip
        runs = {name: [each.observations] for name, each in self.found.items()}
        compared = compare_runs(self.scenario, options, runs, folder)
        result = Result(**{name: getattr(compared, name) for name in Result.__dataclass_fields__})
        path = result.report(folder)
        _written(folder / "summary.json", summarise(result) | self.summary)
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


def _written(path: Path, tree: Mapping[str, Any]) -> Path:
    """Write JSON, whole or not at all."""
    text = json.dumps(tree, ensure_ascii=False, indent=1, allow_nan=False)
    return write_whole(path, text + "\n")


@dataclass(frozen=True, slots=True)
class Ground:
    """The folder of a space that is started again, and who plays there: keys and people are kept.

    What operators hold in memory is not: approvals, certificates that were found good.
    """

    folder: Path
    cast: CastSize


def _order(wanted: Wanted, schedule: Schedule, ground: Ground) -> Order:
    scenario, candidate = schedule.scenario, schedule.candidate
    first = datetime.combine(scenario.period.start, midnight.min)
    return Order(
        scenario=wanted.scenario,
        designs=(candidate.design.name,),
        login_policy=candidate.policy.name,
        operators=scenario.operators.count,
        cast=ground.cast,
        folder=str(ground.folder),
        seed=wanted.seed,
        processes=wanted.crews,
        # A login by code is honoured again, as in the simulation: on the wire, by its code.
        share=scenario.policies.session_seconds if scenario.policies.totp_once else 0.0,
        at=(first + timedelta(seconds=wanted.window.begin)).isoformat(),
    )


def replay_one(
    wanted: Wanted,
    schedule: Schedule,
    *,
    show: Callable[[Watch], None] = lambda _: None,
    during: Callable[[Any], None] | None = None,
    out: Path | None = None,
    patience: float | None = None,
    ground: Ground | None = None,
    cores: Placement = ANYWHERE,
) -> Replayed:
    """Replay one design's minutes on a space of its own.

    Args:
        wanted: what for.
        schedule: the minutes.
        show: called twice a second.
        during: called once the space is up, before clients start: to change it.
        out: folder for the observations; None: they are not written.
        patience: seconds after the minutes, at which what is still open is cut; None: it ends.
        ground: where the space lives; None: in a folder that goes with it.
        cores: on which processors.
    """
    name, window = schedule.candidate.name.replace("/", "."), schedule.window
    with tempfile.TemporaryDirectory(prefix="mssante-replay-") as path:
        folder = Path(path)
        own = ground or Ground(folder / "space", schedule.cast)
        with _host(wanted, schedule, own, cores) as host:
            # On a ground that is kept there is mail of other runs.
            run = f"{name}-{wanted.seed}-{window.speed:g}-{secrets.token_hex(4)}"
            plan = replace(plan_of(schedule, host.sheet, run), patience=patience)
            if isinstance(host, Joined):
                prove(plan)
            if during is not None:
                during(host)
            up, before = time.monotonic(), host.processor()
            driven = drive(plan, processes=wanted.processes, cores=cores.clients, show=show)
            seconds = time.monotonic() - up
            seen = _Seen()
            try:
                seen.take(
                    host, schedule, plan, driven.accepted, folder / "seen",
                    check=not driven.stopped,
                )  # fmt: skip
            except KeyboardInterrupt:  # what clients saw is kept
                driven.stopped = True
            gone = not host.alive
    who = {each.number: (each.method, each.operator) for each in plan.accounts}
    minutes = math.ceil(seconds / 60)
    observations = observations_of(
        driven.outcomes, who, seen.servers, minutes, int(wanted.window.begin // 60),
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
        driven=driven, checked=seen.checked, observations=observations,
        processor=seen.processor - before, seconds=seconds, gone=gone,
    )  # fmt: skip


def _host(
    wanted: Wanted, schedule: Schedule, ground: Ground, cores: Placement
) -> contextlib.AbstractContextManager[Hosted | Joined]:
    """Start a space, or join operators that run."""
    if wanted.space:
        design = schedule.candidate.design.name
        return joined(wanted.space, schedule.space.operators, design)
    return hosted(_order(wanted, schedule, ground), cores.servers)


@dataclass(slots=True)
class _Seen:
    """What the servers say after the clients have left, as far as they are there to say it."""

    checked: Checked | None = None
    servers: Observations | None = None
    processor: float = math.nan

    def take(
        self, host: Hosted | Joined, schedule: Schedule, plan: LoadPlan, accepted: set[int],
        folder: Path, *, check: bool,
    ) -> None:  # fmt: skip
        """Ask them, and `check`: open all mailboxes."""
        design = schedule.candidate.design.name
        with contextlib.suppress(UserError):  # they have ended
            self.processor = host.processor()
            self.servers = host.observed(design, folder)
            if not check:
                return
            self.checked = check_mailboxes(host.sheet, plan, accepted)
            # What was under way has been delivered since; the check's own logins are not ours.
            later = host.observed(design, folder)
            if self.servers is not None and later is not None:
                tables = {**self.servers.tables, "deliveries": later.tables["deliveries"]}
                self.servers = Observations(self.servers.about, tables)


def scenario_of(wanted: Wanted) -> Scenario:
    """Return the scenario, with people who can log in at the operators of `space`.

    Raises:
        UserError: it, or a file of theirs, is wrong; more operators or designs than there can be.
    """
    full = load_scenario(wanted.scenario)
    if not wanted.space:
        return full
    if len(wanted.designs) != 1:
        raise UserError(
            "avec --space, donner une architecture : celle de ces opérateurs",
            "with --space, give one design: that of these operators",
            where="--design",
        )
    return fitted(full, subjects_of(wanted.space))


def schedules(wanted: Wanted) -> tuple[Scenario, dict[str, Callable[[], Schedule]]]:
    """Return the scenario that fits, and by candidate what makes its schedule.

    Raises:
        UserError: something that cannot be.
    """
    full = scenario_of(wanted)
    most = full.operators.count
    if not 1 <= wanted.operators <= most:
        raise UserError.expected(f"operators {wanted.operators}", f"1 … {most}")
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
            found[name] = replay_one(wanted, make(), out=out, show=partial(show, name))
        except KeyboardInterrupt:  # before its clients began
            return Replay(wanted, scenario, found, interrupted=True)
        if found[name].driven.stopped:
            return Replay(wanted, scenario, found, interrupted=True)
    return Replay(wanted, scenario, found)
