"""From a list to the operators of a scenario: who runs which domains with which certificates."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime

from sandbox.trust.dn import DN
from sandbox.trust.domain_list import DomainList, ListEntry
from sandbox.trust.identity import identifier_kind, plain_identifier

__all__ = ["ListedOperator", "topology"]

_NEVER = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, kw_only=True)
class ListedOperator:
    """An operator, as a list shows it.

    Attributes:
        name: Organisation name (O), the most frequent spelling.
        identifier: FINESS or SIRET, without the kind digit.
        identifier_kind: FINESS, SIRET or other.
        domains: Domains that it runs, each given to one operator only, sorted.
        shared: Domains where it is listed but another operator was listed more recently
            (migrations, shared domains), sorted.
        certificates: Names of its certificates, sorted.
    """

    name: str
    identifier: str
    identifier_kind: str
    domains: tuple[str, ...]
    shared: tuple[str, ...]
    certificates: tuple[str, ...]


def _owner(entries: list[ListEntry]) -> str:
    """Return the OU of the operator that runs a domain: the most recent entry, then the first.

    On the real list 419 of 4,944 domains appear under several organisations.
    """
    newest = max(entry.updated or _NEVER for entry in entries)
    return next(e.certificate.get("OU") for e in entries if (e.updated or _NEVER) == newest)


def topology(domains: DomainList) -> tuple[ListedOperator, ...]:
    """Return the operators of a list, the one with most domains first.

    An operator is a structure identifier (OU): names vary in spelling, identifiers do not. Every
    domain has one operator, so the domains of all rows add up to those of the list.
    """
    by_domain: dict[str, list[ListEntry]] = {}
    by_unit: dict[str, list[ListEntry]] = {}
    for entry in domains.entries:
        by_domain.setdefault(entry.domain, []).append(entry)
        by_unit.setdefault(entry.certificate.get("OU"), []).append(entry)
    owners = {domain: _owner(entries) for domain, entries in by_domain.items()}
    rows = [_row(unit, entries, owners) for unit, entries in by_unit.items()]
    return tuple(sorted(rows, key=lambda row: (-len(row.domains), row.identifier)))


def _row(unit: str, entries: list[ListEntry], owners: dict[str, str]) -> ListedOperator:
    names = Counter(entry.certificate.get("O") for entry in entries)
    listed = {entry.domain for entry in entries}
    distinct: dict[tuple[tuple[str, str], ...], DN] = {
        entry.certificate.key: entry.certificate for entry in entries
    }
    return ListedOperator(
        name=min(names, key=lambda name: (-names[name], name)),
        identifier=plain_identifier(unit),
        identifier_kind=identifier_kind(unit),
        domains=tuple(sorted(d for d in listed if owners[d] == unit)),
        shared=tuple(sorted(d for d in listed if owners[d] != unit)),
        certificates=tuple(sorted(str(each) for each in distinct.values())),
    )
