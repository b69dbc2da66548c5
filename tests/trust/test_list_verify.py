"""Every forgery of the list is refused for its reason; a reader keeps what was good."""

import base64
import copy
from dataclasses import replace
from datetime import timedelta

import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from sandbox.trust import (
    KeyKind,
    ListError,
    ListKeeper,
    ProfileName,
    TestCA,
    list_verify,
    list_xml,
    sign_list,
    verify_list,
)
from sandbox.trust.list_xml import NAMESPACE, build_xml

from .conftest import ORG, now
from .forgeries import FORGERIES
from .lists import DS, sign_tree, small


def refused(data, policy, at, code):
    with pytest.raises(ListError) as refusal:
        verify_list(data, policy, at)
    assert refusal.value.code == code


@pytest.mark.parametrize("name", FORGERIES)
def test_a_forgery_is_refused_for_its_reason(signed, policy, name):
    forge, code = FORGERIES[name]
    forged = forge(signed)
    assert forged != signed
    refused(forged, policy, now(), code)


def test_a_list_in_another_namespace_is_refused_though_well_signed(signer, policy):
    root = etree.fromstring(
        etree.tostring(build_xml(small())).replace(NAMESPACE.encode(), b"https://other.test/schema")
    )
    refused(sign_tree(root, signer), policy, now(), "namespace")


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
    refused(sign_tree(root, signer), policy, now(), code)


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
    refused(sign_list(small(), wrong), policy, now(), "signer")


def test_a_signer_of_another_hierarchy_of_the_same_names_is_untrusted(policy):
    stranger = TestCA(key_kind=KeyKind.P256).list_signing(ORG, "alb", "alb@mssante.test")
    refused(sign_list(small(), stranger), policy, now(), "untrusted")


def test_a_list_signed_by_an_expired_certificate_is_refused(ca, policy):
    plan = ca.plans.list_signing(ORG, "alb", "alb@mssante.test")
    old = ca.issue(
        replace(
            plan,
            not_before=plan.not_before - timedelta(days=400),
            not_after=plan.not_before - timedelta(days=1),
        )
    )
    refused(sign_list(small(), old), policy, now(), "signer-expired")
    then = now() - timedelta(days=100)
    assert verify_list(sign_list(small(then), old), policy, then).domains.generated <= then


def test_a_list_signed_by_a_revoked_certificate_is_refused(ca, policy):
    signer = ca.list_signing(ORG, "alb", "alb@mssante.test")
    data = sign_list(small(), signer)
    careful = replace(policy, is_revoked=ca.is_revoked)
    verify_list(data, careful, now())
    ca.revoke(signer, "key-compromise")
    refused(data, careful, now(), "signer-revoked")


@pytest.mark.parametrize(
    ("age", "code"), [(timedelta(hours=49), "expired"), (-timedelta(hours=1), "future")]
)
def test_a_list_from_another_time_is_refused(signer, policy, age, code):
    data = sign_list(small(now() - age), signer)
    refused(data, replace(policy, max_age=timedelta(hours=48)), now(), code)


def test_a_list_over_the_size_limit_is_not_even_parsed(signed, policy, monkeypatch):
    monkeypatch.setattr(list_xml, "MAX_BYTES", len(signed) - 1)
    refused(signed, policy, now(), "too-large")


def test_a_list_over_the_entry_limit_is_refused(signed, policy, monkeypatch):
    monkeypatch.setattr(list_xml, "MAX_ENTRIES", 1)
    refused(signed, policy, now(), "too-large")


def test_every_forgery_is_met_before_the_signature_library_or_by_it(signed, policy, monkeypatch):
    """What the table refuses never reaches the library: the table is the fence."""

    def unreachable(*_args, **_kwargs):
        pytest.fail("the signature library was reached")

    monkeypatch.setattr(list_verify.XMLVerifier, "verify", unreachable)
    for forge, code in FORGERIES.values():
        if code != "tampered":
            with pytest.raises(ListError):
                verify_list(forge(signed), policy, now())


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
