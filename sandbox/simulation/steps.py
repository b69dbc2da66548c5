"""The steps of which every dialogue is made: what they mean, once, for both engines.

A session runs its program from the first step on, at its own instant `t`. Time passes only in the
timed steps; the others take none. A *deadline* cuts the timed step in which it falls: a step that
would end at or after the deadline ends at the deadline instead, and the session goes on at the
deadline's handler. Work that a station has begun or queued is done even when the client has left;
a wait for a connection slot is given up.

| step | time | what it does |
|---|---|---|
| Delay | fixed + round trips x the access's RTT + one draw | passes time in a phase |
| Hold | until the software closes for the day, or the answer asked for | keeps a connection |
| Serve | queue + one draw | FIFO at a station of c servers |
| Acquire | queue | takes a connection slot; a full backlog goes to `refused` |
| Release | - | gives the slot back, to the longest waiting session |
| Branch | - | goes to `target` with a probability |
| Has | - | goes to `target` when the access has a feature |
| During | - | goes to `target` inside an outage window |
| Fresh | - | goes to `target` when the register was stamped less than `ttl` ago |
| Stamp | - | writes the instant in a register |
| Today | - | goes to `target` with a probability, the same all day for the same access |
| Enter | - | counts one more connection against a limit; goes to `refused` when it is reached |
| Exit | - | counts one less |
| Once | - | goes to `target` when the register already holds this time window, else writes it |
| Deadline, Clear | - | sets or lifts the deadline |
| Ask | - | a person is asked: draws when the answer will come (or never) |
| Pending | - | goes to `target` while the answer has not come |
| Settle | - | books the time since Ask: person until the answer, back end after it |
| Retry | - | goes to `target` at most `limit` times, with new draws each time |
| Spawn | - | starts `count` sessions of a program, for the same access, now; to others if asked |
| Mark | - | the login succeeded: its latency and phases are observed |
| Deliver | - | the message reached its mailbox: its age is observed |
| Fail | - | the attempt failed, for a cause |
| Goto, End | - | jump; leave |
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from sandbox.observations.schema import Cause, Phase
from sandbox.simulation.draws import Law

__all__ = [
    "ROUNDS",
    "Acquire",
    "Ask",
    "Branch",
    "Clear",
    "Deadline",
    "Delay",
    "Deliver",
    "During",
    "End",
    "Enter",
    "Exit",
    "Fail",
    "Fresh",
    "Goto",
    "Has",
    "Hold",
    "Label",
    "Mark",
    "Once",
    "Op",
    "Pending",
    "Purpose",
    "Release",
    "Retry",
    "Scope",
    "Serve",
    "Settle",
    "Spawn",
    "Stamp",
    "Step",
    "Today",
]

Label = str
ROUNDS = 64  # purposes are below this: a retry's draws lie beyond those of the first attempt


class Op(IntEnum):
    """Operation codes of the compiled table."""

    DELAY = 0
    HOLD = 1
    SERVE = 2
    ACQUIRE = 3
    RELEASE = 4
    BRANCH = 5
    HAS = 6
    DURING = 7
    FRESH = 8
    STAMP = 9
    ONCE = 10
    DEADLINE = 11
    CLEAR = 12
    ASK = 13
    PENDING = 14
    SETTLE = 15
    RETRY = 16
    SPAWN = 17
    MARK = 18
    DELIVER = 19
    FAIL = 20
    GOTO = 21
    END = 22
    TODAY = 23
    ENTER = 24
    EXIT = 25


class Scope(IntEnum):
    """Whose station, pool or endpoint a step means."""

    NATIONAL = 0
    HOME = 1  # the operator of the session's access
    PEER = 2  # the operator of the recipient


class Purpose(IntEnum):
    """What a draw is for: the same in every design, so that designs share their draws."""

    RESOLVER = 1
    FRONT = 2
    STORE = 3
    CARD_PIN = 4
    CARD_SIGN = 5
    TYPE_CODE = 6
    MISTYPE = 7
    APPROVAL = 9
    NEVER = 10
    REFUSAL = 11
    PSC_REQUEST = 12
    PSC_POLL = 13
    PSC_TOKEN = 14
    PSC_INTROSPECT = 15
    SMS_GATEWAY = 16
    SMS_LOST = 18
    SMS_CLICK = 19
    DIRECTORY = 20
    BACK_OFF = 21
    PROMPT = 22
    RELAY_QUEUE = 23
    RELAY_LINK = 24
    SUBMIT = 25
    DIRECTORY_MISS = 26
    FETCH = 27
    FORGOTTEN = 29
    RECIPIENTS = 30
    BATCH = 31
    # Purposes below are drawn by the arrivals, not by programs.
    OPEN = 40
    CLOSE = 41
    PRESENT = 42
    VISIT = 43
    RECIPIENT = 44
    SENDER = 45
    GAP = 46
    LEFT_OPEN = 47
    # Where a message goes, what it carries.
    DOCUMENT = 48
    SIZE = 49
    CITIZEN = 50
    RECEIPT = 51
    INTEGRATION = 52


@dataclass(frozen=True, slots=True)
class Delay:
    """Pass `seconds` + `round_trips` x RTT + one draw of `law`, booked under `phase`."""

    phase: Phase | None
    seconds: float = 0.0
    round_trips: float = 0.0
    law: Law | None = None
    purpose: Purpose = Purpose.FRONT


@dataclass(frozen=True, slots=True)
class Hold:
    """Stay until the software closes for the day or, with `answer`, until the person answered."""

    answer: bool = False


@dataclass(frozen=True, slots=True)
class Serve:
    """Queue for one server of `station` and be served for `seconds` + one draw of `law`."""

    station: str
    phase: Phase | None
    seconds: float = 0.0
    law: Law | None = None
    purpose: Purpose = Purpose.FRONT
    scope: Scope = Scope.HOME


@dataclass(frozen=True, slots=True)
class Acquire:
    """Take a slot of `endpoint`, waiting in its backlog; go to `refused` when that is full."""

    endpoint: str
    refused: Label
    scope: Scope = Scope.HOME


@dataclass(frozen=True, slots=True)
class Release:
    """Give back the slot of `endpoint`."""

    endpoint: str
    scope: Scope = Scope.HOME


@dataclass(frozen=True, slots=True)
class Branch:
    """Go to `target` with `probability`."""

    probability: float
    purpose: Purpose
    target: Label


@dataclass(frozen=True, slots=True)
class Today:
    """Go to `target` with `probability`, drawn once a day for each access."""

    probability: float
    purpose: Purpose
    target: Label


@dataclass(frozen=True, slots=True)
class Enter:
    """Count one more connection of the access against `limit`; go to `refused` when reached."""

    limit: str
    refused: Label


@dataclass(frozen=True, slots=True)
class Exit:
    """Count one connection less against `limit`."""

    limit: str


@dataclass(frozen=True, slots=True)
class Has:
    """Go to `target` when the access has any of the features in the bit set `features`."""

    features: int
    target: Label


@dataclass(frozen=True, slots=True)
class During:
    """Go to `target` while an outage of `backend` lasts."""

    backend: str
    target: Label


@dataclass(frozen=True, slots=True)
class Fresh:
    """Go to `target` when `register` was stamped less than `ttl` seconds ago."""

    register: str
    ttl: float
    target: Label


@dataclass(frozen=True, slots=True)
class Stamp:
    """Write the present instant in `register`."""

    register: str


@dataclass(frozen=True, slots=True)
class Once:
    """Go to `target` when `register` holds the present window of `seconds`; else write it."""

    register: str
    seconds: float
    target: Label


@dataclass(frozen=True, slots=True)
class Deadline:
    """Cut whatever lasts beyond `seconds` + one draw of `law` from now, and go to `handler`."""

    seconds: float
    handler: Label
    law: Law | None = None
    purpose: Purpose = Purpose.BACK_OFF


@dataclass(frozen=True, slots=True)
class Clear:
    """Lift the deadline."""


@dataclass(frozen=True, slots=True)
class Ask:
    """Ask the person, who answers after one draw of `law`; never with probability `never`."""

    law: Law
    purpose: Purpose
    never: float = 0.0
    never_purpose: Purpose = Purpose.NEVER


@dataclass(frozen=True, slots=True)
class Pending:
    """Go to `target` while the answer asked for has not come."""

    target: Label


@dataclass(frozen=True, slots=True)
class Settle:
    """Book the time since Ask: person until the answer, back end after it."""


@dataclass(frozen=True, slots=True)
class Retry:
    """Go to `target` for the first `limit` times; then fall through."""

    limit: int
    target: Label


@dataclass(frozen=True, slots=True)
class Spawn:
    """Start `count` sessions of `program` for the same access at this instant.

    `salt` tells the draws of one Spawn from those of another in the same dialogue; with
    `recipient` they are about mail to somebody else, drawn anew.
    """

    program: str
    count: int = 1
    salt: int = 1
    recipient: bool = False


@dataclass(frozen=True, slots=True)
class Mark:
    """Observe the login: its machine part, its phases and, when a person waits, the whole."""

    attended: bool = False


@dataclass(frozen=True, slots=True)
class Deliver:
    """Observe the age of the message."""


@dataclass(frozen=True, slots=True)
class Fail:
    """Observe a failure of this cause; the session goes on with the next step."""

    cause: Cause


@dataclass(frozen=True, slots=True)
class Goto:
    """Go to `target`."""

    target: Label


@dataclass(frozen=True, slots=True)
class End:
    """Leave."""


Step = (
    Delay | Hold | Serve | Acquire | Release | Branch | Has | During | Fresh | Stamp | Once
    | Deadline | Clear | Ask | Pending | Settle | Retry | Spawn | Mark | Deliver | Fail
    | Goto | End | Today | Enter | Exit
)  # fmt: skip
