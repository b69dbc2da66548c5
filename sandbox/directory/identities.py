"""The same person in the directory and on the card; the same structure and its certificate."""

from __future__ import annotations

from sandbox.directory.directory import Directory
from sandbox.directory.model import BoxType, Person, Structure
from sandbox.space.errors import UserError
from sandbox.trust.identity import Employee, Organisation
from sandbox.trust.identity import Professional as Holder

__all__ = ["application_of", "card_holder", "employee_of", "organisation_of"]


def organisation_of(structure: Structure) -> Organisation:
    """Return the legal person of a structure, as its certificates name it."""
    department = f"{structure.department_name} ({structure.department})"
    if structure.finess:
        return Organisation(name=structure.name, department=department, finess=structure.finess)
    return Organisation(name=structure.name, department=department, siret=structure.siret)


def card_holder(person: Person) -> Holder:
    """Return the holder of a CPS.

    Raises:
        UserError: an employee without RPPS or ADELI, who holds a CPE instead.
    """
    return Holder(
        national_id=person.national_id,
        profession=person.profession,
        profession_code=person.profession_code,
        surname=person.surname,
        given_name=person.given_name,
        mail=person.mail,
    )


def employee_of(directory: Directory, person: Person) -> Employee:
    """Return the holder of a CPE: an employee of a structure (`3`+FINESS+`/`+number).

    Raises:
        UserError: the person is no employee, or the structure is not in the directory.
    """
    unit, _, number = person.national_id.partition("/")
    structure = directory.structure(unit[1:]) if number and unit.startswith("3") else None
    if structure is None:
        raise UserError(
            "n'est pas salarié d'une structure ; une CPS convient",
            "not the employee of a structure; a CPS fits",
            where=person.national_id,
        )
    return Employee(
        structure=organisation_of(structure),
        internal_id=number,
        function=person.profession or "Employé",
        surname=person.surname,
        given_name=person.given_name,
    )


def application_of(directory: Directory, address: str) -> Organisation:
    """Return the legal person behind an application mailbox (APP).

    Raises:
        UserError: no such mailbox, or of another type.
    """
    box = directory.mailbox(address)
    if box is None or box.type is not BoxType.APP or box.structure is None:
        raise UserError(
            "le certificat d'une personne morale veut une BAL APP",
            "a certificate of a legal person needs an APP mailbox",
            where=address,
            then="(BAL inconnue / no such mailbox)" if box is None else f"({box.type})",
        )
    return organisation_of(box.structure)
