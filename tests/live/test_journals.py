"""The operators' journals, as the verbs read them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from sandbox.live.cli_journal import journal
from sandbox.live.journals import Journals, why

pytest_plugins = ["pytester"]

REFUSED = {
    "seq": 2, "at": 1_795_558_964.25, "event": "refused", "reason": "totp-used",
    "fr": "Ce code a servi.", "en": "This code was used.", "clause": "RFC 6238 §5.2",
    "remedy_fr": "Attendre le suivant.", "remedy_en": "Wait for the next.",
    "operator": "op1", "design": "single-endpoint", "endpoint": "smtp", "protocol": "smtp",
    "client": "127.0.0.9", "client_port": 49152, "tls": "TLSv1.3",
    "mailbox": "alice@op1.mssante.test",
}  # fmt: skip
ACCEPTED = {
    "seq": 1, "at": 1_795_558_960.0, "event": "accepted", "queue_id": "Q", "client": "127.0.0.7",
    "recipients": ["Bob@op1.mssante.test"],
}  # fmt: skip


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write(tmp_path, "op1", REFUSED)
    write(tmp_path, "op2", ACCEPTED)
    return tmp_path


def write(folder: Path, operator: str, *entries: dict[str, Any]) -> Path:
    path = folder / "operators" / operator / "journal.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", encoding="utf-8") as file:
        file.writelines(json.dumps(each) + "\n" for each in entries)
    return path


def run(folder: Path, *options: str) -> Result:
    return CliRunner().invoke(journal, ["--dir", str(folder), *options], catch_exceptions=True)


def test_all_journals_are_read_in_the_order_of_time(folder: Path) -> None:
    lines = run(folder).output.splitlines()
    assert [line.split()[1] for line in lines] == ["op2", "op1"]
    assert lines[1].endswith(
        "Ce code a servi. Attendre le suivant. / This code was used. Wait for the next. "
        "(RFC 6238 §5.2 ; totp-used)"
    )


def test_json_gives_entries_as_they_are(folder: Path) -> None:
    first, second = map(json.loads, run(folder, "--json").output.splitlines())
    assert first == {**ACCEPTED, "operator": "op2"}
    assert second == REFUSED


@pytest.mark.parametrize(
    ("address", "operators"),
    [
        ("127.0.0.9", ["op1"]),
        ("127.0.0.9:49152", ["op1"]),
        ("127.0.0.9:49153", []),
        ("alice@op1.mssante.test", ["op1"]),
        ("bob@op1.mssante.test", ["op2"]),
        ("127.0.0.1", []),
    ],
)
def test_a_client_or_a_mailbox_is_chosen(folder: Path, address: str, operators: list[str]) -> None:
    lines = run(folder, "--client", address).output.splitlines()
    assert [line.split()[1] for line in lines] == operators


def test_what_comes_is_read_on_by_whole_lines(folder: Path) -> None:
    journals = Journals.of(folder)
    assert len(journals.more()) == 2
    path = write(folder, "op1", REFUSED)
    whole = path.read_bytes()
    path.write_bytes(whole[:-5])
    assert journals.more() == []
    path.write_bytes(whole)
    assert journals.more() == [REFUSED]


def test_a_line_that_a_full_disk_cut_is_shown_and_stops_nothing(folder: Path) -> None:
    path = write(folder, "op1")
    path.write_bytes(b'{"seq": 3, "at": 17{"seq": 4}\n[]\n' + path.read_bytes())
    lines = run(folder).output.splitlines()
    assert len(lines) == 4
    assert sum("unreadable" in line for line in lines) == 2


def test_a_clients_words_move_no_cursor(folder: Path) -> None:
    write(folder, "op1", {**REFUSED, "user": "a\x1b[2J\nb"})
    assert "\x1b" not in run(folder).output
    assert len(run(folder).output.splitlines()) == 3


def test_a_folder_without_a_journal_is_refused_in_one_line(tmp_path: Path) -> None:
    result = run(tmp_path)
    assert "no journal there" in str(result.exception)


def test_the_last_refusal_tells_why() -> None:
    assert why([REFUSED, ACCEPTED]).startswith("Ce code a servi.")
    assert why([ACCEPTED]) == ""


SPACE = """
import json, time
from pathlib import Path
from types import SimpleNamespace

import pytest


@pytest.fixture
def mss_space(tmp_path):
    file = tmp_path / "operators" / "op1" / "journal.jsonl"
    file.parent.mkdir(parents=True)
    file.write_text(json.dumps({"at": 1.0, "event": "before"}) + "\\n")
    yield SimpleNamespace(folder=SimpleNamespace(path=tmp_path), file=file)
"""
FAILS = """
import json, time


def test_fails(mss_space):
    with mss_space.file.open("a") as file:
        file.write(json.dumps({"at": time.time(), "event": "meanwhile"}) + "\\n")
    assert False
"""


def test_a_test_that_fails_shows_what_the_journals_say_of_it(pytester: pytest.Pytester) -> None:
    pytester.makeconftest(SPACE)
    pytester.makepyfile(FAILS)
    result = pytester.runpytest_inprocess("-p", "no:cacheprovider")
    result.stdout.fnmatch_lines(["*journal of mss_space*", "*op1*meanwhile*"])
    result.stdout.no_fnmatch_line("*op1*before*")
