"""What Pro Santé Connect and the operators ask, from Python."""

from __future__ import annotations

from pathlib import Path

import pytest

from sandbox.directory import BoxType, Directory, Mailbox
from sandbox.space.errors import UserError


def a_box(directory: Directory, kind: BoxType) -> Mailbox:
    return next(box for box in directory.mailboxes("1") if box.type is kind)


def test_a_person_is_found_by_national_identifier(directory: Directory) -> None:
    [person] = directory.people(limit=1)
    found = directory.person(person.national_id)
    assert found is not None
    assert (found.surname, found.profession) == (person.surname, person.profession)


def test_a_person_is_found_by_bare_rpps(directory: Directory) -> None:
    [person] = directory.people(profession="10", limit=1)
    found = directory.person(person.rpps)
    assert found is not None
    assert found.id == person.id


def test_a_person_comes_with_its_main_mailbox(directory: Directory) -> None:
    [person] = directory.people(limit=1)
    found = directory.person(person.national_id)
    assert found is not None
    assert directory.holders(found.mail) == [found]


@pytest.mark.parametrize("unknown", ["", "899999999999", "x", "8" * 11, "' OR 1=1 --"])
def test_an_unknown_person_is_nobody(directory: Directory, unknown: str) -> None:
    assert directory.person(unknown) is None


def test_a_mailbox_is_found_whatever_the_case_of_its_address(directory: Directory) -> None:
    box = a_box(directory, BoxType.PER)
    assert directory.mailbox(box.address.upper()) == box


def test_a_deleted_mailbox_is_found_only_when_asked_for(directory: Directory) -> None:
    gone = next(box for box in directory.mailboxes("m.deleted > 0", deleted=True))
    assert directory.mailbox(gone.address) is None
    assert directory.mailbox(gone.address, deleted=True) == gone


def test_the_holder_of_a_personal_mailbox_is_its_person(directory: Directory) -> None:
    box = a_box(directory, BoxType.PER)
    assert [p.national_id for p in directory.holders(box.address)] == [
        box.person and box.person.national_id
    ]


def test_an_application_mailbox_has_a_structure_and_no_holder(directory: Directory) -> None:
    box = a_box(directory, BoxType.APP)
    structure = directory.structure_of(box.address)
    assert structure is not None
    assert structure.finess
    assert directory.holders(box.address) == []


def test_a_personal_mailbox_has_no_bearing_structure(directory: Directory) -> None:
    assert directory.structure_of(a_box(directory, BoxType.PER).address) is None


def test_a_structure_is_found_by_finess_siret_and_national_identifier(directory: Directory) -> None:
    structure = directory.structure_of(a_box(directory, BoxType.ORG).address)
    assert structure is not None
    for identifier in (structure.finess, structure.siret, structure.national_id):
        assert directory.structure(identifier) == structure


def test_a_person_can_be_handed_to_a_certificate_authority(directory: Directory) -> None:
    [person] = directory.people(profession="50", limit=1)
    assert person.national_id == f"8{person.rpps}"
    assert (person.profession_code, person.profession) == (50, "Sage-Femme")
    assert person.surname
    assert person.given_name


def test_a_missing_file_is_the_users_fault(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no such directory"):
        Directory(tmp_path / "none.db")


def test_a_file_of_another_kind_is_the_users_fault(tmp_path: Path) -> None:
    other = tmp_path / "other.db"
    other.write_bytes(b"not a database, but long enough to be read as one" * 40)
    with pytest.raises(UserError, match="not a directory"):
        Directory(other)


def test_a_mailbox_is_looked_up_anew_once_anyone_wrote(fed: Directory) -> None:
    box = a_box(fed, BoxType.PER)
    hide, show = (f"UPDATE mailbox SET deleted = {now} WHERE id = ?" for now in (1, 0))
    with Directory(fed.path) as other:
        for writer in (fed, other):
            assert fed.mailbox(box.address) == box
            with writer.transaction() as connection:
                connection.execute(hide, (box.id,))
            assert fed.mailbox(box.address) is None
            with writer.transaction() as connection:
                connection.execute(show, (box.id,))


def test_what_was_undone_is_not_remembered_of_a_mailbox(fed: Directory) -> None:
    box = a_box(fed, BoxType.PER)
    rename = "UPDATE mailbox SET service = 'autre' WHERE id = ?"

    def fail() -> None:
        with fed.transaction() as connection:
            connection.execute(rename, (box.id,))
            found = fed.mailbox(box.address)
            assert found is not None
            raise ValueError(found.service)

    with pytest.raises(ValueError, match="autre"):
        fail()
    assert fed.mailbox(box.address) == box
