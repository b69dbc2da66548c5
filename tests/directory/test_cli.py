"""`mss-sandbox directory`: what a user types, sees, and gets as an exit code."""

from __future__ import annotations

import json
import signal
import subprocess
import urllib.request
import zipfile
from pathlib import Path

import pytest

from sandbox.directory import Directory
from tests.command import PROGRAM, Finished, mss


def run(*arguments: str) -> Finished:
    return mss("directory", *arguments)


def test_build_then_stats_then_search(tmp_path: Path) -> None:
    path = str(tmp_path / "a.db")
    built = run(
        "build", "--out", path, "--people", "60", "--domain", "ch-a.mssante.test=2@op", "--json"
    )
    assert built.returncode == 0, built.stderr
    assert json.loads(built.stdout)["people"] == 60
    assert json.loads(run("stats", path, "--json").stdout) == json.loads(built.stdout)
    with Directory(path) as opened:
        box = next(opened.published("ldap"))
    found = run("search", path, box.address)
    assert found.returncode == 0
    assert box.address in found.stdout


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("build", "--people", "0"), "people: 0"),
        (("build", "--national", "--people", "3"), "--national"),
        (("build", "--day", "hier"), "--day"),
        (("build", "--domain", "X_Y"), "domain"),
        (("build", "--domain", "a.test=x"), "weight"),
        (("stats", "/nowhere/a.db"), "no such directory"),
        (("serve", "/nowhere/a.db"), "no such directory"),
        (("serve", "{db}", "--host", "0.0.0.0"), "127.0.0.0/8"),
        (("serve", "{db}", "--feed-key", "x"), "--feed-key"),
        (("serve", "{db}", "--cert", "x.pem"), "--cert and --key"),
        (("serve", "{db}", "--lag", "x"), "lag"),
        (("search", "{db}", "(cn=", "--filter"), "filter"),
        (("export", "{db}", "xml"), "xml"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(
    database: Path, tmp_path: Path, arguments: tuple[str, ...], words: str
) -> None:
    filled = [argument.replace("{db}", str(database)) for argument in arguments]
    if filled[0] == "build":
        filled += ["--out", str(tmp_path / "a.db")]
    done = run(*filled)
    assert done.returncode == 2
    assert words in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert not (tmp_path / "a.db").exists()


def test_a_search_that_finds_nothing_is_exit_code_1(database: Path) -> None:
    assert run("search", str(database), "zzzzzz").returncode == 1


def test_force_replaces_a_directory_but_no_other_file(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    assert run("build", "--out", str(path), "--people", "5").returncode == 0
    assert run("build", "--out", str(path), "--people", "6", "--force").returncode == 0
    path.write_text("something of mine")
    assert run("build", "--out", str(path), "--people", "7", "--force").returncode == 2
    assert path.read_text() == "something of mine"


@pytest.mark.parametrize("form", ["ldif", "correspondance", "libre-acces", "fhir"])
def test_export_writes_a_view_to_a_file(database: Path, tmp_path: Path, form: str) -> None:
    done = run("export", str(database), form, "--out", str(tmp_path), "--json")
    assert done.returncode == 0, done.stderr
    file = Path(json.loads(done.stdout)["file"])
    if file.suffix == ".zip":
        assert zipfile.ZipFile(file).testzip() is None
    elif form == "fhir":
        assert all(json.loads(text)["resourceType"] for text in file.read_text().splitlines())
    else:
        assert file.read_text().startswith("dn: dc=annuaire")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_serve_says_where_and_stops_cleanly(database: Path, number: signal.Signals) -> None:
    ports = ["--ldap-port", "0", "--ldaps-port", "0", "--http-port", "0"]
    with subprocess.Popen(
        [*PROGRAM, "directory", "serve", str(database), *ports, "--plain-http", "--json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        text = ""
        while not text.rstrip().endswith("}"):
            text += process.stdout.readline()
        sheet = json.loads(text)
        assert set(sheet) >= {"fhir", "extractions", "ldap", "ldaps", "api_key", "base_dn"}
        request = urllib.request.Request(f"{sheet['fhir']}/Practitioner?_count=1")
        request.add_header("ESANTE-API-KEY", sheet["api_key"])
        with urllib.request.urlopen(request, timeout=30) as answer:
            assert answer.status == 200
        process.send_signal(number)
        _, errors = process.communicate(timeout=120)
    assert (process.returncode, errors) == (0, "")
