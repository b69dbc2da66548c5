"""Incidents: who loses what for how long under each design, and how the service comes back.

An incident strikes on a working morning. Whoever works then and has a mailbox behind what failed
loses the time of the repair; messages that could not be sent are sent after it. When it is over the
connections that were kept come back, each after a pause of its own: the storm is run on the engine,
on the front that must log them all in. The largest operator stands for one incident; a year adds
all operators, each thing that can fail at its own rate.

Nothing here depends on who waits for whom, except the storm: the loss is counted, not drawn.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from sandbox.observations.histogram import bin_middle
from sandbox.simulation import fast
from sandbox.simulation.queues import storm_queue
from sandbox.space.calendar import DayKind, day_kinds, hourly_weights
from sandbox.space.candidates import Candidate
from sandbox.space.capacity import Capacity, capacity_of
from sandbox.space.compatibility import mechanisms_used
from sandbox.space.incidents import (
    NATIONAL_INCIDENTS,
    STRIKES,
    Incident,
    Thing,
    things_that_fail,
)
from sandbox.space.methods import METHODS, Mechanism, Method
from sandbox.space.population import ROBOT, SOFTWARE, Space
from sandbox.space.tables import week

__all__ = ["BACK", "Loss", "back_after", "incidents_of"]

Floats = NDArray[np.float64]
BACK = 0.99  # of dropped connections: the service is normal again
HOUR = 3600.0
ALL_METHODS, ALL_MECHANISMS = tuple(Method), tuple(Mechanism)


@dataclass(frozen=True, slots=True)
class Loss:
    """What one incident costs at the largest operator, and what a year of them costs the space.

    Attributes:
        person_hours: of people who cannot log in, mean over the things that can fail so.
        messages_delayed: that they could not send meanwhile.
        recovery_seconds: from the repair until 99 % of dropped connections are back.
        yearly_person_hours: of all operators.
    """

    person_hours: float
    messages_delayed: float
    recovery_seconds: float
    yearly_person_hours: float


@dataclass(frozen=True, slots=True)
class _Ledger:
    """Who works and sends on a working morning, (operators, methods).

    Attributes:
        people: who work; kept: connections that they keep open; messages: that they send an hour.
    """

    people: Floats
    kept: Floats
    messages: Floats


def _ledger(space: Space, able: NDArray[np.bool_]) -> _Ledger:
    accesses, scenario = space.accesses, space.scenario
    shape = (len(space.operators), len(ALL_METHODS))
    present = np.array([p.present_working for p in scenario.populations.values()])
    place = accesses.operator.astype(np.int64) * shape[1] + accesses.method

    def total(weights: Floats) -> Floats:
        found = np.bincount(place[able], weights=weights[able], minlength=shape[0] * shape[1])
        return found.astype(np.float64).reshape(shape)

    robots = accesses.software == ROBOT
    working = np.where(robots, 0.0, present[accesses.population])
    keeps = np.array([
        scenario.software[name].imap_connections * scenario.software[name].keeps_connection
        for name in SOFTWARE
    ])  # fmt: skip
    rate = np.zeros(len(accesses))
    hours = STRIKES + 24 * int(np.flatnonzero(
        day_kinds(scenario.period.start, scenario.period.days) == DayKind.WORKING
    )[0])  # fmt: skip
    for number, (name, people) in enumerate(scenario.populations.items()):
        shape_of = hourly_weights(
            scenario.period.start, scenario.period.days, week()[name],
            scenario.traffic.monday_factor,
        )  # fmt: skip
        sent = space.messages * people.message_share * shape_of[hours]
        for machine, part in ((False, 1 - people.machine_share), (True, people.machine_share)):
            mine = (accesses.population == number) & (robots == machine)
            rate[mine] = sent * part / max(1, int(mine.sum()))
    return _Ledger(total(working), total(working * keeps[accesses.software]), total(rate))


def _touched(ledger: _Ledger, thing: Thing, spreads: float) -> tuple[Floats, Floats]:
    """Return people kept out and messages held an hour, by operator, when a thing fails.

    Methods that are not surely lost at its endpoints are lost with probability `spreads`.
    """
    loss = []
    for table, protocols in ((ledger.people, {"imap", "smtp"}), (ledger.messages, {"smtp"})):
        served = {m for e in thing.endpoints if e.protocol in protocols for m in e.methods}
        weight = np.array([
            (1.0 if method in thing.methods else spreads) * (method in served)
            for method in ALL_METHODS
        ])  # fmt: skip
        loss.append(table @ weight)
    return loss[0], loss[1]


def _asking(
    space: Space,
    candidate: Candidate,
    incident: Incident,
    hours: float,
    able: NDArray[np.bool_],
) -> Floats:
    """Return person-hours lost by operator and method when a national back end is down.

    Who logged in before and is still known notices nothing: only who opens the software meanwhile,
    or whose session ends, waits for the repair. A token lives minutes: all who hold one notice.
    """
    accesses, scenario = space.accesses, space.scenario
    policies = scenario.policies
    opening = np.array([(p.opening_hour, max(p.opening_sd, 1e-6), p.present_working)
                        for p in scenario.populations.values()])[accesses.population]  # fmt: skip
    middle, spread, present = opening.T

    def opened(hour: float) -> Floats:
        found: Floats = ndtr((hour - middle) / spread)
        return found

    session = policies.session_seconds / HOUR
    during = opened(STRIKES + hours) - opened(STRIKES)
    ended = opened(STRIKES + hours - session) - opened(STRIKES - session)
    # Those already out when it strikes log in anew at each look: their session is over.
    over = np.minimum(1.0, opened(STRIKES - session))
    asks = np.minimum(1.0, (during + ended) / 2 + over)
    method = np.array(ALL_METHODS, dtype=object)[accesses.method]
    if incident is Incident.PSC:
        used = mechanisms_used(space, candidate.design, candidate.policy)[0]
        token = used == ALL_MECHANISMS.index(Mechanism.XOAUTH2)
        share = np.where(method == Method.ECPS, np.where(token, 1.0, asks), 0.0)
    elif incident is Incident.SMS:
        share = np.where(method == Method.SMS, asks, 0.0)
    else:
        certified = np.array([METHODS[m].client_certificate for m in ALL_METHODS])
        share = certified[accesses.method] * scenario.backends.directory.miss
    people = share * present * able * (accesses.software != ROBOT)
    found = np.bincount(accesses.operator, weights=people, minlength=len(space.operators))
    return hours * found.astype(np.float64)


CROWD = 10_000  # connections: the engine looks at each, and so many tell when most are back


def back_after(
    connections: float, cores: float, service: float, back_off: float, seed: int
) -> float:
    """Return when `BACK` of dropped connections have logged in again, s: on the engine.

    Args:
        service: processor seconds of one login; back_off: mean pause, s.
    """
    # A crowd beyond that drains as a part of it does on as many cores the fewer.
    share = min(1.0, CROWD / max(connections, 1.0))
    count, cores = round(connections * share), cores * share
    if count < 1:
        return 0.0
    servers = max(1, round(cores))
    queue = storm_queue(
        count, servers=servers, service=service * servers / cores, back_off=back_off, seed=seed
    )
    returned = fast.run(queue.model).logins[:, :, 0].sum(axis=(0, 1)).cumsum()
    return float(bin_middle()[int(np.searchsorted(returned, BACK * count))])


def incidents_of(
    space: Space, candidate: Candidate, able: NDArray[np.bool_]
) -> dict[Incident, Loss]:
    """Return the loss of every kind of incident under one design and policy.

    Args:
        able: accesses that count, those who can connect under every design compared, bool (A,).
    """
    ledger, incidents = _ledger(space, able), space.scenario.incidents
    capacity = capacity_of(space.scenario, candidate.design, scale=space.scale)
    largest = int(space.operator_mailboxes.argmax())
    found = {}
    for incident in Incident:
        facts = getattr(incidents, incident)
        hours = facts.minutes / 60
        if incident in NATIONAL_INCIDENTS:
            lost = _asking(space, candidate, incident, hours, able)
            found[incident] = Loss(
                person_hours=float(lost[largest]),
                messages_delayed=0.0,
                recovery_seconds=_queue_at_backend(space, incident, lost.sum() / max(hours, 1e-9)),
                yearly_person_hours=float(facts.per_year * lost.sum()),
            )
            continue
        found[incident] = _local(space, candidate, ledger, capacity, incident, largest)
    return found


def _local(
    space: Space, candidate: Candidate, ledger: _Ledger, capacity: Capacity, incident: Incident,
    largest: int,
) -> Loss:  # fmt: skip
    """Return the loss of incidents of operators, one thing at a time."""
    incidents = space.scenario.incidents
    facts = getattr(incidents, incident)
    hours, processor = facts.minutes / 60, space.scenario.processor
    login = processor.tls_full + processor.login
    year = 0.0
    one: list[tuple[float, float, float]] = []
    for shared in (False, True):
        mine = capacity.shares == shared
        for thing in things_that_fail(candidate.design, incident, one_host=shared):
            people, messages = _touched(ledger, thing, incidents.spreads)
            year += facts.per_year * hours * float(people[mine].sum())
            if not mine[largest]:
                continue
            names = [e.name for e in thing.endpoints if e.protocol == "imap"]
            methods = {m for e in thing.endpoints if e.protocol == "imap" for m in e.methods}
            columns = [ALL_METHODS.index(m) for m in methods]
            kept = float(ledger.kept[largest, columns].sum())
            cores = [float(capacity.cores[name][largest]) for name in names]
            back = back_after(
                kept, max(cores) if shared else sum(cores), login, incidents.back_off, space.seed
            ) if names else 0.0  # fmt: skip
            one.append((hours * float(people[largest]), hours * float(messages[largest]), back))
    losses, delayed, backs = np.array(one).T
    return Loss(
        person_hours=float(losses.mean()),
        messages_delayed=float(delayed.mean()),
        recovery_seconds=float(backs.max()),
        yearly_person_hours=year,
    )


def _queue_at_backend(space: Space, incident: Incident, people: float) -> float:
    """Return how long those who were kept out by a national back end take to come back, s."""
    scenario = space.scenario
    backend = getattr(scenario.backends, NATIONAL_INCIDENTS[incident])
    service = {
        Incident.PSC: lambda: backend.authentication + backend.token,
        Incident.SMS: lambda: backend.send,
        Incident.DIRECTORY: lambda: backend.lookup,
    }[incident]()
    return back_after(
        people, backend.servers * space.scale, service, scenario.incidents.back_off, space.seed
    )
