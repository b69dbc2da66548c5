"""Changes to the mailboxes of one bearer, held to the rules of feeding, inside one transaction."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable

from sandbox.directory.directory import Directory
from sandbox.directory.feeding_rules import LONGEST_TEXT, RefusalError
from sandbox.directory.model import Bearer, BoxState, BoxType
from sandbox.directory.rows import TYPES, add_words
from sandbox.space.addresses import RESERVED

__all__ = ["Change", "FeedWriter"]

_ADDRESS = re.compile(r"(?=.{6,254}$)[a-z0-9](?:[a-z0-9._-]{0,62}[a-z0-9])?@[a-z0-9.-]+")

Change = Callable[["FeedWriter"], None]


class FeedWriter:
    """Changes to the mailboxes of one bearer, inside one transaction."""

    def __init__(
        self,
        directory: Directory,
        connection: sqlite3.Connection,
        bearer: Bearer,
        actor: str,
        operator: str,
    ) -> None:
        self._directory = directory
        self._connection = connection
        self._bearer = bearer
        self._actor = actor
        self._operator = operator
        self._now = directory.now()

    def states(self) -> list[BoxState]:
        """Return the living mailboxes of the bearer, red list included, in order."""
        found = self._directory.mailboxes(
            self._bearer.condition, (self._bearer.id,), order="m.rank, m.id"
        )
        return [BoxState.of(box) for box in found]

    def insert(self, state: BoxState) -> None:
        """Add a mailbox."""
        bearer = self._bearer
        address = state.address
        if not _ADDRESS.fullmatch(address):
            raise RefusalError("address-form", f"{address[:80]!r} is not a lower-case address")
        if address.partition("@")[0] in RESERVED:
            raise RefusalError("address-reserved", f"{address} cannot be a mailbox")
        domain = self._domain(address)
        kind, person, structure = self._check_bearer(state)
        self._check_texts(state)
        earlier = self._directory.mailbox(address, deleted=True)
        if earlier is not None and not earlier.deleted:
            raise RefusalError("address-unique", f"{address} exists already")
        if earlier is not None and Bearer.of(earlier) != bearer:
            raise RefusalError("address-unique", f"{address} belonged to another bearer")
        if earlier is not None and earlier.type.value != state.type:
            raise RefusalError("type-immutable", f"{address} was {earlier.type.value}")
        activity = bearer.id if bearer.kind == "PractitionerRole" else None
        values = (
            address,
            kind,
            domain,
            person,
            activity,
            structure,
            state.service,
            state.description,
            state.responsible,
            self._now if state.red_list else 0,
            int(state.dematerialised),
            state.rank,
            self._now,
            0,
        )
        if earlier is not None:
            # The same mailbox again: its row comes back, its address is indexed already.
            self._connection.execute("DELETE FROM mailbox WHERE id = ?", (earlier.id,))
        row = earlier.id if earlier is not None else None
        marks = ",".join("?" * (len(values) + 1))
        cursor = self._connection.execute(f"INSERT INTO mailbox VALUES ({marks})", (row, *values))
        if earlier is None:
            made = self._directory.mailbox(address)
            assert made is not None
            assert cursor.lastrowid == made.id
            add_words(self._connection, made.id, made.display_name, address)

    def update(self, address: str, state: BoxState) -> None:
        """Replace what is said of a mailbox; address and type are not among it."""
        current = self._living(address)
        if state.address != current.address:
            raise RefusalError(
                "address-immutable", f"{address} cannot become {state.address[:80]!r}"
            )
        if state.type != current.type:
            raise RefusalError(
                "type-immutable", f"{address} is {current.type}, not {state.type[:8]!r}"
            )
        self._domain(address)
        self._check_texts(state)
        red = "CASE WHEN ? THEN CASE WHEN red > 0 THEN red ELSE ? END ELSE 0 END"
        self._connection.execute(
            "UPDATE mailbox SET service = ?, description = ?, responsible = ?, demat = ?, rank = ?,"
            f" red = {red} WHERE address = ?",
            (
                state.service,
                state.description,
                state.responsible,
                int(state.dematerialised),
                state.rank,
                state.red_list,
                self._now,
                address,
            ),
        )

    def delete(self, address: str) -> None:
        """Delete a mailbox."""
        self._living(address)
        self._domain(address)
        self._connection.execute(
            "UPDATE mailbox SET deleted = ? WHERE address = ?", (self._now, address)
        )

    def _living(self, address: str) -> BoxState:
        for state in self.states():
            if state.address == address:
                return state
        raise RefusalError("mailbox-exists", f"{address[:80]!r} is not a mailbox of this bearer")

    def _domain(self, address: str) -> int:
        name = address.rpartition("@")[2]
        row = self._connection.execute(
            "SELECT id, operator, removed FROM domain WHERE name = ?", (name,)
        ).fetchone()
        if row is None:
            raise RefusalError("address-form", f"{name[:80]!r} is not a domain of this directory")
        if row[2]:
            raise RefusalError("domain-in-force", f"{name} was withdrawn")
        if self._operator and row[1] != self._operator:
            raise RefusalError("own-domain", f"{name} is fed by {row[1]}, not by {self._operator}")
        return int(row[0])

    def _check_bearer(self, state: BoxState) -> tuple[int, int | None, int | None]:
        """Return the type, the person and the structure of a new mailbox."""
        if state.type not in {kind.value for kind in TYPES}:
            raise RefusalError(
                "type-immutable", f"{state.type[:8]!r} is not one of PER, ORG, APP, CAB"
            )
        kind = next(i for i, known in enumerate(TYPES) if known.value == state.type)
        personal = state.type in {BoxType.PER, BoxType.CAB}
        bearer = self._bearer
        if bearer.kind == "Organization":
            if personal:
                raise RefusalError("person-for-per-cab", f"{state.type} on a structure")
            row = self._connection.execute(
                "SELECT national_id FROM structure WHERE id = ?", (bearer.id,)
            ).fetchone()
            if not row[0].startswith("1"):
                raise RefusalError("structure-for-org-app", f"structure {row[0]} has no FINESS")
            return kind, None, bearer.id
        if not personal:
            raise RefusalError("structure-for-org-app", f"{state.type} on a person")
        person, structure = bearer.id, None
        if bearer.kind == "PractitionerRole":
            person, structure = self._connection.execute(
                "SELECT person, structure FROM activity WHERE id = ?", (bearer.id,)
            ).fetchone()
        national = self._connection.execute(
            "SELECT national_id FROM person WHERE id = ?", (person,)
        ).fetchone()[0]
        staff = state.type == BoxType.PER and structure is not None and national[0] in "035"
        if national[0] != "8" and not staff:
            raise RefusalError("person-for-per-cab", f"{state.type} for {national}")
        return kind, person, structure

    @staticmethod
    def _check_texts(state: BoxState) -> None:
        if max(map(len, (state.service, state.description, state.responsible))) > LONGEST_TEXT:
            raise RefusalError("text-length", f"{state.address}: a text is too long")
        if not 1 <= state.rank <= 1_000:
            raise RefusalError("rank-positive", f"{state.address}: rank {state.rank}")
