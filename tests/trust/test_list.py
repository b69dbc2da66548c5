"""The list: written, signed, read at its real size, and every forgery refused for its reason."""

import base64
import copy
import json
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree
from signxml.algorithms import (
    CanonicalizationMethod,
    DigestAlgorithm,
    SignatureConstructionMethod,
    SignatureMethod,
)
from signxml.signer import XMLSigner

from sandbox.space.errors import UserError
from sandbox.trust import (
    AuthorityName,
    DomainLedger,
    DomainList,
    KeyKind,
    ListEntry,
    ListError,
    ListKeeper,
    ListPolicy,
    ProfileName,
    TestCA,
    dn_of,
    list_verify,
    list_xml,
    load_bundle,
    parse_dn,
    sign_list,
    topology,
    verify_list,
)
from sandbox.trust.issuing import certificate_pem
from sandbox.trust.list_xml import NAMESPACE, REASONS_FR, ListPublisher, build_xml

from . import lists
from .conftest import ORG, now, run

DS = "{http://www.w3.org/2000/09/xmldsig#}"
NS = f"{{{NAMESPACE}}}"
DN_A = parse_dn("CN=mx1.a.mssante.test,OU=1119999993,O=A,ST=Aude (11),C=FR")
DN_B = parse_dn("CN=mx1.b.mssante.test,OU=399999999900003,O=B,ST=Paris (75),C=FR")
T0 = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def signer(ca):
    return ca.list_signing(ORG, "alb.mssante.test", "alb@mssante.test")


@pytest.fixture(scope="module")
def policy(ca):
    return ListPolicy(bundle=load_bundle(ca.bundle_pem()))


def small(generated=None):
    entries = (
        ListEntry(domain="a.mssante.test", certificate=DN_A, description="A", updated=T0),
        ListEntry(domain="b.mssante.test", certificate=DN_B),
    )
    return DomainList((generated or now()).replace(microsecond=0), entries)


@pytest.fixture(scope="module")
def signed(signer):
    return sign_list(small(), signer)


@pytest.fixture(scope="module")
def real_size(signer):
    return sign_tree(lists.real_size_document(), signer)


def sign_tree(root, signer, **changes):
    """Sign any tree as the list is signed, but for what a test changes."""
    choices = {
        "method": SignatureConstructionMethod.enveloped,
        "signature_algorithm": SignatureMethod.RSA_SHA256,
        "digest_algorithm": DigestAlgorithm.SHA256,
        "c14n_algorithm": CanonicalizationMethod.EXCLUSIVE_XML_CANONICALIZATION_1_0,
    }
    made = XMLSigner(**(choices | changes)).sign(
        root, key=signer.key_pem, cert=signer.certificate_pem.decode()
    )
    return etree.tostring(made, xml_declaration=True, encoding="UTF-8")


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


def test_the_topology_of_a_list_gives_each_domain_to_one_operator(real_size, policy):
    domains = verify_list(real_size, policy, now()).domains
    rows = topology(domains)
    kinds = [row.identifier_kind for row in rows]
    assert (len(rows), kinds.count("FINESS"), kinds.count("SIRET")) == (343, 300, 43)
    assert sorted(d for row in rows for d in row.domains) == sorted(domains.domains)
    assert sum(len(row.certificates) for row in rows) == 391
    assert [len(r.domains) for r in rows] == sorted((len(r.domains) for r in rows), reverse=True)


def test_a_shared_domain_goes_to_the_operator_listed_last():
    older = ListEntry(domain="x.test", certificate=DN_A, updated=T0)
    newer = ListEntry(domain="x.test", certificate=DN_B, updated=T0 + timedelta(days=1))
    for order in ((older, newer), (newer, older)):
        rows = {row.name: row for row in topology(DomainList(T0, order))}
        assert (rows["B"].domains, rows["B"].shared) == (("x.test",), ())
        assert (rows["A"].domains, rows["A"].shared) == ((), ("x.test",))
    assert rows["B"].identifier == "99999999900003"


def test_an_operator_takes_its_most_frequent_spelling():
    odd = parse_dn("CN=mx2.a.mssante.test,OU=1119999993,O=A (ancien nom),ST=Aude (11),C=FR")
    entries = [ListEntry(domain=f"{n}.test", certificate=DN_A) for n in "xy"]
    entries.append(ListEntry(domain="z.test", certificate=odd))
    (row,) = topology(DomainList(T0, tuple(entries)))
    assert (row.name, len(row.certificates), row.domains) == (
        "A",
        2,
        ("x.test", "y.test", "z.test"),
    )


# Forgeries: what is done to a signed list -> the reason of the refusal.


def edit(change):
    """Return a forgery that changes the parsed tree of a good list."""

    def forge(data):
        root = etree.fromstring(data)
        replaced = change(root)
        return etree.tostring(root if replaced is None else replaced)

    return forge


def algorithm(path, uri):
    def change(root):
        for element in root.iter(f"{DS}{path}"):
            element.set("Algorithm", uri)

    return edit(change)


def add_entry(root):
    root[1].append(copy.deepcopy(root[1][0]))
    root[1][-1][0].text = "pirate.test"


def wrap_by_reference(root):
    """The classic: the signed tree moved aside, the reference made to follow it."""
    evil = build_xml(DomainList(now(), (ListEntry(domain="pirate.test", certificate=DN_B),)))
    signature = root[2]
    root.remove(signature)
    root.set("Id", "original")
    next(signature.iter(f"{DS}Reference")).set("URI", "#original")
    aside = etree.SubElement(signature, f"{DS}Object")
    aside.append(root)
    evil.append(signature)
    return evil


def wrap_whole(root):
    """The signed list, untouched, inside another one."""
    evil = build_xml(DomainList(now(), (ListEntry(domain="pirate.test", certificate=DN_B),)))
    evil.append(root)
    return evil


def wrap_in_object(root):
    evil = build_xml(DomainList(now(), (ListEntry(domain="pirate.test", certificate=DN_B),)))
    signature = copy.deepcopy(root[2])
    etree.SubElement(signature, f"{DS}Object").append(root[1])
    evil.append(signature)
    return evil


def second_signature(root):
    root.append(copy.deepcopy(root[2]))


def second_reference(root):
    info = root[2][0]
    info.append(copy.deepcopy(info[-1]))


def second_certificate(root):
    holder = next(root.iter(f"{DS}X509Data"))
    holder.append(copy.deepcopy(holder[0]))


def broken_certificate(root):
    next(root.iter(f"{DS}X509Certificate")).text = "AAAA"


def extra_transform(uri):
    def change(root):
        transforms = next(root.iter(f"{DS}Transforms"))
        etree.SubElement(transforms, f"{DS}Transform").set("Algorithm", uri)

    return edit(change)


def duplicate_ids(root):
    root[1].set("Id", "x")
    root[1][0].set("ID", "x")


def before(root_text, inserted):
    def forge(data):
        return data.replace(root_text, inserted + root_text, 1)

    return forge


LAUGHS = b'<!DOCTYPE l [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;"><!ENTITY c "&b;&b;&b;">]>'
FILE = b'<!DOCTYPE l [<!ENTITY x SYSTEM "file:///etc/hostname">]>'
REMOTE = b'<!DOCTYPE l SYSTEM "http://127.0.0.1:9/evil.dtd">'
ROOT = b"<ListeBlancheMSSante"

FORGERIES = {
    "an entry changed": (lambda d: d.replace(b"a.mssante", b"c.mssante", 1), "tampered"),
    "a blank added": (lambda d: d.replace(b"<Nom>", b"<Nom> ", 1), "tampered"),
    "an entry added": (edit(add_entry), "tampered"),
    "an attribute added": (edit(lambda r: r[1].set("x", "y")), "tampered"),
    "the date moved": (
        lambda d: d.replace(b"DateDeGeneration>20", b"DateDeGeneration>19"),
        "tampered",
    ),
    "the signature removed": (edit(lambda r: r.remove(r[2])), "unsigned"),
    "the signature value changed": (
        edit(lambda r: setattr(r[2][1], "text", r[2][1].text[:-8] + "AAAAAA==")),
        "tampered",
    ),
    "entities that expand": (before(ROOT, LAUGHS), "doctype"),
    "a file as entity": (before(ROOT, FILE), "doctype"),
    "a document type elsewhere": (before(ROOT, REMOTE), "doctype"),
    "an entity used": (
        lambda d: before(ROOT, LAUGHS)(d).replace(b"a.mssante", b"&c;.mssante", 1),
        "doctype",
    ),
    "a document type in UTF-16": (
        lambda d: before(ROOT.decode(), LAUGHS.decode())(d.decode().split("?>", 1)[1]).encode(
            "utf-16"
        ),
        "doctype",
    ),
    "wrapped by reference": (edit(wrap_by_reference), "wrapping"),
    "wrapped whole": (edit(wrap_whole), "wrapping"),
    "wrapped in an Object": (edit(wrap_in_object), "wrapping"),
    "two signatures": (edit(second_signature), "wrapping"),
    "two references": (edit(second_reference), "wrapping"),
    "a reference to an identifier": (
        edit(lambda r: next(r.iter(f"{DS}Reference")).set("URI", "#x")),
        "wrapping",
    ),
    "a reference to a file": (
        edit(lambda r: next(r.iter(f"{DS}Reference")).set("URI", "file:///etc/hostname")),
        "wrapping",
    ),
    "two certificates": (edit(second_certificate), "signer"),
    "a broken certificate": (edit(broken_certificate), "signer"),
    "no KeyInfo": (edit(lambda r: r[2].remove(r[2][2])), "signer"),
    "duplicate identifiers": (edit(duplicate_ids), "duplicate-id"),
    "SHA-1 as signature": (
        algorithm("SignatureMethod", "http://www.w3.org/2000/09/xmldsig#rsa-sha1"),
        "algorithm",
    ),
    "HMAC with the public key": (
        algorithm("SignatureMethod", "http://www.w3.org/2001/04/xmldsig-more#hmac-sha256"),
        "algorithm",
    ),
    "SHA-1 as digest": (
        algorithm("DigestMethod", "http://www.w3.org/2000/09/xmldsig#sha1"),
        "algorithm",
    ),
    "inclusive canonicalisation": (
        algorithm("CanonicalizationMethod", "http://www.w3.org/TR/2001/REC-xml-c14n-20010315"),
        "algorithm",
    ),
    "an XSLT transform": (
        extra_transform("http://www.w3.org/TR/1999/REC-xslt-19991116"),
        "algorithm",
    ),
    "an XPath transform": (
        extra_transform("http://www.w3.org/TR/1999/REC-xpath-19991116"),
        "algorithm",
    ),
    "not XML": (lambda _: b"domain;type;finess;date\n", "not-xml"),
    "empty": (lambda _: b"", "not-xml"),
    "cut": (lambda d: d[: len(d) // 2], "not-xml"),
    "a depth that exhausts a stack": (lambda _: b"<a>" * 5000 + b"</a>" * 5000, "not-xml"),
}


@pytest.mark.parametrize("name", FORGERIES)
def test_a_forgery_is_refused_for_its_reason(signed, policy, name):
    forge, code = FORGERIES[name]
    forged = forge(signed)
    assert forged != signed
    with pytest.raises(ListError) as refusal:
        verify_list(forged, policy, now())
    assert refusal.value.code == code


def test_a_list_in_another_namespace_is_refused_though_well_signed(signer, policy):
    root = etree.fromstring(
        etree.tostring(build_xml(small())).replace(NAMESPACE.encode(), b"https://other.test/schema")
    )
    with pytest.raises(ListError) as refusal:
        verify_list(sign_tree(root, signer), policy, now())
    assert refusal.value.code == "namespace"


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda r: r.remove(r[0]), "shape"),
        (lambda r: r.remove(r[1]), "shape"),
        (lambda r: setattr(r[0], "text", "hier"), "shape"),
        (lambda r: setattr(r[1][0][0], "text", "no domain"), "shape"),
        (lambda r: setattr(r[1][0][2], "text", "no name"), "shape"),
        (lambda r: r[1][0].append(copy.deepcopy(r[1][0][0])), "shape"),
        (lambda r: etree.SubElement(r[1][0][0], "b"), "shape"),
    ],
)
def test_a_malformed_list_is_refused_though_well_signed(signer, policy, change, code):
    root = build_xml(small())
    change(root)
    with pytest.raises(ListError) as refusal:
        verify_list(sign_tree(root, signer), policy, now())
    assert refusal.value.code == code


def test_a_comment_in_a_signed_value_neither_breaks_nor_changes_it(signed, policy):
    split = signed.replace(b"a.mssante.test<", b"a.mssante<!-- x -->.test<", 1)
    assert split != signed
    assert verify_list(split, policy, now()).domains.entries == small().entries


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_a_damaged_signer_s_certificate_is_refused(signed, signer, policy, data):
    der = bytearray(signer.certificate.public_bytes(Encoding.DER))
    place = data.draw(st.integers(0, 10_000)) % len(der)
    der[place] ^= data.draw(st.integers(1, 255))
    root = etree.fromstring(signed)
    next(root.iter(f"{DS}X509Certificate")).text = base64.b64encode(der).decode()
    with pytest.raises(ListError):
        verify_list(etree.tostring(root), policy, now())


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_no_changed_byte_changes_what_is_read(signed, policy, data):
    altered = bytearray(signed)
    place = data.draw(st.integers(0, len(altered) - 1))
    altered[place] = data.draw(st.integers(0, 255))
    try:
        verified = verify_list(bytes(altered), policy, now())
    except ListError:
        return
    assert verified.domains.entries == small().entries


def test_the_seal_of_another_organisation_does_not_sign_the_list(ca, policy):
    seal = TestCA.issue(
        ca,
        replace(
            ca.plans.org_seal(ORG, "CACHET", "cachet@op1.mssante.test"),
            key_kind=KeyKind.RSA_2048,
        ),
    )
    with pytest.raises(ListError, match=r"cachet@op1\.mssante\.test") as refusal:
        verify_list(sign_list(small(), seal), policy, now())
    assert refusal.value.code == "signer"


def test_a_server_certificate_does_not_sign_the_list(ca, policy):
    plan = ca.plans.list_signing(ORG, "alb", "alb@mssante.test")
    server = ca.plans.server(ProfileName.OPERATOR_SERVER, ORG, ["x.test"])
    wrong = ca.issue(replace(plan, usages=server.usages, purposes=server.purposes))
    with pytest.raises(ListError) as refusal:
        verify_list(sign_list(small(), wrong), policy, now())
    assert refusal.value.code == "signer"


def test_a_signer_of_another_hierarchy_of_the_same_names_is_untrusted(policy):
    stranger = TestCA(key_kind=KeyKind.P256).list_signing(ORG, "alb", "alb@mssante.test")
    with pytest.raises(ListError) as refusal:
        verify_list(sign_list(small(), stranger), policy, now())
    assert refusal.value.code == "untrusted"


def test_a_list_signed_by_an_expired_certificate_is_refused(ca, policy):
    plan = ca.plans.list_signing(ORG, "alb", "alb@mssante.test")
    old = ca.issue(
        replace(
            plan,
            not_before=plan.not_before - timedelta(days=400),
            not_after=plan.not_before - timedelta(days=1),
        )
    )
    with pytest.raises(ListError) as refusal:
        verify_list(sign_list(small(), old), policy, now())
    assert refusal.value.code == "signer-expired"
    then = now() - timedelta(days=100)
    assert verify_list(sign_list(small(then), old), policy, then).domains.generated <= then


def test_a_list_signed_by_a_revoked_certificate_is_refused(ca, policy):
    signer = ca.list_signing(ORG, "alb", "alb@mssante.test")
    data = sign_list(small(), signer)
    careful = replace(policy, is_revoked=ca.is_revoked)
    verify_list(data, careful, now())
    ca.revoke(signer, "key-compromise")
    with pytest.raises(ListError) as refusal:
        verify_list(data, careful, now())
    assert refusal.value.code == "signer-revoked"


@pytest.mark.parametrize(
    ("age", "code"), [(timedelta(hours=49), "expired"), (-timedelta(hours=1), "future")]
)
def test_a_list_from_another_time_is_refused(signer, policy, age, code):
    data = sign_list(small(now() - age), signer)
    with pytest.raises(ListError) as refusal:
        verify_list(data, replace(policy, max_age=timedelta(hours=48)), now())
    assert refusal.value.code == code


def test_a_list_over_the_size_limit_is_not_even_parsed(signed, policy, monkeypatch):
    monkeypatch.setattr(list_xml, "MAX_BYTES", len(signed) - 1)
    with pytest.raises(ListError) as refusal:
        verify_list(signed, policy, now())
    assert refusal.value.code == "too-large"


def test_a_list_over_the_entry_limit_is_refused(signed, policy, monkeypatch):
    monkeypatch.setattr(list_xml, "MAX_ENTRIES", 1)
    with pytest.raises(ListError) as refusal:
        verify_list(signed, policy, now())
    assert refusal.value.code == "too-large"


def test_every_forgery_is_met_before_the_signature_library_or_by_it(signed, policy, monkeypatch):
    """What the table refuses never reaches the library: the table is the fence."""

    def unreachable(*_args, **_kwargs):
        pytest.fail("the signature library was reached")

    monkeypatch.setattr(list_verify.XMLVerifier, "verify", unreachable)
    for forge, code in FORGERIES.values():
        if code != "tampered":
            with pytest.raises(ListError):
                verify_list(forge(signed), policy, now())


# Readers


def test_a_reader_keeps_the_last_good_list_when_a_bad_one_comes(signer, policy, signed):
    keeper = ListKeeper(policy)
    held = keeper.offer(signed, now())
    for forge, _ in FORGERIES.values():
        with pytest.raises(ListError):
            keeper.offer(forge(signed), now())
    assert keeper.current is held


def test_a_reader_refuses_an_older_list_played_again(signer, policy):
    keeper = ListKeeper(policy)
    old = sign_list(small(now() - timedelta(days=2)), signer)
    keeper.offer(old, now())
    held = keeper.offer(sign_list(small(), signer), now())
    with pytest.raises(ListError) as refusal:
        keeper.offer(old, now())
    assert (refusal.value.code, keeper.current) == ("replayed", held)


def test_a_reader_takes_up_its_list_after_a_restart_if_it_still_verifies(signed, policy, tmp_path):
    path = tmp_path / "kept" / "list.xml"
    ListKeeper(policy, path).offer(signed, now())
    assert ListKeeper(policy, path).restore(now()).domains.entries == small().entries
    path.write_bytes(signed.replace(b"a.mssante", b"c.mssante"))
    assert ListKeeper(policy, path).restore(now()) is None


def test_a_reader_without_a_list_has_none(policy, tmp_path):
    assert ListKeeper(policy, tmp_path / "none.xml").restore(now()) is None


# What a list authorises


def test_a_certificate_speaks_for_its_domains_only(ca, good):
    mine = ListEntry(domain="op1.mssante.test", certificate=dn_of(good.certificate))
    domains = DomainList(T0, (mine, ListEntry(domain="b.mssante.test", certificate=DN_B)))
    name = parse_dn(str(dn_of(good.certificate)).replace(",", ",  "))
    assert domains.authorises("OP1.mssante.test.", name)
    assert not domains.authorises("b.mssante.test", name)
    assert not domains.authorises("", name)
    assert domains.domains_of(name) == {"op1.mssante.test"}


# History


def test_history_gives_the_list_of_any_day():
    ledger = DomainLedger()
    day = timedelta(days=1)
    ledger.add("x.mssante.test", [DN_A], T0, description="Le domaine", support="s@x.test")
    ledger.migrate("x.mssante.test", [DN_B], T0 + day)
    ledger.remove("x.mssante.test", T0 + 2 * day)

    def entries(when):
        return [(e.certificate, e.description, e.support) for e in ledger.at(when).entries]

    assert entries(T0 - day) == []
    assert entries(T0) == [(DN_A, "Le domaine", "s@x.test")]
    assert entries(T0 + day) == [(DN_B, "Le domaine", "s@x.test")]
    assert entries(T0 + 2 * day) == []
    assert [e["event"] for e in ledger.history("x.mssante.test")] == ["add", "migrate", "remove"]


def test_history_is_shared_through_its_file(tmp_path):
    path = tmp_path / "history.jsonl"
    one, two = DomainLedger(path), DomainLedger(path)
    one.add("x.mssante.test", [DN_A], T0)
    assert two.at(T0).domains == {"x.mssante.test"}
    assert json.loads(path.read_text())["certificates"] == [str(DN_A)]


@pytest.mark.parametrize(
    ("act", "message"),
    [
        (lambda h: h.add("x.mssante.test", [DN_A], T0), "already authorised"),
        (lambda h: h.add("y.mssante.test", [], T0), "at least one"),
        (lambda h: h.add("nodots", [DN_A], T0), "not a domain"),
        (lambda h: h.remove("y.mssante.test", T0), "not on the list"),
        (lambda h: h.migrate("y.mssante.test", [DN_B], T0), "not on the list"),
        (lambda h: h.migrate("x.mssante.test", [], T0), "at least one"),
        (lambda h: h.remove("x.mssante.test", T0 - timedelta(days=1)), "not on the list"),
        (lambda h: h.add("z.mssante.test", [DN_B], T0 - timedelta(days=1)), "give a later date"),
    ],
)
def test_a_change_that_cannot_be_says_why(act, message):
    ledger = DomainLedger()
    ledger.add("x.mssante.test", [DN_A], T0)
    with pytest.raises(UserError, match=message):
        act(ledger)


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
