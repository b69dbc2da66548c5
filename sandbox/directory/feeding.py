"""Feeding: how mailboxes enter the directory, change and leave it (domain.md §3.2).

The rules are one table (`feeding_rules`). Every door (FHIR PATCH, Python) goes through `Feeder`:
none can break them. Each change of a bearer makes a new version and a line of history.
"""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass

from sandbox.directory.contains import add_words
from sandbox.directory.directory import Directory
from sandbox.directory.feeding_rules import LONGEST_TEXT, RULES, FeedingRule, RefusalError
from sandbox.directory.model import BoxType, Mailbox, Person
from sandbox.directory.rows import TYPES

__all__ = [
    "DEPARTURES",
    "RESERVED",
    "RULES",
    "Bearer",
    "BoxState",
    "Feeder",
    "FeedingRule",
    "RefusalError",
]  # fmt: skip

# Of every domain, and of its operator alone.
RESERVED = frozenset({"postmaster", "mailer-daemon", "abuse"})
DEPARTURES = ("deceased", "struck-off")
_ADDRESS = re.compile(r"(?=.{6,254}$)[a-z0-9](?:[a-z0-9._-]{0,62}[a-z0-9])?@[a-z0-9.-]+")


@dataclass(frozen=True)
class Bearer:
    """The FHIR resource that carries a mailbox: Practitioner, PractitionerRole or Organization."""

    kind: str
    id: int

    @property
    def table(self) -> str:
        """Its table."""
        return {
            "Practitioner": "person",
            "PractitionerRole": "activity",
            "Organization": "structure",
        }[self.kind]

    @property
    def column(self) -> str:
        """The column of a mailbox that points to it."""
        return {"person": "person", "activity": "activity", "structure": "structure"}[self.table]

    @property
    def condition(self) -> str:
        """SQL condition on its mailboxes, one parameter: its row."""
        return {
            "Practitioner": "m.person = ? AND m.activity IS NULL",
            "PractitionerRole": "m.activity = ?",
            "Organization": "m.structure = ? AND m.person IS NULL",
        }[self.kind]

    @classmethod
    def of(cls, box: Mailbox) -> Bearer:
        """Return the bearer of a mailbox."""
        if box.activity is not None:
            return cls("PractitionerRole", box.activity)
        if box.person is not None:
            return cls("Practitioner", box.person.id)
        assert box.structure is not None
        return cls("Organization", box.structure.id)


@dataclass(frozen=True, kw_only=True)
class BoxState:
    """What a feeder says of a mailbox."""

    address: str
    type: str
    description: str = ""
    service: str = ""
    responsible: str = ""
    red_list: bool = False
    dematerialised: bool = False
    rank: int = 1

    @classmethod
    def of(cls, box: Mailbox) -> BoxState:
        """Return the state of a mailbox."""
        return cls(
            address=box.address,
            type=box.type.value,
            description=box.description,
            service=box.service,
            responsible=box.responsible,
            red_list=box.red_list,
            dematerialised=box.dematerialised,
            rank=box.rank,
        )


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


class Feeder:
    """The one door through which the directory changes.

    Args:
        directory: What it feeds.
        operator: Operator whose domains alone may be fed, empty for all.
        actor: Name kept in the history.
    """

    def __init__(self, directory: Directory, operator: str = "", actor: str = "") -> None:
        self._directory = directory
        self._operator = operator
        self._actor = actor or operator or "sandbox"

    def change(self, bearer: Bearer, changes: list[Change]) -> int:
        """Apply changes to the mailboxes of a bearer, in order: all of them or none.

        Returns:
            The new version of the bearer.

        Raises:
            RefusalError: a rule forbids one of them; nothing is changed.
        """
        with self._directory.transaction() as connection:
            writer = FeedWriter(self._directory, connection, bearer, self._actor, self._operator)
            row = connection.execute(
                f"SELECT version, updated FROM {bearer.table} WHERE id = ?",
                (bearer.id,),
            ).fetchone()
            if row is None:
                raise RefusalError("bearer-exists", f"{bearer.kind} {bearer.id} is unknown")
            version, updated = row
            if version == 1:
                self._record(connection, bearer, 1, updated, writer.states(), "sandbox")
            for change in changes:
                change(writer)
            version += 1
            now = self._directory.now()
            connection.execute(
                f"UPDATE {bearer.table} SET version = ?, updated = ? WHERE id = ?",
                (version, now, bearer.id),
            )
            self._record(connection, bearer, version, now, writer.states(), self._actor)
        return int(version)

    @staticmethod
    def _record(
        connection: sqlite3.Connection,
        bearer: Bearer,
        version: int,
        at: int,
        states: list[BoxState],
        actor: str,
    ) -> None:
        connection.execute(
            "INSERT INTO history (bearer, version, at, actor, change) VALUES (?, ?, ?, ?, ?)",
            (
                f"{bearer.kind}/{bearer.id}",
                version,
                at,
                actor,
                json.dumps([asdict(state) for state in states]),
            ),
        )

    def insert(self, bearer: Bearer, state: BoxState) -> int:
        """Add one mailbox. See `change`."""
        return self.change(bearer, [lambda writer: writer.insert(state)])

    def delete(self, address: str) -> int:
        """Delete one mailbox.

        Raises:
            RefusalError: no such mailbox, or a rule forbids it.
        """
        box = self._directory.mailbox(address)
        if box is None:
            raise RefusalError("mailbox-exists", f"{address[:80]!r} is not a mailbox")
        return self.change(Bearer.of(box), [lambda writer: writer.delete(address)])

    def set_red_list(self, address: str, *, hidden: bool) -> int:
        """Put a mailbox on the red list, or take it off. Raises `RefusalError` like `delete`."""
        box = self._directory.mailbox(address)
        if box is None:
            raise RefusalError("mailbox-exists", f"{address[:80]!r} is not a mailbox")
        state = BoxState(**{**asdict(BoxState.of(box)), "red_list": hidden})
        return self.change(Bearer.of(box), [lambda writer: writer.update(address, state)])

    def name_holders(self, address: str, people: Sequence[Person]) -> None:
        """Say who may open an ORG mailbox; the holders before are holders no more.

        Raises:
            RefusalError: no such mailbox, or one that is not ORG.
        """
        box = self._directory.mailbox(address)
        if box is None or box.type is not BoxType.ORG:
            raise RefusalError("mailbox-exists", f"{address[:80]!r} is not an ORG mailbox")
        with self._directory.transaction() as connection:
            connection.execute("DELETE FROM holder WHERE mailbox = ?", (box.id,))
            pairs = [(box.id, each.id) for each in people]
            connection.executemany("INSERT INTO holder (mailbox, person) VALUES (?, ?)", pairs)

    def add_domain(self, name: str, operator: str) -> None:
        """Bring a domain in force, new or again.

        Raises:
            RefusalError: it belongs to another operator.
        """
        with self._directory.transaction() as connection:
            row = connection.execute(
                "SELECT operator, removed FROM domain WHERE name = ?", (name,)
            ).fetchone()
            if row is not None and not row[1] and row[0] != operator:
                raise RefusalError("own-domain", f"{name} is fed by {row[0]}")
            connection.execute(
                "INSERT INTO domain (name, operator) VALUES (?, ?) ON CONFLICT (name)"
                " DO UPDATE SET operator = excluded.operator, removed = 0",
                (name, operator),
            )

    def remove_domain(self, name: str) -> int:
        """Withdraw a domain: its mailboxes are deleted in the same instant (domain.md §2.2).

        Returns:
            The number of mailboxes deleted.

        Raises:
            RefusalError: no such domain in force.
        """
        directory = self._directory
        with directory.transaction() as connection:
            row = connection.execute(
                "SELECT id FROM domain WHERE name = ? AND removed = 0", (name,)
            ).fetchone()
            if row is None:
                raise RefusalError("domain-in-force", f"{name[:80]!r} is not in force")
            boxes = list(directory.mailboxes("m.domain = ?", (row[0],)))
            now = directory.now()
            for bearer in dict.fromkeys(Bearer.of(box) for box in boxes):
                writer = FeedWriter(directory, connection, bearer, self._actor, "")
                version, updated = connection.execute(
                    f"SELECT version, updated FROM {bearer.table} WHERE id = ?",
                    (bearer.id,),
                ).fetchone()
                states = writer.states()
                if version == 1:
                    self._record(connection, bearer, 1, updated, states, "sandbox")
                left = [state for state in states if not state.address.endswith(f"@{name}")]
                self._record(connection, bearer, version + 1, now, left, self._actor)
                connection.execute(
                    f"UPDATE {bearer.table} SET version = ?, updated = ? WHERE id = ?",
                    (version + 1, now, bearer.id),
                )
            connection.execute(
                "UPDATE mailbox SET deleted = ? WHERE domain = ? AND deleted = 0", (now, row[0])
            )
            connection.execute("UPDATE domain SET removed = ? WHERE id = ?", (now, row[0]))
        return len(boxes)

    def move_domain(self, name: str, operator: str) -> str:
        """Give a domain in force to another operator, mailboxes and all; return the one before.

        Raises:
            RefusalError: no such domain in force.
        """
        with self._directory.transaction() as connection:
            row = connection.execute(
                "SELECT operator FROM domain WHERE name = ? AND removed = 0", (name,)
            ).fetchone()
            if row is None:
                raise RefusalError("domain-in-force", f"{name[:80]!r} is not in force")
            connection.execute("UPDATE domain SET operator = ? WHERE name = ?", (operator, name))
        return str(row[0])

    def note_departure(self, national_id: str, reason: str = "") -> list[Mailbox]:
        """Note that a person is deceased or struck off; with no reason, that she is back.

        She opens no mailbox from then on. Her mailboxes stay until their operator closes them.

        Returns:
            The living mailboxes that she holds.

        Raises:
            RefusalError: no such person, or no such reason.
        """
        directory = self._directory
        person = directory.person(national_id)
        if person is None:
            raise RefusalError("bearer-exists", f"{national_id[:40]!r} is unknown")
        if reason and reason not in DEPARTURES:
            raise RefusalError("bearer-exists", f"{reason[:40]!r} is none of {DEPARTURES}")
        with directory.transaction() as connection:
            connection.execute("DELETE FROM departed WHERE person = ?", (person.id,))
            if reason:
                row = (person.id, directory.now(), reason)
                connection.execute("INSERT INTO departed VALUES (?, ?, ?)", row)
        held = "m.person = ? OR m.id IN (SELECT mailbox FROM holder WHERE person = ?)"
        return list(directory.mailboxes(held, (person.id, person.id), order="m.id"))
