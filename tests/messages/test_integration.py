"""By which code an application refuses a document (volet of ANS, 900 to 906)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from sandbox.messages.cda import CdaHeader, read_cda
from sandbox.messages.integration import ApplicationRecord, code_for
from tests.messages.made import DOCUMENT, PATIENT, files_of, good

HEADER = read_cda(files_of(good())[DOCUMENT])


def patient(**values: Any) -> CdaHeader:
    return replace(HEADER, identity=replace(HEADER.identity, **values))


def register(before: tuple[int, str] | None = None) -> ApplicationRecord:
    return ApplicationRecord(
        {PATIENT.matricule: PATIENT}, {HEADER.set_id: before} if before else {}
    )


@pytest.mark.parametrize(
    ("header", "known", "code"),
    [
        (HEADER, register(), ""),
        (patient(matricule=""), register(), "903"),
        (patient(sex=""), register(), "905"),
        (HEADER, ApplicationRecord({}), "902"),
        (patient(first_name="AUTRE"), register(), "904"),
        (replace(HEADER, version=2), register(before=(1, HEADER.organisation)), ""),
        (HEADER, register(before=(1, HEADER.organisation)), "900"),
        (replace(HEADER, version=2), register(before=(1, "1999999999")), "901"),
    ],
)  # fmt: skip
def test_a_document_is_filed_or_has_its_code(
    header: CdaHeader, known: ApplicationRecord, code: str
) -> None:
    assert code_for(header, known) == code


def test_what_is_filed_is_known_next_time() -> None:
    known = register()
    known.file(HEADER)
    assert code_for(HEADER, known) == "900"
