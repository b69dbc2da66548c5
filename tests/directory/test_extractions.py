"""The extractions: named, laid out and streamed as the real ones."""

from __future__ import annotations

import io
import tracemalloc
import zipfile
from collections.abc import Callable

import pytest

from sandbox.directory import Directory
from sandbox.directory.extractions import Archive, correspondence, libre_acces
from sandbox.directory.extractions.columns import ACTIVITY, CORRESPONDENCE, DIPLOMA, KNOW_HOW, line


def content(archive: Archive) -> dict[str, list[list[str]]]:
    """Read an archive: member to lines, each split at its bars."""
    opened = zipfile.ZipFile(io.BytesIO(b"".join(archive.chunks())))
    assert opened.testzip() is None
    return {
        name: [text.split("|") for text in opened.read(name).decode("utf-8").splitlines()]
        for name in opened.namelist()
    }


def test_the_correspondence_file_has_the_31_columns_of_the_real_one(directory: Directory) -> None:
    [(name, lines)] = content(correspondence(directory)).items()
    assert name == "Extraction_Correspondance_MSSante_202608260000.txt"
    assert lines[0] == list(CORRESPONDENCE)
    assert {len(row) for row in lines} == {31}


def test_the_last_13_captions_say_that_they_are_about_the_structure() -> None:
    assert [c.endswith(" structure BAL") for c in CORRESPONDENCE] == [False] * 18 + [True] * 13


def test_only_per_and_org_are_in_the_correspondence_file(directory: Directory) -> None:
    [lines] = content(correspondence(directory)).values()
    assert {row[0] for row in lines[1:]} == {"PER", "ORG"}


def test_a_line_tells_what_the_directory_knows_of_a_mailbox(directory: Directory) -> None:
    [lines] = content(correspondence(directory)).values()
    rows = {row[1]: dict(zip(CORRESPONDENCE, row, strict=True)) for row in lines[1:]}
    box = next(b for b in directory.published("extraction") if b.person and b.structure)
    row, person, structure = rows[box.address], box.person, box.structure
    assert person is not None
    assert structure is not None
    assert row["Identification nationale PP"] == person.national_id
    assert row["Identifiant PP"] == person.national_id[1:]
    assert row["Nom d'exercice"] == person.surname
    assert row["Code savoir-faire"] == person.specialty_code
    assert row["Identification Structure"] == (structure.finess or structure.siret)
    assert row["Raison Sociale structure BAL"] == structure.name


@pytest.mark.parametrize(
    ("member", "columns"),
    [("Personne_activite", ACTIVITY), ("Dipl_AutExerc", DIPLOMA), ("SavoirFaire", KNOW_HOW)],
)
def test_libre_acces_has_three_files_whose_lines_end_with_a_bar(
    directory: Directory, member: str, columns: tuple[str, ...]
) -> None:
    lines = content(libre_acces(directory))[f"PS_LibreAcces_{member}_202608260000.txt"]
    assert lines[0] == [*columns, ""]
    assert {len(row) for row in lines} == {len(columns) + 1}
    assert len(lines) > 50


def test_the_columns_are_as_many_as_in_the_real_files() -> None:
    assert (len(ACTIVITY), len(DIPLOMA), len(KNOW_HOW)) == (56, 13, 13)


def test_the_staff_of_structures_is_not_among_professionals(directory: Directory) -> None:
    for name, lines in content(libre_acces(directory)).items():
        assert {row[0] for row in lines[1:]} <= {"8", "0"}, name


@pytest.mark.parametrize("make", [correspondence, libre_acces])
def test_the_same_day_gives_the_same_bytes(
    directory: Directory, make: Callable[[Directory], Archive]
) -> None:
    assert b"".join(make(directory).chunks()) == b"".join(make(directory).chunks())


def test_a_value_cannot_break_its_line() -> None:
    assert line(("a|b", "c\nd", "e\r\nf")) == "a b|c d|e  f\n"


def test_a_long_extraction_is_never_held_whole() -> None:
    text = "x" * 100 + "\n"
    archive = Archive("a.zip", (("a.txt", lambda: (text for _ in range(200_000))),), 10**9)
    tracemalloc.start()
    size = sum(len(chunk) for chunk in archive.chunks())
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert size > 10_000
    assert peak < 4_000_000
