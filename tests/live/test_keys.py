"""Certificates of a space: issued once, used again while they last and say what is wanted."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from sandbox.live.keys import AUTHORITY, Keys, WantedCertificate, server
from sandbox.live.plan import CertificatePlan
from sandbox.space.errors import UserError
from sandbox.trust import CertificateChecker, KeyKind, ProfileName, Urls, load_bundle
from sandbox.trust.domain_list import DomainList
from sandbox.trust.list_xml import sign_list

PLAN = CertificatePlan(path="a/imap", names=("imap.a.mssante.test",), addresses=("127.1.1.1",))


def keys_in(folder: Path) -> Keys:
    return Keys(folder, Urls(), KeyKind.P256)


def wanted() -> WantedCertificate:
    return server(PLAN, AUTHORITY)


def test_what_is_there_is_not_issued_again(tmp_path: Path) -> None:
    assert keys_in(tmp_path).ensure([wanted()]) == 1
    before = (tmp_path / "certificates/a/imap/cert.pem").read_bytes()
    assert keys_in(tmp_path).ensure([wanted()]) == 0
    assert (tmp_path / "certificates/a/imap/cert.pem").read_bytes() == before


def test_another_name_makes_another_certificate(tmp_path: Path) -> None:
    keys_in(tmp_path).ensure([wanted()])
    renamed = server(replace(PLAN, names=("other.a.mssante.test",)), AUTHORITY)
    assert keys_in(tmp_path).ensure([renamed]) == 1


def test_a_certificate_that_is_about_to_expire_is_issued_again(tmp_path: Path) -> None:
    keys = keys_in(tmp_path)
    keys.ensure([wanted()])
    keys.ca.clock = lambda: datetime.now(UTC) + timedelta(days=3 * 365 - 20)
    assert keys.ensure([wanted()]) == 1


def test_a_server_can_be_checked_by_name_and_by_address(tmp_path: Path) -> None:
    from cryptography import x509

    keys = keys_in(tmp_path)
    keys.ensure([wanted()])
    leaf = x509.load_pem_x509_certificate((keys.folder / "a/imap/cert.pem").read_bytes())
    checker = CertificateChecker(bundle=load_bundle(keys.bundle.read_bytes()))
    for name in (*PLAN.names, *PLAN.addresses):
        assert not checker.check(
            leaf, profile=ProfileName.ENDPOINT_SERVER, now=datetime.now(UTC), name=name
        )


def test_private_keys_are_their_owner_s_only(tmp_path: Path) -> None:
    keys_in(tmp_path).ensure([wanted()])
    assert (tmp_path / "certificates/a/imap/key.pem").stat().st_mode & 0o077 == 0


def test_the_kept_list_signer_signs(tmp_path: Path) -> None:
    keys = keys_in(tmp_path)
    keys.ensure([keys.want_list_signer()])
    assert sign_list(DomainList(datetime.now(UTC), ()), keys_in(tmp_path).list_signer())


def test_a_damaged_manifest_is_told_in_one_line(tmp_path: Path) -> None:
    keys_in(tmp_path).ensure([wanted()])
    (tmp_path / "certificates/manifest.json").write_text("{")
    with pytest.raises(UserError, match=r"manifest\.json: .*unreadable"):
        keys_in(tmp_path).ensure([wanted()])
