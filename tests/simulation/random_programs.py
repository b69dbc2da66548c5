"""Random well-formed programs over a small space: every kind of step, in every nesting.

Well-formed means: what is acquired is released on every way out, deadlines and questions are
lifted before their block ends, backward jumps are bounded. Durations carry a continuous draw, so
that no two sessions do something at the same nanosecond by construction; a session released by
the closing hour (`Hold`) waits for a draw of its own before it touches anything shared.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial

import numpy as np
from hypothesis import strategies as st

from sandbox.observations.schema import Cause, Phase
from sandbox.simulation import steps as s
from sandbox.simulation.draws import (
    NANOSECONDS,
    Law,
    exponential,
    hyperexponential,
    lognormal,
    mix,
)
from sandbox.simulation.model import (
    LISTED,
    PEOPLE,
    Inputs,
    Model,
    SendStream,
    SessionKind,
    as_server_time,
)
from sandbox.simulation.program import Layout, Program, compile_programs
from sandbox.simulation.steps import Label, Purpose, Scope, Step

__all__ = ["models"]

STATIONS = {"national": Scope.NATIONAL, "front": Scope.HOME, "far": Scope.PEER}
ENDPOINTS = {
    "imap": Scope.HOME,
    "smtp": Scope.HOME,  # shares its pool with imap
    "mx": Scope.PEER,
    "gate": Scope.NATIONAL,
}
POOL_OF = {"imap": "mail", "smtp": "mail", "mx": "mx", "gate": "gate"}
REGISTERS = ("ticket", "code")
LIMITS = ("user", "address")
PURPOSES = [purpose for purpose in Purpose if purpose < Purpose.OPEN]
DEPTH = 3

probability = st.sampled_from([0.0, 0.2, 0.5, 0.8, 1.0])
mean = st.sampled_from([0.05, 2.0, 40.0, 300.0])
purpose = st.sampled_from(PURPOSES)
phase = st.sampled_from([None, *Phase])


def laws() -> st.SearchStrategy[Law]:
    """Return continuous laws."""
    return st.one_of(
        mean.map(exponential),
        mean.map(lambda m: lognormal(m, 0.7)),
        mean.map(lambda m: lognormal(m, 1.5, m / 4)),
        mean.map(lambda m: hyperexponential(m, 6.0)),
    )


@dataclass(frozen=True)
class Place:
    """Where in a program a block stands.

    Attributes:
        depth: how many more levels may be nested.
        timed_out: a deadline may cut the block, so it takes no slot.
        held: pools of which a slot is held.
    """

    depth: int
    timed_out: bool = False
    held: frozenset[str] = frozenset()


@dataclass
class Writer:
    """Writes one program."""

    draw: st.DrawFn
    later: tuple[str, ...]  # programs that may be spawned
    items: list[Label | Step] = field(default_factory=list)
    labels: int = 0
    spawns: int = 0  # each has a salt of its own, else two children have the same draws

    def label(self) -> Label:
        self.labels += 1
        return f"l{self.labels}"

    def add(self, *items: Label | Step) -> None:
        self.items += items

    def block(self, place: Place) -> None:
        """Write a few blocks."""
        here: dict[str, Callable[[], None]] = {
            "delay": self.write_delay, "serve": self.write_serve, "note": self.write_note,
            "stamp": self.write_stamp,
        }  # fmt: skip
        if place.depth > 0:
            inner = replace(place, depth=place.depth - 1)
            nested = [self.write_choice, self.write_retry, self.write_ask, self.write_deadline]
            if not place.timed_out:
                nested += [self.write_slot, self.write_patient_slot, self.write_limit]
                here["hold"] = self.write_hold
            here |= {write.__name__: partial(write, inner) for write in nested}
            if self.later:
                here["spawn"] = self.write_spawn
        for kind in self.draw(st.lists(st.sampled_from(list(here)), min_size=1, max_size=4)):
            here[kind]()

    def write_delay(self) -> None:
        self.add(
            s.Delay(
                self.draw(phase), self.draw(st.sampled_from([0.0, 0.25])),
                self.draw(st.sampled_from([0.0, 0.5, 1.0, 3.0])), self.draw(laws()),
                self.draw(purpose),
            )
        )  # fmt: skip

    def write_serve(self) -> None:
        station = self.draw(st.sampled_from(sorted(STATIONS)))
        self.add(
            s.Serve(
                station, self.draw(phase), self.draw(st.sampled_from([0.0, 1.5])),
                self.draw(laws()), self.draw(purpose), STATIONS[station],
            )
        )  # fmt: skip

    def write_note(self) -> None:
        self.add(
            self.draw(
                st.one_of(
                    st.builds(s.Mark, st.booleans()),
                    st.just(s.Deliver()),
                    st.sampled_from(list(Cause)).map(s.Fail),
                )
            )
        )

    def write_stamp(self) -> None:
        self.add(s.Stamp(self.draw(st.sampled_from(REGISTERS))))

    def write_choice(self, place: Place) -> None:
        """One of two blocks."""
        other, out = self.label(), self.label()
        register = self.draw(st.sampled_from(REGISTERS))
        self.add(
            self.draw(
                st.one_of(
                    st.builds(s.Branch, probability, purpose, st.just(other)),
                    st.builds(s.Has, st.integers(1, 7), st.just(other)),
                    st.just(s.During("psc", other)),
                    st.builds(s.Today, probability, purpose, st.just(other)),
                    st.sampled_from([60.0, 4000.0]).map(lambda v: s.Fresh(register, v, other)),
                    st.sampled_from([30.0, 3600.0]).map(lambda v: s.Once(register, v, other)),
                )
            )
        )
        self.block(place)
        self.add(s.Goto(out), other)
        if self.draw(st.booleans()):
            self.block(place)
        self.add(out)

    def write_retry(self, place: Place) -> None:
        again = self.label()
        self.add(again)
        self.block(place)
        self.add(s.Retry(self.draw(st.integers(0, 2)), again))

    def write_ask(self, _: Place) -> None:
        """Ask, poll or wait under a deadline, book; the handler books too."""
        handler, out, again = self.label(), self.label(), self.label()
        self.add(
            s.Ask(
                self.draw(laws()), self.draw(purpose), self.draw(probability), self.draw(purpose)
            ),
            s.Deadline(
                self.draw(st.sampled_from([5.0, 100.0])), handler,
                self.draw(st.none() | laws()), self.draw(purpose),
            ),
        )  # fmt: skip
        if self.draw(st.booleans()):
            self.add(s.Hold(answer=True))
        else:
            # Two seconds at least between two polls, or one session could take thousands of steps.
            self.add(again, s.Delay(self.draw(phase), 2.0, law=self.draw(laws())))
            if self.draw(st.booleans()):
                self.write_serve()
            self.add(s.Pending(again))
        self.add(
            s.Clear(),
            s.Settle(),
            s.Goto(out),
            handler,
            s.Settle(),
            s.Fail(Cause.NO_ANSWER),
            out,
        )

    def write_deadline(self, place: Place) -> None:
        handler, out = self.label(), self.label()
        self.add(
            s.Deadline(
                self.draw(st.sampled_from([0.5, 30.0])), handler,
                self.draw(st.none() | laws()), self.draw(purpose),
            )
        )  # fmt: skip
        self.block(replace(place, timed_out=True))
        self.add(s.Clear(), s.Goto(out), handler)
        if self.draw(st.booleans()):
            self.add(s.Fail(Cause.CLIENT_TIMEOUT))
        self.add(out)

    def _slot(self, held: frozenset[str]) -> str | None:
        # Pools are taken in one order, so that sessions do not wait for each other in a ring.
        order = ["mail", "mx", "gate"]
        first = max((order.index(pool) for pool in held), default=-1) + 1
        names = [name for name in sorted(ENDPOINTS) if POOL_OF[name] in order[first:]]
        return self.draw(st.sampled_from(names)) if names else None

    def write_slot(self, place: Place) -> None:
        endpoint = self._slot(place.held)
        if endpoint is None:
            return
        out, refused = self.label(), self.label()
        self.add(s.Acquire(endpoint, refused, ENDPOINTS[endpoint]))
        self.block(replace(place, held=place.held | {POOL_OF[endpoint]}))
        self.add(s.Release(endpoint, ENDPOINTS[endpoint]), s.Goto(out), refused)
        self.add(s.Fail(Cause.SLOTS_EXHAUSTED), out)

    def write_patient_slot(self, place: Place) -> None:
        """Wait for a slot no longer than a deadline; another may cut the stay."""
        endpoint = self._slot(place.held)
        if endpoint is None:
            return
        out, refused, late, cut = (self.label() for _ in range(4))
        scope = ENDPOINTS[endpoint]
        self.add(
            s.Deadline(
                self.draw(st.sampled_from([0.0, 20.0])), late, self.draw(laws()), self.draw(purpose)
            ),
            s.Acquire(endpoint, refused, scope),
        )
        if self.draw(st.booleans()):
            self.add(s.Clear())
            self.block(replace(place, held=place.held | {POOL_OF[endpoint]}))
        else:
            self.add(
                s.Deadline(
                    self.draw(st.sampled_from([1.0, 60.0])), cut, self.draw(st.none() | laws())
                )
            )
            self.block(replace(place, timed_out=True, held=place.held | {POOL_OF[endpoint]}))
            self.add(s.Clear())
        self.add(s.Release(endpoint, scope), s.Goto(out))
        self.add(cut, s.Fail(Cause.CLIENT_TIMEOUT), s.Release(endpoint, scope), s.Goto(out))
        self.add(late, s.Fail(Cause.SLOT_TIMEOUT), s.Goto(out))
        self.add(refused, s.Clear(), s.Fail(Cause.SLOTS_EXHAUSTED), out)

    def write_hold(self) -> None:
        self.add(s.Hold())
        self.write_delay()

    def write_spawn(self) -> None:
        child = self.draw(st.sampled_from(self.later))
        self.spawns += 1
        count, recipient = self.draw(st.integers(1, 3)), self.draw(st.booleans())
        self.add(s.Spawn(child, count, self.spawns, recipient))

    def write_limit(self, place: Place) -> None:
        """Count against a limit for the time of a block."""
        refused, out = self.label(), self.label()
        limit = self.draw(st.sampled_from(LIMITS))
        self.add(s.Enter(limit, refused))
        self.block(place)
        self.add(s.Exit(limit), s.Goto(out), refused, s.Fail(Cause.USER_LIMIT), out)


def _program(draw: st.DrawFn, number: int, later: tuple[str, ...]) -> Program:
    writer = Writer(draw, later)
    # Brothers and sisters start together: each lets a time of its own pass first.
    writer.write_delay()
    writer.block(Place(DEPTH))
    writer.add(s.End())
    return Program(f"p{number}", number, tuple(writer.items))


@st.composite
def models(draw: st.DrawFn) -> Model:
    """Return models of one day: a few accesses and operators, short queues, random programs."""
    operators = draw(st.integers(1, 3))
    n_programs = draw(st.integers(1, 4))
    names = [f"p{number}" for number in range(n_programs)]
    programs = [_program(draw, number, tuple(names[number + 1 :])) for number in range(n_programs)]
    layout = Layout(
        stations={"national": 0, "front": 1, "far": 1},
        pools={"mail": 0, "mx": operators, "gate": 2 * operators},
        endpoints={"imap": 0, "smtp": operators, "mx": 2 * operators, "gate": 3 * operators},
        pool_of=POOL_OF,
        registers={name: number for number, name in enumerate(REGISTERS)},
        backends={"other": 0, "psc": 1},
        limits={name: number for number, name in enumerate(LIMITS)},
    )
    code = compile_programs(programs, layout)
    classes = draw(st.integers(1, 2))
    entry_of = st.sampled_from([*(code.entries[name] for name in names), -1])
    entry = np.array(
        [
            [draw(entry_of) for _ in range(3)] + [-1] + [draw(entry_of) for _ in range(2)]
            for _ in range(classes)
        ],
        dtype=np.int64,
    )
    rings, polls, first = draw(st.integers(0, 2)), [], 0
    phases: list[int] = []
    seed = draw(st.integers(0, 2**32))
    generator = np.random.default_rng(seed)
    for _ in range(rings):
        period = draw(st.sampled_from([600, 1800, 14_400])) * NANOSECONDS
        count = draw(st.integers(1, 4))
        polls.append((period, first, count, int(draw(st.booleans()))))
        phases += sorted(generator.integers(0, period, count).tolist())
        first += count
    senders = draw(st.integers(0 if rings else 1, 4))  # a model has at least one stream
    accesses = first + max(senders, 1)
    phases += [0] * (accesses - first)
    some = draw(st.integers(0, accesses - 1))  # recipients before those of a stream
    hours = 24
    counts = np.zeros((1 if senders else 0, hours), dtype=np.int64)
    if senders:
        counts[0, 8:20] = generator.poisson(draw(st.sampled_from([2, 20])), 12)
    n_servers = 1 + operators
    n_pools = 2 * operators + 1
    moments = draw(st.sampled_from([1, 2, 200]))
    servers = np.array([draw(st.integers(1, 3)) for _ in range(n_servers)], dtype=np.int64)
    offsets = np.concatenate([[0], np.cumsum(servers)[:-1]]).astype(np.int64)
    if draw(st.booleans()):  # all stations have the same servers
        servers, offsets = np.full_like(servers, servers[0]), np.zeros_like(offsets)
    outages = [
        (draw(st.integers(0, 1)), start * NANOSECONDS, (start + 7200) * NANOSECONDS)
        for start in draw(st.lists(st.integers(0, 80_000), max_size=2))
    ]
    inputs = Inputs(
        run_key=np.array([mix(seed, 7)], dtype=np.int64),
        horizon=np.array([hours * 3600 * NANOSECONDS], dtype=np.int64),
        code=code.table,
        laws=code.laws,
        entry=entry,
        access_class=generator.integers(0, classes, accesses).astype(np.int16),
        access_operator=generator.integers(0, operators, accesses).astype(np.int32),
        access_population=np.zeros(accesses, dtype=np.int8),
        access_rtt=generator.integers(0, 300_000_000, accesses),
        access_phase=np.array(phases, dtype=np.int64),
        access_features=generator.integers(0, 8, accesses),
        access_identity=np.arange(accesses, dtype=np.int64),
        access_limits=generator.integers(-1, 3, (accesses, len(LIMITS))).astype(np.int32),
        left_open=generator.choice([0.0, 0.5, 1.0], classes),
        visit=np.array([draw(st.sampled_from([0.3, 1.0])) for _ in range(classes)]),
        polls=np.array(polls, dtype=np.int64).reshape(-1, 4),
        day_kind=np.zeros(2, dtype=np.int8),
        schedule=np.array([[[0.8, 32_000.0, 3000.0, 64_000.0, 5000.0][:PEOPLE]]]),
        sends=np.array(
            [(0, senders, draw(st.integers(0, 1)), some, accesses - some)] if senders else [],
            dtype=np.int64,
        ).reshape(-1, len(SendStream)),
        senders=np.arange(first, first + senders, dtype=np.int32),
        send_counts=counts,
        listed=np.zeros((0, LISTED), dtype=np.int64),
        sender_exponent=np.array([generator.choice([1.0, 3.3])]),
        recipients=np.arange(accesses, dtype=np.int32),
        servers=servers,
        server_offset=offsets,
        server_time=as_server_time(generator.choice([0.5, 1.0, 1.3], (n_servers, moments))),
        moment=np.array([39], dtype=np.int64),  # nine minutes
        kind=generator.integers(0, 2, n_servers),
        follow_time=as_server_time(generator.choice([0.6, 1.0, 1.7], (n_servers, 2))),
        pool_slots=np.array([draw(st.integers(1, 3)) for _ in range(n_pools)], dtype=np.int64),
        pool_backlog=np.array(
            [draw(st.sampled_from([0, 1, 3, 50])) for _ in range(n_pools)], dtype=np.int64
        ),
        limits=generator.integers(1, 3, 3),
        endpoint_role=np.repeat(np.arange(4), operators)[: 3 * operators + 1].astype(np.int16),
        operator_bin=np.arange(operators, dtype=np.int16),
        outages=np.array(outages, dtype=np.int64).reshape(-1, 3),
        registers=np.array([len(REGISTERS)], dtype=np.int64),
    )
    assert len(SessionKind) == entry.shape[1]
    return Model(code=code, inputs=inputs, groups=n_programs, minutes=hours * 60)
