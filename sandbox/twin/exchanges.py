"""The compiled dialogues as they are on a live space: exchange by exchange, at its own costs.

The national model serves a login in one go: its figures are for queues of minutes and crowds. On
an event loop every exchange of every login queues by itself, so that logins interleave; and the
client's own work, which is nothing nationally, is as large as the servers'. So each row of the
compiled table that stands for round trips or for service is replaced by exchanges: the client's
processor (a station of its own), what passes beside both processors, the servers' processor.

| row of the table | in its place |
|---|---|
| look-up of a name | nothing: clients are given addresses |
| TCP, TLS | their exchanges; the servers' work of the handshake in two halves |
| SASL | the greeting comes with the handshake's end; the other exchanges share the login's work |
| first code, first sight of a card | what it takes beside a login that was seen before |
| first sight of a robot's certificate | nothing: robots share one, asked about for all |
| Pro Santé Connect | request, poll and answer, each as measured, in three turns |
| a login while another rings the same person | waits for that one's answer |
| the operator's own CIBA | polled as Pro Santé Connect is: on the wire nobody tells the operator |
| TLS session ticket | kept once the session has read something, not as it begins |
| mail | its exchanges, then the end of the connection, which those who keep it put off |
| relay | exchanges of the mean over messages that stay and that leave; recipients fetch them |
"""

from __future__ import annotations

import dataclasses
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from sandbox.observations.schema import Phase, Protocol
from sandbox.simulation.dialogues import RELAY_GROUP, RELAY_TRIPS
from sandbox.simulation.model import PACE_BITS, Model
from sandbox.simulation.program import Column
from sandbox.simulation.steps import Op, Purpose, Scope
from sandbox.space.methods import METHODS, Method
from sandbox.space.scenario import Scenario
from sandbox.twin.calibration import Calibration, kind_of
from sandbox.twin.pace import Paces

__all__ = ["Exchanges", "by_exchanges"]

NANOSECONDS = 1_000_000_000
KNOWN = 7  # register of a card that was found good; `peace` of those who have none
RINGING = 3  # register of a telephone that rings; `token` and codes of those who have none
RUNG = (Method.ECPS, Method.SMS)
JOINED = 0.1  # s between two looks at whether it was answered
HANDSHAKE = 3  # exchanges of TCP, TLS 1.3 and the greeting
HALVES = 2  # that the servers work in
MOMENT = 26  # 2**26 ns, 67 ms: a moment of one pace
MOMENTS = 1_024  # 69 s
MAIL = 3  # exchanges of mail work after the login
ASKED = 3  # turns of a question to Pro Santé Connect: the operator asks, it answers, he goes on
METHOD_LIST = tuple(Method)
Row = NDArray[np.int64]
RELAY = round(RELAY_TRIPS) + MAIL


@dataclass(frozen=True, slots=True)
class _Service:
    """What a service takes, s, by what its server did just before.

    Attributes:
        kind: of the step that it is of.
        idle: nothing.
        after: a service of another kind.
        follow: one of the same kind.
    """

    kind: str = ""
    idle: float = 0.0
    after: float = 0.0
    follow: float = 0.0

    def times(self, factor: float) -> _Service:
        """Return a part of it, or a multiple."""
        return _Service(self.kind, *(factor * each for each in self._seconds))

    def beyond(self, other: _Service) -> _Service:
        """Return what it takes more than another."""
        both = zip(self._seconds, other._seconds, strict=True)
        return _Service(self.kind, *(max(0.0, mine - its) for mine, its in both))

    @property
    def percents(self) -> tuple[int, int]:
        """What it takes after another kind and after its own, in percent of what it takes idle."""
        return self._percent(self.after), self._percent(self.follow)

    def _percent(self, seconds: float) -> int:
        return max(1, round(100 * seconds / self.idle)) if self.idle > 0 else 100

    @property
    def _seconds(self) -> tuple[float, float, float]:
        return self.idle, self.after, self.follow


@dataclass(frozen=True, slots=True)
class _Cost:
    """What work takes.

    Attributes:
        client: its client's processor.
        beside: what passes beside both processors, s.
        server: the servers' processor.
        turns, turns_client: of the servers' event loop, and of its client's, that it has.
    """

    client: _Service = _Service()
    beside: float = 0.0
    server: _Service = _Service()
    turns: int = 1
    turns_client: int = 1

    @classmethod
    def of(cls, name: str, calibration: Calibration) -> _Cost:
        """Return that of a step."""
        step, mixed = calibration.steps[name], calibration.mixed

        def service(idle: float, follow: float, kept: float) -> _Service:
            return _Service(kind_of(name), idle, idle * mixed.after(follow, kept), idle * follow)

        return cls(
            service(step.client, step.follow_client, mixed.client),
            max(0.0, step.wall - step.processor - step.client),
            service(step.processor, step.follow, mixed.servers),
            max(1, round(step.turns)), max(1, round(step.turns_client)),
        )  # fmt: skip

    def over(self, count: int) -> list[_Cost]:
        """Return each exchange's share: a turn of both, and in the last those that are left."""
        each = _Cost(
            self.client.times(1 / count), self.beside / count, self.server.times(1 / count)
        )
        turns, client = (max(1, all_ - count + 1) for all_ in (self.turns, self.turns_client))
        return [each] * (count - 1) + [replace(each, turns=turns, turns_client=client)]

    def beyond(self, other: _Cost) -> _Cost:
        """Return what it takes more than another."""
        return _Cost(
            self.client.beyond(other.client), max(0.0, self.beside - other.beside),
            self.server.beyond(other.server), max(1, self.turns - other.turns),
            max(1, self.turns_client - other.turns_client),
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Exchanges:
    """A model of a live space, and which of its stations are clients' processors."""

    model: Model
    clients: NDArray[np.bool_]


def by_exchanges(
    model: Model, calibration: Calibration, scenario: Scenario, *, clients: int,
    paces: Paces | None = None,
) -> Exchanges:  # fmt: skip
    """Return a model of a live space.

    Args:
        model: of its scenario.
        calibration: of the machine.
        scenario: whose policies hold.
        clients: processes that the clients are in, one event loop each.
        paces: of the processors meanwhile; None: always that of the calibration.
    """
    inputs = model.inputs
    stations = len(inputs.servers)
    own = model.inputs.access_operator[inputs.recipients]
    shares = np.bincount(own) / max(1, len(own))
    writer = _Writer(
        table=inputs.code, first=stations,
        # What a foreign operator does not offer, nobody asks of it.
        cost=defaultdict(
            _Cost, {name: _Cost.of(name, calibration) for name in calibration.steps}
        ),
        grant=model.code.layout.registers["grant"],
        tickets=tuple(
            model.code.layout.registers[f"ticket.{each.name.lower()}"] for each in Protocol
        ),
        far=float(1.0 - (shares**2).sum()), interval=scenario.policies.ciba_interval,
        known=scenario.policies.revocation_seconds, expiry=scenario.policies.ciba_expiry,
    )  # fmt: skip
    table, moved = writer.written(sorted(model.code.entries.values()))
    entry = np.where(inputs.entry >= 0, moved[np.maximum(inputs.entry, 0)], -1)
    servers, shared = calibration.servers, calibration.shared
    # All stations of the space draw on its event loops; the clients have theirs, or the same cores
    # where the servers leave none. Those of the old table serve nobody any more.
    ours = np.array([False] * stations + [client for client, *_ in writer.stations])
    percents = np.array([(100, 100)] * stations + [each for *_, each in writer.stations])
    # On shared cores a client's work is of another kind than the servers'.
    kinds = list(dict.fromkeys((client, kind) for client, kind, _ in writer.stations))
    kind = np.array([-1] * stations + [kinds.index(each[:2]) for each in writer.stations])
    inputs = inputs._replace(
        code=table,
        entry=entry,
        servers=np.where(ours, servers if shared else clients, servers),
        server_offset=np.where(ours, 0 if shared else servers, 0),
        server_time=_server_time(ours, calibration.pace, paces),
        moment=np.array([MOMENT], dtype=np.int64),
        kind=kind,
        follow_time=(percents << PACE_BITS) // 100,
        access_rtt=np.zeros_like(inputs.access_rtt),
    )
    entries = {name: int(moved[row]) for name, row in model.code.entries.items()}
    code = dataclasses.replace(model.code, table=table, entries=entries)
    return Exchanges(replace(model, inputs=inputs, code=code), ours)


def _server_time(clients: NDArray[np.bool_], pace: float, paces: Paces | None) -> Row:
    """Return what a service takes at each station in each moment, (stations, moments)."""
    time = np.ones((len(clients), 1))
    if paces is not None:
        both = [
            each.moments(paces.begin, (1 << MOMENT) / NANOSECONDS, MOMENTS) / pace
            for each in (paces.servers, paces.clients)
        ]
        if not np.isnan(both).any():
            time = np.where(clients[:, np.newaxis], both[1], both[0])
    return np.maximum(1, np.rint(time * (1 << PACE_BITS))).astype(np.int64)


def _kept(row: Row) -> bool:
    """Whether a row keeps the connection open."""
    return bool(row[Column.OP] == Op.HOLD and row[Column.EXTRA] != 1)


@dataclass(slots=True)
class _Writer:
    """Writes the new table, row by row."""

    table: Row
    first: int
    cost: Mapping[str, _Cost]
    far: float
    interval: float
    known: float
    expiry: float
    grant: int
    tickets: tuple[int, ...]
    _acquired: bool = False
    _handshakes: int = 0
    _ticket: int = -1  # register of the ticket that the mail work under way ends with; -1: none
    # (client's, kind of its services, their percents): one station each, from first
    stations: dict[tuple[bool, str, tuple[int, int]], int] = field(default_factory=dict)

    def written(self, entries: list[int]) -> tuple[Row, Row]:
        """Return the new table, and where each old row begins in it."""
        starts = set(entries)
        parts: list[list[Row]] = []
        for number, row in enumerate(self.table):
            if number in starts:
                self._acquired, self._handshakes, self._ticket = False, 0, -1
            parts.append(list(self._in_place_of(row)))
        lengths = np.array([len(each) for each in parts])
        moved = np.concatenate([[0], np.cumsum(lengths)])[:-1].astype(np.int64)
        table = np.stack([each for part in parts for each in part])
        place = 0
        for part in parts:
            for row in part:
                target = int(row[Column.TARGET])
                if target <= -2:  # counted from itself
                    table[place, Column.TARGET] = place + target + self._FAR
                elif target >= 0:
                    table[place, Column.TARGET] = moved[target]
                if row[Column.OP] == Op.SPAWN:
                    table[place, Column.INDEX] = moved[row[Column.INDEX]]
                place += 1
        return table, moved

    _FAR = 1 << 20  # a target of one of the new rows: this less than the number of rows to go

    # ------------------------------------------------------------------ rows

    def _in_place_of(self, row: Row) -> Iterator[Row]:
        op, phase = int(row[Column.OP]), int(row[Column.PHASE])
        if op == Op.ACQUIRE:
            self._acquired = True
        if op == Op.DELAY and row[Column.HALF_TRIPS] > 0:
            yield from self._trips(row, phase)
        elif op == Op.SERVE:
            yield from self._service(row, phase)
        elif op == Op.STAMP and self._login_row(row) and row[Column.INDEX] in self.tickets:
            return  # the client has it once it has read something
        elif op == Op.STAMP and self._grants(row):
            yield from self._first_time(row)
        elif op == Op.FRESH and self._grants(row) and self._method(row) in RUNG:
            yield from self._joined(row)
        elif op == Op.HOLD and row[Column.EXTRA] == 1 and self._method(row) is Method.SMS:
            yield from self._polled(row)
        elif self._ticket >= 0 and op != Op.SPAWN:  # further connections have no ticket yet
            yield self._row(row, op=Op.STAMP, index=self._ticket)
            self._ticket = -1
            if _kept(row):
                yield row
            yield from self._exchange(row, -1, self.cost["goodbye"])
            if not _kept(row):
                yield row
        else:
            yield row

    def _trips(self, row: Row, phase: int) -> Iterator[Row]:
        trips = int(row[Column.HALF_TRIPS]) // 2
        shake = self._handshake(row)
        if phase == Phase.NETWORK:
            if self._acquired:  # TCP; before: a name is looked up
                yield from self._exchange(row, phase, replace(shake, server=_Service()))
        elif phase == Phase.TLS or (phase == Phase.SASL and not self._handshakes):  # or STARTTLS
            for _ in range(trips):
                yield from self._exchange(row, phase, replace(shake, server=_Service()))
        elif phase == Phase.SASL and trips > 1:
            yield from self._exchanges(row, phase, self._login(row), trips - 1)
        elif phase == -1:
            imap = int(row[Column.GROUP]) // len(METHOD_LIST) == Protocol.IMAP
            yield from self._exchanges(row, phase, self.cost["look" if imap else "submit"], trips)
            self._ticket = self.tickets[Protocol.IMAP if imap else Protocol.SMTP]
        else:  # the client asks somebody else: Pro Santé Connect
            yield from self._exchange(row, phase, replace(shake, server=_Service()))

    def _service(self, row: Row, phase: int) -> Iterator[Row]:
        purpose = int(row[Column.PURPOSE])
        cost = self.cost
        if purpose == Purpose.FRONT:
            half = self._handshake(row, last=True)
            self._handshakes += 1
            yield from self._turns(row, phase, half.server, max(1, half.turns - 1))
            yield from self._exchange(row, phase, replace(half, turns=1))
        elif purpose in (Purpose.STORE, Purpose.SUBMIT):
            return  # within the exchanges of mail
        elif purpose == Purpose.DIRECTORY:
            if self._method(row) is Method.CERTIFICATE and self.known > 0:
                return  # asked now and then, for all robots of an operator
            seconds = cost["login_certificate"].beyond(cost["login_certificate_again"])
            rows = list(self._exchange(row, phase, seconds))
            yield self._row(row, op=Op.FRESH, index=KNOWN, seconds=self.known, skip=len(rows) + 2)
            yield from rows
            yield self._row(row, op=Op.STAMP, index=KNOWN)
        elif purpose == Purpose.RELAY_LINK:
            relay, fetch = cost["relay"].beyond(cost["submit"]), cost["fetch"].beyond(cost["look"])
            citizen = row[Column.SCOPE] == Scope.NATIONAL
            yield from self._turns(
                row, phase, relay.server.times(1 if citizen else self.far), RELAY
            )
            if not citizen:
                yield from self._exchanges(row, phase, fetch, MAIL)
        else:
            step = {
                Purpose.PSC_REQUEST: cost["ciba_request"].beyond(cost["login_totp_again"]),
                Purpose.SMS_GATEWAY: cost["ciba_request"].beyond(cost["login_totp_again"]),
            }.get(Purpose(purpose), cost["ciba_poll"])
            yield from self._turns(row, phase, step.server, ASKED)

    def _first_time(self, row: Row) -> Iterator[Row]:
        """What a login takes more the first time."""
        cost = self.cost
        if self._method(row) is Method.TOTP:
            more = cost["login_totp"].beyond(cost["login_totp_again"])
            yield from self._exchange(row, Phase.SASL, more)
        else:
            more = cost["ciba_answer"].beyond(cost["ciba_poll"])
            yield from self._turns(row, Phase.BACKEND, more.server, ASKED)
        yield row

    def _joined(self, row: Row) -> Iterator[Row]:
        """Who comes while another login of the same mailbox rings waits for that one's answer."""
        yield row
        yield self._row(row, op=Op.FRESH, index=RINGING, seconds=self.expiry, skip=2)
        yield self._row(row, op=Op.GOTO, skip=4)
        yield self._row(row, op=Op.DELAY, phase=Phase.PERSON, seconds=JOINED)
        yield row
        yield self._row(row, op=Op.GOTO, skip=-4)
        yield self._row(row, op=Op.STAMP, index=RINGING)

    def _polled(self, row: Row) -> Iterator[Row]:
        """In place of being told the answer: polls until it is there."""
        yield self._row(row, op=Op.DELAY, phase=-1, seconds=self.interval)
        turns = list(self._turns(row, -1, self.cost["ciba_poll"].server, ASKED))
        yield from turns
        yield self._row(row, op=Op.PENDING, skip=-1 - len(turns))

    # ------------------------------------------------------------------ what they are made of

    def _handshake(self, row: Row, *, last: bool = False) -> _Cost:
        """Return an exchange of the handshake under way; the servers' work is half of it."""
        certified = METHODS[self._method(row)].client_certificate if self._login_row(row) else True
        full = "tls_mutual" if certified else "tls_full"
        # Of a program's two, the full one is written first.
        whole = self.cost["tls_resumed" if self._handshakes else full]
        each = whole.over(HANDSHAKE)[-1 if last else 0]
        return replace(each, server=whole.server.times(1 / HALVES), turns=whole.turns)

    def _login(self, row: Row) -> _Cost:
        certified = METHODS[self._method(row)].client_certificate
        return self.cost["login_certificate_again" if certified else "login_totp_again"]

    def _grants(self, row: Row) -> bool:
        """Whether a register is the one of logins that are honoured again."""
        return self._login_row(row) and row[Column.INDEX] == self.grant and self._acquired

    @staticmethod
    def _login_row(row: Row) -> bool:
        return bool(row[Column.GROUP] != RELAY_GROUP)

    @staticmethod
    def _method(row: Row) -> Method:
        return METHOD_LIST[int(row[Column.GROUP]) % len(METHOD_LIST)]

    def _exchanges(self, row: Row, phase: int, whole: _Cost, count: int) -> Iterator[Row]:
        """Return a step in so many exchanges: the last has the turns that are left."""
        for each in whole.over(count):
            yield from self._exchange(row, phase, each)

    def _exchange(self, row: Row, phase: int, cost: _Cost) -> Iterator[Row]:
        yield from self._turns(row, phase, cost.client, cost.turns_client, client=True)
        yield self._row(row, op=Op.DELAY, phase=phase, seconds=cost.beside)
        # None where there is nothing to serve: TCP waits for no server, nor does what follows it.
        yield from self._turns(row, phase, cost.server, cost.turns)

    def _turns(
        self, row: Row, phase: int, service: _Service, count: int, *, client: bool = False
    ) -> Iterator[Row]:
        """Return a service in as many turns, between which others have theirs."""
        for _ in range(count if service.idle > 0 else 0):
            yield self._served(row, phase, service.times(1 / count), client=client)

    def _served(self, row: Row, phase: int, service: _Service, *, client: bool) -> Row:
        """Return a service of the servers' event loop, or of the clients'."""
        station = self.stations.setdefault(
            (client, service.kind, service.percents), self.first + len(self.stations)
        )
        return self._row(
            row, op=Op.SERVE, phase=phase, seconds=service.idle, index=station,
            scope=Scope.NATIONAL,
        )  # fmt: skip

    def _row(
        self, row: Row, *, op: Op, phase: int = -1, seconds: float = 0.0, index: int = -1,
        scope: int = 0, skip: int = 0,
    ) -> Row:  # fmt: skip
        """Return a row of the same program; `skip`: how many rows on its target is."""
        made = np.full(len(Column), -1, dtype=np.int64)
        made[Column.OP], made[Column.PHASE] = op, phase
        made[Column.FIXED] = round(seconds * NANOSECONDS)
        made[Column.HALF_TRIPS], made[Column.PURPOSE] = 0, 0
        made[Column.INDEX], made[Column.SCOPE] = index, scope
        made[Column.GROUP] = row[Column.GROUP]
        if skip:
            made[Column.TARGET] = skip - self._FAR
        return made
