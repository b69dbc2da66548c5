"""One population for the card, the app and the mailbox; TLS by the test IGC-Santé."""

from __future__ import annotations

from pathlib import Path

import pytest

from sandbox.directory import Directory, Feeder, PopulationSpec
from sandbox.psc import ProviderOptions
from sandbox.psc.client_certificates import psc_files
from sandbox.psc.from_directory import DirectoryPeople
from sandbox.psc.grants import userinfo
from sandbox.psc.people import claims
from sandbox.space.errors import UserError
from sandbox.trust import KeyKind, TestCA
from tests.psc.conftest import CLIENTS, Dialogue, make_provider


def test_a_person_of_the_directory_authenticates_as_herself() -> None:
    with Directory.build(PopulationSpec(people=100)) as annuaire:
        listed = annuaire.people(limit=1)[0]
        found = DirectoryPeople(annuaire).find(listed.national_id)
        assert found is not None
        assert (found.family_name, found.given_name) == (listed.surname, listed.given_name)
        assert claims(found)["SubjectNameID"] == listed.national_id
        activity = annuaire.activities_of(listed)[0]
        structure = annuaire.structure_by_id(activity.structure)
        assert structure is not None
        assert found.activities[0].organization == structure.name


def test_who_is_not_in_the_directory_is_unknown() -> None:
    with Directory.build(PopulationSpec(people=50)) as annuaire:
        assert DirectoryPeople(annuaire).find("899700000018") is None


def test_who_is_struck_off_authenticates_no_more_and_what_she_has_is_worth_nothing() -> None:
    with Directory.build(PopulationSpec(people=50)) as annuaire:
        who = annuaire.people(limit=1)[0].national_id
        options = ProviderOptions(clients=CLIENTS, people=DirectoryPeople(annuaire))
        dialogue = Dialogue(make_provider("psc", options=options))
        tokens = dialogue.tokens(login_hint=who)
        ringing = dialogue.start(login_hint=who)
        assert dialogue.introspect(tokens["access_token"])["active"]
        Feeder(annuaire, actor="test").note_departure(who, "struck-off")
        assert dialogue.request(login_hint=who).status == 400
        dialogue.decide()
        dialogue.provider.advance(10)
        assert dialogue.poll(ringing).status == 400
        renewed = dialogue.token(grant_type="refresh_token", refresh_token=tokens["refresh_token"])
        assert renewed.status == 400
        assert dialogue.introspect(tokens["access_token"]) == {"active": False}
        shown = userinfo(dialogue.provider, f"Bearer {tokens['access_token']}", {}, None)
        assert shown.status == 401
        Feeder(annuaire, actor="test").note_departure(who)
        assert dialogue.request(login_hint=who).status == 200


def test_the_phones_page_shows_people_of_the_directory() -> None:
    with Directory.build(PopulationSpec(people=50)) as annuaire:
        shown = list(DirectoryPeople(annuaire))
        assert 0 < len(shown) <= 50
        assert len({person.phone_number for person in shown}) == len(shown)


def test_the_test_authority_certifies_the_server(tmp_path: Path) -> None:
    authority = TestCA.open(tmp_path / "pki", key_kind=KeyKind.P256)
    files = psc_files(tmp_path, "psc.mssante.test", tmp_path / "pki")
    assert files.ca.read_bytes() == authority.bundle_pem()
    assert files.key.stat().st_mode & 0o077 == 0


def test_a_folder_without_authority_is_said_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="pki init"):
        psc_files(tmp_path, "localhost", tmp_path / "pki")
