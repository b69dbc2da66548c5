"""The list: written, signed, read at its real size."""

import re
from datetime import timedelta
from pathlib import Path

import pytest
from lxml import etree

from sandbox.space.errors import UserError
from sandbox.trust import (
    AuthorityName,
    DomainLedger,
    DomainList,
    ListEntry,
    ListError,
    list_xml,
    sign_list,
    verify_list,
)
from sandbox.trust.issuing import certificate_pem
from sandbox.trust.list_xml import REASONS_FR, ListPublisher

from .conftest import now, run
from .lists import DN_A, DS, NS, T0, small


def test_a_signed_list_is_read_back_as_it_was(signed, policy):
    verified = verify_list(signed, policy, now())
    assert verified.domains.entries == small().entries
    assert verified.signer_name.startswith("CN=alb.mssante.test,OU=1119999993")


def test_the_document_has_the_real_list_s_elements_in_order(signed):
    root = etree.fromstring(signed)
    assert [child.tag for child in root] == [
        f"{NS}DateDeGeneration",
        f"{NS}ListeDomaines",
        f"{DS}Signature",
    ]
    assert [child.tag.removeprefix(NS) for child in root[1][0]] == [
        "Nom",
        "Description",
        "DNCertificatOperateur",
        "ResponsableContact",
        "SupportContact",
        "DateMAJ",
    ]


def xmlsec(tool, ca, tmp_path, data):
    """Have xmlsec1 verify a list against the root, the intermediate untrusted."""
    root = ca.authorities.chain(AuthorityName.ELEMENTAIRE_ORGANISATIONS)
    (tmp_path / "root.pem").write_bytes(certificate_pem(root[1]))
    (tmp_path / "between.pem").write_bytes(certificate_pem(root[0]))
    (tmp_path / "list.xml").write_bytes(data)
    return run(
        *(tool("xmlsec1"), "--verify", "--trusted-pem", tmp_path / "root.pem"),
        *("--untrusted-pem", tmp_path / "between.pem", tmp_path / "list.xml"),
    )


def test_xmlsec1_verifies_the_list(tool, ca, real_size, tmp_path):
    code, out = xmlsec(tool, ca, tmp_path, real_size)
    assert code == 0, out


def test_xmlsec1_refuses_a_changed_list(tool, ca, signed, tmp_path):
    assert xmlsec(tool, ca, tmp_path, signed.replace(b"a.mssante", b"c.mssante"))[0] != 0


def test_a_list_of_the_real_size_is_read_whole(real_size, policy):
    domains = verify_list(real_size, policy, now()).domains
    assert 3_500_000 < len(real_size) < 4_000_000
    assert (
        len(domains.entries),
        len(domains.domains),
        len(domains.certificates),
        len(domains.organisations),
        len(domains.units),
    ) == (6494, 4944, 391, 342, 343)


def test_a_control_character_cannot_enter_the_list(signer):
    bad = DomainList(T0, (ListEntry(domain="x.test", certificate=DN_A, description="a\x00b"),))
    with pytest.raises(UserError, match="control character"):
        sign_list(bad, signer)


def test_the_publisher_signs_anew_on_a_change_and_once_a_day(signer, policy):
    time = [T0]
    ledger = DomainLedger()
    ledger.add("x.mssante.test", [DN_A], T0)
    publisher = ListPublisher(ledger, signer, lambda: time[0])
    first = publisher.current()
    time[0] += timedelta(hours=1)
    assert publisher.current() is first
    ledger.add("y.mssante.test", [DN_A], time[0])
    second = publisher.current()
    assert b"y.mssante.test" in second
    time[0] += timedelta(hours=25)
    assert publisher.current() not in (first, second)


def test_a_list_is_refused_in_both_languages():
    sources = "".join(
        path.read_text("utf-8") for path in Path(list_xml.__file__).parent.glob("list_*.py")
    )
    assert set(re.findall(r'ListError\(\s*"([a-z-]+)"', sources)) == set(REASONS_FR)
    assert str(ListError("unsigned", "no signature")) == "aucune signature / no signature"
