"""Mailboxes and structures as LDAP entries, one function for the server, the LDIF and OpenLDAP."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TextIO

from sandbox.directory.model import Mailbox, Structure
from sandbox.directory.tables import tables

__all__ = [
    "BASE_DN",
    "MAILBOXES_DN",
    "STRUCTURES_DN",
    "Entry",
    "containers",
    "mailbox_entry",
    "structure_entry",
    "write_ldif",
]

BASE_DN = "dc=annuaire,dc=mssante,dc=test"
MAILBOXES_DN = f"ou=bal,{BASE_DN}"
STRUCTURES_DN = f"ou=structures,{BASE_DN}"

_SAFE = re.compile(
    r"[\x01-\x09\x0b\x0c\x0e-\x1f\x21-\x39\x3b\x3d-\x7f][\x01-\x09\x0b\x0c\x0e-\x7f]*"
)


@dataclass(frozen=True, slots=True)
class Entry:
    """An LDAP entry: its name, and its attributes in order, each with its values."""

    dn: str
    attributes: tuple[tuple[str, tuple[str, ...]], ...]


def _present(
    pairs: Iterable[tuple[str, tuple[str, ...] | str]],
) -> tuple[tuple[str, tuple[str, ...]], ...]:
    kept = []
    for name, value in pairs:
        values = (value,) if isinstance(value, str) else value
        if values and values[0]:
            kept.append((name, values))
    return tuple(kept)


def mailbox_entry(box: Mailbox) -> Entry:
    """Return the entry of a mailbox: inetOrgPerson and mssBal."""
    person, structure = box.person, box.structure
    name = box.display_name
    places = dict.fromkeys(place.department for place in (person, structure) if place is not None)
    town = postcode = ""
    if structure:
        town, postcode = structure.town, structure.postcode
    elif person:
        town, postcode = _town(person.department)
    return Entry(
        f"mail={box.address},{MAILBOXES_DN}",
        _present(
            (
                (
                    "objectClass",
                    ("top", "person", "organizationalPerson", "inetOrgPerson", "mssBal"),
                ),
                ("cn", name),
                ("sn", person.surname if person else structure.name if structure else box.address),
                ("givenName", person.given_name if person else ""),
                ("displayName", name),
                ("mail", box.address),
                ("uid", person.national_id if person else ""),
                ("title", person.profession if person else ""),
                ("o", structure.name if structure else ""),
                ("ou", box.service),
                ("description", box.description),
                ("l", town),
                ("postalCode", postcode),
                ("mssTypeBal", box.type.value),
                ("mssDomaine", box.domain),
                ("mssIdNatPP", person.national_id if person else ""),
                ("mssRpps", person.rpps if person else ""),
                ("mssProfession", str(person.profession_code) if person else ""),
                ("mssSavoirFaire", person.specialty_code if person else ""),
                ("mssIdNatStruct", structure.national_id if structure else ""),
                ("mssFiness", structure.finess if structure else ""),
                ("mssSecteur", structure.sector_code if structure else ""),
                ("mssDepartement", tuple(places)),
                ("mssDematerialisation", "TRUE" if box.dematerialised else "FALSE"),
            )
        ),
    )


def _town(code: str) -> tuple[str, str]:
    department = next(d for d in tables().departments if d.code == code)
    return department.town, department.postcode


def structure_entry(structure: Structure) -> Entry:
    """Return the entry of a structure: organization and mssStructure."""
    return Entry(
        f"mssIdNatStruct={structure.national_id},{STRUCTURES_DN}",
        _present(
            (
                ("objectClass", ("top", "organization", "mssStructure")),
                ("o", structure.name),
                ("businessCategory", structure.sector),
                ("street", f"{structure.street_number} rue {structure.street}"),
                ("l", structure.town),
                ("postalCode", structure.postcode),
                ("telephoneNumber", structure.phone),
                ("mssIdNatStruct", structure.national_id),
                ("mssFiness", structure.finess),
                ("mssSiret", structure.siret),
                ("mssSecteur", structure.sector_code),
                ("mssDepartement", structure.department),
            )
        ),
    )


def containers() -> Iterator[Entry]:
    """Return the entries above mailboxes and structures."""
    yield Entry(
        BASE_DN,
        (
            ("objectClass", ("top", "dcObject", "organization")),
            ("dc", ("annuaire",)),
            ("o", ("Annuaire fictif MSSante",)),
        ),
    )
    for name, dn in (("bal", MAILBOXES_DN), ("structures", STRUCTURES_DN)):
        yield Entry(dn, (("objectClass", ("top", "organizationalUnit")), ("ou", (name,))))


def write_ldif(entries: Iterable[Entry], file: TextIO) -> int:
    """Write entries as LDIF (RFC 2849), in base64 where the value asks for it.

    Without the version line, which slapadd takes for an entry.

    Returns:
        The number of entries written.
    """
    count = 0
    for entry in entries:
        lines = [f"dn: {entry.dn}"]
        for name, values in entry.attributes:
            for value in values:
                if _SAFE.fullmatch(value) and not value.endswith(" "):
                    lines.append(f"{name}: {value}")
                else:
                    lines.append(f"{name}:: {base64.b64encode(value.encode()).decode()}")
        file.write(("\n" if count else "") + "\n".join(lines) + "\n")
        count += 1
    return count
