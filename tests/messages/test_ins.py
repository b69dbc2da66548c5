"""INS: keys of matricules, what makes an identity qualified, citizens' addresses."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from sandbox.messages.ins import (
    InsSystem,
    PatientIdentity,
    is_matricule,
    matricule_key,
    matricule_of_address,
    patient_address,
    qualified,
)

# Published test identity of the ANS examples (CI-SIS, 94 CDA documents).
PUBLISHED = "279035121518989"
WHOLE = PatientIdentity(
    matricule=PUBLISHED,
    system=InsSystem.NIR,
    birth_name="PAT-TROIS",
    first_name="DOMINIQUE",
    birth_date=date(1979, 3, 28),
    sex="F",
)


@pytest.mark.parametrize("matricule", [PUBLISHED, "146026322000196"])
def test_published_matricules_end_with_their_key(matricule: str) -> None:
    assert is_matricule(matricule)


def test_a_matricule_of_corsica_has_the_key_of_the_number_that_stands_for_its_letters() -> None:
    assert matricule_key("255082A004321") == matricule_key("2550819004321")
    assert matricule_key("255082B004321") == matricule_key("2550818004321")


@pytest.mark.parametrize(
    "text",
    ["", "27903512151898", "279035121518988", "979035121518989", "2790351215189890", "x" * 15],
)
def test_what_is_no_matricule_is_told_apart(text: str) -> None:
    assert not is_matricule(text)


def test_an_identity_is_qualified_with_a_real_nir_and_its_four_traits() -> None:
    assert qualified(WHOLE)


@pytest.mark.parametrize("system", [each for each in InsSystem if each is not InsSystem.NIR] + [""])
def test_another_oid_than_that_of_a_real_nir_never_makes_an_identity_qualified(system: str) -> None:
    assert not qualified(replace(WHOLE, system=system))


@pytest.mark.parametrize(
    "missing",
    [{"matricule": ""}, {"birth_name": ""}, {"first_name": ""}, {"birth_date": None}, {"sex": ""}],
    ids=lambda missing: next(iter(missing)),
)
def test_an_identity_without_one_of_its_traits_is_not_qualified(missing: dict[str, None]) -> None:
    assert not qualified(replace(WHOLE, **missing))


def test_the_address_of_a_citizen_is_his_matricule_in_the_patients_domain() -> None:
    address = patient_address("255082A00432189", "mssante.test")
    assert address == "255082a00432189@patient.mssante.test"
    assert matricule_of_address(patient_address(PUBLISHED, "mssante.test")) == PUBLISHED
    assert matricule_of_address("paul.martin@patient.mssante.test") == ""
