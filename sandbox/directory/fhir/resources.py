"""Resources as JSON values: what the real service answers, from the values of the directory.

Published resources hide `responsible` and `listeRouge`, as the open profile does (domain.md §3.2);
the answer to a feeder shows them.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from sandbox.directory.fhir import systems
from sandbox.directory.model import BoxState, Person, Structure

__all__ = ["Json", "instant", "organization", "practitioner", "role", "subset", "telecom"]

Json = dict[str, Any]

_MANDATORY = {"resourceType", "id", "meta"}


def instant(seconds: int) -> str:
    """Write an instant."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S.000+00:00")


def _meta(updated: int, version: int) -> Json:
    return {
        "versionId": str(version),
        "lastUpdated": instant(updated),
        "source": "https://annuaire.mssante.test",
    }


def _coding(system: str, code: str, display: str = "") -> Json:
    coding = {"system": system, "code": code}
    return {**coding, "display": display} if display else coding


def _identifier(system: str, value: str, kind: str) -> Json:
    return {
        "use": "official",
        "type": {"coding": [_coding(systems.IDENTIFIER_TYPES, kind)]},
        "system": system,
        "value": value,
    }


def telecom(state: BoxState, *, feeder: bool) -> Json:
    """Return the ContactPoint of a mailbox, with its two extensions."""
    code: Json = {"coding": [_coding(systems.TYPE_BAL, state.type)]}
    metadata: list[Json] = [{"url": "type", "valueCodeableConcept": code}]
    for name, value in (("description", state.description), ("service", state.service)):
        if value:
            metadata.append({"url": name, "valueString": value})
    if feeder:
        if state.responsible:
            metadata.append({"url": "responsible", "valueString": state.responsible})
        metadata.append({"url": "listeRouge", "valueBoolean": state.red_list})
    return {
        "extension": [
            {"url": systems.EMAIL_TYPE, "valueCoding": _coding(systems.MESSAGING, "MSSANTE")},
            {"url": systems.MAILBOX, "extension": metadata},
        ],
        "system": "email",
        "value": state.address,
        "rank": state.rank,
    }


def _with_boxes(resource: Json, boxes: Iterable[BoxState], *, feeder: bool) -> Json:
    points = [telecom(box, feeder=feeder) for box in boxes]
    if points:
        resource["telecom"] = [*resource.get("telecom", []), *points]
    return resource


def practitioner(
    person: Person, boxes: Iterable[BoxState], updated: int, version: int, *, feeder: bool = False
) -> Json:
    """Return a Practitioner with the mailboxes that it bears itself."""
    identifiers = [_identifier(systems.IDNPS, person.national_id, "IDNPS")]
    if person.rpps:
        identifiers.append(_identifier(systems.RPPS, person.rpps, "RPPS"))
    elif person.register == "ADELI":
        identifiers.append(_identifier(systems.ADELI, person.national_id[1:], "ADELI"))
    resource: Json = {
        "resourceType": "Practitioner",
        "id": f"pp-{person.id}",
        "meta": _meta(updated, version),
        "language": "fr",
        "identifier": identifiers,
        "active": True,
        "name": [
            {
                "use": "official",
                "family": person.surname,
                "given": [person.given_name],
                "prefix": [person.title],
            }
        ],
    }
    if person.profession_code:
        codes = [
            _coding(systems.PROFESSION, str(person.profession_code), person.profession),
            _coding(systems.CATEGORY, person.category),
        ]
        qualification: list[Json] = [{"code": {"coding": codes}}]
        if person.specialty_code:
            know_how = _coding(systems.SPECIALTY, person.specialty_code, person.specialty)
            qualification.append({"code": {"coding": [know_how]}})
        resource["qualification"] = qualification
    return _with_boxes(resource, boxes, feeder=feeder)


def role(
    activity: tuple[int, int, int, str],
    boxes: Iterable[BoxState],
    updated: int,
    version: int,
    *,
    feeder: bool = False,
) -> Json:
    """Return a PractitionerRole; `activity` is (row, person, structure, mode)."""
    row, person, structure, mode = activity
    resource: Json = {
        "resourceType": "PractitionerRole",
        "id": f"pr-{row}",
        "meta": _meta(updated, version),
        "language": "fr",
        "identifier": [{"system": systems.ACTIVITY, "value": f"A{row:012d}"}],
        "active": True,
        "practitioner": {"reference": f"Practitioner/pp-{person}"},
        "organization": {"reference": f"Organization/st-{structure}"},
        "code": [
            {"coding": [_coding(systems.KIND_OF_ACTIVITY, "GENR01")]},
            {"coding": [_coding(systems.MODE, mode)]},
        ],
    }
    return _with_boxes(resource, boxes, feeder=feeder)


def _organization_type(kind: str, coding: Json) -> Json:
    extension = [{"url": systems.ORGANIZATION_TYPES, "valueCode": kind}]
    return {"extension": extension, "coding": [coding]}


def organization(
    structure: Structure,
    parent: int | None,
    boxes: Iterable[BoxState],
    updated: int,
    version: int,
    *,
    feeder: bool = False,
) -> Json:
    """Return an Organization with its ORG and APP mailboxes; `parent` is the row above it."""
    identifiers = [_identifier(systems.IDNST, structure.national_id, "IDNST")]
    if structure.finess:
        kind = "FINEJ" if structure.kind == "J" else "FINEG"
        identifiers.append(_identifier(systems.FINESS, structure.finess, kind))
    identifiers.append(_identifier(systems.SIRENE, structure.siret, "SIRET"))
    legal = "LEGAL-ENTITY" if structure.kind == "J" else "GEOGRAPHICAL-ENTITY"
    sector = _coding(systems.SECTOR, structure.sector_code, structure.sector)
    street = f"{structure.street_number} {structure.street_kind} {structure.street}"
    resource: Json = {
        "resourceType": "Organization",
        "id": f"st-{structure.id}",
        "meta": _meta(updated, version),
        "language": "fr",
        "identifier": identifiers,
        "active": True,
        "type": [
            _organization_type("organizationType", _coding(systems.ORGANIZATION_KINDS, legal)),
            _organization_type("secteurActiviteRASS", sector),
        ],
        "name": structure.name,
        "telecom": [{"system": "phone", "value": structure.phone}],
        "address": [
            {
                "line": [street],
                "city": structure.town,
                "postalCode": structure.postcode,
                "country": "FR",
            }
        ],
    }
    if structure.sign:
        resource["alias"] = [structure.sign]
    if parent:
        resource["partOf"] = {"reference": f"Organization/st-{parent}"}
    return _with_boxes(resource, boxes, feeder=feeder)


def subset(resource: Json, elements: set[str]) -> Json:
    """Keep some elements, and say that others were left out (`_elements`)."""
    kept = {
        name: value
        for name, value in resource.items()
        if name in _MANDATORY or name.split(".")[0] in elements
    }
    tag = _coding(systems.SUBSETTED, "SUBSETTED", "subsetted")
    kept["meta"] = {**resource["meta"], "tag": [tag]}
    return kept
