"""The person in the certificate is the person in the directory."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner

from sandbox.cli import cli
from sandbox.directory import BoxType, Directory, PopulationSpec
from sandbox.directory.identities import (
    application_of,
    card_holder,
    employee_of,
    organisation_of,
)
from sandbox.space.errors import UserError
from sandbox.trust import (
    CertificateChecker,
    CertificateFinding,
    KeyKind,
    ProfileName,
    TestCA,
    load_bundle,
)
from sandbox.trust.identity import plain_identifier


@pytest.fixture(scope="module")
def annuaire() -> Iterator[Directory]:
    with Directory.build(PopulationSpec(people=200)) as opened:
        yield opened


@pytest.fixture(scope="module")
def ca(tmp_path_factory: pytest.TempPathFactory) -> TestCA:
    return TestCA.open(tmp_path_factory.mktemp("pki"), key_kind=KeyKind.P256)


def one(annuaire: Directory, condition: str) -> str:
    query = f"SELECT national_id FROM person WHERE {condition} ORDER BY id LIMIT 1"
    return str(annuaire.connection().execute(query).fetchone()[0])


def application(annuaire: Directory) -> str:
    query = "SELECT address FROM mailbox WHERE type = 2 ORDER BY id LIMIT 1"
    return str(annuaire.connection().execute(query).fetchone()[0])


def test_a_card_names_its_holder_as_the_directory_does(annuaire: Directory, ca: TestCA) -> None:
    person = annuaire.person(one(annuaire, "national_id LIKE '8%'"))
    assert person is not None
    subject = ca.cps(card_holder(person)).auth.certificate.subject.rfc4514_string()
    assert f"CN={person.national_id}" in subject
    assert person.surname in subject


def test_an_employee_s_card_names_the_employer(annuaire: Directory, ca: TestCA) -> None:
    person = annuaire.person(one(annuaire, "national_id LIKE '%/%'"))
    assert person is not None
    employee = employee_of(annuaire, person)
    assert employee.national_id == person.national_id
    assert employee.structure.name in ca.cpe(employee).certificate.subject.rfc4514_string()


def test_a_doctor_is_nobody_s_employee(annuaire: Directory) -> None:
    person = annuaire.person(one(annuaire, "national_id LIKE '8%'"))
    assert person is not None
    with pytest.raises(UserError, match="a CPS fits"):
        employee_of(annuaire, person)


def test_an_application_s_certificate_names_the_structure_of_its_mailbox(
    annuaire: Directory, ca: TestCA
) -> None:
    address = application(annuaire)
    box = annuaire.mailbox(address)
    assert box is not None
    assert box.structure is not None
    organisation = application_of(annuaire, address)
    assert organisation == organisation_of(box.structure)
    certificate = ca.org_client(organisation, address).certificate
    assert f"OU={organisation.unit}" in certificate.subject.rfc4514_string()


@pytest.mark.parametrize("known", [True, False])
def test_a_checker_asks_the_directory_whether_it_knows_the_entity(
    annuaire: Directory, ca: TestCA, known: bool
) -> None:
    organisation = application_of(annuaire, application(annuaire))
    issued = ca.org_client(organisation, "x")
    checker = CertificateChecker(
        bundle=load_bundle(ca.bundle_pem()),
        knows_structure=lambda unit: (
            known and annuaire.structure(plain_identifier(unit)) is not None
        ),
    )
    findings = checker.check(
        issued.certificate, issued.chain, profile=ProfileName.ORG_CLIENT, now=datetime.now(UTC)
    )
    assert (CertificateFinding.UNKNOWN_ENTITY in findings) is not known


def test_only_an_application_mailbox_gets_a_certificate(annuaire: Directory) -> None:
    query = "SELECT address FROM mailbox WHERE type = 0 ORDER BY id LIMIT 1"
    personal = str(annuaire.connection().execute(query).fetchone()[0])
    with pytest.raises(UserError, match=rf"\({BoxType.PER}\)"):
        application_of(annuaire, personal)
    with pytest.raises(UserError, match="no such mailbox"):
        application_of(annuaire, "nobody@x.mssante.test")


def test_the_command_line_issues_a_card_with_private_files(tmp_path: Path) -> None:
    database, pki, out = tmp_path / "a.db", tmp_path / "pki", tmp_path / "card"
    runner = CliRunner()
    built = runner.invoke(cli, ["directory", "build", "--people", "60", "--out", str(database)])
    assert built.exit_code == 0, built.output
    TestCA.open(pki, key_kind=KeyKind.P256)
    with Directory(database) as opened:
        holder = one(opened, "national_id LIKE '8%'")
    command = ["directory", "card", holder, "--database", str(database), "--folder", str(pki)]
    issued = runner.invoke(cli, [*command, "--out", str(out)])
    assert issued.exit_code == 0, issued.output
    assert (out / "auth" / "key.pem").stat().st_mode & 0o077 == 0
    assert (out / "auth" / "bundle.p12").is_file()


def test_a_structure_with_finess_is_known_by_its_siret_too(annuaire: Directory) -> None:
    query = "SELECT siret FROM structure WHERE siret <> '' AND national_id LIKE '1%' LIMIT 1"
    siret = str(annuaire.connection().execute(query).fetchone()[0])
    assert annuaire.structure(siret)
    assert not annuaire.structure("00000000000000")
