"""What software is given to send, and what it has to make of it: texts, a patient, a document."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["NIR_OID", "PATIENT", "TEXT", "Patient", "cda", "subject_of"]

NIR_OID = "1.2.250.1.213.1.4.8"  # of an INS that is a NIR
TEXT = "Bonjour,\n\nŒdème résorbé, 37 °C ce matin.\n.\n..\nÀ bientôt.\n"


def subject_of(mark: str) -> str:
    """Return a subject with accents that no other message has."""
    return f"Résultat d'analyse – {mark}"


@dataclass(frozen=True, slots=True)
class Patient:
    """A patient who is nobody, with a qualified INS."""

    ins: str
    oid: str
    surname: str
    given_name: str
    birth_date: str
    sex: str


def _patient() -> Patient:
    root = "2600299999999"  # sex, year, month, then a place and a rank that nobody has
    key = f"{97 - int(root) % 97:02d}"
    return Patient(root + key, NIR_OID, "EXEMPLAIRE", "JEANNE", "1960-02-11", "F")


PATIENT = _patient()


def cda(patient: Patient, title: str) -> bytes:
    """Return the smallest CDA R2 that says who, what and when: a laboratory report (11502-2)."""
    birth = patient.birth_date.replace("-", "")
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<ClinicalDocument xmlns="urn:hl7-org:v3">
  <typeId root="2.16.840.1.113883.1.3" extension="POCD_HD000040"/>
  <id root="1.2.250.1.999.1.1" extension="{title}"/>
  <code code="11502-2" codeSystem="2.16.840.1.113883.6.1"
    displayName="CR d'examens biologiques"/>
  <title>{title}</title>
  <effectiveTime value="20261126101500+0100"/>
  <confidentialityCode code="N" codeSystem="2.16.840.1.113883.5.25"/>
  <languageCode code="fr-FR"/>
  <recordTarget><patientRole>
    <id root="{patient.oid}" extension="{patient.ins}"/>
    <patient>
      <name>
        <family qualifier="BR">{patient.surname}</family><given>{patient.given_name}</given>
      </name>
      <administrativeGenderCode code="{patient.sex}" codeSystem="2.16.840.1.113883.5.1"/>
      <birthTime value="{birth}"/>
    </patient>
  </patientRole></recordTarget>
  <component><nonXMLBody><text>Glyc\u00e9mie : 0,92 g/L.</text></nonXMLBody></component>
</ClinicalDocument>
""".encode()
