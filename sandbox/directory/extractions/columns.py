"""Columns of the extractions: the caption of each, and what stands under it.

The 31 columns of the correspondence file are those of the real one (domain.md §6.1). PS_LibreAcces
has the 48 columns of its activity file plus the 8 that current files add, and 13 columns in each of
the two others (domain.md §6.2); their exact captions are inferred.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from typing import NamedTuple, TypeVar

from sandbox.directory.identifiers import person_kind
from sandbox.directory.model import Mailbox, Person, Structure

__all__ = [
    "ACTIVITY",
    "CORRESPONDENCE",
    "DIPLOMA",
    "KNOW_HOW",
    "Practice",
    "is_professional",
    "line",
    "row",
]

T = TypeVar("T")
# Kinds of street as INSEE codes them, by Faker's word.
STREET_KINDS = {"rue": "R", "chemin": "CHE", "avenue": "AV", "boulevard": "BD"}
_CATEGORIES = {"C": "Civil", "M": "Militaire", "E": "Étudiant"}
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


class Practice(NamedTuple):
    """What a professional does and where, with the FINESS of the structure's juridical entity."""

    person: Person
    structure: Structure
    parent_finess: str
    mode: str


def row(columns: dict[str, Callable[[T], str]], of: T) -> list[str]:
    """Return what stands under each caption."""
    return [value(of) for value in columns.values()]


def line(values: Collection[str], *, trailing: bool = False) -> str:
    """Write one line: values between `|`; what would break the line becomes a space."""
    text = "|".join(values)
    if text.count("|") >= len(values) or "\r" in text or "\n" in text:
        text = "|".join(re.sub(r"[|\r\n]", " ", value) for value in values)
    return f"{text}|\n" if trailing else f"{text}\n"


def is_professional(person: Person) -> bool:
    """Tell whether a person is in PS_LibreAcces: professionals, not the staff of structures."""
    return person_kind(person.national_id) in {"RPPS", "ADELI"}


def _nothing(_: object) -> str:
    return ""


def _job(person: Person) -> str:
    return str(person.profession_code) if person.profession_code else ""


def _town(structure: Structure) -> str:
    return f"{structure.postcode} {structure.town.upper()}"


def _title(titles: dict[str, str]) -> Callable[[Practice], str]:
    return lambda a: titles.get(a.person.title, "")


def _person(value: Callable[[Person], str]) -> Callable[[Mailbox], str]:
    return lambda box: "" if box.person is None else value(box.person)


def _structure(value: Callable[[Structure], str]) -> Callable[[Mailbox], str]:
    return lambda box: "" if box.structure is None else value(box.structure)


CORRESPONDENCE: dict[str, Callable[[Mailbox], str]] = {
    "Type de BAL": lambda box: box.type.value,
    "Adresse BAL": lambda box: box.address,
    "Type Identifiant PP": _person(lambda p: p.national_id[0]),
    "Identifiant PP": _person(lambda p: p.national_id[1:]),
    "Identification nationale PP": _person(lambda p: p.national_id),
    "Type identifiant structure": _structure(lambda s: s.national_id[0]),
    "Identification Structure": _structure(lambda s: s.national_id[1:]),
    "Service de rattachement": lambda box: box.service,
    "Civilité d'exercice": _person(lambda p: p.title),
    "Nom d'exercice": _person(lambda p: p.surname),
    "Prénom d'exercice": _person(lambda p: p.given_name),
    "Catégorie profession": _person(lambda p: p.category),
    "Libellé de catégorie profession": _person(lambda p: _CATEGORIES[p.category]),
    "Code Profession": _person(_job),
    "Libellé Profession": _person(lambda p: p.profession),
    "Code savoir-faire": _person(lambda p: p.specialty_code),
    "Libellé savoir-faire": _person(lambda p: p.specialty),
    "Dématérialisation": lambda box: "O" if box.dematerialised else "N",
    "Raison Sociale structure BAL": _structure(lambda s: s.name),
    "Enseigne commerciale structure BAL": _structure(lambda s: s.sign),
    "L2COMPLEMENTLOCALISATION structure BAL": _nothing,
    "L3COMPLEMENTDISTRIBUTION structure BAL": _nothing,
    "L4NUMEROVOIE structure BAL": _structure(lambda s: s.street_number),
    "L4COMPLEMENTNUMEROVOIE structure BAL": _nothing,
    "NL4TYPEVOIE structure BAL": _structure(lambda s: STREET_KINDS[s.street_kind]),
    "L4LIBELLEVOIE structure BAL": _structure(lambda s: s.street.upper()),
    "L5LIEUDITMENTION structure BAL": _nothing,
    "L6LIGNEACHEMINEMENT structure BAL": _structure(_town),
    "Code postal structure BAL": _structure(lambda s: s.postcode),
    "Département structure BAL": _structure(lambda s: s.department),
    "Pays structure BAL": _structure(lambda _: "FRANCE"),
}

ACTIVITY: dict[str, Callable[[Practice], str]] = {
    "Type d'identifiant PP": lambda a: a.person.national_id[0],
    "Identifiant PP": lambda a: a.person.national_id[1:],
    "Identification nationale PP": lambda a: a.person.national_id,
    "Code civilité d'exercice": _title({"DR": "DR"}),
    "Libellé civilité d'exercice": _title({"DR": "Docteur"}),
    "Code civilité": _title({"M": "M", "MME": "MME"}),
    "Libellé civilité": _title({"M": "Monsieur", "MME": "Madame"}),
    "Nom d'exercice": lambda a: a.person.surname.upper(),
    "Prénom d'exercice": lambda a: a.person.given_name,
    "Code profession": lambda a: _job(a.person),
    "Libellé profession": lambda a: a.person.profession,
    "Code catégorie professionnelle": lambda a: a.person.category,
    "Libellé catégorie professionnelle": lambda a: _CATEGORIES[a.person.category],
    "Code type savoir-faire": lambda a: "S" if a.person.specialty_code else "",
    "Libellé type savoir-faire": lambda a: "Spécialité ordinale" if a.person.specialty_code else "",
    "Code savoir-faire": lambda a: a.person.specialty_code,
    "Libellé savoir-faire": lambda a: a.person.specialty,
    "Code mode exercice": lambda a: a.mode,
    "Libellé mode exercice": lambda a: _MODES[a.mode],
    "Numéro SIRET site": lambda a: a.structure.siret,
    "Numéro SIREN site": lambda a: a.structure.siret[:9],
    "Numéro FINESS site": lambda a: a.structure.finess,
    "Numéro FINESS établissement juridique": lambda a: a.parent_finess,
    "Identifiant technique de la structure": lambda a: (
        f"F{a.structure.finess}" if a.structure.finess else f"R{a.structure.siret}"
    ),
    "Raison sociale site": lambda a: a.structure.name,
    "Enseigne commerciale site": lambda a: a.structure.sign,
    "Complément destinataire (coord. structure)": _nothing,
    "Complément point géographique (coord. structure)": _nothing,
    "Numéro Voie (coord. structure)": lambda a: a.structure.street_number,
    "Indice répétition voie (coord. structure)": _nothing,
    "Code type de voie (coord. structure)": lambda a: STREET_KINDS[a.structure.street_kind],
    "Libellé type de voie (coord. structure)": lambda a: a.structure.street_kind.title(),
    "Libellé Voie (coord. structure)": lambda a: a.structure.street.upper(),
    "Mention distribution (coord. structure)": _nothing,
    "Bureau cedex (coord. structure)": lambda a: _town(a.structure),
    "Code postal (coord. structure)": lambda a: a.structure.postcode,
    "Code commune (coord. structure)": _nothing,
    "Libellé commune (coord. structure)": lambda a: a.structure.town,
    "Code pays (coord. structure)": lambda _: "99000",
    "Libellé pays (coord. structure)": lambda _: "France",
    "Téléphone (coord. structure)": lambda a: a.structure.phone,
    "Téléphone 2 (coord. structure)": _nothing,
    "Télécopie (coord. structure)": _nothing,
    "Adresse e-mail (coord. structure)": _nothing,
    "Code Département (structure)": lambda a: a.structure.department,
    "Libellé Département (structure)": lambda a: a.structure.department_name,
    "Ancien identifiant de la structure": _nothing,
    "Autorité d'enregistrement": lambda a: _REGISTER_AUTHORITIES.get(_job(a.person), "ARS"),
    "Code secteur d'activité": lambda a: a.structure.sector_code,
    "Libellé secteur d'activité": lambda a: a.structure.sector,
    "Code section tableau pharmaciens": _nothing,
    "Libellé section tableau pharmaciens": _nothing,
    "Code rôle": _nothing,
    "Libellé rôle": _nothing,
    "Code genre activité": lambda _: "GENR01",
    "Libellé genre activité": lambda _: "Activité standard de soin ou de pharmacien",
}

_NAMED: dict[str, Callable[[Person], str]] = {
    "Type d'identifiant PP": lambda p: p.national_id[0],
    "Identifiant PP": lambda p: p.national_id[1:],
    "Identification nationale PP": lambda p: p.national_id,
    "Nom d'exercice": lambda p: p.surname.upper(),
    "Prénom d'exercice": lambda p: p.given_name,
}

# The code of a diploma is left empty: none was verified.
DIPLOMA: dict[str, Callable[[Person], str]] = {
    **_NAMED,
    "Code type diplôme obtenu": lambda _: "DE",
    "Libellé type diplôme obtenu": lambda _: "Diplôme d'Etat français",
    "Code diplôme obtenu": _nothing,
    "Libellé diplôme obtenu": lambda p: f"Diplôme d'Etat : {p.profession}",
    "Code type autorisation": _nothing,
    "Libellé type autorisation": _nothing,
    "Code discipline autorisation": _nothing,
    "Libellé discipline autorisation": _nothing,
}

KNOW_HOW: dict[str, Callable[[Person], str]] = {
    **_NAMED,
    "Code profession": _job,
    "Libellé profession": lambda p: p.profession,
    "Code catégorie professionnelle": lambda p: p.category,
    "Libellé catégorie professionnelle": lambda p: _CATEGORIES[p.category],
    "Code type savoir-faire": lambda _: "S",
    "Libellé type savoir-faire": lambda _: "Spécialité ordinale",
    "Code savoir-faire": lambda p: p.specialty_code,
    "Libellé savoir-faire": lambda p: p.specialty,
}
