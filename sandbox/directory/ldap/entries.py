"""Mailboxes and structures as LDAP entries, one function for the server, the LDIF and OpenLDAP."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TextIO

from sandbox.directory.ldap.attributes import ATTRIBUTES, Values
from sandbox.directory.model import Mailbox, Structure

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


def _entry(dn: str, pairs: Iterable[tuple[str, Values]]) -> Entry:
    """Keep the attributes that have a value."""
    present = (
        (name, (values,) if isinstance(values, str) else values) for name, values in pairs if values
    )
    return Entry(dn, tuple(present))


def mailbox_entry(box: Mailbox) -> Entry:
    """Return the entry of a mailbox: inetOrgPerson and mssBal."""
    pairs = ((each.name, each.mailbox(box)) for each in ATTRIBUTES if each.mailbox)
    return _entry(f"mail={box.address},{MAILBOXES_DN}", pairs)


def structure_entry(structure: Structure) -> Entry:
    """Return the entry of a structure: organization and mssStructure."""
    pairs = ((each.name, each.structure(structure)) for each in ATTRIBUTES if each.structure)
    return _entry(f"mssIdNatStruct={structure.national_id},{STRUCTURES_DN}", pairs)


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
