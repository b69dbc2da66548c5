"""Distinguished names as the list writes them, made comparable.

On the real list the order of attributes is constant but blanks after commas vary, and one entry
uses `L` for `ST` (domain.md §2.1). A name is compared by its attributes, not by its text.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property, lru_cache

from cryptography import x509
from cryptography.x509.oid import NameOID

__all__ = ["DN", "dn_of", "parse_dn"]

_ORDER = ("CN", "OU", "O", "ST", "C")
_ALIASES = {"L": "ST", "S": "ST"}
# A comma ends an attribute only where another attribute follows: real names hold bare commas.
# An escaped character is matched first, so that its comma or backslash cannot end anything.
_BREAK = re.compile(r"\\.|,\s*(?=[A-Za-z][A-Za-z0-9.]{0,15}\s*=)", re.DOTALL)
_ATTRIBUTE = re.compile(r"\s*([A-Za-z][A-Za-z0-9.]{0,15})\s*=(.*)", re.DOTALL)
_ESCAPED = re.compile(r'\\([,+"\\<>;=# ])')
_MAX = 2048

_FROM_OID = {
    NameOID.COMMON_NAME: "CN",
    NameOID.ORGANIZATIONAL_UNIT_NAME: "OU",
    NameOID.ORGANIZATION_NAME: "O",
    NameOID.STATE_OR_PROVINCE_NAME: "ST",
    NameOID.LOCALITY_NAME: "ST",
    NameOID.COUNTRY_NAME: "C",
}


@dataclass(frozen=True)
class DN:
    """A name as attribute and value pairs, `CN` first; equal names have equal keys.

    Attributes:
        attributes: Pairs, in the order of the list; `L` and `S` are written `ST`.
    """

    attributes: tuple[tuple[str, str], ...]

    @cached_property
    def key(self) -> tuple[tuple[str, str], ...]:
        """What to compare: pairs sorted, case and blanks folded (as caseIgnoreMatch does)."""
        return tuple(sorted((name, _fold(value)) for name, value in self.attributes))

    def get(self, name: str) -> str:
        """Return the first value of an attribute, or an empty string."""
        return next((value for key, value in self.attributes if key == name), "")

    def __str__(self) -> str:
        return ",".join(f"{name}={_escape(value)}" for name, value in self.attributes)


def _fold(value: str) -> str:
    return " ".join(value.split()).casefold()


def _escape(value: str) -> str:
    return re.sub(r'([,+"\\<>;])', r"\\\1", value)


def _rank(pair: tuple[str, str]) -> int:
    return _ORDER.index(pair[0]) if pair[0] in _ORDER else len(_ORDER)


def _parts(text: str) -> list[str]:
    parts, start = [], 0
    for found in _BREAK.finditer(text):
        if found[0].startswith(","):
            parts.append(text[start : found.start()])
            start = found.end()
    return [*parts, text[start:]]


@lru_cache(maxsize=8192)
def parse_dn(text: str) -> DN:
    """Read a name such as `CN=mx1.op.mssante.fr, OU=1110000023,O=CH,ST=Aude (11),C=FR`.

    Raises:
        ValueError: a part is not attribute=value, or the text is longer than 2,048 characters.
    """
    if len(text) > _MAX:
        raise ValueError(f"a name of {len(text)} characters; the limit is {_MAX}")
    pairs = []
    for part in _parts(text.strip()):
        match = _ATTRIBUTE.fullmatch(part)
        if match is None:
            raise ValueError(f"{part!r} is not attribute=value")
        name = match[1].upper()
        value = match[2].strip()
        if len(value) > 1 and value[0] == value[-1] == '"':
            value = value[1:-1]
        value = _ESCAPED.sub(r"\1", value)
        if not value:
            raise ValueError(f"{name} is empty")
        pairs.append((_ALIASES.get(name, name), " ".join(value.split())))
    return DN(tuple(sorted(pairs, key=_rank)))


def dn_of(certificate: x509.Certificate) -> DN:
    """Return the subject of a certificate, comparable with the names of the list."""
    pairs = [
        (_FROM_OID.get(attribute.oid, attribute.oid.dotted_string), str(attribute.value))
        for rdn in certificate.subject.rdns
        for attribute in rdn
    ]
    return DN(tuple(sorted(pairs, key=_rank)))
