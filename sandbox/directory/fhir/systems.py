"""Systems and URLs of the real service (IG annuaire, IG messagerie; domain.md §6.3)."""

from __future__ import annotations

__all__ = [
    "EMAIL_TYPE",
    "IDNPS",
    "IDNST",
    "MAILBOX",
    "ORGANIZATION_TYPES",
    "RPPS",
    "TYPE_BAL",
    "nos",
]

_NOS = "https://mos.esante.gouv.fr/NOS"
_IG = "https://interop.esante.gouv.fr/ig/fhir/annuaire/StructureDefinition"

IDNPS = "urn:oid:1.2.250.1.71.4.2.1"
IDNST = "urn:oid:1.2.250.1.71.4.2.2"
RPPS = "https://rpps.esante.gouv.fr"
ADELI = "https://adeli.esante.gouv.fr"
FINESS = "https://finess.esante.gouv.fr"
SIRENE = "https://sirene.fr"
ACTIVITY = "https://annuaire.sante.fr"
IDENTIFIER_TYPES = "https://hl7.fr/ig/fhir/core/CodeSystem/fr-core-cs-v2-0203"
ORGANIZATION_KINDS = "https://hl7.fr/ig/fhir/core/CodeSystem/fr-core-cs-v2-3307"
EMAIL_TYPE = "https://hl7.fr/ig/fhir/core/StructureDefinition/fr-core-contact-point-email-type"
MAILBOX = f"{_IG}/as-ext-mailbox-mss-metadata"
ORGANIZATION_TYPES = f"{_IG}/as-ext-organization-types"
SUBSETTED = "http://terminology.hl7.org/CodeSystem/v3-ObservationValue"


def nos(name: str) -> str:
    """Return the URL of a nomenclature, `TRE_R02-SecteurActivite` for instance."""
    return f"{_NOS}/{name}/FHIR/{name.replace('_', '-')}"


TYPE_BAL = nos("TRE_R257-TypeBAL")
MESSAGING = nos("TRE_R256-TypeMessagerie")
PROFESSION = nos("TRE_G15-ProfessionSante")
CATEGORY = nos("TRE_R09-CategorieProfessionnelle")
SPECIALTY = nos("TRE_R38-SpecialiteOrdinale")
SECTOR = nos("TRE_R02-SecteurActivite")
MODE = nos("TRE_R23-ModeExercice")
KIND_OF_ACTIVITY = nos("TRE_R22-GenreActivite")
