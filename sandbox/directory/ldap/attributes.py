"""The attributes of the LDAP view, a row each: what it is, whence its value, how it is found.

Schema, entries, plans of searches, indexes of OpenLDAP and tests read this table: what is added
here is served and found everywhere. The schema of the real directory is not public: names, base and
object classes are ours, and their OIDs stand in the arc that OpenLDAP keeps for experiments.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from sandbox.directory.ldap.conditions import (
    BROAD,
    LAST,
    NAME,
    ONE,
    SHARE,
    Found,
    RowCondition,
    by_column,
    by_rows,
    words,
)
from sandbox.directory.model import Mailbox, Person, Structure
from sandbox.directory.rows import TYPES
from sandbox.directory.tables import fold, tables

__all__ = [
    "ASCII",
    "ATTRIBUTES",
    "BOOLEAN",
    "MAILBOX_CLASSES",
    "STRUCTURE_CLASSES",
    "TEXT",
    "Attribute",
    "Values",
]

TEXT = "1.3.6.1.4.1.1466.115.121.1.15"
ASCII = "1.3.6.1.4.1.1466.115.121.1.26"
BOOLEAN = "1.3.6.1.4.1.1466.115.121.1.7"
MAILBOX_CLASSES = ("top", "person", "organizationalPerson", "inetOrgPerson", "mssBal")
STRUCTURE_CLASSES = ("top", "organization", "mssStructure")

Values = str | tuple[str, ...]
EVERY_ENTRY = Found()  # no index: all are read


@dataclass(frozen=True)
class Attribute:
    """One attribute.

    Attributes:
        name: as entries show it.
        mailbox, structure: its value in the entry of each, empty: none there; None: never there.
        found: how searches find it without reading every entry.
        about: what it holds, for one of ours; empty for a standard one.
        syntax: OID of its syntax; single: at most one value.
        required: the view, mailbox or structure, whose entries all have it (MUST).
        also: other names of a standard one.
        index: OpenLDAP's.
    """

    name: str
    mailbox: Callable[[Mailbox], Values] | None = None
    structure: Callable[[Structure], Values] | None = None
    found: Found = EVERY_ENTRY
    about: str = ""
    syntax: str = ASCII
    single: bool = True
    required: str = ""
    also: tuple[str, ...] = ()
    index: str = ""


def _of_person(read: Callable[[Person], str]) -> Callable[[Mailbox], str]:
    return lambda box: read(box.person) if box.person else ""


def _of_structure(read: Callable[[Structure], str]) -> Callable[[Mailbox], str]:
    return lambda box: read(box.structure) if box.structure else ""


def _surname(box: Mailbox) -> str:
    """A mailbox without a person bears the name of its structure, or else its address."""
    if box.person:
        return box.person.surname
    return box.structure.name if box.structure else box.address


def _place(field: str) -> Callable[[Mailbox], str]:
    def read(box: Mailbox) -> str:
        if box.structure:
            return str(getattr(box.structure, field))
        if box.person:
            code = box.person.department
            return str(getattr(next(d for d in tables().departments if d.code == code), field))
        return ""

    return read


def _departments(box: Mailbox) -> tuple[str, ...]:
    places = (box.person, box.structure)
    return tuple(dict.fromkeys(place.department for place in places if place is not None))


def _in_department(field: str) -> Found:
    """Find by the code, the town or the postcode of a département."""

    def rows(text: str) -> list[int]:
        return [
            row
            for row, department in enumerate(tables().departments)
            if fold(getattr(department, field)) == text
        ]

    return by_rows("person", "department", rows, SHARE) | by_rows(
        "structure", "department", rows, SHARE
    )


def _professions(field: str) -> Found:
    def rows(text: str) -> list[int]:
        return [
            r for r, job in enumerate(tables().professions) if fold(getattr(job, field)) == text
        ]

    return by_rows("person", "profession", rows, BROAD)


def _specialty(text: str) -> RowCondition:
    """Only physicians have one: their index is that of profession and specialty."""
    doctor = next(row for row, job in enumerate(tables().professions) if job.code == "10")
    rows = [row for row, known in enumerate(tables().specialties) if fold(known[0]) == text]
    if not rows:
        return RowCondition("person", "0", rank=ONE)
    return RowCondition("person", "p.profession = ? AND p.specialty = ?", (doctor, rows[0]), BROAD)


def _sectors(text: str) -> list[int]:
    return [row for row, sector in enumerate(tables().sectors) if fold(sector.code) == text]


def _type(text: str) -> RowCondition:
    """Nine in ten are personal: no index has those."""
    kinds = [row for row, kind in enumerate(TYPES) if fold(kind.value) == text]
    if not kinds:
        return RowCondition("mailbox", "0", rank=ONE)
    if kinds[0] == 0:
        return RowCondition("mailbox", "m.type = 0", drives=False)
    return RowCondition("mailbox", "m.type <> 0 AND m.type = ?", (kinds[0],), BROAD)


def _domain(text: str) -> RowCondition:
    inner = "m.domain = (SELECT id FROM domain WHERE name = ?)"
    return RowCondition("mailbox", inner, (text,), SHARE)


def _name_and_service(text: str) -> RowCondition:
    """A shared mailbox bears the name of its structure, followed by that of a service."""
    parts = text.split()
    starts = [" ".join(parts[:count]) for count in range(1, min(len(parts), 12) + 1)]
    marks = ",".join("?" * len(starts)) or "''"
    return RowCondition("structure", f"s.name_key IN ({marks})", tuple(starts), NAME)


def _piece_of_address(text: str) -> RowCondition:
    """A piece of an address: in the local part, in the domain, or across the at sign."""
    local, at, domain = text.partition("@")
    in_local = _WORDS.holds[0](local)
    if at:
        inner = "m.domain IN (SELECT id FROM domain WHERE name >= ? AND name < ?)"
        values = (*in_local.values, domain, domain + LAST)
        return RowCondition(
            "mailbox", f"{in_local.sql} AND {inner}", values, SHARE,
            drives=bool(domain) or in_local.drives, checks=False,
        )  # fmt: skip
    inner = "m.domain IN (SELECT id FROM domain WHERE instr(name, ?) > 0)"
    return RowCondition(
        "mailbox", f"{in_local.sql} OR {inner}", (*in_local.values, text), SHARE,
        drives=in_local.drives, checks=False,
    )  # fmt: skip


def _given(text: str) -> RowCondition:
    low, high = f"{text} ", f"{text}!"
    return RowCondition("person", "p.cn_key >= ? AND p.cn_key < ?", (low, high), SHARE)


_BY_NAME = by_column("person", "cn_key", rank=NAME)
_BY_STRUCTURE_NAME = by_column("structure", "name_key", rank=NAME, starts=SHARE)
_WORDS = words("mailbox", NAME)
_BY_ADDRESS = by_column("mailbox", "address")
_COMMON_NAME = Found(
    (*_BY_NAME.equals, _name_and_service),
    (*_BY_NAME.starts, *_BY_STRUCTURE_NAME.starts, _name_and_service),
    _WORDS.holds,
)
_PERSON_ID = by_column("person", "national_id")
_STRUCTURE_ID = by_column("structure", "national_id")


def _common_name(box: Mailbox) -> str:
    return box.display_name


ATTRIBUTES: tuple[Attribute, ...] = (
    Attribute("objectClass", lambda _: MAILBOX_CLASSES, lambda _: STRUCTURE_CLASSES, index="eq"),
    Attribute("cn", _common_name, found=_COMMON_NAME, also=("commonName",), index="eq,sub"),
    Attribute(
        "sn",
        _surname,
        found=by_column("person", "surname_key", rank=NAME) | _BY_STRUCTURE_NAME | _WORDS,
        also=("surname",),
        index="eq,sub",
    ),
    Attribute(
        "givenName",
        _of_person(lambda person: person.given_name),
        found=Found((_given,), by_column("person", "cn_key", starts=SHARE).starts, _WORDS.holds),
        also=("gn",),
        index="eq,sub",
    ),
    Attribute("displayName", _common_name, found=_COMMON_NAME),
    Attribute(
        "mail",
        lambda box: box.address,
        found=_BY_ADDRESS | Found(holds=(_piece_of_address,)),
        required="mailbox",
        also=("rfc822Mailbox",),
        index="eq,sub",
    ),
    Attribute(
        "uid",
        _of_person(lambda person: person.national_id),
        found=_PERSON_ID,
        also=("userid",),
        index="eq",
    ),
    Attribute("title", _of_person(lambda person: person.profession), found=_professions("label")),
    Attribute(
        "o",
        _of_structure(lambda structure: structure.name),
        lambda structure: structure.name,
        found=_BY_STRUCTURE_NAME | words("structure", SHARE),
        also=("organizationName",),
        index="eq,sub",
    ),
    Attribute("ou", lambda box: box.service, also=("organizationalUnitName",)),
    Attribute("description", lambda box: box.description),
    Attribute("businessCategory", structure=lambda structure: structure.sector),
    Attribute(
        "street",
        structure=lambda s: f"{s.street_number} {s.street_kind} {s.street}",
        also=("streetAddress",),
    ),
    Attribute(
        "l",
        _place("town"),
        lambda structure: structure.town,
        found=_in_department("town"),
        also=("localityName",),
    ),
    Attribute(
        "postalCode",
        _place("postcode"),
        lambda structure: structure.postcode,
        found=_in_department("postcode"),
    ),
    Attribute("telephoneNumber", structure=lambda structure: structure.phone),
    Attribute(
        "mssTypeBal",
        lambda box: box.type.value,
        found=Found((_type,)),
        about="PER, ORG, APP or CAB",
        required="mailbox",
        index="eq",
    ),
    Attribute(
        "mssDomaine",
        lambda box: box.domain,
        found=Found((_domain,)),
        about="Domain of the mailbox",
        required="mailbox",
        index="eq",
    ),
    Attribute(
        "mssIdNatPP",
        _of_person(lambda person: person.national_id),
        found=_PERSON_ID,
        about="National identifier of the person",
        index="eq",
    ),
    Attribute(
        "mssRpps",
        _of_person(lambda person: person.rpps),
        found=by_column("person", "national_id", before="8"),
        about="RPPS, 11 digits",
        index="eq",
    ),
    Attribute(
        "mssProfession",
        _of_person(lambda person: str(person.profession_code)),
        found=_professions("code"),
        about="Code of the profession, TRE_G15",
        index="eq",
    ),
    Attribute(
        "mssSavoirFaire",
        _of_person(lambda person: person.specialty_code),
        found=Found((_specialty,)),
        about="Code of the know-how, TRE_R38",
    ),
    Attribute(
        "mssIdNatStruct",
        _of_structure(lambda structure: structure.national_id),
        lambda structure: structure.national_id,
        found=_STRUCTURE_ID,
        about="National identifier of the structure",
        required="structure",
        index="eq",
    ),
    Attribute(
        "mssFiness",
        _of_structure(lambda structure: structure.finess),
        lambda structure: structure.finess,
        found=by_column("structure", "national_id", before="1"),
        about="FINESS, 9 characters",
        index="eq",
    ),
    Attribute(
        "mssSiret",
        structure=lambda structure: structure.siret,
        found=by_column("structure", "siret"),
        about="SIRET, 14 digits",
        index="eq",
    ),
    Attribute(
        "mssSecteur",
        _of_structure(lambda structure: structure.sector_code),
        lambda structure: structure.sector_code,
        found=by_rows("structure", "sector", _sectors, BROAD),
        about="Code of the sector, TRE_R02",
    ),
    Attribute(
        "mssDepartement",
        _departments,
        lambda structure: structure.department,
        found=_in_department("code"),
        about="Departement of the person, of the structure",
        single=False,
        index="eq",
    ),
    Attribute(
        "mssDematerialisation",
        lambda box: "TRUE" if box.dematerialised else "FALSE",
        about="Wants documents by mail only",
        syntax=BOOLEAN,
    ),
)
