"""From a space and a design to a model: programs, stations, pools, arrivals, as arrays."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from sandbox.observations.observations import NAMED_OPERATORS
from sandbox.simulation.dialogues import RELAY_GROUP, Dialogues
from sandbox.simulation.draws import NANOSECONDS, mix
from sandbox.simulation.model import (
    FOREVER_BITS,
    LISTED,
    NEVER,
    PEOPLE,
    Inputs,
    Model,
    SendStream,
    SessionKind,
    as_server_time,
)
from sandbox.simulation.program import Layout, compile_programs
from sandbox.space.calendar import DayKind, day_kinds, hourly_weights
from sandbox.space.capacity import NATIONAL, RELAY, Capacity, Cores, as_cores, capacity_of
from sandbox.space.compatibility import can_connect, mechanisms_used
from sandbox.space.designs import Design, Endpoint
from sandbox.space.errors import UserError
from sandbox.space.login_policies import LoginPolicy
from sandbox.space.methods import Mechanism, Method
from sandbox.space.population import (
    ROBOT,
    SOFTWARE,
    Accesses,
    BalKind,
    Space,
    power_of_tenth,
)
from sandbox.space.tables import week
from sandbox.space.years import share_to_citizens

__all__ = ["build_model", "without_contention"]

# An access has one method, so registers of different methods share a column: eight to a cache line.
REGISTERS = {
    "name": 0, "name.imap": 0, "ticket.imap": 1, "grant": 2, "pin": 3, "code": 3, "token": 3,
    "typed": 4, "psc session": 4, "name.smtp": 5, "ticket.smtp": 6, "peace": 7,
}  # fmt: skip
COLUMNS = 8
LIMITS = ("user", "address.imap", "address.smtp")
HOUR = 3600
NO_END = 1 << 30
CLIENT_CONNECTIONS = 3  # of SMTP at once, at most, of one person's software (Thunderbird's cache)
ALL_METHODS, ALL_MECHANISMS = tuple(Method), tuple(Mechanism)


def _serves(endpoint: Endpoint, methods: NDArray[np.int8]) -> NDArray[np.bool_]:
    numbers = [ALL_METHODS.index(method) for method in endpoint.methods]
    return np.isin(methods, numbers)


class _Builder:
    """Lays out stations, pools and endpoints of all operators as the engines' arrays."""

    def __init__(self, space: Space, design: Design, capacity: Capacity) -> None:
        self.design, self.operators = design, len(space.operators)
        self.servers: list[NDArray[np.int64]] = []
        self.offset: list[NDArray[np.int64]] = []
        self.pace: list[NDArray[np.float64]] = []
        self.room = 0  # servers so far
        national = as_cores(np.array([capacity.national[name] for name in NATIONAL]))
        self._add_station(national)
        self.stations = {name: number for number, name in enumerate(NATIONAL)}
        for number, endpoint in enumerate(design.endpoints):
            cores = as_cores(capacity.cores[endpoint.name])
            self.stations[f"front.{endpoint.name}"] = sum(len(part) for part in self.servers)
            # Endpoints that share their operator's cores stand at the first one's servers.
            self._add_station(cores, capacity.shares if number else None, len(NATIONAL))
        for name, own in (("store", capacity.store), (RELAY, capacity.cores[RELAY])):
            self.stations[name] = sum(len(part) for part in self.servers)
            self._add_station(as_cores(own))
        self.pool_of = dict(capacity.pool_of)
        self.pools = {name: number * self.operators for number, name in enumerate(capacity.slots)}
        self.slots = np.concatenate(list(capacity.slots.values()))
        self.backlog = np.concatenate([capacity.backlog[name] for name in capacity.slots])

    def _add_station(
        self, cores: Cores, shares: NDArray[np.bool_] | None = None, first: int = 0
    ) -> None:
        """Add one station an operator; of those that share, at the servers of station `first`."""
        offset = self.room + np.concatenate([[0], np.cumsum(cores.count)[:-1]])
        self.room += int(cores.count.sum())
        if shares is not None:
            whole = np.concatenate(self.offset)[first : first + self.operators]
            offset = np.where(shares, whole, offset)
        self.servers.append(cores.count)
        self.offset.append(offset.astype(np.int64))
        self.pace.append(cores.pace)

    def layout(self) -> Layout:
        names = [e.name for e in self.design.endpoints] + [RELAY]
        return Layout(
            stations=self.stations,
            pools=self.pools,
            endpoints={name: number * self.operators for number, name in enumerate(names)},
            pool_of=self.pool_of,
            registers=REGISTERS,
            backends={name: number for number, name in enumerate(NATIONAL)},
            limits={name: number for number, name in enumerate(LIMITS)},
        )


def _dns_miss(space: Space, endpoint: Endpoint) -> float:
    """Return the probability that a provider's resolver has forgotten the name of an endpoint.

    A resolver that keeps an answer for one TTL, asked by Poisson clients n times a TTL, misses
    1 time in 1 + n (Jung, Berger, Balakrishnan 2003); n follows from the operator's share of the
    resolver's users and from the methods behind the name; averaged over accesses.
    """
    network, accesses = space.scenario.network, space.accesses
    mine = _serves(endpoint, accesses.method)
    if not mine.any():
        return 1.0
    users = np.bincount(accesses.operator[mine], minlength=len(space.operators))
    asked = network.dns_users * users / len(accesses)
    return float((users / (1.0 + asked)).sum() / users.sum())


def _classes(
    space: Space, design: Design, policy: LoginPolicy, entries: dict[str, int],
) -> tuple[NDArray[np.int16], NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]
]:  # fmt: skip
    """Return the class of each access and, of each class, entries, visits, share left open."""
    accesses, scenario = space.accesses, space.scenario
    used = mechanisms_used(space, design, policy)
    kinds = (accesses.software, accesses.method, *(each + 1 for each in used))  # -1: by none
    sizes = (len(SOFTWARE), len(ALL_METHODS), *2 * (len(ALL_MECHANISMS) + 1,))
    numbers, classes = np.unique(np.ravel_multi_index(kinds, sizes), return_inverse=True)
    values = np.stack(np.unravel_index(numbers, sizes)) - np.array([[0], [0], [1], [1]])
    entry = np.full((values.shape[1], len(SessionKind)), -1, dtype=np.int64)
    visit, left_open = np.ones(values.shape[1]), np.zeros(values.shape[1])
    for row, (number, kind, imap, smtp) in enumerate(values.T):
        software, method = SOFTWARE[number], ALL_METHODS[kind]
        over_imap = f"{software}.{method}.{ALL_MECHANISMS[imap]}"
        over_smtp = f"{software}.{method}.{ALL_MECHANISMS[smtp]}"
        entry[row, SessionKind.OPEN] = entries[f"{over_imap}.open"]
        entry[row, SessionKind.SEND] = entries[f"{over_smtp}.send"]
        entry[row, SessionKind.RECEIPT] = entries.get(f"{over_smtp}.receipt", -1)
        visit[row] = scenario.software[software].poll_share
        if visit[row] > 0:
            entry[row, SessionKind.POLL] = entries[f"{over_imap}.poll"]
            if method is not Method.CERTIFICATE:
                entry[row, SessionKind.ALONE] = entries[f"{over_imap}.alone"]
        left_open[row] = scenario.software[software].left_open
    return classes.reshape(-1).astype(np.int16), entry, visit, left_open


def _schedule(space: Space) -> NDArray[np.float64]:
    """Return who is present, from when to when: float64 (P, day kinds, PEOPLE), seconds."""
    rows = np.zeros((len(space.populations), len(DayKind), PEOPLE))
    for number, people in enumerate(space.scenario.populations.values()):
        present = (people.present_working, people.present_saturday, people.present_sunday)
        hours = (people.opening_hour, people.opening_sd, people.closing_hour, people.closing_sd)
        for kind in DayKind:
            rows[number, kind] = [present[kind], *(HOUR * value for value in hours)]
    return rows


def _counts(
    generator: np.random.Generator, means: NDArray[np.float64], dispersion: float
) -> NDArray[np.int64]:
    """Draw counts of those means with variance `dispersion` x mean: Poisson of a gamma rate."""
    if dispersion == 1:
        return generator.poisson(means)
    scale = dispersion - 1
    return generator.poisson(scale * generator.standard_gamma(means / scale))


def _limits(space: Space) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    """Return what each access counts against, -1 where it can never reach it, and the limits.

    A mailbox from one address (Dovecot's user and address), an operator from one address. The
    webmail connects from the operator's own servers, which are not limited.
    """
    accesses, scenario = space.accesses, space.scenario
    resources = scenario.resources
    outside = accesses.software != SOFTWARE.index("webmail")
    # Twice: the next session may come before the last is over.
    imap = 2 * np.array([scenario.software[name].imap_connections for name in SOFTWARE])
    smtp = np.where(accesses.software == ROBOT, NO_END, CLIENT_CONNECTIONS)
    place = accesses.site * len(space.operators) + accesses.operator
    columns, limits = [], [np.zeros(0, dtype=np.int64)]
    for group, most, limit in (
        (accesses.mailbox, imap[accesses.software], resources.user_connections),
        (place, imap[accesses.software], resources.address_imap_connections),
        (place, smtp, resources.address_smtp_connections),
    ):
        _, number = np.unique(group, return_inverse=True)
        reach = np.bincount(number, weights=np.where(outside, most, 0)) > limit
        counter = np.cumsum(reach) - 1 + sum(len(part) for part in limits)
        columns.append(np.where(outside & reach[number], counter[number], -1).astype(np.int32))
        limits.append(np.full(int(reach.sum()), limit, dtype=np.int64))
    return np.stack(columns, axis=1), np.concatenate(limits)


def _recipients(space: Space, order: NDArray[np.int64]) -> tuple[NDArray[np.int32], int]:
    """Return who receives, int32: people's accesses, how many, then applications.

    Applications stand there in turn, as often as makes their share of messages.
    """
    application = space.accesses.kind[order] == BalKind.APP
    people, machines = (
        np.flatnonzero(each).astype(np.int32) for each in (~application, application)
    )
    share = space.scenario.traffic.application_share
    times = round(len(people) * share / (1.0 - share)) if len(people) else len(machines)
    return np.concatenate([people, np.resize(machines, times if len(machines) else 0)]), len(people)


def _answers(space: Space, whole: Accesses, recipients: int, readers: int) -> tuple[float, float]:
    """Return how many receipts of people, and of applications, come for a message that was sent.

    Who cannot connect sends none, and nobody else does it instead.
    """
    traffic, accesses = space.scenario.traffic, space.accesses
    to_people = readers / max(1, recipients)
    read, filed = (
        int((accesses.kind != BalKind.APP).sum()) / max(1, int((whole.kind != BalKind.APP).sum())),
        int((accesses.kind == BalKind.APP).sum()) / max(1, int((whole.kind == BalKind.APP).sum())),
    )
    professionals = traffic.recipients * (1.0 - share_to_citizens(space.scenario))
    return (
        professionals * to_people * read * traffic.receipts_asked * (1.0 - traffic.receipts_lost),
        professionals * (1.0 - to_people) * filed
        * traffic.acknowledged * (1.0 - traffic.acknowledgements_lost),
    )  # fmt: skip


def _sends(
    space: Space, whole: Accesses, order: NDArray[np.int64], recipients: int, readers: int
) -> tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.int64]]:
    """Return streams of senders, the senders, and messages by hour, int64 (streams, hours).

    Who cannot connect sends nothing: the others of his population send what they always did.
    Receipts of people are sent at the hours at which those who receive would write, those of
    applications, minutes after what they tell of, at the hours of its senders.
    """
    scenario, accesses = space.scenario, space.accesses
    streams: list[tuple[int, ...]] = []
    senders: list[NDArray[np.int32]] = []
    counts: list[NDArray[np.int64]] = []
    # Of readers, then of applications: who answers, how often a message, streams, counts by hour.
    answering: list[tuple[tuple[int, int], float, list[tuple[int, ...]], list[NDArray[np.int64]]]]
    answering = [
        (among, share, [], [])
        for among, share in zip(
            ((0, readers), (readers, recipients - readers)),
            _answers(space, whole, recipients, readers), strict=True,
        )
    ]  # fmt: skip
    read = np.bincount(
        accesses.population[accesses.kind != BalKind.APP], minlength=len(space.populations)
    )
    all_weights = [
        hourly_weights(scenario.period.start, scenario.period.days, week()[name],
                       scenario.traffic.monday_factor)
        for name in scenario.populations
    ]  # fmt: skip
    reading = np.average(all_weights, axis=0, weights=read) if read.any() else all_weights[0]
    first = 0
    for number, people in enumerate(scenario.populations.values()):
        weights = all_weights[number]
        for machine in (False, True):
            share = people.message_share * (
                people.machine_share if machine else 1 - people.machine_share
            )
            mine = (accesses.population[order] == number) & (
                (accesses.software[order] == ROBOT) == machine
            )
            who = np.flatnonzero(mine).astype(np.int32)
            everybody = (whole.population == number) & ((whole.software == ROBOT) == machine)
            share *= len(who) / max(1, int(everybody.sum()))
            if share <= 0 or len(who) == 0:
                continue
            generator = np.random.default_rng([space.seed, space.replication, number, int(machine)])
            occasions = space.messages * share * weights
            if machine:  # one occasion, many messages in a row
                occasions = occasions / scenario.traffic.batch
            counts.append(_counts(generator, occasions, scenario.traffic.dispersion))
            who = who[np.argsort(generator.random(len(who)), kind="stable")]  # who sends most
            streams.append((first, len(who), 0, 0, recipients))
            senders.append(who)
            for salt, (among, answers, rows, hourly) in enumerate(answering, 1):
                if answers > 0:
                    rows.append((first, len(who), 1, *among))
                    generator = np.random.default_rng(
                        [space.seed, space.replication, number, int(machine), salt]
                    )
                    told = space.messages * share * answers * (reading if salt == 1 else weights)
                    hourly.append(_counts(generator, told, scenario.traffic.dispersion))
            first += len(who)
    for _, _, rows, hourly in answering:
        streams += rows
        counts += hourly
    hours = 24 * scenario.period.days
    return (
        np.array(streams, dtype=np.int64).reshape(-1, len(SendStream)),
        np.concatenate([*senders, np.zeros(0, dtype=np.int32)]),
        np.array(counts, dtype=np.int64).reshape(-1, hours),
    )


def _outages(space: Space) -> NDArray[np.int64]:
    """Return back end, start and end of each outage, ns."""
    start = datetime.combine(space.scenario.period.start, datetime.min.time())
    rows = []
    for outage in space.scenario.outages:
        begin = round((outage.start.replace(tzinfo=None) - start) / timedelta(microseconds=1))
        end = begin + round(outage.minutes * 60_000_000)
        rows.append((NATIONAL.index(outage.backend), begin * 1000, end * 1000))
    return np.array(rows, dtype=np.int64).reshape(-1, 3)


def _rings(
    space: Space, whole: Accesses, kept: NDArray[np.bool_]
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Return the order of accesses (rings, then phase), their phase in ns, and the poll streams."""
    accesses, scenario = space.accesses, space.scenario
    periods = np.array(
        [round(scenario.software[name].poll_seconds * NANOSECONDS) for name in SOFTWARE]
    )
    generator = np.random.Generator(
        np.random.Philox(np.random.SeedSequence([space.seed, space.replication, 1000]))
    )
    # One uniform per identity rank: the same access keeps its phase, whoever else is kept.
    u, on_clock, within = (generator.random(len(whole))[kept] for _ in range(3))
    phase = (u * periods[accesses.software]).astype(np.int64)
    # Some software looks on the clock (:00, :15): its phase is a few seconds.
    aligned = np.array([scenario.software[name].aligned for name in SOFTWARE])
    spread = scenario.traffic.aligned_spread * NANOSECONDS
    phase = np.where(
        on_clock < aligned[accesses.software],
        (within * np.minimum(spread, periods[accesses.software])),
        phase,
    ).astype(np.int64)
    order = np.lexsort((phase, accesses.software))
    streams = []
    for number in range(len(SOFTWARE)):
        mine = np.flatnonzero(accesses.software[order] == number)
        if len(mine):
            streams.append((periods[number], mine[0], len(mine), int(number == ROBOT)))
    return order, phase[order], np.array(streams, dtype=np.int64).reshape(-1, 4)


def build_model(
    space: Space, design: Design, policy: LoginPolicy | None = None, *,
    capacity: Capacity | None = None, only: NDArray[np.bool_] | None = None,
    dns_miss: Mapping[str, float] | None = None, like: Model | None = None,
) -> Model:  # fmt: skip
    """Make one design of a space ready to run.

    The space's replication decides what is drawn during the run too: other people on other days,
    the same in every design.

    Args:
        policy: how one logs in; None: the scenario's.
        capacity: what it runs on; None: what operators of its size have.
        only: bool (A,), whose traffic to run, so that designs run the same; None: all. Who cannot
            connect under this design and policy has none.
        dns_miss: by endpoint, the probability that a resolver has forgotten its name; None: as the
            accesses of this space share their resolvers.
        like: a model of this design and policy for another sample of the same operators: its
            programs serve again, with what they say of DNS, instead of being compiled.

    Raises:
        UserError: nobody is left.
        ValueError: `like` is laid out differently.
    """
    scenario, whole = space.scenario, space.accesses
    policy = policy or scenario.policy()
    able = can_connect(space, [(design, policy)])
    kept = able if only is None else able & only
    if not kept.any():
        raise UserError(
            "personne ne peut se connecter à la fois ainsi et avec ce qui est "
            "comparé, donc aucun trafic ; comparer moins, ou donner à [products] "
            "les mécanismes",
            "nobody can connect under this and what it is compared with, so there "
            "is no traffic to run; compare fewer, or give [products] the mechanisms",
            where=f"design {design.name}, login policy {policy.name}",
        )
    own = capacity or capacity_of(scenario, design, scale=space.scale)
    builder = _Builder(space, design, own)
    space = replace(space, accesses=whole.only(kept))
    accesses = space.accesses
    layout = builder.layout()
    if like is None:
        miss = dns_miss or {e.name: _dns_miss(space, e) for e in design.endpoints}
        code = compile_programs(Dialogues(scenario, design, policy, miss).programs(), layout)
    elif like.code.layout == layout:
        code = like.code
    else:
        raise ValueError("a model of other operators or of another design")
    classes, entry, visit, left_open = _classes(space, design, policy, dict(code.entries))
    order, phase, polls = _rings(space, whole, kept)
    recipients, readers = _recipients(space, order)
    sends, senders, send_counts = _sends(space, whole, order, len(recipients), readers)
    access_limits, limits = _limits(space)
    days = scenario.period.days
    largest = np.argsort(-space.operator_mailboxes, kind="stable")[:NAMED_OPERATORS]
    bins = np.full(len(space.operators), len(largest), dtype=np.int16)
    bins[largest] = np.arange(len(largest))
    roles = len(design.endpoints) + 1
    inputs = Inputs(
        run_key=np.array([mix(space.seed, space.replication)], dtype=np.int64),
        horizon=np.array([days * 86_400 * NANOSECONDS], dtype=np.int64),
        code=code.table,
        laws=code.laws,
        entry=entry,
        access_class=classes[order],
        access_operator=accesses.operator[order],
        access_population=accesses.population[order],
        access_rtt=np.rint(accesses.rtt[order] * NANOSECONDS).astype(np.int64),
        access_phase=phase,
        access_features=accesses.features[order],
        access_identity=accesses.identity[order],
        access_limits=access_limits[order],
        visit=visit,
        left_open=left_open,
        polls=polls,
        # One's own: an array that is read-only would have the kernel compiled a second time.
        day_kind=day_kinds(scenario.period.start, days).copy(),
        schedule=_schedule(space),
        sends=sends,
        senders=senders,
        send_counts=send_counts,
        listed=np.zeros((0, LISTED), dtype=np.int64),
        sender_exponent=np.array([power_of_tenth(scenario.traffic.top_tenth)]),
        recipients=recipients,
        servers=np.concatenate(builder.servers),
        server_offset=np.concatenate(builder.offset),
        server_time=as_server_time(np.concatenate(builder.pace))[:, np.newaxis],
        moment=np.array([FOREVER_BITS], dtype=np.int64),
        kind=np.arange(sum(map(len, builder.pace)), dtype=np.int64),
        follow_time=as_server_time(np.ones((sum(map(len, builder.pace)), 2))),
        pool_slots=builder.slots,
        pool_backlog=builder.backlog,
        limits=limits,
        endpoint_role=np.repeat(np.arange(roles), len(space.operators)).astype(np.int16),
        operator_bin=bins,
        outages=_outages(space),
        registers=np.array([COLUMNS], dtype=np.int64),
    )
    return Model(code=code, inputs=inputs, groups=RELAY_GROUP + 1, minutes=days * 1440)


def without_contention(model: Model) -> Model:
    """Return the same run on servers that take no time and have a place for everybody."""
    inputs = model.inputs
    return Model(
        code=model.code,
        inputs=inputs._replace(
            server_time=np.ones_like(inputs.server_time),
            pool_slots=np.full_like(inputs.pool_slots, NEVER),
        ),
        groups=model.groups, minutes=model.minutes,
    )  # fmt: skip
