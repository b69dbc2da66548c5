"""What operators have to serve with, and how a design shares it out. Pure: both executions use it.

An operator runs servers of a *size class*, chosen by the number of its mailboxes: so many cores, so
many connections, the same under every design. A design only says which of its endpoints share them.
With `shared` placement (or a design behind one proxy) all endpoints draw on everything; with
`dedicated` placement each has its part, cut by the use that the operator foresees and, for the
share that it misjudges, evenly. An operator with fewer cores than endpoints cannot cut them: its
endpoints have connections of their own and share the cores.

A space that is scaled down keeps its classes and has its capacities scaled with it: connections are
rounded up; cores become whole ones of another pace, worth the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sandbox.space.designs import PROTOCOLS, Design
from sandbox.space.methods import Method
from sandbox.space.operators import operator_sizes, operator_weights
from sandbox.space.scenario import Scenario
from sandbox.space.sections.servers import Resources, Servers

__all__ = [
    "NATIONAL",
    "RELAY",
    "Capacity",
    "CapacityPart",
    "Cores",
    "as_cores",
    "capacity_of",
    "foreseen_use",
    "lay_out",
    "one_proxy",
    "servers_of",
    "servers_shared",
]

RELAY = "mx"  # where mail from other operators comes in
SMTP_USE = 0.1  # of an endpoint, as against IMAP
SLOWEST = 1 / 32  # pace; a smaller part of a core is overstated rather than made of waiting
NATIONAL = ("psc", "sms", "directory", "citizens")  # what all operators share

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Cores:
    """Any number of cores as whole ones of another pace; arrays of one shape.

    Attributes:
        count: 1 or more.
        pace: how fast each works, 1: a core of today.
    """

    count: Ints
    pace: Floats


@dataclass(frozen=True, slots=True)
class CapacityPart:
    """What one endpoint of one operator has: its pool's connections at once and waiting, cores."""

    pool: str
    slots: int
    backlog: int
    cores: float


@dataclass(frozen=True, slots=True)
class Capacity:
    """What serves each endpoint of each operator under one design.

    Attributes:
        pool_of: by endpoint, the name of the pool of connections that it draws on.
        slots: by pool, connections served at once (operators,).
        backlog: by pool, connections that wait to be accepted (operators,).
        cores: by endpoint and `mx`, cores of the front (operators,); of operators that share,
            all cores.
        shares: whether the endpoints of an operator share the front's cores, bool (operators,).
        store: cores of the mailbox store (operators,).
        national: by back end that all operators share, its cores.
    """

    pool_of: Mapping[str, str]
    slots: Mapping[str, Ints]
    backlog: Mapping[str, Ints]
    cores: Mapping[str, Floats]
    shares: NDArray[np.bool_]
    store: Floats
    national: Mapping[str, float]

    def of_operator(self, operator: int) -> dict[str, CapacityPart]:
        """Return what each endpoint of one operator has, `mx` included, for one that runs it.

        Endpoints of one pool show the whole pool each: together they have it once.
        """
        return {
            name: CapacityPart(
                pool=pool,
                slots=int(self.slots[pool][operator]),
                backlog=int(self.backlog[pool][operator]),
                cores=float(self.cores[name][operator]),
            )
            for name, pool in self.pool_of.items()
        }


def servers_of(resources: Resources, mailboxes: float) -> Servers:
    """Return the servers of an operator with so many mailboxes."""
    for size in (resources.small, resources.medium, resources.large):
        if mailboxes <= size.mailboxes:
            return size
    return resources.national


def as_cores(cores: Floats) -> Cores:
    """Return whole cores that are worth so many: of pace 1 when the number is whole."""
    count = np.maximum(1, np.rint(cores)).astype(np.int64)
    return Cores(count, np.maximum(cores / count, SLOWEST))


def _shares_of(use: Floats, misjudged: float) -> Floats:
    """Return each endpoint's share of an operator's capacity, (endpoints, operators)."""
    foreseen = use + 1e-9
    even = 1.0 / len(use)
    shares: Floats = (1.0 - misjudged) * foreseen / foreseen.sum(axis=0) + misjudged * even
    return shares


def _cut(total: Ints, shares: Floats) -> Ints:
    """Cut each operator's total by largest remainder, one at least for everybody."""
    exact = shares * total
    whole: Ints = np.floor(exact).astype(np.int64)
    rank = np.argsort(np.argsort(whole - exact, axis=0, kind="stable"), axis=0, kind="stable")
    whole += rank < total - whole.sum(axis=0)
    return np.maximum(whole, 1)


def one_proxy(resources: Resources, design: Design) -> Any:
    """Tell whether all endpoints of every operator stand behind one front."""
    return np.asarray(resources.placement == "shared") | design.shared_front


def servers_shared(resources: Resources, servers: Servers, design: Design) -> Any:
    """Tell whether an operator's endpoints share its cores; arrays over draws give arrays."""
    few = np.less(servers.front_cores, len(design.endpoints))
    alone = len(design.endpoints) == len(PROTOCOLS)
    return one_proxy(resources, design) | few | alone


def lay_out(
    scenario: Scenario,
    design: Design,
    mailboxes: Floats,
    use: Mapping[str, Floats],
    *,
    scale: float = 1.0,
) -> Capacity:
    """Share out every operator's servers under one design.

    Args:
        mailboxes: of each operator, today, not scaled (operators,).
        use: by endpoint, how much each operator foresees of it, any unit (operators,).
        scale: share of the space that is simulated.
    """
    resources = scenario.resources
    sizes = [servers_of(resources, count) for count in mailboxes]
    front = np.array([size.front_cores for size in sizes], dtype=np.float64)
    store = np.array([size.store_cores for size in sizes], dtype=np.float64)
    connections = {
        protocol: np.maximum(1, np.ceil(
            scale * np.array([getattr(size, f"{protocol}_connections") for size in sizes])
        )).astype(np.int64)
        for protocol in PROTOCOLS
    }  # fmt: skip
    shared = one_proxy(resources, design)
    pool_of, slots, backlogs = {RELAY: RELAY}, {RELAY: connections["smtp"]}, {RELAY: 1}
    for protocol in PROTOCOLS:
        mine = [e for e in design.endpoints if e.protocol == protocol]
        if shared:
            pool_of |= {e.name: protocol for e in mine}
            slots[protocol] = connections[protocol]
            backlogs[protocol] = len({(e.address, e.port) for e in mine})  # listening sockets
            continue
        parts = _cut(
            connections[protocol],
            _shares_of(np.stack([use[e.name] for e in mine]), resources.misjudged),
        )
        for endpoint, part in zip(mine, parts, strict=True):
            pool_of[endpoint.name] = endpoint.name
            slots[endpoint.name] = part
            backlogs[endpoint.name] = 1
    names = [e.name for e in design.endpoints]
    shares = np.array([bool(servers_shared(resources, size, design)) for size in sizes])
    cut = _cut(front.astype(np.int64), _shares_of(
        np.stack([use[name] for name in names]), resources.misjudged
    ))  # fmt: skip
    cores = {
        name: scale * np.where(shares, front, part) for name, part in zip(names, cut, strict=True)
    }
    waiting = max(1, round(scenario.policies.backlog * scale))
    return Capacity(
        pool_of=pool_of,
        slots=slots,
        backlog={
            pool: np.full(len(mailboxes), sockets * waiting, dtype=np.int64)
            for pool, sockets in backlogs.items()
        },
        cores=cores | {RELAY: scale * front},
        shares=shares,
        store=scale * store,
        national={name: scale * getattr(scenario.backends, name).servers for name in NATIONAL},
    )


def foreseen_use(scenario: Scenario, design: Design) -> dict[str, Floats]:
    """Return, by endpoint, how much use of it each operator foresees: accesses, by their method.

    Accesses that a design keeps out are foreseen too. SMTP is used ten times less than IMAP.
    """
    by_method = {method: np.zeros(scenario.operators.count) for method in Method}
    for name, people in scenario.populations.items():
        active = people.units * people.deployment * people.active
        holders = round(scenario.mailboxes.holders)
        held = people.personal_mailboxes + people.shared_mailboxes * holders
        shares = {
            Method.CPS: people.method_cps,
            Method.TOTP: people.method_totp,
            Method.ECPS: people.method_ecps,
            Method.SMS: people.method_sms,
        }
        for method, share in shares.items():
            by_method[method] += active * held * share * operator_weights(scenario, name)
        robots = active * people.application_mailboxes
        weights = operator_weights(scenario, name, applications=True)
        by_method[Method.CERTIFICATE] += robots * weights
    return {
        endpoint.name: sum((by_method[method] for method in endpoint.methods), np.zeros(1))
        * (1.0 if endpoint.protocol == "imap" else SMTP_USE)
        for endpoint in design.endpoints
    }


def capacity_of(scenario: Scenario, design: Design, *, scale: float = 1.0) -> Capacity:
    """Return what every operator of a scenario has to serve with under a design."""
    use = foreseen_use(scenario, design)
    return lay_out(scenario, design, operator_sizes(scenario), use, scale=scale)
