"""The HAPI FHIR validator, which is not ours, on samples of everything the service answers."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from sandbox.directory import Directory, FhirOptions
from sandbox.directory.fhir import FhirRequest, FhirService

_CACHE = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache"))
JARS = Path(os.environ.get("MSS_FHIR_VALIDATOR", _CACHE / "mssante-sandbox" / "fhir-validator"))
PROGRAM = Path(__file__).parent / "fhir_validator" / "Validate.java"
JAVA = shutil.which("java")
pytestmark = pytest.mark.skipif(
    JAVA is None or not (JARS / "complete").exists(),
    reason="java or the HAPI FHIR validator is absent: run .ci/peers-directory",
)
KEY = "cle"
QUERIES = {
    "practitioners": ("Practitioner", (("mailbox-mss:contains", "@"), ("_count", "30"))),
    "roles": ("PractitionerRole", (("mailbox-mss:contains", "@"), ("_count", "30"))),
    "organizations": ("Organization", (("mailbox-mss:contains", "@"), ("_count", "30"))),
    "juridical": ("Organization", (("identifier-type", "FINEJ"), ("_count", "5"))),
    "included": ("PractitionerRole", (("_include", "*"), ("_count", "5"), ("_total", "accurate"))),
    "elements": ("Practitioner", (("_elements", "identifier,telecom"), ("_count", "5"))),
    "nobody": ("Practitioner", (("family", "zzzz"),)),
    "one": ("Organization/st-1", ()),
    "history": ("Organization/st-1/_history", ()),
    "metadata": ("metadata", ()),
    "outcome": ("Practitioner", (("foo", "1"),)),
}


@pytest.fixture(scope="module")
def verdicts(
    directory: Directory, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, list[str]]:
    """Validate all samples in one run of Java: name to errors."""
    assert JAVA is not None
    service = FhirService(directory, FhirOptions(feeders={KEY: ""}))
    folder = tmp_path_factory.mktemp("fhir")
    for name, (path, parameters) in QUERIES.items():
        body = service.handle(FhirRequest("GET", path, parameters, key=KEY)).body
        (folder / f"{name}.json").write_text(json.dumps(body), encoding="utf-8")
    wrong = {"resourceType": "Practitioner", "active": "oui", "nam": []}
    (folder / "wrong.json").write_text(json.dumps(wrong), encoding="utf-8")
    files = sorted(map(str, folder.iterdir()))
    done = subprocess.run(
        [
            JAVA,
            "-XX:TieredStopAtLevel=1",
            "-XX:+UseSerialGC",
            "-cp",
            f"{JARS}/*",
            str(PROGRAM),
            *files,
        ],
        capture_output=True,
        text=True,
        timeout=300,
        check=True,
    )
    found: dict[str, list[str]] = {}
    for text in done.stdout.splitlines():
        file, what, *rest = text.split("\t")
        errors = found.setdefault(Path(file).stem, [])
        if what != "VALIDATED":
            errors.append(" ".join(rest))
    return found


@pytest.mark.parametrize("name", QUERIES)
def test_what_the_service_answers_is_valid_fhir(verdicts: dict[str, list[str]], name: str) -> None:
    assert verdicts[name] == []


def test_the_validator_tells_a_wrong_resource(verdicts: dict[str, list[str]]) -> None:
    assert verdicts["wrong"]
