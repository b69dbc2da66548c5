"""FHIR and the extractions over HTTPS, with curl."""

from __future__ import annotations

import json
import shutil
import subprocess
import zipfile
from pathlib import Path

import pytest

from sandbox.directory import Directory, DirectoryServer, ServerOptions
from sandbox.directory.fhir.systems import MAILBOX
from sandbox.space.errors import UserError
from sandbox.trust.server_files import TlsFiles

from .support import FEEDING_KEY, READING_KEY

CURL = shutil.which("curl")
pytestmark = pytest.mark.skipif(CURL is None, reason="curl is absent: apt install curl")


@pytest.fixture
def curl(certificate: TlsFiles):  # type: ignore[no-untyped-def]
    def run(*arguments: str, key: str | None = READING_KEY) -> tuple[int, str]:
        """Return the status and the body (or the headers, with -I)."""
        assert CURL is not None
        headers = ["-H", f"ESANTE-API-KEY: {key}"] if key is not None else []
        command = [CURL, "-sS", "--cacert", str(certificate.ca), "--noproxy", "*"]
        done = subprocess.run(
            [*command, *headers, "-w", "\n%{http_code}", *arguments],
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        )
        body, _, status = done.stdout.rpartition("\n")
        return int(status), body

    return run


def test_a_search_by_get_and_by_post_gives_the_same(curl, server: DirectoryServer) -> None:  # type: ignore[no-untyped-def]
    url = f"{server.fhir_url}/Practitioner"
    status, got = curl("-G", url, "--data-urlencode", "name=mar", "-d", "_total=accurate")
    _, posted = curl(f"{url}/_search", "--data-urlencode", "name=mar", "-d", "_total=accurate")
    assert status == 200
    assert json.loads(got) == json.loads(posted)
    assert json.loads(got)["total"] > 0


def test_the_next_link_can_be_followed(curl, server: DirectoryServer) -> None:  # type: ignore[no-untyped-def]
    _, body = curl(f"{server.fhir_url}/Practitioner")
    links = {link["relation"]: link["url"] for link in json.loads(body)["link"]}
    status, body = curl(links["next"])
    assert status == 200
    assert len(json.loads(body)["entry"]) == 50


@pytest.mark.parametrize(("key", "status"), [(None, 401), ("wrong", 401), (READING_KEY, 200)])
def test_the_key_is_asked_for(curl, server: DirectoryServer, key: str | None, status: int) -> None:  # type: ignore[no-untyped-def]
    assert curl(f"{server.fhir_url}/Practitioner?_count=1", key=key)[0] == status


def test_the_capability_statement_needs_no_key(curl, server: DirectoryServer) -> None:  # type: ignore[no-untyped-def]
    assert curl(f"{server.fhir_url}/metadata", key=None)[0] == 200


def test_answers_are_fhir_json(curl, server: DirectoryServer) -> None:  # type: ignore[no-untyped-def]
    _, headers = curl("-D", "-", "-o", "/dev/null", f"{server.fhir_url}/Organization/st-1")
    assert "content-type: application/fhir+json" in headers.lower()
    assert 'etag: w/"1"' in headers.lower()


def test_a_patch_is_received_over_http(curl, fed: Directory, certificate) -> None:  # type: ignore[no-untyped-def]
    from sandbox.directory import FhirOptions
    from sandbox.serve import server_context

    box = next(fed.mailboxes("m.type = 1"))
    assert box.structure is not None
    path = f"Organization.telecom.where(value = '{box.address}').extension('{MAILBOX}')"
    parts = [
        {"name": "type", "valueCode": "replace"},
        {"name": "path", "valueString": f"{path}.extension('description').value"},
        {"name": "value", "valueString": "BAL principale"},
    ]
    body = {"resourceType": "Parameters", "parameter": [{"name": "operation", "part": parts}]}
    options = ServerOptions(
        ldap_port=None,
        context=server_context(certificate.chain, certificate.key),
        fhir=FhirOptions(feeders={FEEDING_KEY: ""}),
    )
    media = "Content-Type: application/fhir+json"
    with DirectoryServer(fed, options) as running:
        url = (
            f"{running.fhir_url}/Organization?identifier=https://finess.esante.gouv.fr%7C"
            f"{box.structure.finess}"
        )
        arguments = ("-X", "PATCH", "-H", media, "-d", json.dumps(body), url)
        assert curl(*arguments, key=FEEDING_KEY)[0] == 200
        assert curl("-X", "PATCH", "-H", "Content-Type: text/plain", "-d", "x", url)[0] == 415
    changed = fed.mailbox(box.address)
    assert changed is not None
    assert changed.description == "BAL principale"


@pytest.mark.parametrize(
    ("arguments", "status"),
    [
        (("-X", "PUT", "-d", "{}"), 405),
        (("-X", "DELETE"), 405),
        (("-d", "{}", "-H", "Content-Type: application/json"), 415),
        (("-X", "PATCH", "-H", "Content-Type: application/json", "-d", "@-"), 403),
    ],
)
def test_other_verbs_and_media_get_precise_errors(  # type: ignore[no-untyped-def]
    curl, server: DirectoryServer, arguments: tuple[str, ...], status: int
) -> None:
    got, body = curl(*arguments, f"{server.fhir_url}/Organization/st-1")
    assert got == status
    assert json.loads(body)["resourceType"] == "OperationOutcome"


def test_a_body_that_is_too_long_is_cut(curl, server: DirectoryServer, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    large = tmp_path / "large"
    large.write_bytes(b"a=" + b"x" * 400_000)
    status, _ = curl("--data-binary", f"@{large}", f"{server.fhir_url}/Practitioner/_search")
    assert status == 413


def test_too_many_parameters_are_refused(curl, server: DirectoryServer) -> None:  # type: ignore[no-untyped-def]
    query = "&".join(f"name=a{n}" for n in range(100))
    assert curl(f"{server.fhir_url}/Practitioner?{query}")[0] == 400


@pytest.mark.parametrize("name", ["Extraction_Correspondance_MSSante", "PS_LibreAcces"])
def test_head_gives_the_name_of_the_extraction_without_making_it(  # type: ignore[no-untyped-def]
    curl, server: DirectoryServer, name: str
) -> None:
    status, headers = curl("-I", f"{server.extraction_url}/{name}", key=None)
    assert status == 200
    assert f'content-disposition: attachment; filename="{name}_202608260000.zip"' in headers


def test_an_extraction_is_downloaded_under_its_own_name(  # type: ignore[no-untyped-def]
    curl, server: DirectoryServer, tmp_path: Path
) -> None:
    url = f"{server.extraction_url}/Extraction_Correspondance_MSSante"
    status, _ = curl("--output-dir", str(tmp_path), "-OJ", url, key=None)
    assert status == 200
    [file] = tmp_path.iterdir()
    assert file.name == "Extraction_Correspondance_MSSante_202608260000.zip"
    assert zipfile.ZipFile(file).testzip() is None


def test_an_unknown_extraction_is_not_found(curl, server: DirectoryServer) -> None:  # type: ignore[no-untyped-def]
    assert curl(f"{server.extraction_url}/Porteurs", key=None)[0] == 404


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.1.1", "example.test", ""])
def test_the_sandbox_never_listens_outside_the_machine(host: str) -> None:
    with pytest.raises(UserError, match=r"127\.0\.0\.0/8"):
        ServerOptions(host=host)


def test_a_port_that_is_taken_is_an_error_and_not_a_hang(
    directory: Directory, server: DirectoryServer
) -> None:
    options = ServerOptions(ldap_port=None, http_port=server.ports["http"])
    with pytest.raises(UserError, match="in use"), DirectoryServer(directory, options):
        pass
