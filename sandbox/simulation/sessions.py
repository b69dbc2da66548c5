"""A session in flight: its row, what its steps look up, and its end."""

from __future__ import annotations

from typing import Any

from sandbox.simulation.arrivals import DAY
from sandbox.simulation.draws import mix, sample
from sandbox.simulation.jit import inner
from sandbox.simulation.model import NEVER, Inputs
from sandbox.simulation.state import (
    ACCESS,
    CAUSE,
    KEY,
    KIND,
    LIMIT,
    LOGIN,
    OPERATOR,
    PC,
    PEER,
    PHASE0,
    PHASES,
    POOL,
    ROUND,
    START,
    TRACED,
    UNTIL,
    VACANT,
    State,
)
from sandbox.simulation.steps import ROUNDS

__all__ = ["day_key", "duration", "leave", "new_session", "owner_of"]


@inner
def new_session(
    state: State, access: int, kind: int, key: int, t: int, until: int, peer: int, pc: int
) -> int:  # fmt: skip
    """Take a free row for a session that starts at `t`, at row `pc` of the programs."""
    counters = state.counters
    counters[VACANT] -= 1
    session = int(state.vacant[counters[VACANT]])
    row = state.sessions
    row[session, PC] = pc
    row[session, ACCESS] = access
    row[session, KEY] = key
    row[session, START] = t
    row[session, UNTIL] = until
    row[session, LIMIT] = NEVER
    row[session, POOL] = -1
    row[session, ROUND] = 0
    row[session, PEER] = peer
    row[session, KIND] = kind
    row[session, LOGIN] = -1
    row[session, CAUSE] = -1
    for phase in range(PHASES):
        row[session, PHASE0 + phase] = 0
    return session


@inner
def leave(state: State, session: int, t: int) -> None:
    """The session is over: trace it and free its row."""
    counters, row = state.counters, state.sessions
    if len(state.trace) > 0:
        n = counters[TRACED]
        trace = state.trace
        trace[n, 0] = row[session, ACCESS]
        trace[n, 1] = row[session, KIND]
        trace[n, 2] = row[session, KEY]
        trace[n, 3] = row[session, START]
        trace[n, 4] = row[session, LOGIN]
        trace[n, 5] = t
        trace[n, 6] = row[session, CAUSE]
        trace[n, 7] = row[session, ROUND]
        trace[n, 8] = row[session, PEER]
        for phase in range(PHASES):
            trace[n, 9 + phase] = row[session, PHASE0 + phase]
        counters[TRACED] = n + 1
    state.vacant[counters[VACANT]] = session
    counters[VACANT] += 1


@inner
def owner_of(state: State, session: int, scope: int) -> int:
    """Return whose resource a step means, as an offset within the role."""
    if scope == 1:
        return int(state.facts[state.sessions[session, ACCESS], OPERATOR])
    if scope == 2:
        return int(state.sessions[session, PEER])
    return 0


@inner
def duration(inputs: Inputs, state: State, session: int, step: Any) -> int:
    """Return the fixed part of a step plus its draw, ns; a retry draws anew."""
    law = step.law
    if law < 0:
        return int(step.fixed)
    return int(step.fixed) + sample(
        int(inputs.laws[law, 0]), inputs.laws[law, 1], inputs.laws[law, 2],
        inputs.laws[law, 3], state.sessions[session, KEY],
        step.purpose + ROUNDS * state.sessions[session, ROUND],
    )  # fmt: skip


@inner
def day_key(inputs: Inputs, access: int, t: int) -> int:
    """Return the key of what an access draws once a day."""
    return mix(mix(inputs.run_key[0], inputs.access_identity[access]), t // DAY)
