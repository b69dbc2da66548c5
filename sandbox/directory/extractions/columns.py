"""Columns of the extractions, and the rows under them.

The 31 columns of the correspondence file are those of the real one (domain.md §6.1). PS_LibreAcces
has the 48 columns of its activity file plus the 8 that current files add, and 13 columns in each of
the two others (domain.md §6.2); their exact captions are inferred.
"""

from __future__ import annotations

from collections.abc import Iterable

from sandbox.directory.identifiers import person_kind
from sandbox.directory.model import Mailbox, Person, Structure

__all__ = [
    "ACTIVITY",
    "CORRESPONDENCE",
    "DIPLOMA",
    "KNOW_HOW",
    "activity_row",
    "correspondence_row",
    "diploma_row",
    "know_how_row",
    "line",
]

# Kinds of street as INSEE codes them, by Faker's word.
STREET_KINDS = {"rue": "R", "chemin": "CHE", "avenue": "AV", "boulevard": "BD"}
_BOX = " structure BAL"
CORRESPONDENCE = (
    "Type de BAL",
    "Adresse BAL",
    "Type Identifiant PP",
    "Identifiant PP",
    "Identification nationale PP",
    "Type identifiant structure",
    "Identification Structure",
    "Service de rattachement",
    "Civilité d'exercice",
    "Nom d'exercice",
    "Prénom d'exercice",
    "Catégorie profession",
    "Libellé de catégorie profession",
    "Code Profession",
    "Libellé Profession",
    "Code savoir-faire",
    "Libellé savoir-faire",
    "Dématérialisation",
    f"Raison Sociale{_BOX}",
    f"Enseigne commerciale{_BOX}",
    f"L2COMPLEMENTLOCALISATION{_BOX}",
    f"L3COMPLEMENTDISTRIBUTION{_BOX}",
    f"L4NUMEROVOIE{_BOX}",
    f"L4COMPLEMENTNUMEROVOIE{_BOX}",
    f"NL4TYPEVOIE{_BOX}",
    f"L4LIBELLEVOIE{_BOX}",
    f"L5LIEUDITMENTION{_BOX}",
    f"L6LIGNEACHEMINEMENT{_BOX}",
    f"Code postal{_BOX}",
    f"Département{_BOX}",
    f"Pays{_BOX}",
)
_IDENTITY = ("Type d'identifiant PP", "Identifiant PP", "Identification nationale PP")
ACTIVITY = (
    *_IDENTITY,
    "Code civilité d'exercice",
    "Libellé civilité d'exercice",
    "Code civilité",
    "Libellé civilité",
    "Nom d'exercice",
    "Prénom d'exercice",
    "Code profession",
    "Libellé profession",
    "Code catégorie professionnelle",
    "Libellé catégorie professionnelle",
    "Code type savoir-faire",
    "Libellé type savoir-faire",
    "Code savoir-faire",
    "Libellé savoir-faire",
    "Code mode exercice",
    "Libellé mode exercice",
    "Numéro SIRET site",
    "Numéro SIREN site",
    "Numéro FINESS site",
    "Numéro FINESS établissement juridique",
    "Identifiant technique de la structure",
    "Raison sociale site",
    "Enseigne commerciale site",
    "Complément destinataire (coord. structure)",
    "Complément point géographique (coord. structure)",
    "Numéro Voie (coord. structure)",
    "Indice répétition voie (coord. structure)",
    "Code type de voie (coord. structure)",
    "Libellé type de voie (coord. structure)",
    "Libellé Voie (coord. structure)",
    "Mention distribution (coord. structure)",
    "Bureau cedex (coord. structure)",
    "Code postal (coord. structure)",
    "Code commune (coord. structure)",
    "Libellé commune (coord. structure)",
    "Code pays (coord. structure)",
    "Libellé pays (coord. structure)",
    "Téléphone (coord. structure)",
    "Téléphone 2 (coord. structure)",
    "Télécopie (coord. structure)",
    "Adresse e-mail (coord. structure)",
    "Code Département (structure)",
    "Libellé Département (structure)",
    "Ancien identifiant de la structure",
    "Autorité d'enregistrement",
    "Code secteur d'activité",
    "Libellé secteur d'activité",
    "Code section tableau pharmaciens",
    "Libellé section tableau pharmaciens",
    "Code rôle",
    "Libellé rôle",
    "Code genre activité",
    "Libellé genre activité",
)
DIPLOMA = (
    *_IDENTITY,
    "Nom d'exercice",
    "Prénom d'exercice",
    "Code type diplôme obtenu",
    "Libellé type diplôme obtenu",
    "Code diplôme obtenu",
    "Libellé diplôme obtenu",
    "Code type autorisation",
    "Libellé type autorisation",
    "Code discipline autorisation",
    "Libellé discipline autorisation",
)
KNOW_HOW = (
    *_IDENTITY,
    "Nom d'exercice",
    "Prénom d'exercice",
    "Code profession",
    "Libellé profession",
    "Code catégorie professionnelle",
    "Libellé catégorie professionnelle",
    "Code type savoir-faire",
    "Libellé type savoir-faire",
    "Code savoir-faire",
    "Libellé savoir-faire",
)

_CATEGORIES = {"C": "Civil", "M": "Militaire", "E": "Étudiant"}
_TITLES = {"DR": "Docteur", "MME": "Madame", "M": "Monsieur"}
_MODES = {"L": "Libéral", "S": "Salarié"}
_REGISTER_AUTHORITIES = {
    "10": "CNOM",
    "21": "CNOP",
    "40": "CNOCD",
    "50": "CNOSF",
    "60": "CNOI",
    "70": "CNOMK",
    "80": "CNOPP",
}


def line(values: Iterable[str], *, trailing: bool = False) -> str:
    """Write one line: values between `|`; what would break the line becomes a space."""
    text = "|".join(
        value.replace("|", " ").replace("\r", " ").replace("\n", " ") for value in values
    )
    return f"{text}|\n" if trailing else f"{text}\n"


def _job(person: Person) -> str:
    return str(person.profession_code) if person.profession_code else ""


def correspondence_row(box: Mailbox) -> tuple[str, ...]:
    """Return the line of a mailbox in the correspondence file, 31 values."""
    person, structure = box.person, box.structure
    who: tuple[str, ...] = ("",) * 3
    what: tuple[str, ...] = ("",) * 9
    if person is not None:
        who = (person.national_id[0], person.national_id[1:], person.national_id)
        what = (
            person.title,
            person.surname,
            person.given_name,
            person.category,
            _CATEGORIES[person.category],
            _job(person),
            person.profession,
            person.specialty_code,
            person.specialty,
        )
    where: tuple[str, ...] = ("",) * 2
    place: tuple[str, ...] = ("",) * 13
    if structure is not None:
        where = (structure.national_id[0], structure.national_id[1:])
        place = (
            structure.name,
            structure.sign,
            "",
            "",
            structure.street_number,
            "",
            STREET_KINDS[structure.street_kind],
            structure.street.upper(),
            "",
            f"{structure.postcode} {structure.town.upper()}",
            structure.postcode,
            structure.department,
            "FRANCE",
        )
    demat = "O" if box.dematerialised else "N"
    return (box.type.value, box.address, *who, *where, box.service, *what, demat, *place)


def activity_row(
    person: Person, structure: Structure, parent_finess: str, mode: str
) -> tuple[str, ...]:
    """Return the line of an activity in PS_LibreAcces_Personne_activite, 56 values."""
    civil = "M" if person.title == "M" else "MME" if person.title == "MME" else ""
    return (
        person.national_id[0],
        person.national_id[1:],
        person.national_id,
        person.title if person.title == "DR" else "",
        _TITLES[person.title] if person.title == "DR" else "",
        civil,
        _TITLES[civil] if civil else "",
        person.surname.upper(),
        person.given_name,
        _job(person),
        person.profession,
        person.category,
        _CATEGORIES[person.category],
        "S" if person.specialty_code else "",
        "Spécialité ordinale" if person.specialty_code else "",
        person.specialty_code,
        person.specialty,
        mode,
        _MODES[mode],
        structure.siret,
        structure.siret[:9],
        structure.finess,
        parent_finess,
        f"F{structure.finess}" if structure.finess else f"R{structure.siret}",
        structure.name,
        structure.sign,
        "",
        "",
        structure.street_number,
        "",
        STREET_KINDS[structure.street_kind],
        structure.street_kind.title(),
        structure.street.upper(),
        "",
        f"{structure.postcode} {structure.town.upper()}",
        structure.postcode,
        "",
        structure.town,
        "99000",
        "France",
        structure.phone,
        "",
        "",
        "",
        structure.department,
        structure.department_name,
        "",
        _REGISTER_AUTHORITIES.get(_job(person), "ARS"),
        structure.sector_code,
        structure.sector,
        "",
        "",
        "",
        "",
        "GENR01",
        "Activité standard de soin ou de pharmacien",
    )


def _named(person: Person) -> tuple[str, ...]:
    number = person.national_id
    return number[0], number[1:], number, person.surname.upper(), person.given_name


def diploma_row(person: Person) -> tuple[str, ...]:
    """Return the line of a diploma, 13 values; its code is left empty: none was verified."""
    return (
        *_named(person),
        "DE",
        "Diplôme d'Etat français",
        "",
        f"Diplôme d'Etat : {person.profession}",
        "",
        "",
        "",
        "",
    )


def know_how_row(person: Person) -> tuple[str, ...]:
    """Return the line of a physician's know-how, 13 values."""
    return (
        *_named(person),
        _job(person),
        person.profession,
        person.category,
        _CATEGORIES[person.category],
        "S",
        "Spécialité ordinale",
        person.specialty_code,
        person.specialty,
    )


def is_professional(person: Person) -> bool:
    """Tell whether a person is in PS_LibreAcces: professionals, not the staff of structures."""
    return person_kind(person.national_id) in {"RPPS", "ADELI"}
