"""The directory: one population, opened from its database, looked up and kept up to date."""

from __future__ import annotations

import sqlite3
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

from sandbox.directory.build import SCHEMA_VERSION, build_database, search_file
from sandbox.directory.model import Activity, BoxType, Domain, Mailbox, Person, Structure
from sandbox.directory.population import PopulationSpec
from sandbox.directory.rows import (
    MAILBOX_SELECT,
    PERSON_SELECT,
    STRUCTURE_SELECT,
    TYPES,
    mailbox_of,
    person_of,
    structure_of,
)
from sandbox.directory.views import ViewLags
from sandbox.space.errors import UserError

__all__ = ["Directory"]

_BATCH = 2_000
_RECENT = 10_000  # mailboxes that a thread keeps


class Directory:
    """A health directory, read by any thread and fed by one at a time.

    Args:
        path: Database made by `mss-sandbox directory build` or `Directory.build`.
        lags: How late each view is.
        clock: Seconds since 1970; what "now" is for the views and for the history.

    Raises:
        UserError: the file is missing, or is not a directory of this version.
    """

    def __init__(
        self,
        path: str | Path,
        *,
        lags: ViewLags | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.path = Path(path)
        self.lags = lags or ViewLags()
        self._clock = clock
        self._local = threading.local()
        self._opened: list[sqlite3.Connection] = []
        self._write_lock = threading.RLock()
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        if not self.path.is_file():
            raise UserError(
                "aucun annuaire ici ; en faire un avec",
                "no such directory; make one with",
                where=self.path,
                then="mss-sandbox directory build",
            )
        try:
            self.meta = dict(self.connection().execute("SELECT key, value FROM meta"))
        except sqlite3.DatabaseError as failure:
            self.close()
            raise UserError.because(
                "ce n'est pas une base d'annuaire", "not a directory database", self.path, failure
            ) from failure
        if self.meta.get("schema") != SCHEMA_VERSION or not search_file(self.path).is_file():
            self.close()
            raise UserError(
                "ce n'est pas un annuaire de cette version ; le reconstruire",
                "not a directory of this version; build it again",
                where=self.path,
            )

    @classmethod
    def build(
        cls,
        spec: PopulationSpec | None = None,
        path: str | Path | None = None,
        *,
        clock: Callable[[], float] = time.time,
    ) -> Self:
        """Build a population and open it.

        Args:
            spec: What to build; 3,000 people by default.
            path: Where; a temporary folder, removed by `close`, by default.
            clock: See the class.
        """
        folder = None
        if path is None:
            folder = tempfile.TemporaryDirectory(prefix="annuaire-")
            path = Path(folder.name) / "annuaire.db"
        build_database(spec or PopulationSpec(), Path(path))
        directory = cls(path, clock=clock)
        directory._folder = folder
        return directory

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close every connection; remove the database if it was a temporary one."""
        with self._write_lock:
            for connection in self._opened:
                connection.close()
            self._opened.clear()
            self._local = threading.local()
            if self._folder is not None:
                self._folder.cleanup()
                self._folder = None

    def connection(self) -> sqlite3.Connection:
        """Return this thread's connection; the "contains" index is attached to it."""
        connection: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if connection is None:
            connection = sqlite3.connect(
                self.path, isolation_level=None, check_same_thread=False, timeout=30
            )
            with self._write_lock:
                self._opened.append(connection)
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("PRAGMA synchronous=NORMAL")
            connection.execute("PRAGMA cache_size=-64000")
            connection.execute("PRAGMA mmap_size=1000000000")
            connection.execute("ATTACH ? AS words", (str(search_file(self.path)),))
            self._local.connection = connection
        return connection

    def select(self, sql: str, *parameters: Any) -> list[tuple[Any, ...]]:
        """Return the rows of a query; text from outside goes through `parameters`."""
        return self.connection().execute(sql, parameters).fetchall()

    def now(self) -> int:
        """Return the directory's own instant, in whole seconds since 1970."""
        return int(self._clock())

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Write: all of it or nothing, one writer at a time."""
        connection = self.connection()
        with self._write_lock:
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
            except BaseException:
                connection.execute("ROLLBACK")
                raise
            connection.execute("COMMIT")

    # What Pro Santé Connect and the operators ask ------------------------------------------------

    def person(self, national_id: str) -> Person | None:
        """Return the person with a national identifier (`8`+RPPS, ...), or with a bare RPPS."""
        wanted = f"8{national_id}" if len(national_id) == 11 else national_id
        rows = self.select(f"{PERSON_SELECT} WHERE p.national_id = ?", wanted)
        if not rows:
            return None
        boxes = self.mailboxes_of(person_of(rows[0]))
        return person_of(rows[0], boxes[0].address if boxes else "")

    def structure(self, identifier: str) -> Structure | None:
        """Return the structure with a national identifier, a bare FINESS or a SIRET.

        Several juridical and geographical entities never share a SIRET here.
        """
        wanted = f"1{identifier}" if len(identifier) == 9 else identifier
        rows = self.select(f"{STRUCTURE_SELECT} WHERE s.national_id = ?", wanted)
        if not rows and len(identifier) == 14:
            rows = self.select(f"{STRUCTURE_SELECT} WHERE s.siret = ?", identifier)
        return structure_of(rows[0]) if rows else None

    def structure_by_id(self, number: int) -> Structure | None:
        """Return the structure of a row number, as activities name it."""
        rows = self.select(f"{STRUCTURE_SELECT} WHERE s.id = ?", number)
        return structure_of(rows[0]) if rows else None

    def mailbox(self, address: str, *, deleted: bool = False) -> Mailbox | None:
        """Return the mailbox with an address, whatever its case; deleted ones only when asked.

        The red list is about publication: an operator finds its own mailboxes here.
        """
        wanted = address.lower()
        recent = self._recent()
        if not deleted and wanted in recent:
            return recent[wanted]
        found = next(self.mailboxes("m.address = ?", (wanted,), deleted=deleted), None)
        if found is not None and not deleted:
            recent[wanted] = found
        return found

    def _recent(self) -> dict[str, Mailbox]:
        """Return the living mailboxes that this thread looked up since anything was written.

        A connection's data_version changes with the commits of others, its total_changes with its
        own writes; what is written but not committed may still be undone, so nothing is kept of it.
        """
        connection, local = self.connection(), self._local
        if connection.in_transaction:
            return {}
        others = connection.execute("PRAGMA data_version").fetchone()[0]
        version = others, connection.total_changes
        kept: tuple[tuple[int, int], dict[str, Mailbox]] | None = getattr(local, "recent", None)
        if kept is None or kept[0] != version or len(kept[1]) >= _RECENT:
            kept = local.recent = version, {}
        return kept[1]

    def mailboxes_of(self, person: Person) -> list[Mailbox]:
        """Return the living mailboxes of a person (PER and CAB), the preferred one first."""
        rows = self.mailboxes("m.person = ?", (person.id,), order="m.rank, m.id")
        return list(rows)

    def holders(self, address: str) -> list[Person]:
        """Return the people who may open a mailbox.

        For PER and CAB: its bearer. For ORG: its holders. For APP: nobody, a certificate opens it
        (see `structure_of`). Who is deceased or struck off opens nothing.
        """
        box = self.mailbox(address)
        return [] if box is None else self.holders_of(box)

    def holders_of(self, box: Mailbox) -> list[Person]:
        """Return the people who may open a mailbox that was looked up; see `holders`."""
        return [
            each
            for each in self._named(box)
            if not self.select("SELECT 1 FROM departed WHERE person = ?", each.id)
        ]

    def gone_of(self, box: Mailbox) -> list[tuple[Person, str]]:
        """Return the holders of a mailbox who are deceased or struck off, with the reason."""
        gone = self.departed()
        return [(each, gone[each.id]) for each in self._named(box) if each.id in gone]

    def departed(self) -> dict[int, str]:
        """Return, by row of a person, why she exercises no more: `deceased` or `struck-off`."""
        return dict(self.select("SELECT person, reason FROM departed"))

    def _named(self, box: Mailbox) -> list[Person]:
        if box.person is not None:
            return [box.person]
        rows = self.select(
            f"{PERSON_SELECT} JOIN holder h ON h.person = p.id WHERE h.mailbox = ? ORDER BY p.id",
            box.id,
        )
        return [person_of(row) for row in rows]

    def structure_of(self, address: str) -> Structure | None:
        """Return the structure that bears an ORG or APP mailbox.

        The certificate of an application has to name this structure, or its juridical entity.
        """
        box = self.mailbox(address)
        if box is None or box.type not in {BoxType.ORG, BoxType.APP}:
            return None
        return box.structure

    def activities_of(self, person: Person) -> list[Activity]:
        """Return what a person does, and where."""
        rows = self.select(
            "SELECT id, person, structure, mode FROM activity WHERE person = ? ORDER BY id",
            person.id,
        )
        return [Activity(id=row[0], person=row[1], structure=row[2], mode=row[3]) for row in rows]

    def people(self, *, profession: str = "", limit: int = 50) -> list[Person]:
        """Return the first people of a profession code, or of any: cast for a scenario."""
        rows = self.mailboxes(
            "m.type = 0 AND m.person IS NOT NULL", (), order="m.person, m.rank, m.id"
        )
        found: dict[int, Person] = {}
        for box in rows:
            person = box.person
            if person and (not profession or str(person.profession_code) == profession):
                found.setdefault(person.id, person)
            if len(found) >= limit:
                break
        return list(found.values())

    def domains(self) -> list[Domain]:
        """Return every domain, with its living mailboxes counted."""
        rows = self.select(
            "SELECT d.name, d.operator, d.removed, d.last_traffic, count(m.id) FROM domain d"
            " LEFT JOIN mailbox m ON m.domain = d.id AND m.deleted = 0 GROUP BY d.id ORDER BY d.id"
        )
        return [
            Domain(
                name=row[0], operator=row[1], removed=row[2], last_traffic=row[3], mailboxes=row[4]
            )
            for row in rows
        ]

    # What the views read --------------------------------------------------------------------------

    def mailboxes(
        self,
        condition: str,
        parameters: tuple[Any, ...] = (),
        *,
        order: str = "",
        deleted: bool = False,
    ) -> Iterator[Mailbox]:
        """Stream mailboxes, a batch at a time.

        Args:
            condition: SQL on `m` (mailbox), `p` (person), `s` (structure), `d` (domain); text from
                outside goes through `parameters`.
            parameters: Its parameters.
            order: SQL order, empty for none.
            deleted: Whether deleted mailboxes count.
        """
        living = "" if deleted else " AND m.deleted = 0"
        tail = f" ORDER BY {order}" if order else ""
        cursor = self.connection().execute(
            f"{MAILBOX_SELECT} WHERE ({condition}){living}{tail}", parameters
        )
        while rows := cursor.fetchmany(_BATCH):
            for row in rows:
                yield mailbox_of(row)

    def published(self, view: str) -> Iterator[Mailbox]:
        """Stream the mailboxes that a view shows now (`ldap`, `extraction` or `fhir`)."""
        condition = getattr(self.lags, view).condition(self.now())
        return self.mailboxes(condition, order="m.id", deleted=True)

    def stats(self) -> dict[str, Any]:
        """Return counts: mailboxes by type, people by profession, concentration of domains."""

        def count(of: str) -> int:
            return int(self.select(f"SELECT count(*) FROM {of}")[0][0])

        kinds = dict(
            self.select("SELECT type, count(*) FROM mailbox WHERE deleted = 0 GROUP BY type")
        )
        sizes = sorted((domain.mailboxes for domain in self.domains()), reverse=True)
        total = sum(sizes) or 1
        return {
            "seed": int(self.meta["seed"]),
            "day": self.meta["day"],
            "people": count("person"),
            "structures": count("structure"),
            "mailboxes": {TYPES[kind].value: number for kind, number in sorted(kinds.items())},
            "red_list": count("mailbox WHERE deleted = 0 AND red > 0"),
            "domains": len(sizes),
            "largest_domain": sizes[0] if sizes else 0,
            "share_of_10_largest": round(sum(sizes[:10]) / total, 4),
            "share_of_50_largest": round(sum(sizes[:50]) / total, 4),
        }
