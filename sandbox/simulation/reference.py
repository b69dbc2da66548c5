"""The reference engine: the same programs on SimPy, written to be read.

One session is one SimPy process that reads its steps one after the other; stations and pools are
SimPy resources. It defines what the steps mean; the fast engine must give the same observations.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import simpy
from numpy.typing import NDArray

from sandbox.observations.schema import Phase
from sandbox.simulation import steps as s
from sandbox.simulation.arrivals import DAY, new_cursors, pop_arrival
from sandbox.simulation.draws import mix, sample, uniform
from sandbox.simulation.model import (
    NEVER,
    PACE_BITS,
    EndpointStat,
    Model,
    PoolStat,
    Record,
    SessionKind,
    new_record,
)
from sandbox.simulation.program import Column
from sandbox.simulation.recorder import (
    book_connection,
    book_delivery,
    book_disconnection,
    book_login,
    book_phase,
    book_queue,
    book_service,
)
from sandbox.simulation.state import TRACE_FIELDS
from sandbox.simulation.steps import ROUNDS

__all__ = ["run"]

Waiting = Generator[simpy.Event, Any, None]


class DeadlineCame(Exception):  # noqa: N818 (an event of the dialogue, not an error)
    """The session's deadline fell inside a timed step."""


@dataclass(slots=True)
class RunningSession:
    """One run of a program.

    Attributes:
        phases: ns booked under each phase.
        deadline: SimPy event at the deadline, None when there is none.
        round: how often Retry went back.
    """

    access: int
    kind: int
    key: int
    start: int
    until: int
    peer: int
    phases: list[int] = field(default_factory=lambda: [0] * len(Phase))
    deadline: simpy.Event | None = None
    handler: int = -1
    ready: int = 0
    asked: int = 0
    round: int = 0
    login: int = -1
    cause: int = -1


class SimpyRun:
    """One run of a model on SimPy."""

    def __init__(self, model: Model, trace: Callable[[NDArray[np.int64]], None] | None) -> None:
        self.env = simpy.Environment(initial_time=0)
        self.code = model.code
        self.inputs = model.inputs
        self.record = new_record(model)
        self.trace = trace
        servers = zip(model.inputs.server_offset, model.inputs.servers, strict=True)
        shared = {int(offset): simpy.Resource(self.env, int(n)) for offset, n in servers}
        self.stations = [shared[int(offset)] for offset in model.inputs.server_offset]
        self.last: dict[simpy.Resource, int] = {}  # kind of the service that began last
        self.pools = [simpy.Resource(self.env, int(n)) for n in model.inputs.pool_slots]
        accesses = len(model.inputs.access_class)
        self.entered = np.zeros(len(model.inputs.limits), dtype=np.int64)
        self.registers = np.full((accesses, int(model.inputs.registers[0])), -NEVER, dtype=np.int64)

    @property
    def now(self) -> int:
        """The instant, ns: every delay is a whole number, so SimPy's clock is one too."""
        return int(self.env.now)

    # ------------------------------------------------------------------ arrivals

    def arrivals(self, progress: Callable[[float], None] | None) -> Waiting:
        """Start every session of the period at its instant."""
        cursors = new_cursors(self.inputs)
        horizon = int(self.inputs.horizon[0])
        while cursors.next.min() < NEVER:
            stream = int(cursors.next.argmin())
            yield self.env.timeout(int(cursors.next[stream]) - self.now)
            pop_arrival(self.inputs, cursors, stream)
            access, kind, key, until, peer, _ = (int(value) for value in cursors.pending)
            entry = int(self.inputs.entry[self.inputs.access_class[access], kind])
            if entry >= 0:
                self.start(RunningSession(access, kind, key, self.now, until, peer), entry)
            if progress is not None:
                progress(min(1.0, self.now / horizon))

    def start(self, session: RunningSession, entry: int) -> None:
        """Start a session at the first row of its program."""
        self.record.sessions[self.code.table[entry, Column.GROUP]] += 1
        self.env.process(self.live(session, entry))

    # ------------------------------------------------------------------ the interpreter

    def live(self, session: RunningSession, entry: int) -> Waiting:
        """Interpret a program to its end."""
        row = entry
        while not isinstance(self.code.steps[row], s.End):
            try:
                row = yield from self.step(session, row)
            except DeadlineCame:
                session.deadline = None
                row = session.handler
        if self.trace is not None:
            values = [
                session.access, session.kind, session.key, session.start, session.login,
                self.now, session.cause, session.round, session.peer, *session.phases,
            ]  # fmt: skip
            self.trace(np.array([values], dtype=np.int64).reshape(1, TRACE_FIELDS))

    def step(self, session: RunningSession, row: int) -> Generator[simpy.Event, Any, int]:
        """Do one step and return the row of the next."""
        cells = self.code.table[row]
        target = int(cells[Column.TARGET])
        now = self.now
        match self.code.steps[row]:
            case s.Delay(phase=phase):
                trips = int(cells[Column.HALF_TRIPS]) * int(self.inputs.access_rtt[session.access])
                yield from self.wait(session, phase, self.duration(session, row) + trips // 2)
            case s.Hold(answer=answer):
                until = session.ready if answer else session.until
                yield from self.wait(session, None, max(0, until - now))
            case s.Serve(phase=phase, scope=scope):
                station = int(cells[Column.INDEX]) + self.owner(session, scope)
                yield from self.serve(session, phase, station, self.duration(session, row))
            case s.Acquire(scope=scope):
                granted = yield from self.acquire(session, row, self.owner(session, scope))
                return row + 1 if granted else target
            case s.Release(scope=scope):
                self.release(row, self.owner(session, scope))
            case s.Branch():
                draw = uniform(session.key, self.purpose(session, row))
                return target if draw < self.code.laws[cells[Column.LAW], 4] else row + 1
            case s.Today(purpose=purpose):
                identity = int(self.inputs.access_identity[session.access])
                key = mix(mix(int(self.inputs.run_key[0]), identity), now // DAY)
                probability = self.code.laws[cells[Column.LAW], 4]
                return target if uniform(key, purpose) < probability else row + 1
            case s.Enter():
                counter = int(self.inputs.access_limits[session.access, cells[Column.INDEX]])
                if counter >= 0:
                    if self.entered[counter] >= self.inputs.limits[counter]:
                        return target
                    self.entered[counter] += 1
            case s.Exit():
                counter = int(self.inputs.access_limits[session.access, cells[Column.INDEX]])
                if counter >= 0:
                    self.entered[counter] -= 1
            case s.Has(features=features):
                return target if self.inputs.access_features[session.access] & features else row + 1
            case s.During():
                inside = any(
                    backend == cells[Column.INDEX] and begin <= now < end
                    for backend, begin, end in self.inputs.outages
                )
                return target if inside else row + 1
            case s.Fresh():
                stamp = int(self.registers[session.access, cells[Column.INDEX]])
                return target if now - stamp < cells[Column.FIXED] else row + 1
            case s.Stamp():
                self.registers[session.access, cells[Column.INDEX]] = now
            case s.Once():
                window = now // int(cells[Column.FIXED])
                if self.registers[session.access, cells[Column.INDEX]] == window:
                    return target
                self.registers[session.access, cells[Column.INDEX]] = window
            case s.Deadline():
                session.deadline = self.env.timeout(self.duration(session, row))
                session.handler = target
            case s.Clear():
                session.deadline = None
            case s.Ask():
                self.ask(session, row)
            case s.Pending():
                return target if now < session.ready else row + 1
            case s.Settle():
                answered = min(session.ready, now)
                session.phases[Phase.PERSON] += answered - session.asked
                session.phases[Phase.BACKEND] += now - answered
            case s.Retry(limit=limit):
                if session.round < limit:
                    session.round += 1
                    return target
            case s.Spawn(count=count, salt=salt, recipient=recipient):
                for number in range(count):
                    key = mix(session.key, (salt << 8) + number)
                    peer = self.recipient(key) if recipient else session.peer
                    child = RunningSession(
                        session.access, int(SessionKind.SPAWNED), key, now, session.until, peer
                    )
                    self.start(child, int(cells[Column.INDEX]))
            case s.Mark(attended=attended):
                self.mark(session, int(cells[Column.GROUP]), attended=attended)
            case s.Deliver():
                book_delivery(self.record, now - session.start)
            case s.Fail(cause=cause):
                self.record.failures[cells[Column.GROUP], cause] += 1
                session.cause = cause
            case s.Goto():
                return target
        return row + 1

    # ------------------------------------------------------------------ time

    def wait(self, session: RunningSession, phase: Phase | None, duration: int) -> Waiting:
        """Let `duration` ns pass, or what the deadline leaves of them."""
        begin = self.now
        if session.deadline is None:
            yield self.env.timeout(duration)
        else:
            yield session.deadline | self.env.timeout(duration)
        self.book(session, phase, begin)

    def serve(
        self, session: RunningSession, phase: Phase | None, station: int, service: int
    ) -> Waiting:
        """Queue for a server and be served; the work is done even when the client leaves."""
        begin = self.now
        if session.deadline is None:
            yield from self.work(station, service)
        else:
            yield session.deadline | self.env.process(self.work(station, service))
        self.book(session, phase, begin)

    def work(self, station: int, service: int) -> Waiting:
        """Occupy one server of a station, first come first served."""
        asked = self.now
        with self.stations[station].request() as turn:
            if not turn.triggered:
                yield turn
            start = self.now
            pace = self.inputs.server_time[station]
            moment = min(start >> int(self.inputs.moment[0]), len(pace) - 1)
            service = (service * int(pace[moment])) >> PACE_BITS
            if start > asked:  # it follows another at once
                same = int(self.last.get(self.stations[station]) == self.inputs.kind[station])
                service = (service * int(self.inputs.follow_time[station, same])) >> PACE_BITS
            self.last[self.stations[station]] = int(self.inputs.kind[station])
            book_service(self.record, station, start, start - asked, service)
            yield self.env.timeout(service)

    def acquire(
        self, session: RunningSession, row: int, owner: int
    ) -> Generator[simpy.Event, Any, bool]:
        """Take a slot of a pool; return False when its backlog is full."""
        pool = int(self.code.table[row, Column.INDEX]) + owner
        endpoint = int(self.code.table[row, Column.EXTRA]) + owner
        slots, begin, stat = self.pools[pool], self.now, self.record.pools[pool]
        if slots.count == slots.capacity:
            if len(slots.queue) >= self.inputs.pool_backlog[pool]:
                stat[PoolStat.REFUSED] += 1
                self.record.endpoints[endpoint, EndpointStat.REFUSED] += 1
                return False
            book_queue(self.record, pool, len(slots.queue), begin)
        turn = slots.request()
        if not turn.triggered:
            yield turn if session.deadline is None else session.deadline | turn
            waited = self.now - begin
            if not turn.triggered:
                book_queue(self.record, pool, len(slots.queue), self.now)
                turn.cancel()
                stat[PoolStat.ABANDONED] += 1
                stat[PoolStat.LOST_WAIT] += waited
                self.record.endpoints[endpoint, EndpointStat.ABANDONED] += 1
                self.book(session, Phase.SLOT, begin)
            stat[PoolStat.WAITED] += 1
            stat[PoolStat.WAIT] += waited
            session.phases[Phase.SLOT] += waited
        stat[PoolStat.GRANTED] += 1
        stat[PoolStat.PEAK] = max(stat[PoolStat.PEAK], slots.count)
        role = int(self.inputs.endpoint_role[endpoint])
        book_connection(self.record, endpoint, role, self.now)
        return True

    def release(self, row: int, owner: int) -> None:
        """Give a slot back."""
        pool = int(self.code.table[row, Column.INDEX]) + owner
        endpoint = int(self.code.table[row, Column.EXTRA]) + owner
        role = int(self.inputs.endpoint_role[endpoint])
        book_disconnection(self.record, endpoint, role, self.now)
        slots = self.pools[pool]
        if slots.queue:
            book_queue(self.record, pool, len(slots.queue), self.now)
        slots.release(slots.users[0])

    def book(self, session: RunningSession, phase: Phase | None, begin: int) -> None:
        """Book the time since `begin`; go to the handler when the deadline has come."""
        if phase is not None:
            session.phases[phase] += self.now - begin
        if session.deadline is not None and session.deadline.processed:
            raise DeadlineCame

    # ------------------------------------------------------------------ draws, people, books

    def purpose(self, session: RunningSession, row: int) -> int:
        """Return the purpose of a draw: a retry draws anew."""
        return int(self.code.table[row, Column.PURPOSE]) + ROUNDS * session.round

    def duration(self, session: RunningSession, row: int) -> int:
        """Return the fixed part of a step plus its draw, ns."""
        fixed, law = int(self.code.table[row, Column.FIXED]), self.code.table[row, Column.LAW]
        if law < 0:
            return fixed
        kind, a, b, c, _ = self.code.laws[law]
        return fixed + sample(int(kind), a, b, c, session.key, self.purpose(session, row))

    def ask(self, session: RunningSession, row: int) -> None:
        """Ask the person; she answers later, or never."""
        cells = self.code.table[row]
        kind, a, b, c, never = self.code.laws[cells[Column.LAW]]
        answer = sample(int(kind), a, b, c, session.key, self.purpose(session, row))
        session.asked, session.ready = self.now, self.now + answer
        draw = uniform(session.key, int(cells[Column.EXTRA]) + ROUNDS * session.round)
        if draw < never:
            session.ready = int(NEVER)

    def recipient(self, key: int) -> int:
        """Draw somebody who receives and return the operator."""
        people = self.inputs.recipients
        other = people[int(uniform(key, s.Purpose.RECIPIENT) * len(people))]
        return int(self.inputs.access_operator[other])

    def owner(self, session: RunningSession, scope: s.Scope) -> int:
        """Return whose resource a step means."""
        if scope is s.Scope.HOME:
            return int(self.inputs.access_operator[session.access])
        return session.peer if scope is s.Scope.PEER else 0

    def mark(self, session: RunningSession, group: int, *, attended: bool) -> None:
        """Book a successful login and its phases."""
        operator = int(self.inputs.access_operator[session.access])
        session.login = self.now
        book_login(
            self.record, int(self.inputs.operator_bin[operator]), operator, group,
            session.login - session.start, session.phases[Phase.PERSON],
            attended or session.phases[Phase.PERSON] > 0,
        )  # fmt: skip
        for phase in Phase:
            book_phase(self.record, group, int(phase), session.phases[phase])


def run(
    model: Model,
    *,
    progress: Callable[[float], None] | None = None,
    trace: Callable[[NDArray[np.int64]], None] | None = None,
) -> Record:
    """Run `model` on SimPy; same arguments, same result as `fast.run`."""
    engine = SimpyRun(model, trace)
    engine.env.process(engine.arrivals(progress))
    engine.env.run()
    return engine.record
