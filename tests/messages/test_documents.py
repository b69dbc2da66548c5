"""Types and sizes of documents are those of the tables; PDF and patients are made from seeds."""

from __future__ import annotations

from datetime import date

import numpy as np
import pytest

from sandbox.messages.documents import document_types, size_of
from sandbox.messages.ins import InsSystem, is_matricule
from sandbox.messages.patients import is_minor, patient
from sandbox.messages.pdf import make_pdf, pdf_part
from sandbox.space.tables import rows, sources
from tests.messages.made import AT, DOCUMENT, files_of, good, letter


@pytest.mark.parametrize("population", ["liberal", "hospital", "laboratory", "ehpad"])
def test_shares_of_a_population_sum_to_one(population: str) -> None:
    assert sum(each.shares[population] for each in document_types().values()) == pytest.approx(1)


def test_sizes_have_the_measured_quantiles() -> None:
    sizes = [size_of(draw) for draw in np.linspace(0, 1, 2001)]
    for row in rows("document-sizes.csv"):
        assert np.quantile(sizes, float(row["quantile"])) == pytest.approx(
            float(row["bytes"]), rel=0.01
        )
    # Of the 94 documents themselves: the mean that the law was not told.
    assert np.mean(sizes) == pytest.approx(255_461, rel=0.15)


@pytest.mark.parametrize("draw", [0.0, 0.25, 0.5, 0.9])
def test_a_made_document_has_the_size_that_was_drawn(draw: float) -> None:
    from sandbox.messages.cda import make_cda

    made = letter.__wrapped__()
    from sandbox.messages.compose import health_letter

    size = size_of(draw)
    made = health_letter(
        sender=made.sender, recipients=made.recipients, patient=patient(1, 2),
        kind=document_types()["11490-0"], number=1, at=AT, size=size, message_id="<1@a.test>",
    )  # fmt: skip
    document, pdf = made.documents[0]
    assert len(make_cda(document, pdf)) == pytest.approx(size, abs=1000)


def test_tables_name_their_sources() -> None:
    for name in ("documents.csv", "document-sizes.csv"):
        assert {row["source"] for row in rows(name)} <= set(sources())


def test_a_pdf_claims_pdf_a_1b_and_is_the_same_each_time() -> None:
    made = make_pdf("Été", ["œuvre"], size=30_000, at=AT)
    assert made == make_pdf("Été", ["œuvre"], size=30_000, at=AT)
    assert pdf_part(made) == "1B"
    assert pdf_part(b"%PDF-1.4 no claim") == pdf_part(b"<html>") == ""


def test_a_patient_is_of_nobody_and_the_same_each_time() -> None:
    patients = [patient(3, number) for number in range(200)]
    assert patients == [patient(3, number) for number in range(200)]
    for each in patients:
        assert is_matricule(each.matricule)
        assert each.system == InsSystem.TEST_NIR
        assert each.matricule[5:10] == "99990"  # no country
    assert len({each.matricule for each in patients}) > 190


def test_a_patient_is_a_minor_until_the_day_of_18() -> None:
    from dataclasses import replace

    born = replace(patient(1, 1), birth_date=date(2008, 11, 27))
    assert is_minor(born, date(2026, 11, 26))
    assert not is_minor(born, date(2026, 11, 27))
    assert not is_minor(replace(born, birth_date=None), date(2026, 11, 26))


def test_an_archive_has_the_files_of_xdm_and_the_stylesheet_that_the_document_names() -> None:
    files = files_of(good())
    assert set(files) == {
        "INDEX.HTM", "README.TXT", "IHE_XDM/SUBSET01/METADATA.XML", "IHE_XDM/SUBSET01/STYLE.XSL",
        DOCUMENT,
    }  # fmt: skip
    assert b'href="STYLE.XSL"' in files[DOCUMENT]
