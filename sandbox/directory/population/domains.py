"""Domains and their operators, with the measured concentration (domain.md §7.2, §7.3)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sandbox.directory.draws import Draws, Ints
from sandbox.directory.population.spec import PopulationSpec
from sandbox.directory.population.structures import Structures
from sandbox.directory.tables import NATIONAL_SLUGS, tables
from sandbox.space.tables import operator_rows

__all__ = ["Domains", "make_domains", "share_out"]

# One structure of the domain for this many mailboxes: what a shared regional domain looks like.
_BOXES_BY_STRUCTURE = 40


@dataclass(frozen=True)
class Domains:
    """Columns, one row a domain, the largest first.

    `profession` is the row of the only profession that a domain serves, or -1. The structures of
    domain d are `structures[first[d]:first[d + 1]]`, none for a national domain.
    """

    names: list[str]
    operators: list[str]
    size: Ints
    profession: Ints
    first: Ints
    structures: Ints

    def __len__(self) -> int:
        """Return the number of domains."""
        return len(self.names)


def share_out(total: int, weights: Ints) -> Ints:
    """Share an integer out by weights, the remainder to the largest fractions, then in order."""
    scaled = weights * total
    shares: Ints = scaled // weights.sum()
    missing = total - int(shares.sum())
    fractions = scaled % weights.sum()
    shares[np.argsort(-fractions, kind="stable")[:missing]] += 1
    return shares


def _sizes(spec: PopulationSpec) -> Ints:
    if spec.domains:
        return share_out(spec.mailboxes, np.array([d.weight for d in spec.domains], dtype=np.int64))
    national = tables().domain_sizes
    shares = spec.mailboxes * national // national.sum()
    missing = spec.mailboxes - int(shares.sum())
    if missing <= len(shares):
        # What rounding took from the large ones becomes small domains: the tail stays long.
        shares[np.argsort(shares, kind="stable")[:missing]] += 1
    else:
        shares = share_out(spec.mailboxes, national)
    ordered: Ints = -np.sort(-shares[shares > 0])
    return ordered


def _structures_of(
    sizes: Ints, national: int, structures: Structures, draws: Draws
) -> tuple[Ints, Ints]:
    """Give each domain its structures: hospitals mostly, the others by their boxes."""
    weight = np.array([s.org_boxes for s in tables().sectors], dtype=np.int64)
    eligible = np.flatnonzero((structures.finess > 0) & ~structures.juridical)
    turn = draws.below("turn", len(eligible), 1 << 30) // weight[structures.sector[eligible]]
    eligible = eligible[np.argsort(turn, kind="stable")]
    counts = np.maximum(1, sizes // _BOXES_BY_STRUCTURE)
    counts[:national] = 0
    first = np.concatenate([[0], np.cumsum(counts)])
    # A town that runs out of structures shares them: a structure may have two domains.
    return first, eligible[np.arange(first[-1]) % len(eligible)]


def make_domains(spec: PopulationSpec, draws: Draws, structures: Structures) -> Domains:
    """Make the domains of a population."""
    reference = tables()
    sizes = _sizes(spec)
    count = len(sizes)
    national = 0 if spec.domains else min(len(NATIONAL_SLUGS), count)
    profession = np.full(count, -1, dtype=np.int64)
    first, owners = _structures_of(sizes, national, structures, draws)
    if spec.domains:
        names = [domain.name for domain in spec.domains][:count]
        operators = [domain.operator or "operateur-1" for domain in spec.domains][:count]
        return Domains(names, operators, sizes, profession, first, owners)

    by_slug = {p.slug: row for row, p in enumerate(reference.professions)}
    names = []
    seen: set[str] = set()
    for row in range(count):
        if row < national:
            profession[row] = by_slug.get(NATIONAL_SLUGS[row], -1)
            names.append(f"{NATIONAL_SLUGS[row]}.{spec.suffix}")
            continue
        owner = int(owners[first[row]])
        region = reference.departments[int(structures.department[owner])].region
        # One domain in seven has a regional label (domain.md §1.7: 674 of 4,944).
        stem = structures.slugs[owner] + (f".{region}" if row % 7 == 0 else "")
        name = f"{stem}.{spec.suffix}"
        turn = 2
        while name in seen:
            name = f"{structures.slugs[owner]}-{turn}.{region}.{spec.suffix}"
            turn += 1
        seen.add(name)
        names.append(name)

    # Domains are dealt to operators in the measured proportions; the national ones to that of the
    # professions, which is not the one with most domains.
    weights = reference.operator_domains
    shares = share_out(count, weights)
    dealt = np.repeat(np.arange(len(weights)), shares)[draws.order("operator", count)]
    dealt[:national] = [row.kind for row in operator_rows()].index("professions")
    operators = [f"operateur-{rank + 1}" for rank in dealt.tolist()]
    return Domains(names, operators, sizes, profession, first, owners)
