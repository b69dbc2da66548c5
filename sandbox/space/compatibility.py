"""Who can connect under a candidate, and what must be migrated first: computed, not simulated.

What a design and a login policy ask of an access is a table of requirements. They are read twice:
against the shares of products and sites, which gives expectations in closed form, and against the
drawn accesses one by one, which says whose traffic a run simulates.

Webmail is the operator's own server: it does not use the editors' interface. It is counted apart,
and every share below is of the other accesses.

The closed form works alike on a scenario whose figures are arrays over draws, float64 (n,): its
results are then arrays too.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from sandbox.space.designs import PROTOCOLS, Design
from sandbox.space.login_policies import LoginPolicy
from sandbox.space.methods import CAPABILITIES, METHODS, Feature, Mechanism, Method
from sandbox.space.population import (
    SOFTWARE,
    BalKind,
    Space,
    expected_accesses,
    with_own,
)
from sandbox.space.scenario import Scenario
from sandbox.space.sections.people import Population, Product

__all__ = [
    "SUPPORT",
    "AccessRequirement",
    "Barrier",
    "Compatibility",
    "Part",
    "barriers",
    "can_connect",
    "compatibility",
    "mechanisms_used",
    "mix_of",
    "requirements",
    "shares_of",
]

WEBMAIL = SOFTWARE.index("webmail")
MECHANISMS = tuple(Mechanism)
# What an access must be able to do to log in by a mechanism.
SUPPORT: dict[tuple[str, Mechanism], Feature] = {
    ("imap", Mechanism.PLAIN): Feature.IMAP_PLAIN,
    ("smtp", Mechanism.PLAIN): Feature.SMTP_PLAIN,
    ("imap", Mechanism.EXTERNAL): Feature.IMAP_EXTERNAL,
    ("smtp", Mechanism.EXTERNAL): Feature.SMTP_EXTERNAL,
    ("imap", Mechanism.NONE): Feature.IMAP_ALONE,
    ("smtp", Mechanism.NONE): Feature.SMTP_ALONE,
    ("imap", Mechanism.XOAUTH2): Feature.IMAP_XOAUTH2,
    ("smtp", Mechanism.XOAUTH2): Feature.SMTP_XOAUTH2,
}


class Barrier(IntEnum):
    """Why an access cannot connect: the first of these that stops it."""

    MECHANISM = 0  # the software has none of the mechanisms that the login policy leaves it
    CERTIFICATE_REQUEST = 1  # it fails when the endpoint asks for a client certificate
    PORT_SETTING = 2  # no other port can be set in it
    PORT_BLOCKED = 3  # the site's firewall blocks the port
    HOST_SETTING = 4  # no other host can be set in it
    SERVER_NAME = 5  # it sends no server name (SNI), on which the front routes
    SHARED_MAILBOX = 6  # greeted PREAUTH, a card opens its person's own mailbox and no other


@dataclass(frozen=True, slots=True)
class AccessRequirement:
    """One thing that is asked of an access.

    Attributes:
        barrier: what stops an access that does not meet it.
        features: it is met by who has one of these, or, when not `wanted`, none of them.
    """

    barrier: Barrier
    features: tuple[Feature, ...]
    wanted: bool = True

    def met(self, bits: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Return which accesses meet it, by their features."""
        having: NDArray[np.bool_] = (bits & sum(int(each) for each in self.features)) != 0
        return having if self.wanted else ~having

    def probability(self, shares: Mapping[Feature, float]) -> float:
        """Return the chance of meeting it, features being independent of each other."""
        none = math.prod(1.0 - shares[each] for each in self.features)
        return 1.0 - none if self.wanted else none


def requirements(
    design: Design, policy: LoginPolicy, method: Method
) -> tuple[AccessRequirement, ...]:
    """Return what a design under a policy asks of who uses a method, in the order of barriers."""
    found: dict[AccessRequirement, None] = {}
    for protocol in PROTOCOLS:
        endpoint = design.endpoint(protocol, method)
        ways = policy.ways(endpoint, method)
        able = tuple(SUPPORT[protocol, mechanism] for mechanism in ways)
        found[AccessRequirement(Barrier.MECHANISM, able)] = None
        if endpoint.client_certificate == "optional" and not METHODS[method].client_certificate:
            fails = AccessRequirement(
                Barrier.CERTIFICATE_REQUEST, (Feature.REQUEST_FAILS,), wanted=False
            )
            found[fails] = None
        if not endpoint.standard_port:
            found[AccessRequirement(Barrier.PORT_SETTING, (Feature.PORT_SETTING,))] = None
            blocked = AccessRequirement(Barrier.PORT_BLOCKED, (Feature.PORT_BLOCKED,), wanted=False)
            found[blocked] = None
        # Each person needs one host: which one is the editor's and the support's work (costs), and
        # no barrier unless the software only knows the operator's usual name.
        hosts = {e.host for e in design.endpoints if e.protocol == protocol}
        if design.discovery == "urls" and len(hosts) > 1:
            found[AccessRequirement(Barrier.HOST_SETTING, (Feature.HOST_SETTING,))] = None
        # A client that is greeted PREAUTH cannot say which mailbox it wants (RFC 9051 §6.2.2).
        if protocol == "imap" and Mechanism.NONE in ways:
            own = AccessRequirement(Barrier.SHARED_MAILBOX, (Feature.HAS_OWN,), wanted=False)
            found[own] = None
        beside = [e for e in design.endpoints
                  if (e.address, e.port) == (endpoint.address, endpoint.port)]  # fmt: skip
        if len({e.host for e in beside}) > 1:
            found[AccessRequirement(Barrier.SERVER_NAME, (Feature.SNI,))] = None
    return tuple(sorted(found, key=lambda each: each.barrier))


# ---------------------------------------------------------------------- drawn accesses


def barriers(space: Space, design: Design, policy: LoginPolicy) -> NDArray[np.int8]:
    """Return what stops each drawn access, int8 (A,): a Barrier, or -1 for who can connect."""
    accesses = space.accesses
    found = np.full(len(accesses), -1, dtype=np.int8)
    for number, method in enumerate(Method):
        mine = accesses.method == number
        for each in requirements(design, policy, method):
            found[mine & (found < 0) & ~each.met(accesses.features)] = each.barrier
    return found


def can_connect(space: Space, crossed: Iterable[tuple[Design, LoginPolicy]]) -> NDArray[np.bool_]:
    """Return which accesses can connect under all of some designs and policies, bool (A,)."""
    kept = np.ones(len(space.accesses), dtype=np.bool_)
    for design, policy in crossed:
        kept &= barriers(space, design, policy) < 0
    return kept


def mechanisms_used(space: Space, design: Design, policy: LoginPolicy) -> NDArray[np.int8]:
    """Return by which mechanism each access logs in, int8 (protocols, A); -1: by none.

    It is the first that the policy prefers and that the access can do.
    """
    accesses = space.accesses
    used = np.full((len(PROTOCOLS), len(accesses)), -1, dtype=np.int8)
    for row, protocol in enumerate(PROTOCOLS):
        for number, method in enumerate(Method):
            mine = accesses.method == number
            for mechanism in policy.ways(design.endpoint(protocol, method), method):
                able = mine & ((accesses.features & int(SUPPORT[protocol, mechanism])) != 0)
                used[row, able & (used[row] < 0)] = MECHANISMS.index(mechanism)
    return used


# ---------------------------------------------------------------------- expectations


@dataclass(slots=True)
class Part:
    """A part of the accesses, and how many of them each barrier stops."""

    accesses: float = 0.0
    stopped: dict[Barrier, float] = field(default_factory=lambda: defaultdict(float))

    def add(self, accesses: float, stopped: Mapping[Barrier, float]) -> None:
        """Count accesses, of which each barrier stops a share."""
        self.accesses += accesses
        for barrier, share in stopped.items():
            self.stopped[barrier] += accesses * share

    @property
    def cannot_connect(self) -> float:
        """Share of them that cannot connect; 0 of none."""
        if not np.all(self.accesses):
            return 0.0
        share: float = np.minimum(sum(self.stopped.values()) / self.accesses, 1.0)
        return share

    @property
    def by_cause(self) -> dict[str, float]:
        """Share of them that each barrier stops, by its name in lower case."""
        return {
            barrier.name.lower(): self.stopped[barrier] / self.accesses
            for barrier in sorted(self.stopped)
            if np.any(self.stopped[barrier])
        }


@dataclass(slots=True)
class Compatibility:
    """Who can connect under one candidate.

    Attributes:
        whole: all accesses but webmail's; webmail: how many those are.
        by_product, by_population, by_method: parts of the whole, by name.
        senders: population -> (people, robots), webmail included: who sends, and cannot.
        kept_out: (population, whether robots, product) -> accesses that cannot connect.
    """

    whole: Part = field(default_factory=Part)
    webmail: float = 0.0
    by_product: dict[str, Part] = field(default_factory=lambda: defaultdict(Part))
    by_population: dict[str, Part] = field(default_factory=lambda: defaultdict(Part))
    by_method: dict[str, Part] = field(default_factory=lambda: defaultdict(Part))
    senders: dict[str, tuple[Part, Part]] = field(
        default_factory=lambda: defaultdict(lambda: (Part(), Part()))
    )
    kept_out: dict[tuple[str, bool, str], float] = field(default_factory=lambda: defaultdict(float))

    def add(
        self, people: str, software: int, product: str, method: Method, accesses: float,
        stopped: Mapping[Barrier, float],
    ) -> None:  # fmt: skip
        """Count accesses of one population, product and method."""
        robots = SOFTWARE[software] == "robot"
        self.senders[people][robots].add(accesses, stopped)
        self.kept_out[people, robots, product] += accesses * sum(stopped.values())
        if software == WEBMAIL:
            self.webmail += accesses
            return
        for part in (self.whole, self.by_product[product], self.by_population[people],
                     self.by_method[str(method)]):  # fmt: skip
            part.add(accesses, stopped)

    def messages_share(self, scenario: Scenario) -> float:
        """Return the share of all messages whose senders cannot connect: to migrate first."""
        total = 0.0
        for name, people in scenario.populations.items():
            persons, robots = self.senders[name]
            total += people.message_share * (
                people.machine_share * robots.cannot_connect
                + (1 - people.machine_share) * persons.cannot_connect
            )
        return total

    def messages_by_product(self, scenario: Scenario) -> dict[str, float]:
        """Return each product's part of the messages to migrate first, as a share of all."""
        found: dict[str, float] = defaultdict(float)
        for (name, robots, product), accesses in self.kept_out.items():
            people, whole = scenario.populations[name], self.senders[name][robots].accesses
            part = people.machine_share if robots else 1 - people.machine_share
            if whole:
                found[product] += people.message_share * part * accesses / whole
        return found


def _stopped(
    asked: Iterable[AccessRequirement], shares: Mapping[Feature, float]
) -> dict[Barrier, float]:
    """Return the chance that each barrier is the first to stop an access."""
    left, found = 1.0, dict[Barrier, float]()
    for each in asked:
        passing = each.probability(shares)
        found[each.barrier] = found.get(each.barrier, 0.0) + left * (1.0 - passing)
        left *= passing
    return found


def mix_of(
    scenario: Scenario, people: Population, kind: BalKind
) -> Iterator[tuple[int, str, Product, Method, float]]:
    """Yield software, product, method and their share of the accesses of a kind of mailbox."""
    if kind is BalKind.APP:
        software = {"robot": 1.0}
        methods = {Method.CERTIFICATE: 1.0}
    else:
        software = {"lps": people.software_lps, "mail_client": people.software_mail_client,
                    "webmail": people.software_webmail}  # fmt: skip
        methods = {Method.CPS: people.method_cps, Method.TOTP: people.method_totp,
                   Method.ECPS: people.method_ecps, Method.SMS: people.method_sms}  # fmt: skip
    for name, product in scenario.products.items():
        if product.kind not in software:
            continue
        for method, part in methods.items():
            share = software[product.kind] * product.share * part
            yield SOFTWARE.index(product.kind), name, product, method, share


def compatibility(
    scenario: Scenario, design: Design, policy: LoginPolicy, *, scale: float = 1.0
) -> Compatibility:
    """Return who can connect, in expectation over everything that is drawn, exactly.

    Args:
        scale: share of the mailboxes that is kept.
    """
    found = Compatibility()
    asked = {method: requirements(design, policy, method) for method in Method}
    for name, people in scenario.populations.items():
        for kind in BalKind:
            accesses = scale * expected_accesses(scenario, people, kind)
            for software, label, product, method, share in mix_of(scenario, people, kind):
                shares = shares_of(scenario, product, people, kind)
                stopped = _stopped(asked[method], shares)
                found.add(name, software, label, method, accesses * share, stopped)
    return found


def shares_of(
    scenario: Scenario, product: Product, people: Population, kind: BalKind
) -> dict[Feature, float]:
    """Return the share that has each feature of a product's accesses to a kind of mailbox."""
    outside = product.kind != "webmail"
    shares = {feature: getattr(product, field) for field, feature in CAPABILITIES.items()}
    shares[Feature.PORT_BLOCKED] = people.port_blocked if outside else 0.0
    shares[Feature.HAS_OWN] = with_own(scenario, people, kind) if outside else 0.0
    return shares
