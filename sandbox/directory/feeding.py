"""Feeding: how mailboxes enter the directory, change and leave it (domain.md §3.2).

The rules are one table (`feeding_rules`). Every door (FHIR PATCH, Python) goes through `Feeder`:
none can break them. Each change of a bearer makes a new version and a line of history.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from dataclasses import asdict

from sandbox.directory.directory import Directory
from sandbox.directory.feed_writer import Change, FeedWriter
from sandbox.directory.feeding_rules import RefusalError
from sandbox.directory.model import Bearer, BoxState, BoxType, Mailbox, Person

__all__ = ["DEPARTURES", "Feeder"]

DEPARTURES = ("deceased", "struck-off")


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
