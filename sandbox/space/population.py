"""A space made concrete: every access of every mailbox, with its operator, software and method.

An *access* is one person's or one robot's software on one mailbox: a shared mailbox has as many as
it has holders. All attributes are arrays of the same length. Each is drawn from its own
counter-based stream (Philox keyed by seed, replication, population, kind and attribute), so that a
change of one input moves only what depends on it. Each replication draws other people: what is
estimated is of the populations, not of one sample of them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import IntEnum
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from sandbox.space.errors import UserError
from sandbox.space.methods import CAPABILITIES, Feature, Method
from sandbox.space.operators import operator_names, operator_weights
from sandbox.space.scenario import Scenario
from sandbox.space.sections.people import Population

__all__ = [
    "SOFTWARE",
    "Accesses",
    "BalKind",
    "Space",
    "build_space",
    "expected_accesses",
    "power_of_tenth",
    "with_own",
]

SOFTWARE: tuple[Literal["lps", "mail_client", "webmail", "robot"], ...] = (
    "lps", "mail_client", "webmail", "robot",
)  # fmt: skip
WEBMAIL_RTT = 0.001  # s; the operator's own server, on its own network
BY_ONESELF = 1.5  # mailboxes a unit: up to here each has a place of its own
ROBOT = SOFTWARE.index("robot")
METHOD_NUMBER = {method: number for number, method in enumerate(Method)}


class BalKind(IntEnum):
    """Kinds of mailbox (BAL): personal, organisational, application."""

    PER = 0
    ORG = 1
    APP = 2


class _Stream(IntEnum):
    ACTIVE = 0
    OPERATOR = 1
    METHOD = 2
    SOFTWARE = 3
    RTT = 4
    PRODUCT = 5
    SITE = 6
    FIREWALL = 7
    FEATURE = 8  # and the following, one a feature
    OWN = 64


@dataclass(frozen=True, slots=True)
class Accesses:
    """Arrays over all accesses, shape (A,).

    Attributes:
        kind: BalKind of the mailbox; population: number in Space.populations.
        operator: number of the operator; method: number in Method; software: in SOFTWARE.
        product: number in Space.products.
        rtt: round trip to the operator, s.
        features: bit set of Feature.
        mailbox, site: number of the mailbox, and of the place (one public address) that it is at.
        identity: number that tells an access from all others, whatever its place in the arrays.
    """

    kind: NDArray[np.int8]
    population: NDArray[np.int8]
    operator: NDArray[np.int32]
    method: NDArray[np.int8]
    software: NDArray[np.int8]
    product: NDArray[np.int16]
    rtt: NDArray[np.float64]
    features: NDArray[np.int64]
    mailbox: NDArray[np.int64]
    site: NDArray[np.int64]
    identity: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.kind)

    def only(self, kept: NDArray[np.bool_]) -> Accesses:
        """Return those that `kept`, bool (A,), holds."""
        return Accesses(*(getattr(self, field)[kept] for field in Accesses.__slots__))


@dataclass(frozen=True, slots=True)
class Space:
    """A trust space, ready to be run in virtual time or on sockets.

    Attributes:
        scenario: what it was made from.
        seed, replication: of everything drawn.
        scale: share of the mailboxes and messages that is kept.
        populations: names, in order.
        operators: names, in order.
        operator_mailboxes: mailboxes of each operator.
        mailboxes: number of mailboxes by population and kind, int64 (P, 3), active or not.
        accesses: the accesses of active mailboxes.
    """

    scenario: Scenario
    seed: int
    replication: int
    scale: float
    populations: tuple[str, ...]
    operators: tuple[str, ...]
    operator_mailboxes: NDArray[np.int64]
    mailboxes: NDArray[np.int64]
    accesses: Accesses

    @property
    def products(self) -> tuple[str, ...]:
        """Names of the products, in the order of `Accesses.product`."""
        return tuple(self.scenario.products)

    @property
    def messages(self) -> float:
        """Messages expected in the period."""
        return self.scenario.traffic.messages * self.scale


def _apportion(total: int, weights: NDArray[np.float64]) -> NDArray[np.int64]:
    """Share out `total` by largest remainder (Hamilton)."""
    exact = weights / weights.sum() * total
    counts: NDArray[np.int64] = np.floor(exact).astype(np.int64)
    missing = total - int(counts.sum())
    order = np.argsort(-(exact - counts), kind="stable")
    counts[order[:missing]] += 1
    return counts


def _choose(u: NDArray[np.float64], shares: list[float]) -> NDArray[np.int8]:
    """Return for each u the index of its share."""
    edges = np.cumsum(shares)[:-1]
    chosen: NDArray[np.int8] = np.searchsorted(edges, u, side="right").astype(np.int8)
    return chosen


def _products(
    scenario: Scenario, software: NDArray[np.int8], draw: NDArray[np.float64]
) -> NDArray[np.int16]:
    """Return the product of each access, by the shares within its kind of software."""
    chosen = np.zeros(len(software), dtype=np.int16)
    for kind, name in enumerate(SOFTWARE):
        numbers = [n for n, each in enumerate(scenario.products.values()) if each.kind == name]
        shares = [each.share for each in scenario.products.values() if each.kind == name]
        mine = software == kind
        chosen[mine] = np.array(numbers, dtype=np.int16)[_choose(draw[mine], shares)]
    return chosen


def _features(scenario: Scenario, product: NDArray[np.int16], blocked: NDArray[np.bool_],
              draw: NDArray[np.float64]) -> NDArray[np.int64]:  # fmt: skip
    """Return the feature bits of accesses; `draw` is (capabilities, A)."""
    bits = np.where(blocked, int(Feature.PORT_BLOCKED), 0).astype(np.int64)
    for row, (field, feature) in enumerate(CAPABILITIES.items()):
        shares = np.array([getattr(each, field) for each in scenario.products.values()])
        bits |= np.where(draw[row] < shares[product], int(feature), 0)
    if not scenario.network.tls13_server:
        bits &= ~int(Feature.TLS13)
    return bits


def _mailbox_counts(scenario: Scenario, scale: float = 1.0) -> NDArray[np.int64]:
    """Return mailboxes by population and kind, int64 (P, 3), active or not."""
    counts = np.zeros((len(scenario.populations), len(BalKind)), dtype=np.int64)
    for number, people in enumerate(scenario.populations.values()):
        connected = people.units * people.deployment * scale
        per_unit = (
            people.personal_mailboxes, people.shared_mailboxes, people.application_mailboxes,
        )  # fmt: skip
        for kind, each in zip(BalKind, per_unit, strict=True):
            counts[number, kind] = round(connected * each)
            if each > 0 and kind is BalKind.APP and people.machine_share > 0:
                counts[number, kind] = max(1, counts[number, kind])  # somebody must send
    return counts


def _holders_of(scenario: Scenario, kind: BalKind) -> int:
    """Return the accesses of one mailbox of a kind."""
    return round(scenario.mailboxes.holders) if kind is BalKind.ORG else 1


def expected_accesses(scenario: Scenario, people: Population, kind: BalKind) -> float:
    """Return the active accesses of a population's mailboxes of a kind, expected."""
    per_unit = (people.personal_mailboxes, people.shared_mailboxes, people.application_mailboxes)
    holders = np.rint(scenario.mailboxes.holders) if kind is BalKind.ORG else 1.0
    return people.units * people.deployment * per_unit[kind] * people.active * holders


def with_own(scenario: Scenario, people: Population, kind: BalKind) -> float:
    """Return the share of accesses to a kind of mailbox whose person has one of her own too.

    Holders of shared mailboxes have personal ones as far as these go round.
    """
    if kind is not BalKind.ORG:
        return 0.0
    holders = np.maximum(people.shared_mailboxes * np.rint(scenario.mailboxes.holders), 1e-9)
    share: float = np.minimum(1.0, people.personal_mailboxes / holders)
    return share


def _accesses(
    scenario: Scenario, people: Population, number: int, kind: BalKind,
    operators: NDArray[np.int64], seed: int, replication: int,
) -> Accesses:  # fmt: skip
    """Return the accesses of one population's mailboxes of one kind, by operator."""
    mailboxes = int(operators.sum())

    def draw(stream: int, size: int, *, of: int = kind) -> NDArray[np.float64]:
        key = np.random.SeedSequence([seed, replication, number, of, stream])
        return np.random.Generator(np.random.Philox(key)).random(size)

    # Which operator a mailbox belongs to must not follow its number: shuffle by one draw each.
    order = np.argsort(draw(_Stream.OPERATOR, mailboxes), kind="stable")
    operator = np.repeat(np.arange(len(operators)), operators)[order]
    kept = np.flatnonzero(draw(_Stream.ACTIVE, mailboxes) < people.active)
    holders = _holders_of(scenario, kind)
    total = mailboxes * holders
    which = (kept[:, None] * holders + np.arange(holders)).reshape(-1)
    if kind is BalKind.APP:
        software = np.full(len(which), ROBOT, dtype=np.int8)
        method = np.full(len(which), METHOD_NUMBER[Method.CERTIFICATE], dtype=np.int8)
    else:
        software = _choose(
            draw(_Stream.SOFTWARE, total)[which],
            [people.software_lps, people.software_mail_client, people.software_webmail],
        )
        # The order of Method: cps, totp, ecps, ciba-operateur.
        method = _choose(
            draw(_Stream.METHOD, total)[which],
            [people.method_cps, people.method_totp, people.method_ecps, people.method_sms],
        )
    base = (number * len(BalKind) + int(kind) + 1) << 40
    z = draw(_Stream.RTT, total)[which]
    sigma = np.sqrt(np.log1p(people.rtt_cv**2))
    rtt = people.rtt * np.exp(sigma * _normal(z) - sigma**2 / 2)
    rtt = np.where(software == SOFTWARE.index("webmail"), WEBMAIL_RTT, rtt)
    product = _products(scenario, software, draw(_Stream.PRODUCT, total)[which])
    site = _sites(scenario, people, mailboxes, draw(_Stream.SITE, mailboxes))[which // holders]
    # One firewall a site, whatever the kind of its mailboxes.
    firewalls = draw(_Stream.FIREWALL, int(site.max(initial=0)) + 1, of=0)
    blocked = firewalls[site] < people.port_blocked
    features = np.stack(
        [draw(_Stream.FEATURE + row, total)[which] for row in range(len(CAPABILITIES))]
    )
    outside = software != SOFTWARE.index("webmail")
    features_of = _features(scenario, product, blocked & outside, features)
    own = draw(_Stream.OWN, total)[which] < with_own(scenario, people, kind)
    features_of |= np.where(own & outside, int(Feature.HAS_OWN), 0)
    return Accesses(
        kind=np.full(len(which), int(kind), dtype=np.int8),
        population=np.full(len(which), number, dtype=np.int8),
        operator=operator[which // holders].astype(np.int32),
        method=method,
        software=software,
        product=product,
        rtt=rtt,
        features=features_of,
        mailbox=which // holders + base,
        site=site + base,
        identity=which + base,
    )


def power_of_tenth(share: float) -> float:
    """Return e such that rank u**e (u uniform) falls in the first tenth with that probability."""
    return math.log(0.1) / math.log(share)


def _sites(
    scenario: Scenario, people: Population, mailboxes: int, u: NDArray[np.float64]
) -> NDArray[np.int64]:
    """Return the site of each mailbox: its own for who works alone, else by a power law of size."""
    each = people.personal_mailboxes + people.shared_mailboxes + people.application_mailboxes
    if each <= BY_ONESELF:
        return np.arange(mailboxes)
    count = max(1, round(mailboxes / each))
    rank: NDArray[np.int64] = (
        u ** power_of_tenth(scenario.mailboxes.site_top_tenth) * count
    ).astype(np.int64)
    return rank


def _normal(u: NDArray[np.float64]) -> NDArray[np.float64]:
    from scipy.special import ndtri

    z: NDArray[np.float64] = ndtri(np.clip(u, 1e-12, 1 - 1e-12))
    return z


def build_space(
    scenario: Scenario, *, seed: int = 1, scale: float = 1.0, replication: int = 0
) -> Space:
    """Make a scenario concrete.

    Args:
        scenario: what to make.
        seed: of everything drawn, 0 or more.
        scale: share of the mailboxes and messages to keep, above 0.
        replication: which draw of the people; the same in every design.

    Raises:
        UserError: a seed or scale out of range, or a scale that leaves no mailbox.
    """
    if seed < 0:
        raise UserError("attendu 0 ou plus", "must be 0 or more", where=f"seed {seed}")
    if not 0 < scale <= 100:
        raise UserError(
            "attendu au-dessus de 0, au plus 100",
            "must be above 0 and at most 100",
            where=f"scale {scale}",
        )
    parts: list[Accesses] = []
    counts = _mailbox_counts(scenario, scale)
    of_operator = np.zeros(scenario.operators.count, dtype=np.int64)
    for number, (name, people) in enumerate(scenario.populations.items()):
        for kind in BalKind:
            if counts[number, kind] == 0:
                continue
            weights = operator_weights(scenario, name, applications=kind is BalKind.APP)
            operators = _apportion(int(counts[number, kind]), weights)
            of_operator += operators
            parts.append(_accesses(scenario, people, number, kind, operators, seed, replication))
    if not any(len(part) for part in parts):
        raise UserError(
            "ne laisse aucune BAL active ; en prendre une plus grande",
            "leaves no active mailbox; take a larger one",
            where=f"scale {scale}",
        )
    accesses = Accesses(*(np.concatenate([getattr(part, field) for part in parts])
                          for field in Accesses.__slots__))  # fmt: skip
    return Space(
        scenario=scenario,
        seed=seed,
        replication=replication,
        scale=scale,
        populations=tuple(scenario.populations),
        operators=operator_names(scenario),
        operator_mailboxes=of_operator,
        mailboxes=counts,
        accesses=accesses,
    )
