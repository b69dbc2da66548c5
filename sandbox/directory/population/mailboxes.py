"""Mailboxes: which type, whose, where, since when; and the activities that they show."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sandbox.directory.draws import Draws, Ints, running_count
from sandbox.directory.population.domains import Domains, share_out
from sandbox.directory.population.people import DrawnPeople
from sandbox.directory.population.spec import PopulationSpec
from sandbox.directory.population.structures import Structures
from sandbox.directory.tables import tables

__all__ = ["APP", "CAB", "ORG", "PER", "Activities", "DrawnMailboxes", "make_mailboxes"]

PER, ORG, APP, CAB = range(4)

# In a thousand mailboxes: 79,886 ORG of 535,357 (domain.md §7.3); APP and CAB are assumptions, no
# figure is published.
_SHARES = {ORG: 149, APP: 5, CAB: 2}
_ENOUGH = 20
_JURIDICAL = 150
_ALONE = 500
_DELETED_A_DAY = 480
_CREATED_IN_75_DAYS = 48
_OLDEST_DAYS = 2_100
_DAY = 86_400
_DELETION_DAYS = 30


@dataclass(frozen=True)
class Activities:
    """Columns, one row an activity of a person in a structure (a PractitionerRole)."""

    person: Ints
    structure: Ints
    liberal: npt.NDArray[np.bool_]


@dataclass(frozen=True)
class DrawnMailboxes:
    """Columns, one row a mailbox, -1 where a reference is absent.

    `created` and `deleted` are seconds since 1970, `deleted` 0 while the mailbox lives. `twin`
    numbers the mailboxes that would otherwise have one address.
    """

    kind: Ints
    domain: Ints
    person: Ints
    activity: Ints
    structure: Ints
    service: Ints
    twin: Ints
    red: npt.NDArray[np.bool_]
    demat: npt.NDArray[np.bool_]
    created: Ints
    deleted: Ints

    def __len__(self) -> int:
        """Return the number of mailboxes, deleted ones included."""
        return len(self.kind)


def _kinds(domains: Domains, total: int) -> Ints:
    """Return the type of each mailbox, domain after domain."""
    served = np.diff(domains.first) > 0
    room = domains.size.copy()
    kinds = {kind: np.zeros_like(room) for kind in _SHARES}
    for kind in (CAB, APP, ORG):
        # Structures hold ORG and APP; practices take theirs where there is no structure, if any.
        hosts = ~served if kind == CAB and (~served).any() else served
        if not hosts.any():
            continue
        weights = np.where(hosts, domains.size, 0)
        # Every type exists in a population of any use, however small.
        least = 1 if total >= _ENOUGH else 0
        share = min(max(total * _SHARES[kind] // 1000, least), int(weights.sum()) // 2)
        if share:
            kinds[kind] = np.minimum(share_out(share, weights), room)
            room = room - kinds[kind]
    table = np.stack([room, kinds[ORG], kinds[APP], kinds[CAB]], axis=1)
    return np.repeat(np.tile(np.arange(4), len(domains)), table.ravel())


def _holders(draws: Draws, people: DrawnPeople, domain: Ints, of: Ints, living: int) -> Ints:
    """Give each personal mailbox a person: those of the profession first, then who has none.

    The first `living` mailboxes are dealt first, so that each person holds one that lives.
    """
    holder = np.full(len(domain), -1, dtype=np.int64)
    boxed = np.zeros(len(people), dtype=bool)
    shuffled = draws.order("holder", len(people))
    for row in np.flatnonzero(of >= 0).tolist():
        slots = np.flatnonzero(domain[:living] == row)
        peers = shuffled[people.profession[shuffled] == of[row]][: len(slots)]
        holder[slots[: len(peers)]] = peers
        boxed[peers] = True
    left = np.flatnonzero(holder < 0)
    waiting = shuffled[~boxed[shuffled]]
    again = draws.order("second mailbox", len(people))
    queue = np.concatenate([waiting, np.tile(again, 1 + len(left) // len(again))])
    # Scattered over the domains, not all in the largest one.
    dealt = left[draws.order("slot", len(left))]
    dealt = np.concatenate([dealt[dealt < living], dealt[dealt >= living]])
    holder[dealt] = queue[: len(left)]
    return holder


def _attach(
    draws: Draws, people: DrawnPeople, domains: Domains, domain: Ints, holder: Ints
) -> Ints:
    """Return the structure of each personal mailbox, or -1 for the RPPS alone."""
    count = len(domain)
    staff = np.array([p.register == "STRUCTURE" for p in tables().professions])
    employee = staff[people.profession[holder]]
    width = np.diff(domains.first)[domain]
    row = domains.first[domain] + draws.below("site", count, 1 << 40) % np.maximum(width, 1)
    served = width > 0
    structure = people.home[holder]
    structure[served] = domains.structures[row[served]]
    structure[employee] = people.home[holder[employee]]
    alone = draws.chance("alone", _ALONE, count) & ~served & ~employee
    structure[alone] = -1
    return structure


def _activities(people: DrawnPeople, person: Ints, structure: Ints) -> tuple[Activities, Ints]:
    """Return all activities, the home one of each person first, and that of each mailbox."""
    span = int(max(people.home.max(), structure.max(initial=0))) + 1
    home = np.arange(len(people), dtype=np.int64) * span + people.home
    known = person >= 0
    wanted = np.where(known & (structure >= 0), person * span + structure, -1)
    extra = np.setdiff1d(np.unique(wanted[wanted >= 0]), home)
    keys = np.concatenate([home, extra])
    order = np.argsort(keys, kind="stable")
    place = np.searchsorted(keys[order], wanted)
    activity = np.where(wanted >= 0, order[np.minimum(place, len(order) - 1)], -1)
    liberal = np.zeros(len(keys), dtype=bool)
    liberal[: len(people)] = people.liberal
    return Activities(keys // span, keys % span, liberal), activity


def make_mailboxes(
    spec: PopulationSpec,
    draws: Draws,
    structures: Structures,
    people: DrawnPeople,
    domains: Domains,
) -> tuple[DrawnMailboxes, Activities]:
    """Make the mailboxes of a population, and the activities that they hang on."""
    kind = _kinds(domains, spec.mailboxes)
    domain = np.repeat(np.arange(len(domains), dtype=np.int64), domains.size)
    # The churn of the last month: mailboxes that were deleted are still in the history.
    gone = draws.below(
        "gone", spec.mailboxes * _DELETED_A_DAY * _DELETION_DAYS // 535_357, len(kind)
    )
    kind, domain = np.concatenate([kind, kind[gone]]), np.concatenate([domain, domain[gone]])
    count = len(kind)

    person = np.full(count, -1, dtype=np.int64)
    structure = np.full(count, -1, dtype=np.int64)
    service = np.full(count, -1, dtype=np.int64)
    personal = np.flatnonzero(kind == PER)
    living = int((personal < spec.mailboxes).sum())
    holder = _holders(draws, people, domain[personal], domains.profession, living)
    person[personal] = holder
    structure[personal] = _attach(draws, people, domains, domain[personal], holder)

    practices = np.flatnonzero(kind == CAB)
    if len(practices):
        registered = np.array([p.register == "RPPS" for p in tables().professions])
        able = np.flatnonzero(registered[people.profession])
        if len(able) == 0:
            kind[practices], structure[practices] = ORG, -1
        else:
            dice = draws.below("practice", len(practices), 1 << 40)
            person[practices] = able[dice % len(able)]

    collective = np.flatnonzero((kind == ORG) | (kind == APP))
    width = np.diff(domains.first)[domain[collective]]
    dice = draws.below("bearer", len(collective), 1 << 40)
    bearer = domains.structures[domains.first[domain[collective]] + dice % np.maximum(width, 1)]
    above = structures.parent[bearer]
    lift = draws.chance("juridical", _JURIDICAL, len(collective)) & (above >= 0)
    structure[collective] = np.where(lift, above, bearer)
    service[collective] = draws.below("service", len(collective), len(tables().services))

    activities, activity = _activities(people, person, structure)
    family = np.where(person >= 0, people.family[person], structure)
    given = np.where(person >= 0, people.given[person], service)
    second = np.where(person >= 0, people.second_family[person], -1)
    age = np.where(
        draws.chance("young", _CREATED_IN_75_DAYS, count),
        draws.below("recent", count, 75 * _DAY),
        75 * _DAY + draws.below("age", count, (_OLDEST_DAYS - 75) * _DAY),
    )
    deleted = np.zeros(count, dtype=np.int64)
    since = spec.instant - draws.below("deletion", len(gone), _DELETION_DAYS * _DAY) - 1
    deleted[spec.mailboxes :] = since
    created = spec.instant - age - 1
    created[spec.mailboxes :] = np.minimum(created[spec.mailboxes :], since - _DAY)
    return (
        DrawnMailboxes(
            kind=kind,
            domain=domain,
            person=person,
            activity=activity,
            structure=structure,
            service=service,
            twin=running_count(domain, kind, given, family, second),
            red=draws.chance("red list", spec.red_list, count),
            demat=draws.chance("demat", 250, count),
            created=created,
            deleted=deleted,
        ),
        activities,
    )
