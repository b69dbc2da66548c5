import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.space.errors import UserError
from sandbox.trust import Employee, Organisation, Professional
from sandbox.trust.identity import identifier_kind, luhn_key, plain_identifier
from tests.luhn import luhn_valid


@pytest.mark.parametrize("number", ["10005831911", "10000001916"])
def test_real_rpps_samples_have_a_luhn_key(number):
    assert luhn_valid(number)


@given(st.text("0123456789", min_size=1, max_size=20), st.integers(1, 9))
def test_a_luhn_key_completes_a_number_and_no_other_digit_does(stem, shift):
    key = luhn_key(stem)
    other = str((int(key) + shift) % 10)
    assert (luhn_valid(stem + key), luhn_valid(stem + other)) == (True, False)


@pytest.mark.parametrize(
    ("unit", "kind", "plain"),
    [
        ("1119999993", "FINESS", "119999993"),
        ("12B0000014", "FINESS", "2B0000014"),
        ("318751275100034", "SIRET", "18751275100034"),
        ("10B0078671X", "other", "10B0078671X"),
        ("", "other", ""),
    ],
)
def test_the_first_digit_of_an_ou_tells_finess_from_siret(unit, kind, plain):
    assert (identifier_kind(unit), plain_identifier(unit)) == (kind, plain)


@pytest.mark.parametrize(
    ("finess", "siret"),
    [("", ""), ("119999993", "99999999900003"), ("12", ""), ("", "1234")],
)
def test_an_organisation_has_one_identifier_of_the_right_shape(finess, siret):
    with pytest.raises(UserError, match=r"organisation"):
        Organisation(name="X", department="Y (1)", finess=finess, siret=siret)


@pytest.mark.parametrize("identifier", ["10000001916", "9" + "1" * 11, "8abc", ""])
def test_a_person_has_a_national_identifier(identifier):
    with pytest.raises(UserError, match="national identifier"):
        Professional(
            national_id=identifier, profession="", profession_code=1, surname="A", given_name="B"
        )


def test_an_employee_is_identified_by_the_finess_of_the_employer():
    employer = Organisation(name="X", department="Y (1)", finess="119999993")
    employee = Employee(
        structure=employer, internal_id="A-1", function="F", surname="S", given_name="G"
    )
    assert employee.national_id == "3119999993/A-1"


def test_an_employer_without_finess_gives_no_employee_card():
    employer = Organisation(name="X", department="Y (1)", siret="99999999900003")
    with pytest.raises(UserError, match="FINESS"):
        Employee(structure=employer, internal_id="1", function="F", surname="S", given_name="G")
