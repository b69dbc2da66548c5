"""The LDAP schema in the words of LDAP: inetOrgPerson and our own attributes (`attributes`)."""

from __future__ import annotations

from sandbox.directory.ldap.attributes import ASCII, ATTRIBUTES, BOOLEAN, TEXT, Attribute

__all__ = ["ATTRIBUTE_TYPES", "OBJECT_CLASSES", "known", "slapd_indexes", "slapd_schema"]

_ARC = "1.3.6.1.4.1.4203.666.11.991"
_RULES = {
    TEXT: "EQUALITY caseIgnoreMatch SUBSTR caseIgnoreSubstringsMatch",
    ASCII: "EQUALITY caseIgnoreIA5Match SUBSTR caseIgnoreIA5SubstringsMatch",
    BOOLEAN: "EQUALITY booleanMatch",
}
_OURS = tuple(each for each in ATTRIBUTES if each.about)
_NAMES = {
    name.lower(): each.name.lower() for each in ATTRIBUTES for name in (each.name, *each.also)
}


def _attribute_type(number: int, attribute: Attribute) -> str:
    """Return the AttributeTypeDescription (RFC 4512 §4.1.2)."""
    single = " SINGLE-VALUE" if attribute.single else ""
    return (
        f"( {_ARC}.1.{number} NAME '{attribute.name}' DESC '{attribute.about}'"
        f" {_RULES[attribute.syntax]} SYNTAX {attribute.syntax}{single} )"
    )


def _object_class(number: int, name: str, view: str) -> str:
    """Return the ObjectClassDescription (RFC 4512 §4.1.1) of a class beside a standard one."""
    must = [each.name for each in ATTRIBUTES if each.required == view]
    may = [each.name for each in _OURS if getattr(each, view) and each.required != view]
    return (
        f"( {_ARC}.2.{number} NAME '{name}' SUP top AUXILIARY"
        f" MUST ( {' $ '.join(must)} ) MAY ( {' $ '.join(may)} ) )"
    )


ATTRIBUTE_TYPES = tuple(
    _attribute_type(number, attribute) for number, attribute in enumerate(_OURS, 1)
)
OBJECT_CLASSES = (
    _object_class(1, "mssBal", "mailbox"),
    _object_class(2, "mssStructure", "structure"),
)


def known(name: str) -> str:
    """Return the canonical lower-case name of an attribute, or nothing if it is not in the schema.

    Options (`cn;lang-fr`) are not supported: such a description is unknown.
    """
    return _NAMES.get(name.lower(), "")


def slapd_schema() -> str:
    """Return the schema in the syntax of slapd.conf."""
    lines = ["# mssante-sandbox: invented for tests, see docs/directory.md"]
    lines += [f"attributetype {definition}" for definition in ATTRIBUTE_TYPES]
    lines += [f"objectclass {definition}" for definition in OBJECT_CLASSES]
    return "\n".join(lines) + "\n"


def slapd_indexes() -> list[str]:
    """Return the indexes of the table in the syntax of slapd.conf."""
    return [f"index {each.name} {each.index}" for each in ATTRIBUTES if each.index]
