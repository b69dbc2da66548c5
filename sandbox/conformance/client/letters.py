"""What software is given to send, and what it has to make of it: a text, a patient, a document."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from sandbox.messages.cda import make_cda
from sandbox.messages.compose import health_letter
from sandbox.messages.documents import document_types
from sandbox.messages.ins import InsSystem, PatientIdentity
from sandbox.messages.patients import patient

__all__ = ["PATIENT", "TEXT", "as_needs", "cda", "subject_of"]

TEXT = "Bonjour,\n\nŒdème résorbé, 37 °C ce matin.\n.\n..\nÀ bientôt.\n"
CODE = "11502-2"  # laboratory report
# Of nobody: born in no commune. Under the OID of a NIR, so that its INS counts as qualified.
PATIENT = replace(patient(1, 1), system=InsSystem.NIR)
_SIZE = 24_000  # octets of the document


def subject_of(mark: str) -> str:
    """Return a subject with accents that no other message has."""
    return f"Résultat d'analyse – {mark}"


def as_needs(identity: PatientIdentity) -> dict[str, Any]:
    """Return a patient as software is told of him."""
    born = identity.birth_date
    return {
        "ins": identity.matricule, "oid": str(identity.system), "birth_name": identity.birth_name,
        "first_name": identity.first_name, "birth_date": born.isoformat() if born else "",
        "sex": identity.sex,
    }  # fmt: skip


def cda(sender: str, number: int) -> bytes:
    """Return a document about the patient, with its PDF inside (CDA R2 level 1)."""
    letter = health_letter(
        sender=sender, recipients=[sender], patient=PATIENT, kind=document_types()[CODE],
        number=number, at=datetime.now(UTC), size=_SIZE, message_id="",
    )  # fmt: skip
    ((document, pdf),) = letter.documents
    return make_cda(document, pdf)
