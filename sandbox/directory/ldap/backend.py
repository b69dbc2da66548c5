"""Searches: base and scope to containers, a filter to candidates, candidates to entries."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from sandbox.directory.directory import Directory
from sandbox.directory.ldap.entries import (
    BASE_DN,
    MAILBOXES_DN,
    STRUCTURES_DN,
    Entry,
    containers,
    mailbox_entry,
    structure_entry,
)
from sandbox.directory.ldap.filters import Filter, matches
from sandbox.directory.ldap.plans import plan_mailboxes, plan_structures
from sandbox.directory.rows import MAILBOX_SELECT, STRUCTURE_SELECT, mailbox_of, structure_of

__all__ = ["BASE", "ONE", "SUBTREE", "EntryPage", "SearchBackend", "normal_dn"]

BASE, ONE, SUBTREE = range(3)
_CONTAINERS, _MAILBOXES, _STRUCTURES = range(3)


def normal_dn(dn: str) -> str:
    """Write a DN in lower case without spaces around `,` and `=` (our names need no escape)."""
    parts = ("=".join(piece.strip() for piece in part.split("=", 1)) for part in dn.split(","))
    return ",".join(parts).lower()


@dataclass(frozen=True)
class EntryPage:
    """What a search found.

    Attributes:
        entries: Entries, at most as many as asked.
        next: Where the next page begins (part, last row), None at the end.
        exceeded: There is more, and the search was not paged.
        gave_up: The filter has no index and too many entries were looked at.
    """

    entries: list[Entry]
    next: tuple[int, int] | None = None
    exceeded: bool = False
    gave_up: bool = False


class SearchBackend:
    """The entries of a directory.

    Args:
        directory: Where they come from.
        examine: Most candidates looked at for one page: the bound on work for filters that no index
            serves.
    """

    def __init__(self, directory: Directory, examine: int = 20_000) -> None:
        self._directory = directory
        self._examine = examine

    @cached_property
    def _bases(self) -> dict[str, Entry]:
        return {normal_dn(entry.dn): entry for entry in containers()}

    def exists(self, base: str) -> bool:
        """Tell whether a base names an entry that clients may see."""
        dn = normal_dn(base)
        return dn in self._bases or self._single(dn) is not None

    def _single(self, dn: str) -> Entry | None:
        """Return the mailbox or structure that a DN names."""
        rdn, _, parent = dn.partition(",")
        name, _, value = rdn.partition("=")
        if parent == normal_dn(MAILBOXES_DN) and name == "mail":
            condition = self._directory.lags.ldap.condition(self._directory.now())
            found = self._directory.mailboxes(
                f"m.address = ? AND {condition}", (value,), deleted=True
            )
            return next((mailbox_entry(box) for box in found), None)
        if parent == normal_dn(STRUCTURES_DN) and name == "mssidnatstruct":
            structure = self._directory.structure(value) if len(value) in {10, 15} else None
            return structure_entry(structure) if structure else None
        return None

    def _parts(self, base: str, scope: int) -> tuple[list[Entry], list[int]]:
        """Return the single entries and the containers that a base and a scope cover."""
        dn = normal_dn(base)
        root, mailboxes, structures = (
            normal_dn(name) for name in (BASE_DN, MAILBOXES_DN, STRUCTURES_DN)
        )
        single = self._bases.get(dn) or self._single(dn)
        if scope == BASE or dn not in self._bases:
            return ([single] if single and scope != ONE else []), []
        entries = [single] if scope == SUBTREE and single else []
        if dn == root:
            entries += [self._bases[mailboxes], self._bases[structures]]
            return entries, [] if scope == ONE else [_MAILBOXES, _STRUCTURES]
        return entries, [_MAILBOXES if dn == mailboxes else _STRUCTURES]

    def search(
        self,
        base: str,
        scope: int,
        wanted: Filter,
        limit: int,
        *,
        start: tuple[int, int] | None = None,
        paged: bool = False,
    ) -> EntryPage:
        """Find entries.

        Args:
            base: DN to start from; it exists.
            scope: BASE, ONE or SUBTREE.
            wanted: Filter.
            limit: Most entries to return.
            start: Where the previous page ended.
            paged: Whether the caller can come back for more.
        """
        singles, parts = self._parts(base, scope)
        found = [] if start else [entry for entry in singles if matches(wanted, entry)]
        if len(found) > limit:
            return EntryPage(found[:limit], exceeded=True)
        first, after = start or (_MAILBOXES, 0)
        examined = 0
        for part in parts:
            if part < first:
                continue
            last = after if part == first else 0
            for row, entry in self._candidates(part, wanted, last, ordered=paged):
                if examined >= self._examine:
                    return EntryPage(found, next=(part, last), gave_up=not paged)
                if matches(wanted, entry):
                    if len(found) == limit:
                        return EntryPage(found, next=(part, last), exceeded=not paged)
                    found.append(entry)
                examined += 1
                last = row
        return EntryPage(found)

    def _candidates(
        self, part: int, wanted: Filter, after: int, *, ordered: bool
    ) -> Iterator[tuple[int, Entry]]:
        connection = self._directory.connection()
        if part == _MAILBOXES:
            plan = plan_mailboxes(wanted)
            where, values = plan.where
            visible = self._directory.lags.ldap.condition(self._directory.now())
            sql = f"{MAILBOX_SELECT} WHERE ({where}) AND {visible}"
            key = "m.id"
        else:
            plan = plan_structures(wanted)
            where, values = plan.where
            sql, key = f"{STRUCTURE_SELECT} WHERE ({where})", "s.id"
        if ordered:
            # A plan that an index drives is sorted; one that walks the table is in order already.
            sql += f" AND {'+' if plan.drive else ''}{key} > ? ORDER BY {key}"
            values = (*values, after)
        cursor = connection.execute(sql, values)
        try:
            for row in cursor:
                if part == _MAILBOXES:
                    yield row[0], mailbox_entry(mailbox_of(row))
                else:
                    yield row[0], structure_entry(structure_of(row))
        finally:
            cursor.close()
