"""Writes a population into its database: text from columns, rows, then indexes.

The index of three-letter groups (FTS5, trigram) that serves "contains" searches is built by a
second thread in its own file: SQLite runs outside the interpreter's lock, so two cores share the
work.
"""

from __future__ import annotations

import gc
import json
import sqlite3
import threading
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np

from sandbox.directory.draws import Draws, Ints
from sandbox.directory.population import (
    Activities,
    Domains,
    DrawnMailboxes,
    DrawnPeople,
    PopulationSpec,
    Structures,
    make_domains,
    make_mailboxes,
    make_people,
    make_structures,
)
from sandbox.directory.population.mailboxes import APP, CAB, ORG
from sandbox.directory.tables import fold, slug, tables
from sandbox.space.errors import UserError

__all__ = ["SCHEMA_VERSION", "build_database", "search_file"]

SCHEMA_VERSION = "2"
_HERE = Path(__file__).parent
# NULL lets SQLite number the rows from 1, in order; a new resource has version 1.
_MARKS = {
    "person": "NULL,?,?,?,?,?,?,?,?,?,?,?,1",
    "structure": "NULL,?,?,?,?,?,?,?,?,?,?,?,?,?,1",
    "activity": "NULL,?,?,?,?,1",
    "domain": "NULL,?,?,0,?",
    "mailbox": "NULL,?,?,?,?,?,?,?,?,?,?,?,1,?,?",
    "holder": "?,?",
    "meta": "?,?",
}
_SYSTEM = "Système d'information"
_SLICE = 100_000
_APP_NAMES = ("dpi", "labo", "ris", "ged")


def search_file(path: Path) -> Path:
    """Return the file of the "contains" index that stands beside a database."""
    return path.with_name(path.name + ".search")


def _quick(path: Path) -> sqlite3.Connection:
    """Open a new database for a bulk load: on failure the file is thrown away, not recovered."""
    database = sqlite3.connect(path, isolation_level=None)
    database.executescript(
        "PRAGMA page_size=8192; PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF;"
        "PRAGMA locking_mode=EXCLUSIVE; PRAGMA cache_size=-200000; PRAGMA temp_store=MEMORY;"
    )
    return database


def _fill(database: sqlite3.Connection, table: str, rows: Iterable[tuple[Any, ...]]) -> None:
    """Insert rows; `_MARKS` says which columns they give, the others are constants of a new row."""
    database.execute("BEGIN")
    database.executemany(f"INSERT INTO {table} VALUES ({_MARKS[table]})", rows)
    database.execute("COMMIT")


def _reference(column: Ints) -> list[int | None]:
    """Shift references to rows that count from 1; -1 becomes NULL."""
    return [None if row < 0 else row + 1 for row in column.tolist()]


def _updated(spec: PopulationSpec, draws: Draws, stream: str, count: int) -> list[int]:
    """Return an instant of last change for each resource, within two years before the day."""
    ages: Ints = draws.below(stream, count, 730 * 86_400)
    updated: list[int] = (spec.instant - 1 - ages).tolist()
    return updated


class _Names:
    """The text of names, made once per distinct name."""

    def __init__(self) -> None:
        reference = tables()
        self.given = [*reference.female, *reference.male]
        self.given_slugs = [slug(name) for name in self.given]
        self.given_keys = [fold(name) for name in self.given]
        self.families = list(reference.families)
        self.family_slugs = [slug(name) for name in self.families]
        self.family_keys = [fold(name) for name in self.families]

    def double(self, rows: tuple[int, int], words: list[str]) -> str:
        first, second = rows
        return words[first] if second < 0 else f"{words[first]}-{words[second]}"


def _people_rows(
    spec: PopulationSpec, draws: Draws, people: DrawnPeople, structures: Structures, names: _Names
) -> list[tuple[Any, ...]]:
    registers = {"RPPS": "8", "ADELI": "0", "STRUCTURE": "3"}
    professions = tables().professions
    kinds = [registers[p.register] for p in professions]
    doctors = {row for row, p in enumerate(professions) if p.code in {"10", "21", "40"}}
    finess = structures.finess.tolist()
    updated = _updated(spec, draws, "person updated", len(people))
    rows: list[tuple[Any, ...]] = []
    columns = (
        people.profession,
        people.specialty,
        people.department,
        people.female,
        people.given,
        people.family,
        people.second_family,
        people.military,
        people.home,
        people.number,
    )
    for row, (job, know, place, female, given, family, second, soldier, home, number) in enumerate(
        zip(*(column.tolist() for column in columns), strict=True)
    ):
        kind = kinds[job]
        if kind == "8":
            national = f"8{number:011d}"
        elif kind == "0":
            national = f"0{number:09d}"
        else:
            national = f"3{finess[home]:09d}/{number:06d}"
        title = "DR" if job in doctors else "MME" if female else "M"
        surname = names.double((family, second), names.families)
        key = names.double((family, second), names.family_keys)
        rows.append(
            (
                national,
                title,
                surname,
                names.given[given],
                key,
                f"{names.given_keys[given]} {key}",
                job,
                "M" if soldier else "C",
                know,
                place,
                updated[row],
            )
        )
    return rows


def _structure_rows(
    spec: PopulationSpec, draws: Draws, structures: Structures
) -> Iterable[tuple[Any, ...]]:
    updated = _updated(spec, draws, "structure updated", len(structures))
    finess = structures.finess.tolist()
    siret = [f"{number:014d}" for number in structures.siret.tolist()]
    return zip(
        [f"1{f:09d}" if f else f"3{s}" for f, s in zip(finess, siret, strict=True)],
        ["J" if juridical else "G" for juridical in structures.juridical.tolist()],
        _reference(structures.parent),
        siret,
        structures.names,
        structures.signs,
        [fold(name) for name in structures.names],
        structures.sector.tolist(),
        structures.department.tolist(),
        structures.number.tolist(),
        structures.street.tolist(),
        [f"{phone:010d}" for phone in structures.phone.tolist()],
        updated,
        strict=True,
    )


def _addresses(
    mailboxes: DrawnMailboxes,
    people: DrawnPeople,
    structures: Structures,
    domains: Domains,
    names: _Names,
) -> list[str]:
    """Write the address of each mailbox; `twin` keeps namesakes of one domain apart."""
    services = [service.slug for service in tables().services]
    addresses: list[str] = []
    given, family, second = (
        people.given.tolist(),
        people.family.tolist(),
        people.second_family.tolist(),
    )
    for kind, domain, person, structure, service, twin in zip(
        mailboxes.kind.tolist(),
        mailboxes.domain.tolist(),
        mailboxes.person.tolist(),
        mailboxes.structure.tolist(),
        mailboxes.service.tolist(),
        mailboxes.twin.tolist(),
        strict=True,
    ):
        if kind in {ORG, APP}:
            stem = services[service] if kind == ORG else f"app-{_APP_NAMES[service % 4]}"
            local = f"{stem}.{structures.slugs[structure]}"
            if kind == APP and service >= len(_APP_NAMES):
                local += f".s{service}"
        else:
            surname = names.double((family[person], second[person]), names.family_slugs)
            local = f"{names.given_slugs[given[person]]}.{surname}"
            if kind == CAB:
                local = f"cabinet.{local}"
        # A dot keeps the number apart from a number that ends the name of a structure.
        addresses.append(f"{local}{f'.{twin + 1}' if twin else ''}@{domains.names[domain]}")
    return addresses


def _mailbox_rows(
    mailboxes: DrawnMailboxes, addresses: list[str], structures: Structures
) -> Iterable[tuple[Any, ...]]:
    services = [service.label for service in tables().services]
    kinds = mailboxes.kind.tolist()
    rows = mailboxes.service.tolist()
    places = mailboxes.structure.tolist()
    org = [
        services[row] if kind == ORG else _SYSTEM if kind == APP else ""
        for kind, row in zip(kinds, rows, strict=True)
    ]
    about = [
        f"{service} - {structures.names[place]}" if service else ""
        for service, place in zip(org, places, strict=True)
    ]
    return zip(
        addresses,
        kinds,
        (mailboxes.domain + 1).tolist(),
        _reference(mailboxes.person),
        _reference(mailboxes.activity),
        _reference(mailboxes.structure),
        org,
        about,
        ["Direction des systèmes d'information" if kind == APP else "" for kind in kinds],
        np.where(mailboxes.red, mailboxes.created, 0).tolist(),
        mailboxes.demat.astype(np.int64).tolist(),
        mailboxes.created.tolist(),
        mailboxes.deleted.tolist(),
        strict=True,
    )


def _holders(
    draws: Draws, mailboxes: DrawnMailboxes, activities: Activities
) -> list[tuple[int, int]]:
    """Give ORG mailboxes one to three holders, among the people who work in the structure."""
    order = np.argsort(activities.structure, kind="stable")
    places = activities.structure[order]
    org = np.flatnonzero(mailboxes.kind == ORG)
    low = np.searchsorted(places, mailboxes.structure[org], side="left")
    width = np.searchsorted(places, mailboxes.structure[org], side="right") - low
    dice = draws.below("holders", len(org), 1 << 40)
    wanted = np.minimum(1 + dice % 3, width)
    pairs: list[tuple[int, int]] = []
    for turn in range(3):
        rows = np.flatnonzero(wanted > turn)
        chosen = low[rows] + (dice[rows] // 3 + turn) % width[rows]
        people = activities.person[order[chosen]]
        pairs.extend(zip((org[rows] + 1).tolist(), (people + 1).tolist(), strict=True))
    # One person may be in the same structure twice, never: activities are distinct pairs.
    return pairs


def _search_index(
    path: Path, texts: list[str], structures: list[str], failures: list[BaseException]
) -> None:
    """Index mailboxes under their row number, structures under minus theirs."""
    try:
        with closing(_quick(search_file(path))) as index:
            index.execute(
                "CREATE VIRTUAL TABLE search"
                " USING fts5(text, tokenize='trigram', detail=none, content='')"
            )
            index.execute("BEGIN")
            # One statement per slice, fed with JSON: SQLite works without the interpreter's lock.
            for sign, words in ((1, texts), (-1, structures)):
                for start in range(0, len(words), _SLICE):
                    index.execute(
                        "INSERT INTO search (rowid, text)"
                        " SELECT ? * (key + ?), value FROM json_each(?)",
                        (sign, start + 1, json.dumps(words[start : start + _SLICE])),
                    )
            index.execute("COMMIT")
    except BaseException as failure:  # noqa: BLE001
        failures.append(failure)


def _write(
    path: Path,
    spec: PopulationSpec,
    draws: Draws,
    structures: Structures,
    people_rows: list[tuple[Any, ...]],
    domains: Domains,
    mailboxes: DrawnMailboxes,
    activities: Activities,
    addresses: list[str],
) -> None:
    """Write every table, then the indexes."""
    with closing(_quick(path)) as database:
        database.executescript((_HERE / "schema.sql").read_text(encoding="utf-8"))
        _fill(database, "person", people_rows)
        _fill(database, "structure", _structure_rows(spec, draws, structures))
        pairs = len(activities.person)
        _fill(
            database,
            "activity",
            zip(
                (activities.person + 1).tolist(),
                (activities.structure + 1).tolist(),
                ["L" if liberal else "S" for liberal in activities.liberal.tolist()],
                _updated(spec, draws, "activity updated", pairs),
                strict=True,
            ),
        )
        traffic = spec.instant - 1 - draws.below("traffic", len(domains), 30 * 86_400)
        # One domain in fifty has carried nothing for more than 90 days (an assumption).
        traffic -= np.where(draws.chance("idle", 20, len(domains)), 90 * 86_400, 0)
        _fill(
            database,
            "domain",
            zip(
                domains.names,
                domains.operators,
                traffic.tolist(),
                strict=True,
            ),
        )
        _fill(database, "mailbox", _mailbox_rows(mailboxes, addresses, structures))
        _fill(database, "holder", _holders(draws, mailboxes, activities))
        _fill(
            database,
            "meta",
            [
                ("schema", SCHEMA_VERSION),
                ("seed", str(spec.seed)),
                ("people", str(spec.people)),
                ("mailboxes", str(spec.mailboxes)),
                ("day", spec.day.isoformat()),
                ("instant", str(spec.instant)),
            ],
        )
        database.executescript((_HERE / "indexes.sql").read_text(encoding="utf-8"))


def build_database(spec: PopulationSpec, path: Path) -> None:
    """Build the population that `spec` describes into a new database.

    Args:
        spec: What to build.
        path: File to create, readable by its owner only.

    Raises:
        UserError: the file exists already.
    """
    if path.exists() or search_file(path).exists():
        raise UserError(
            "existe déjà ; l'ôter ou choisir un autre fichier",
            "exists already; remove it or choose another file",
            where=path,
        )
    # Millions of rows without cycles: the collector would only walk them over and over.
    collecting = gc.isenabled()
    gc.disable()
    try:
        _build(spec, path)
    except BaseException:
        # Half a directory is none: an interruption leaves nothing behind.
        for file in (path, search_file(path)):
            file.unlink(missing_ok=True)
        raise
    finally:
        if collecting:
            gc.enable()


def _build(spec: PopulationSpec, path: Path) -> None:
    draws = Draws(spec.seed)
    structures = make_structures(spec, draws)
    people = make_people(spec, draws, structures)
    domains = make_domains(spec, draws, structures)
    mailboxes, activities = make_mailboxes(spec, draws, structures, people, domains)
    names = _Names()
    people_rows = _people_rows(spec, draws, people, structures, names)
    addresses = _addresses(mailboxes, people, structures, domains, names)
    keys = [fold(name) for name in structures.names]
    services = [fold(service.label) for service in tables().services]
    system = fold(_SYSTEM)
    texts = [
        f"{people_rows[person][5]}\n{address.partition('@')[0]}"
        if person >= 0
        else f"{keys[structure]} {system if kind == APP else services[service]}\n"
        f"{address.partition('@')[0]}"
        for kind, person, structure, service, address in zip(
            mailboxes.kind.tolist(),
            mailboxes.person.tolist(),
            mailboxes.structure.tolist(),
            mailboxes.service.tolist(),
            addresses,
            strict=True,
        )
    ]
    for file in (path, search_file(path)):
        file.touch(mode=0o600)
    failures: list[BaseException] = []
    indexer = threading.Thread(target=_search_index, args=(path, texts, keys, failures))
    indexer.start()
    try:
        _write(
            path, spec, draws, structures, people_rows, domains, mailboxes, activities, addresses
        )
    finally:
        indexer.join()
    if failures:
        raise failures[0]
