"""Patients whom nobody is: drawn from a seed, under the OID of tests, with names of no register."""

from __future__ import annotations

import random
from datetime import date, timedelta
from functools import cache

from sandbox.messages.ins import InsSystem, PatientIdentity, matricule_key

__all__ = ["is_minor", "patient"]

MAJORITY_YEARS = 18
_BORN_FROM, _BORN_DAYS = date(1930, 1, 1), 35_000  # to 2025
_SURNAMES = (
    "ESSAI", "PATIENT-TEST", "FICTIF", "EXEMPLE", "BROUILLON", "MODELE", "ÉPREUVE", "ŒUVRE-TEST",
    "NUL-PART", "SANS-NOM", "D'ESSAI", "IMAGINAIRE",
)  # fmt: skip
_GIVEN = {
    "F": ("ADÈLE", "BÉRÉNICE", "CLOTILDE", "DORINE", "ELMIRE", "FANCHON", "MARIE-ANGE", "ZOÉ"),
    "M": ("ALCESTE", "BASTIEN", "CLÉANTE", "DAMIS", "ÉRASTE", "FLORIDOR", "JEAN-NOËL", "LÉANDRE"),
}  # fmt: skip


@cache
def patient(seed: int, number: int) -> PatientIdentity:
    """Return a fictitious patient: the same seed and number give the same one.

    The commune of birth, 99 with 990, is of no country: a matricule that a real person could have
    is never made.
    """
    draw = random.Random(f"patient/{seed}/{number}")  # noqa: S311 - fictitious people
    sex = draw.choice("FM")
    born = _BORN_FROM + timedelta(days=draw.randrange(_BORN_DAYS))
    thirteen = f"{2 if sex == 'F' else 1}{born:%y%m}99990{draw.randrange(1, 1000):03d}"
    return PatientIdentity(
        matricule=thirteen + matricule_key(thirteen),
        system=InsSystem.TEST_NIR,
        birth_name=draw.choice(_SURNAMES),
        first_name=draw.choice(_GIVEN[sex]),
        birth_date=born,
        sex=sex,
    )


def is_minor(identity: PatientIdentity, on: date) -> bool:
    """Tell whether a patient is under 18 on a day; one without a date of birth is not."""
    born = identity.birth_date
    if born is None:
        return False
    age = on.year - born.year - ((on.month, on.day) < (born.month, born.day))
    return age < MAJORITY_YEARS
