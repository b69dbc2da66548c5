"""By which code an application refuses a document (volet of ANS, 900 to 906)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from sandbox.messages.cda import CdaHeader, read_cda
from sandbox.messages.integration import ApplicationRecord, code_for
from tests.messages.made import DOCUMENT, PATIENT, files_of, good

OURS, THEIRS = "", "1999999999"  # an organisation that sent the document before; ours: the same


@pytest.fixture(scope="module")
def made() -> CdaHeader:
    return read_cda(files_of(good())[DOCUMENT])


def register(header: CdaHeader, before: str | None) -> ApplicationRecord:
    sent = {} if before is None else {header.set_id: (1, before or header.organisation)}
    return ApplicationRecord({PATIENT.matricule: PATIENT}, sent)


@pytest.mark.parametrize(
    ("patient", "version", "before", "code"),
    [
        ({}, 1, None, ""),
        ({"matricule": ""}, 1, None, "903"),
        ({"sex": ""}, 1, None, "905"),
        ({"first_name": "AUTRE"}, 1, None, "904"),
        ({}, 2, OURS, ""),
        ({}, 1, OURS, "900"),
        ({}, 2, THEIRS, "901"),
    ],
)
def test_a_document_is_filed_or_has_its_code(
    made: CdaHeader, patient: dict[str, Any], version: int, before: str | None, code: str
) -> None:
    header = replace(made, identity=replace(made.identity, **patient), version=version)
    assert code_for(header, register(made, before)) == code


def test_a_document_of_a_patient_whom_nobody_knows_has_its_code(made: CdaHeader) -> None:
    assert code_for(made, ApplicationRecord({})) == "902"


def test_what_is_filed_is_known_next_time(made: CdaHeader) -> None:
    known = register(made, None)
    known.file(made)
    assert code_for(made, known) == "900"
