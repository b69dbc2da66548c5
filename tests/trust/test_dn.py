from dataclasses import replace

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sandbox.trust import DN, dn_of, parse_dn

from .conftest import ORG, OTHER

CANONICAL = "CN=mx1.op1.mssante.test,OU=1119999993,O=CH DE TEST,ST=Aude (11),C=FR"


@pytest.mark.parametrize(
    "text",
    [
        CANONICAL,
        CANONICAL.replace(",", ", "),
        CANONICAL.replace(",", ",  ").replace("O=CH", "O= CH"),
        CANONICAL.replace("ST=", "L="),
        CANONICAL.replace("ST=", "S="),
        f"  {CANONICAL}\n",
        CANONICAL.replace("CN=", "cn=").replace("CH DE TEST", "Ch de  Test"),
        "C=FR,ST=Aude (11),O=CH DE TEST,OU=1119999993,CN=mx1.op1.mssante.test",
        CANONICAL.replace("O=CH DE TEST", 'O="CH DE TEST"'),
    ],
)
def test_the_spellings_of_a_name_compare_equal(text):
    assert parse_dn(text).key == parse_dn(CANONICAL).key


@pytest.mark.parametrize(
    "text",
    [
        CANONICAL.replace("1119999993", "1119999994"),
        CANONICAL.replace("mx1", "mx2"),
        CANONICAL.replace(",C=FR", ""),
        CANONICAL.replace("C=FR", "C=FR,C=FR"),
    ],
)
def test_another_name_compares_different(text):
    assert parse_dn(text).key != parse_dn(CANONICAL).key


def test_a_certificate_s_subject_equals_its_name_on_the_list(good):
    assert dn_of(good.certificate).key == parse_dn(CANONICAL).key


@pytest.mark.parametrize("text", ["O=LABO, DE TEST", r"O=LABO\, DE TEST", 'O="LABO, DE TEST"'])
def test_a_comma_inside_a_value_does_not_end_it(ca, text):
    leaf = ca.org_client(OTHER, "APP")
    name = f"CN=APP,OU=399999999900003,{text},ST=Paris (75),C=FR"
    assert parse_dn(name).key == dn_of(leaf.certificate).key


def test_an_organisation_cannot_write_itself_another_common_name(ca):
    sly = ca.org_client(replace(ORG, name="X,CN=mx1.op1.mssante.test"), "APP")
    assert (
        dn_of(sly.certificate).key
        != parse_dn("CN=APP,CN=mx1.op1.mssante.test,OU=1119999993,O=X,ST=Aude (11),C=FR").key
    )


@example("a\\")
@example("a,O=b")
@example('"a"')
@given(
    st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]), min_size=1, max_size=30)
)
def test_what_is_written_is_read_back(value):
    name = DN((("CN", value), ("O", "CH, X+Y"), ("C", "FR")))
    assert parse_dn(str(name)).key == name.key


@pytest.mark.parametrize("text", ["", "mx1", "CN=", "=x", "CN" * 2000])
def test_what_is_not_a_name_is_refused(text):
    with pytest.raises(ValueError, match=r"not attribute=value|empty|characters"):
        parse_dn(text)
