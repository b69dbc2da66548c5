"""Rows of the database to values of the model, by one SELECT for every reader; and their index."""

from __future__ import annotations

import sqlite3
from typing import Any

from sandbox.directory.model import BoxType, Mailbox, Person, Structure
from sandbox.directory.tables import fold, tables

__all__ = [
    "ACTIVITY_SELECT",
    "MAILBOX_SELECT",
    "PERSON_COLUMNS",
    "PERSON_SELECT",
    "STRUCTURE_COLUMNS",
    "STRUCTURE_SELECT",
    "TYPES",
    "activity_of",
    "add_words",
    "mailbox_of",
    "match_words",
    "person_of",
    "structure_of",
]

TYPES = (BoxType.PER, BoxType.ORG, BoxType.APP, BoxType.CAB)

PERSON_COLUMNS = (
    "p.id, p.national_id, p.title, p.surname, p.given, p.profession, p.category, p.specialty,"
    " p.department"
)
STRUCTURE_COLUMNS = (
    "s.id, s.national_id, s.kind, u.national_id, s.siret, s.name, s.sign, s.sector, s.department,"
    " s.number, s.street, s.phone"
)
PERSON_SELECT = f"SELECT {PERSON_COLUMNS} FROM person p"
STRUCTURE_SELECT = (
    f"SELECT {STRUCTURE_COLUMNS} FROM structure s LEFT JOIN structure u ON u.id = s.parent"
)
# CROSS JOIN keeps the mailbox outermost: the conditions on m choose the index.
MAILBOX_SELECT = (
    "SELECT m.id, m.address, m.type, d.name, m.activity, m.service, m.description, m.responsible,"
    f" m.red, m.demat, m.rank, m.created, m.deleted, {PERSON_COLUMNS}, {STRUCTURE_COLUMNS}"
    " FROM mailbox m LEFT JOIN domain d ON d.id = m.domain LEFT JOIN person p ON p.id = m.person"
    " LEFT JOIN structure s ON s.id = m.structure LEFT JOIN structure u ON u.id = s.parent"
)
ACTIVITY_SELECT = (
    f"SELECT a.id, a.person, a.structure, a.mode, {PERSON_COLUMNS}, {STRUCTURE_COLUMNS}"
    " FROM activity a"
    " JOIN person p ON p.id = a.person JOIN structure s ON s.id = a.structure"
    " LEFT JOIN structure u ON u.id = s.parent"
)
_PERSON_AT, _STRUCTURE_AT = 13, 22


def person_of(row: tuple[Any, ...], mail: str = "") -> Person:
    """Make a person of the columns of `PERSON_SELECT`."""
    number, national_id, title, surname, given, profession, category, specialty, department = row
    reference = tables()
    job = reference.professions[profession]
    know = reference.specialties[specialty] if specialty >= 0 else ("", "", 0)
    return Person(
        id=number,
        national_id=national_id,
        title=title,
        surname=surname,
        given_name=given,
        profession_code=int(job.code),
        profession=job.label,
        category=category,
        specialty_code=know[0],
        specialty=know[1],
        department=reference.departments[department].code,
        mail=mail,
    )


def structure_of(row: tuple[Any, ...]) -> Structure:
    """Make a structure of the columns of `STRUCTURE_SELECT`."""
    number, national_id, kind, parent, siret, name, sign, sector, place, door, street, phone = row
    reference = tables()
    department = reference.departments[place]
    activity = reference.sectors[sector]
    return Structure(
        id=number,
        national_id=national_id,
        kind=kind,
        parent=parent or "",
        siret=siret,
        name=name,
        sign=sign,
        sector_code=activity.code,
        sector=activity.label,
        department=department.code,
        department_name=department.name,
        postcode=department.postcode,
        town=department.town,
        street_number=str(door),
        street_kind=reference.streets[street][0],
        street=reference.streets[street][1],
        phone=phone,
    )


def mailbox_of(row: tuple[Any, ...]) -> Mailbox:
    """Make a mailbox of the columns of `MAILBOX_SELECT`."""
    return Mailbox(
        id=row[0],
        address=row[1],
        type=TYPES[row[2]],
        domain=row[3],
        activity=row[4],
        service=row[5],
        description=row[6],
        responsible=row[7],
        red_list=bool(row[8]),
        dematerialised=bool(row[9]),
        rank=row[10],
        created=row[11],
        deleted=row[12],
        person=person_of(row[_PERSON_AT:_STRUCTURE_AT], row[1])
        if row[_PERSON_AT] is not None
        else None,
        structure=structure_of(row[_STRUCTURE_AT:]) if row[_STRUCTURE_AT] is not None else None,
    )


def activity_of(row: tuple[Any, ...]) -> tuple[str, Person, Structure]:
    """Make the mode, the person and the structure of the columns of `ACTIVITY_SELECT`."""
    return row[3], person_of(row[4:13]), structure_of(row[13:25])


def match_words(text: str) -> str:
    """Return the MATCH expression that finds a folded text, empty below three letters.

    The index keeps no position: it finds all that hold every group of three letters, which may be
    more than all that hold the text. The caller checks.
    """
    groups = dict.fromkeys(text[at : at + 3] for at in range(len(text) - 2))
    return " AND ".join('"' + group.replace('"', '""') + '"' for group in groups)


def add_words(connection: sqlite3.Connection, row: int, name: str, address: str) -> None:
    """Index a new mailbox: the folded name of its bearer and its local part."""
    text = f"{fold(name)}\n{address.partition('@')[0]}"
    connection.execute("INSERT INTO words.search (rowid, text) VALUES (?, ?)", (row, text))
