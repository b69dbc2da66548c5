"""The LDAP schema: inetOrgPerson and our own attributes.

The schema of the real directory is not public (domain.md §6.4): names, base and object classes
below are ours. Their OIDs stand in the arc that OpenLDAP keeps for experiments.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["ATTRIBUTES", "CLASSES", "Attribute", "ObjectClass", "known", "slapd_schema"]

_ARC = "1.3.6.1.4.1.4203.666.11.991"
_TEXT = "1.3.6.1.4.1.1466.115.121.1.15"
_ASCII = "1.3.6.1.4.1.1466.115.121.1.26"
_BOOLEAN = "1.3.6.1.4.1.1466.115.121.1.7"


@dataclass(frozen=True)
class Attribute:
    """One of our attributes: number in the arc, name, what it holds, syntax, number of values."""

    number: int
    name: str
    about: str
    syntax: str = _ASCII
    single: bool = True

    @property
    def definition(self) -> str:
        """The AttributeTypeDescription (RFC 4512 §4.1.2)."""
        rules = {
            _TEXT: "EQUALITY caseIgnoreMatch SUBSTR caseIgnoreSubstringsMatch",
            _ASCII: "EQUALITY caseIgnoreIA5Match SUBSTR caseIgnoreIA5SubstringsMatch",
            _BOOLEAN: "EQUALITY booleanMatch",
        }[self.syntax]
        single = " SINGLE-VALUE" if self.single else ""
        return (
            f"( {_ARC}.1.{self.number} NAME '{self.name}' DESC '{self.about}' {rules}"
            f" SYNTAX {self.syntax}{single} )"
        )


@dataclass(frozen=True)
class ObjectClass:
    """One of our object classes, auxiliary to a standard one."""

    number: int
    name: str
    must: tuple[str, ...]
    may: tuple[str, ...]

    @property
    def definition(self) -> str:
        """The ObjectClassDescription (RFC 4512 §4.1.1)."""
        return (
            f"( {_ARC}.2.{self.number} NAME '{self.name}' SUP top AUXILIARY"
            f" MUST ( {' $ '.join(self.must)} ) MAY ( {' $ '.join(self.may)} ) )"
        )


ATTRIBUTES = (
    Attribute(1, "mssTypeBal", "PER, ORG, APP or CAB"),
    Attribute(2, "mssDomaine", "Domain of the mailbox"),
    Attribute(3, "mssIdNatPP", "National identifier of the person"),
    Attribute(4, "mssRpps", "RPPS, 11 digits"),
    Attribute(5, "mssProfession", "Code of the profession, TRE_G15"),
    Attribute(6, "mssSavoirFaire", "Code of the know-how, TRE_R38"),
    Attribute(7, "mssIdNatStruct", "National identifier of the structure"),
    Attribute(8, "mssFiness", "FINESS, 9 characters"),
    Attribute(9, "mssSiret", "SIRET, 14 digits"),
    Attribute(10, "mssSecteur", "Code of the sector, TRE_R02"),
    Attribute(11, "mssDepartement", "Departement of the person, of the structure", single=False),
    Attribute(12, "mssDematerialisation", "Wants documents by mail only", _BOOLEAN),
)
CLASSES = (
    ObjectClass(
        1,
        "mssBal",
        ("mail", "mssTypeBal", "mssDomaine"),
        (
            "mssIdNatPP",
            "mssRpps",
            "mssProfession",
            "mssSavoirFaire",
            "mssIdNatStruct",
            "mssFiness",
            "mssSecteur",
            "mssDepartement",
            "mssDematerialisation",
        ),
    ),
    ObjectClass(
        2,
        "mssStructure",
        ("mssIdNatStruct",),
        ("mssFiness", "mssSiret", "mssSecteur", "mssDepartement"),
    ),
)

# The standard attributes that entries use, and those that they could (undefined otherwise).
_STANDARD = (
    "objectClass mail cn sn givenName displayName title uid o ou description l postalCode street"
    " telephoneNumber businessCategory"
)
_KNOWN = {name.lower() for name in _STANDARD.split()} | {a.name.lower() for a in ATTRIBUTES}
_ALIASES = {
    "rfc822mailbox": "mail",
    "commonname": "cn",
    "surname": "sn",
    "gn": "givenname",
    "userid": "uid",
    "organizationname": "o",
    "organizationalunitname": "ou",
    "localityname": "l",
    "streetaddress": "street",
}


def known(name: str) -> str:
    """Return the canonical lower-case name of an attribute, or nothing if it is not in the schema.

    Options (`cn;lang-fr`) are not supported: such a description is unknown.
    """
    lower = name.lower()
    lower = _ALIASES.get(lower, lower)
    return lower if lower in _KNOWN else ""


def slapd_schema() -> str:
    """Return the schema in the syntax of slapd.conf."""
    lines = ["# mssante-sandbox: invented for tests, see docs/directory.md"]
    lines += [f"attributetype {attribute.definition}" for attribute in ATTRIBUTES]
    lines += [f"objectclass {kind.definition}" for kind in CLASSES]
    return "\n".join(lines) + "\n"
