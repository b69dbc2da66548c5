"""INS, the national identity of a patient: matricule, the OID that says its nature, four traits.

Nobody real is in here: the sandbox makes matricules under the OID of tests alone, and that one
never makes an identity qualified (référentiel #2, ECO.2.4.2; domain.md §1.4).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

__all__ = [
    "PATIENT_LABEL",
    "InsSystem",
    "PatientIdentity",
    "is_matricule",
    "matricule_key",
    "matricule_of_address",
    "patient_address",
    "qualified",
]

PATIENT_LABEL = "patient"  # of the domain of Mon espace santé, before the space's suffix
_MATRICULE = re.compile(r"[1-478][0-9]{4}(?:[0-9]{2}|2[AB])[0-9]{6}[0-9]{2}")
_CORSICA = {"2A": "19", "2B": "18"}  # what stands for the letters in the computation of the key


class InsSystem(StrEnum):
    """OID of an identifier: a NIR or a provisional NIA, or a NIR of tests or of demonstrations.

    The last two are of nobody (profiles of ANS, FRCoreINSPatient).
    """

    NIR = "1.2.250.1.213.1.4.8"
    NIA = "1.2.250.1.213.1.4.9"
    TEST_NIR = "1.2.250.1.213.1.4.10"
    DEMO_NIR = "1.2.250.1.213.1.4.11"


@dataclass(frozen=True, slots=True, kw_only=True)
class PatientIdentity:
    """Who a document is about; an empty trait is one that the document does not give.

    Attributes:
        matricule: 15 characters, key included.
        system: OID of the matricule.
        birth_name: family name at birth.
        first_name: first given name at birth.
        birth_date: of birth; None where it is missing or cannot be read.
        sex: M, F, or U (unknown to the register).
    """

    matricule: str = ""
    system: str = ""
    birth_name: str = ""
    first_name: str = ""
    birth_date: date | None = None
    sex: str = ""


def matricule_key(thirteen: str) -> str:
    """Return the two digits that complete a matricule: 97 less its remainder by 97.

    Raises:
        ValueError: not 13 characters of a matricule.
    """
    digits = thirteen[:5] + _CORSICA.get(thirteen[5:7], thirteen[5:7]) + thirteen[7:]
    if not re.fullmatch(r"[0-9]{13}", digits):
        raise ValueError(f"{thirteen!r} is not the first 13 characters of a matricule")
    return f"{97 - int(digits) % 97:02d}"


def is_matricule(text: str) -> bool:
    """Tell whether a text has the form of a matricule, with its key."""
    return bool(_MATRICULE.fullmatch(text)) and matricule_key(text[:13]) == text[13:]


def qualified(identity: PatientIdentity) -> bool:
    """Tell whether `X-MSS-INS` is O: a real NIR, well formed, and the four traits (ECO.2.4.2)."""
    return (
        identity.system == InsSystem.NIR
        and is_matricule(identity.matricule)
        and bool(identity.birth_name and identity.first_name)
        and identity.birth_date is not None
        and identity.sex in {"M", "F", "U"}
    )


def patient_address(matricule: str, suffix: str) -> str:
    """Return a citizen's address (ECO.2.2.6): `MATRICULE@patient.SUFFIX`, in lower case."""
    return f"{matricule}@{PATIENT_LABEL}.{suffix}".lower()


def matricule_of_address(address: str) -> str:
    """Return the matricule of a citizen's address; empty where the local part is none."""
    local = address.partition("@")[0].upper()
    return local if is_matricule(local) else ""
