"""Each fault: our checker says one thing, the right one; real tools agree where they can see it."""

import secrets
from datetime import timedelta
from urllib.request import Request, urlopen

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import AuthorityInformationAccessOID
from hypothesis import given, settings
from hypothesis import strategies as st

from sandbox.space.errors import UserError
from sandbox.trust import (
    FAULTS,
    CertificateChecker,
    CertificateFinding,
    Marker,
    Organisation,
    ProfileName,
    RevocationStatus,
    TestCA,
    load_bundle,
    make_bad,
)
from sandbox.trust.checking import read_certificate
from sandbox.trust.evidence import crl_status, ocsp_request, ocsp_status
from sandbox.trust.keys import KeyKind
from tests.luhn import luhn_valid

from .conftest import HOST, ORG, OTHER, PERSON, now, run

KNOWN = {ORG.unit, OTHER.unit}


def server_plan(ca):
    return ca.plans.server(ProfileName.OPERATOR_SERVER, ORG, [HOST])


def fetch(url, data=None):
    headers = {"content-type": "application/ocsp-request"} if data else {}
    with urlopen(Request(url, data=data, headers=headers), timeout=10) as answer:
        return answer.read()


def ocsp_url(certificate):
    access = certificate.extensions.get_extension_for_class(x509.AuthorityInformationAccess).value
    return next(
        each.access_location.value
        for each in access
        if each.access_method == AuthorityInformationAccessOID.OCSP
    )


def by_ocsp(ca, issued):
    """Ask the responder that the certificate names, as a client would."""
    issuer = ca.authorities.pair(issued.issuer)[0]
    request = ocsp_request(issued.certificate, issuer, secrets.token_bytes(16))
    try:
        answer = fetch(ocsp_url(issued.certificate), request.public_bytes(Encoding.DER))
    except OSError:
        return RevocationStatus.UNKNOWN
    return ocsp_status(request, answer, issuer, now())


def by_crl(ca, issued):
    """Fetch the CRL that the certificate names."""
    points = issued.certificate.extensions.get_extension_for_class(x509.CRLDistributionPoints)
    crl = x509.load_der_x509_crl(fetch(points.value[0].full_name[0].value))
    return crl_status(issued.certificate, ca.authorities.pair(issued.issuer)[0], (crl,), now())


@pytest.mark.parametrize("name", FAULTS)
def test_a_bad_certificate_has_its_own_fault_and_no_other(ca, name):
    issued = make_bad(ca, name, server_plan(ca))
    checker = CertificateChecker(
        bundle=load_bundle(ca.bundle_pem()),
        revocation=lambda _: (by_crl if name == "stale-crl" else by_ocsp)(ca, issued),
        knows_structure=lambda _: name != "unknown-entity",
    )
    unit = "" if name == "unknown-entity" else ORG.unit
    if name in {"wrong-hierarchy", "impostor"}:
        checker = CertificateChecker(bundle=checker.bundle)
    found = checker.check(
        issued.certificate,
        issued.presented,
        profile=ProfileName.OPERATOR_SERVER,
        now=now(),
        name=HOST,
        unit=unit,
    )
    expected = FAULTS[name].finding
    assert found == ([] if expected is None else [expected])


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_a_damaged_certificate_always_has_a_finding(ca, good, data):
    der = bytearray(good.certificate.public_bytes(Encoding.DER))
    place = data.draw(st.integers(0, 10_000)) % len(der)
    der[place] ^= data.draw(st.integers(1, 255))
    try:
        damaged = read_certificate(bytes(der))
    except ValueError:
        return
    checker = CertificateChecker(bundle=load_bundle(ca.bundle_pem()))
    assert checker.check(
        damaged, good.presented, profile=ProfileName.OPERATOR_SERVER, now=now(), name=HOST
    )


@pytest.mark.parametrize("name", ["good", "impostor", "weak-key"])
def test_a_certificate_seen_before_is_judged_as_a_new_one_at_any_time(ca, good, name):
    issued = good if name == "good" else make_bad(ca, name, server_plan(ca))
    bundle = load_bundle(ca.bundle_pem())
    seen, root = CertificateChecker(bundle=bundle), bundle[0]
    for at in (
        now(),
        now(),
        root.not_valid_before_utc - timedelta(days=1),
        issued.certificate.not_valid_after_utc + timedelta(days=1),
        root.not_valid_after_utc + timedelta(days=1),
        now(),
    ):
        new = CertificateChecker(bundle=bundle)
        asked = {"profile": ProfileName.OPERATOR_SERVER, "now": at}
        assert seen.check(issued.certificate, **asked) == new.check(issued.certificate, **asked)


def test_a_good_certificate_has_no_finding(ca, good):
    checker = CertificateChecker(
        bundle=load_bundle(ca.bundle_pem()),
        revocation=lambda _: by_ocsp(ca, good),
        knows_structure=KNOWN.__contains__,
    )
    assert (
        checker.check(
            good.certificate,
            good.presented,
            profile=ProfileName.OPERATOR_SERVER,
            now=now(),
            name=HOST,
            unit=ORG.unit,
        )
        == []
    )


@pytest.mark.parametrize("profile", [ProfileName.CPS_AUTH, ProfileName.CPS_SIGN])
@pytest.mark.parametrize(
    "name", [n for n, f in FAULTS.items() if not (f.needs_entity or f.needs_name)]
)
def test_a_card_can_be_bad_in_every_way_that_makes_sense(ca, profile, name):
    plan = next(p for p in ca.plans.cps(PERSON) if p.profile.name is profile)
    issued = make_bad(ca, name, plan)
    assert (issued.fault, issued.profile.name) == (name, profile)


@pytest.mark.parametrize("name", [n for n, f in FAULTS.items() if f.needs_entity or f.needs_name])
def test_a_card_has_neither_entity_nor_host_name_to_get_wrong(ca, name):
    with pytest.raises(UserError, match="no sense"):
        make_bad(ca, name, ca.plans.cps(PERSON)[0])


def test_an_unknown_fault_names_those_that_exist(ca):
    with pytest.raises(UserError, match=r"choose among expired"):
        make_bad(ca, "broken", server_plan(ca))


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("expired", "certificate has expired"),
        ("not-yet-valid", "certificate is not yet valid"),
        ("impostor", "unable to get local issuer|signature failure"),
        ("wrong-usage", "unsuit"),
        ("wrong-name", "ostname mismatch"),
        ("weak-key", "too weak"),
    ],
)
def test_openssl_refuses_what_it_can_see(tool, ca, on_disk, name, message):
    issued = make_bad(ca, name, server_plan(ca))
    files = on_disk(ca, issued)
    code, out = run(
        *(tool("openssl"), "verify", "-purpose", "sslserver", "-verify_hostname", HOST),
        *("-auth_level", "2", "-CAfile", files.bundle, files.leaf),
    )
    assert code != 0
    assert any(each in out for each in message.split("|")), out


def test_a_broken_chain_is_broken_for_a_peer_that_has_only_the_root(tool, ca, on_disk, tmp_path):
    issued = make_bad(ca, "broken-chain", server_plan(ca))
    files = on_disk(ca, issued)
    files.bundle.write_bytes(ca.roots_pem())
    chain = tmp_path / "chain.pem"
    chain.write_bytes(issued.presented_pem)
    code, out = run(
        *(tool("openssl"), "verify", "-CAfile", files.bundle, "-untrusted", chain, files.leaf)
    )
    assert code != 0
    assert "unable to get local issuer" in out


def test_a_test_certificate_is_bad_where_production_is_expected():
    ca = TestCA(key_kind=KeyKind.P256, marker=Marker.PRODUCTION)
    checker = CertificateChecker(bundle=load_bundle(ca.bundle_pem()), marker=Marker.PRODUCTION)
    plan = server_plan(ca)
    for issued, expected in (
        (ca.issue(plan), []),
        (make_bad(ca, "wrong-environment", plan), [CertificateFinding.WRONG_ENVIRONMENT]),
    ):
        found = checker.check(
            issued.certificate, profile=ProfileName.OPERATOR_SERVER, now=now(), name=HOST
        )
        assert found == expected


def test_a_bundle_without_a_root_is_the_user_s_mistake(ca, good):
    only = tuple(c for c in load_bundle(ca.bundle_pem()) if c.subject != c.issuer)
    with pytest.raises(UserError, match="no root"):
        CertificateChecker(bundle=only).check(
            good.certificate, profile=ProfileName.OPERATOR_SERVER, now=now()
        )


def test_the_unknown_finess_has_a_right_key(ca):
    issued = make_bad(ca, "unknown-entity", server_plan(ca))
    unit = issued.certificate.subject.rfc4514_string().split("OU=1")[1][:9]
    assert luhn_valid(unit)
    Organisation(name="X", department="Y (1)", finess=unit)


@pytest.mark.parametrize("form", ["pem", "der", "p7b-der", "p7b-pem"])
def test_a_bundle_is_read_in_the_forms_that_authorities_publish(tool, ca, tmp_path, form):
    pem, made = tmp_path / "b.pem", tmp_path / "b.out"
    pem.write_bytes(ca.bundle_pem())
    openssl = tool("openssl")
    if form == "pem":
        made = pem
    elif form == "der":
        run(openssl, "x509", "-in", pem, "-outform", "DER", "-out", made)
    else:
        shape = form.rpartition("-")[2].upper()
        run(openssl, "crl2pkcs7", "-nocrl", "-certfile", pem, "-outform", shape, "-out", made)
    expected = 1 if form == "der" else 7
    assert len(load_bundle(made.read_bytes())) == expected


@pytest.mark.parametrize("data", [b"", b"hello", b"\x30\x03\x02\x01\x01"])
def test_a_bundle_that_is_none_is_refused(data):
    with pytest.raises(UserError, match="no certificate"):
        load_bundle(data)
