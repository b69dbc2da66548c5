"""Who a certificate speaks for: people, employees, legal persons, and their national identifiers.

Plain values: the directory has its own, richer records, and hands over what is needed here.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from sandbox.space.errors import UserError

__all__ = [
    "Employee",
    "Organisation",
    "Professional",
    "identifier_kind",
    "luhn_key",
    "plain_identifier",
]

_FINESS = re.compile(r"[0-9][0-9A-Z][0-9]{7}")
_SIRET = re.compile(r"[0-9]{14}")


def luhn_key(digits: str) -> str:
    """Return the Luhn check digit that completes `digits` (domain.md §5.3)."""
    total = 0
    for place, digit in enumerate(reversed(digits)):
        value = int(digit) * (2 if place % 2 == 0 else 1)
        total += value - 9 if value > 9 else value
    return str(-total % 10)


def identifier_kind(unit: str) -> str:
    """Name the kind of a structure identifier as the OU carries it: FINESS, SIRET or other.

    `1` precedes a FINESS (9 characters), `3` a SIRET (14 digits): measured on the real list.
    """
    if unit[:1] == "1" and _FINESS.fullmatch(unit[1:]):
        return "FINESS"
    if unit[:1] == "3" and _SIRET.fullmatch(unit[1:]):
        return "SIRET"
    return "other"


def plain_identifier(unit: str) -> str:
    """Return the FINESS or SIRET without its leading kind digit; other texts come back whole."""
    return unit if identifier_kind(unit) == "other" else unit[1:]


@dataclass(frozen=True, kw_only=True)
class Organisation:
    """A legal person: the subject of server, client and seal certificates.

    Attributes:
        name: Name as the certificate writes it (O).
        department: Department as the certificate writes it (ST), for instance `Aude (11)`.
        finess: FINESS, 9 characters; or
        siret: SIRET, 14 digits. Exactly one of them.

    Raises:
        UserError: neither or both identifiers, or one of the wrong shape.
    """

    name: str
    department: str
    finess: str = ""
    siret: str = ""

    def __post_init__(self) -> None:
        if bool(self.finess) == bool(self.siret):
            raise UserError(
                "donner soit finess, soit siret",
                "give one of finess or siret",
                where=f"organisation {self.name!r}",
            )
        if identifier_kind(self.unit) == "other":
            raise UserError(
                "ce n'est pas un identifiant ; un FINESS a 9 caractères, un SIRET 14 chiffres",
                "not an identifier; a FINESS has 9 characters, a SIRET has 14 digits",
                where=f"organisation {self.name!r}: {self.unit[1:]!r}",
            )

    @property
    def unit(self) -> str:
        """The OU of its certificates: `1`+FINESS or `3`+SIRET."""
        return f"1{self.finess}" if self.finess else f"3{self.siret}"


@dataclass(frozen=True, kw_only=True)
class Professional:
    """A health professional: the subject of a CPS.

    Attributes:
        national_id: `8`+RPPS (12 digits) or `0`+ADELI (10 characters).
        profession: Label of the profession, for instance `Médecin` (title).
        profession_code: Code of the profession, for instance 10 (GIP-CPS extension `.7`).
        surname: Name in exercise.
        given_name: First name in exercise.
        mail: MSSanté address, added to the signature certificate when given.

    Raises:
        UserError: the identifier has another shape.
    """

    national_id: str
    profession: str
    profession_code: int
    surname: str
    given_name: str
    mail: str = ""

    def __post_init__(self) -> None:
        if not re.fullmatch(r"8[0-9]{11}|0[0-9A-Z]{9}", self.national_id):
            raise UserError(
                "ce n'est pas un identifiant national ; c'est 8 et les 11 chiffres d'un RPPS, "
                "ou 0 et les 9 caractères d'un ADELI",
                "not a national identifier; it is 8 and the 11 digits of an RPPS, or 0 "
                "and the 9 characters of an ADELI",
                where=f"{self.national_id!r}",
            )


@dataclass(frozen=True, kw_only=True)
class Employee:
    """Staff of a structure without a number of their own: the subject of a CPE.

    Attributes:
        structure: The employer; its FINESS gives the national identifier.
        internal_id: Identifier that the employer gave.
        function: What the person does (title).
        surname: Surname.
        given_name: First name.
    """

    structure: Organisation
    internal_id: str
    function: str
    surname: str
    given_name: str

    def __post_init__(self) -> None:
        if not self.structure.finess:
            raise UserError(
                "une CPE veut un employeur qui a un FINESS",
                "a CPE needs an employer with a FINESS",
                where=f"{self.structure.name!r}",
            )
        if not re.fullmatch(r"[0-9A-Za-z._-]{1,40}", self.internal_id):
            raise UserError(
                "ce n'est pas un identifiant interne ; 1 à 40 lettres, chiffres, points, tirets "
                "ou soulignés",
                "not an internal identifier; use 1 to 40 letters, digits, dots, dashes "
                "or underscores",
                where=f"{self.internal_id!r}",
            )

    @property
    def national_id(self) -> str:
        """`3`+FINESS+`/`+internal identifier, as employee cards carry it."""
        return f"3{self.structure.finess}/{self.internal_id}"
