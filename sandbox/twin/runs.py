"""What one execution of some minutes shows, predicted or measured, in the same terms."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from sandbox.clients.plan import SessionOutcome
from sandbox.observations.schema import Phase
from sandbox.simulation import fast
from sandbox.simulation.model import SessionKind, StationStat
from sandbox.simulation.state import TRACE_FIELDS
from sandbox.space.capacity import capacity_of
from sandbox.space.compatibility import MECHANISMS
from sandbox.space.methods import Mechanism, Method
from sandbox.space.population import ROBOT
from sandbox.twin.calibration import Calibration
from sandbox.twin.observed import machine_seconds
from sandbox.twin.pace import Paces
from sandbox.twin.replay import Replayed
from sandbox.twin.schedule import ALL_METHODS, Schedule
from sandbox.twin.structure import calibrated_model
from sandbox.twin.weather import Weather, struck

__all__ = ["TAIL", "Connections", "Run", "Samples", "measured_of", "predicted"]

TAIL = 10.0  # s after the last start, at which both executions are cut
NANOSECONDS = 1e9
TOKEN = MECHANISMS.index(Mechanism.XOAUTH2)
UNATTENDED = (Method.TOTP, Method.CERTIFICATE)  # nobody is waited for within the connection
Floats = NDArray[np.float64]
Samples = Mapping[tuple[str, str], Floats]  # (method, measure): seconds, in order of start


@dataclass(frozen=True, slots=True)
class Connections:
    """Connections of an endpoint, of sessions that needed one only, until the cut.

    Attributes:
        most: at once.
        mean: at once, over the whole time.
    """

    most: int
    mean: float

    @classmethod
    def of(cls, spans: Floats, until: float) -> Connections:
        """Return those of spans, (n, 2) s: begin and end."""
        spans = np.clip(spans[spans[:, 0] < until], 0.0, until)
        instants = np.concatenate([spans[:, 0], spans[:, 1]])
        steps = np.repeat([1, -1], len(spans))
        open_ = np.cumsum(steps[np.lexsort((steps, instants))])
        return cls(int(open_.max(initial=0)), float((spans[:, 1] - spans[:, 0]).sum()) / until)


@dataclass(frozen=True, slots=True)
class Run:
    """What one execution of some minutes shows.

    Attributes:
        samples: latencies, s, of logins until the cut.
        logins: that came about until then.
        connections: by endpoint.
        unattended: of each login by UNATTENDED, when its connection began and when it was in, s.
        servers, clients: processor seconds.
    """

    samples: Samples
    logins: int
    connections: Mapping[str, Connections]
    unattended: Floats
    servers: float
    clients: float


def predicted(
    schedule: Schedule, calibration: Calibration, *, clients: int = 1,
    paces: Paces | None = None, weather: Weather | None = None,
) -> Run:  # fmt: skip
    """Return what the simulation gives.

    Args:
        schedule: the minutes.
        calibration: of the machine.
        clients: processes that clients are in.
        paces: of the machine's processors meanwhile; None: always that of the calibration.
        weather: when servers stand still; None: never.
    """
    made = calibrated_model(
        schedule.model, calibration, schedule.scenario, clients=clients, paces=paces
    )
    people = len(made.model.inputs.access_class)
    if weather is not None:
        made = struck(made, weather)
    capacity = capacity_of(schedule.scenario, schedule.candidate.design)  # a live space is whole
    slots = np.concatenate(list(capacity.slots.values()))
    model = replace(made.model, inputs=made.model.inputs._replace(pool_slots=slots))
    blocks: list[NDArray[np.int64]] = [np.zeros((0, TRACE_FIELDS), dtype=np.int64)]
    record = fast.run(model, trace=blocks.append)
    rows = np.concatenate(blocks)
    rows = rows[rows[:, 0] < people]
    until = (schedule.window.lasts + TAIL) * NANOSECONDS
    connections = _simulated_connections(schedule, rows)
    rows = rows[(rows[:, 4] >= 0) & (rows[:, 4] <= until)]  # who logged in
    rows = rows[np.argsort(rows[:, 3], kind="stable")]
    access = rows[:, 0]
    person = rows[:, 9 + Phase.PERSON] / NANOSECONDS
    whole = (rows[:, 4] - rows[:, 3]) / NANOSECONDS
    robot = schedule.accesses.software[access] == ROBOT
    waited = np.isin(rows[:, 1], (SessionKind.OPEN, SessionKind.SEND)) & ~robot
    found: dict[tuple[str, str], Floats] = {}
    for number, method in enumerate(ALL_METHODS):
        mine = schedule.accesses.method[access] == number
        found[str(method), "machine"] = (whole - person)[mine]
        found[str(method), "user"] = whole[mine & (waited | (person > 0))]
    busy = record.stations[:, StationStat.BUSY] / NANOSECONDS
    alone = np.isin(schedule.accesses.method[access], [ALL_METHODS.index(m) for m in UNATTENDED])
    login = rows[alone, 4] / NANOSECONDS
    return Run(
        samples=found, logins=len(rows), connections=connections,
        unattended=np.stack([login - (whole - person)[alone], login], axis=1),
        servers=float(busy[~made.clients].sum()), clients=float(busy[made.clients].sum()),
    )  # fmt: skip


def _simulated_connections(schedule: Schedule, rows: NDArray[np.int64]) -> dict[str, Connections]:
    """Return those of the sessions that needed one attempt.

    A code is typed, and a token obtained, before the connection; a card and a telephone are waited
    for within.
    """
    robot = schedule.accesses.software[rows[:, 0]] == ROBOT
    spawned, sends = (
        rows[:, 1] == SessionKind.SPAWNED,
        np.isin(rows[:, 1], (SessionKind.SEND, SessionKind.RECEIPT)),
    )
    # What is spawned and logs in: a further connection of mail software, the next mail of a robot.
    smtp = sends | (spawned & robot)
    single = (rows[:, 7] == 0) & (~spawned | (rows[:, 4] >= 0))
    phases = rows[:, 9:]
    found: dict[str, list[Floats]] = defaultdict(list)
    for number, method in enumerate(ALL_METHODS):
        mine = single & (schedule.accesses.method[rows[:, 0]] == number)
        for protocol, these in (("imap", mine & ~smtp), ("smtp", mine & smtp)):
            endpoint = schedule.candidate.design.endpoint(protocol, method)
            before = phases[these, Phase.SLOT]
            if method is Method.TOTP:
                before = before + phases[these, Phase.PERSON]
            elif method is Method.ECPS:
                token = schedule.mechanisms[protocol][rows[these, 0]] == TOKEN
                asked = phases[these, Phase.PERSON] + phases[these, Phase.BACKEND]
                before = before + np.where(token, asked, 0)
            begin = rows[these, 3] + before
            spans = np.stack([begin, np.maximum(rows[these, 5], begin)], axis=1)
            found[endpoint.name].append(spans / NANOSECONDS)
    until = schedule.window.lasts + TAIL
    return {name: Connections.of(np.concatenate(each), until) for name, each in found.items()}


def measured_of(replayed: Replayed, schedule: Schedule) -> Run:
    """Return what clients and servers saw."""
    outcomes = replayed.driven.outcomes
    found: dict[tuple[str, str], list[float]] = defaultdict(list)
    logins, unattended = 0, []
    for each in outcomes:
        if each.login is None:
            continue
        logins += 1
        machine, method = machine_seconds(each), str(schedule.method(each.account))
        found[method, "machine"].append(machine)
        if schedule.method(each.account) in UNATTENDED:
            unattended.append((each.login - machine, each.login))
        if each.attended or each.person > 0:
            found[method, "user"].append(machine + each.person)
    return Run(
        samples={key: np.array(values) for key, values in found.items()}, logins=logins,
        connections=_seen_connections(schedule, outcomes),
        unattended=np.array(unattended).reshape(-1, 2),
        servers=replayed.processor, clients=replayed.driven.processor,
    )  # fmt: skip


def _seen_connections(
    schedule: Schedule, outcomes: Sequence[SessionOutcome]
) -> dict[str, Connections]:
    found: dict[str, list[list[float]]] = defaultdict(list)
    design = schedule.candidate.design
    for each in outcomes:
        if len(each.connections) == 1:
            endpoint = design.endpoint(each.protocol, schedule.method(each.account))
            found[endpoint.name] += each.connections
    until = schedule.window.lasts + TAIL
    return {name: Connections.of(np.array(each), until) for name, each in found.items()}
