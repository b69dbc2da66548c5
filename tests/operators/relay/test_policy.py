"""Who may exchange mail with whom, as the list and the certificates say."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from sandbox.operators.refusals import MailRefusal
from sandbox.operators.relay import refusals
from sandbox.operators.relay.policy import check_peer, is_listed, may_receive, may_send
from sandbox.trust import (
    DN,
    FAULTS,
    CertificateChecker,
    CertificateFinding,
    DomainList,
    Issued,
    KeyKind,
    ListEntry,
    Organisation,
    RevocationStatus,
    TestCA,
    dn_of,
    load_bundle,
    make_bad,
    parse_dn,
)
from tests.vocabulary import refusals_in

ONE = parse_dn("CN=mx.op1.mssante.test,OU=1750000018,O=OPERATEUR 1,ST=Paris (75),C=FR")
ONE_SPELLED = parse_dn("CN=MX.op1.mssante.test, OU=1750000018,  O=Operateur  1,L=Paris (75),C=FR")
TWO = parse_dn("CN=mx.op2.mssante.test,OU=1750000026,O=OPERATEUR 2,ST=Paris (75),C=FR")
STRANGER = parse_dn("CN=mx.op1.mssante.test,OU=1119999993,O=CH,ST=Aude (11),C=FR")
NOW = datetime(2026, 11, 24, tzinfo=UTC)
LISTED = DomainList(
    NOW,
    (
        ListEntry(domain="op1.mssante.test", certificate=ONE),
        ListEntry(domain="shared.mssante.test", certificate=ONE),
        ListEntry(domain="shared.mssante.test", certificate=TWO),
        ListEntry(domain="op2.mssante.test", certificate=TWO),
    ),
)
HOST = "mx.op1.mssante.test"
OPERATOR = Organisation(name="OPERATEUR 1", department="Paris (75)", finess="750000018")


def name(rule: MailRefusal | DN | None) -> str:
    assert not isinstance(rule, DN)
    return rule.name if rule else ""


@pytest.mark.parametrize(
    ("dn", "domain", "refused"),
    [
        (ONE, "op1.mssante.test", ""),
        (ONE, "OP1.MSSANTE.TEST.", ""),
        (ONE_SPELLED, "op1.mssante.test", ""),
        (ONE, "shared.mssante.test", ""),
        (TWO, "shared.mssante.test", ""),
        (ONE, "op2.mssante.test", "relay-sender-domain"),
        (ONE, "sub.op1.mssante.test", "relay-sender-domain"),
        (ONE, "elsewhere.example", "relay-sender-domain"),
        (ONE, "not a domain", "relay-sender-domain"),
        (ONE, "", ""),
        (STRANGER, "op1.mssante.test", "relay-dn-unlisted"),
        (STRANGER, "", "relay-dn-unlisted"),
    ],
)
def test_a_relay_sends_mail_of_the_domains_that_the_list_gives_its_certificate(
    dn: DN, domain: str, refused: str
) -> None:
    assert name(may_send(LISTED, dn, domain)) == refused


@pytest.mark.parametrize(
    ("dn", "domain", "refused"),
    [
        (ONE, "op1.mssante.test", ""),
        (TWO, "shared.mssante.test", ""),
        (TWO, "op1.mssante.test", "relay-recipient-domain"),
        (STRANGER, "op1.mssante.test", "relay-recipient-domain"),
        (ONE, "elsewhere.example", "relay-domain-unlisted"),
        (ONE, "", "relay-domain-unlisted"),
    ],
)
def test_mail_of_a_domain_is_given_only_to_a_server_that_the_list_gives_the_domain(
    dn: DN, domain: str, refused: str
) -> None:
    assert name(may_receive(LISTED, dn, domain)) == refused


@pytest.mark.parametrize(
    ("domain", "refused"),
    [
        ("op1.mssante.test", ""),
        ("Op1.Mssante.Test", ""),
        ("mssante.test", "relay-domain-unlisted"),
        ("gmail.com", "relay-domain-unlisted"),
        ("..", "relay-domain-unlisted"),
    ],
)
def test_a_domain_is_in_the_space_when_it_is_on_the_list(domain: str, refused: str) -> None:
    assert name(is_listed(LISTED, domain)) == refused


@pytest.fixture(scope="module")
def ca() -> TestCA:
    return TestCA(key_kind=KeyKind.P256)


@pytest.fixture(scope="module")
def good(ca: TestCA) -> Issued:
    return ca.operator_server(OPERATOR, [HOST])


def judged(
    ca: TestCA, issued: Issued | None, *, status: RevocationStatus = RevocationStatus.GOOD,
    now: datetime | None = None, host: str = "",
) -> DN | MailRefusal:  # fmt: skip
    async def revocation(certificate: x509.Certificate) -> RevocationStatus:
        return status

    return asyncio.run(
        check_peer(
            issued.certificate.public_bytes(Encoding.DER) if issued else None,
            checker=CertificateChecker(bundle=load_bundle(ca.bundle_pem())),
            revocation=revocation,
            now=now or datetime.now(UTC),
            name=host,
        )
    )


def test_an_operators_certificate_proves_its_name(ca: TestCA, good: Issued) -> None:
    assert judged(ca, good, host=HOST) == dn_of(good.certificate)


def test_a_relay_without_certificate_proves_nothing(ca: TestCA) -> None:
    assert judged(ca, None) == refusals.CERTIFICATE_MISSING


def test_bytes_that_are_no_certificate_are_refused_as_unreadable(ca: TestCA) -> None:
    async def never(certificate: x509.Certificate) -> RevocationStatus:
        raise AssertionError

    checker = CertificateChecker(bundle=load_bundle(ca.bundle_pem()))
    found = asyncio.run(
        check_peer(b"no certificate", checker=checker, revocation=never, now=datetime.now(UTC))
    )
    assert found == refusals.BY_FINDING[CertificateFinding.UNREADABLE]


@pytest.mark.parametrize(
    ("status", "finding"),
    [
        (RevocationStatus.REVOKED, CertificateFinding.REVOKED),
        (RevocationStatus.UNKNOWN, CertificateFinding.REVOCATION_UNKNOWN),
    ],
)
def test_a_certificate_that_is_not_known_to_be_good_is_refused(
    ca: TestCA, good: Issued, status: RevocationStatus, finding: CertificateFinding
) -> None:
    assert judged(ca, good, status=status) == refusals.BY_FINDING[finding]


def test_dates_are_those_of_the_moment(ca: TestCA, good: Issued) -> None:
    later = datetime.now(UTC) + timedelta(days=4 * 365)
    earlier = datetime.now(UTC) - timedelta(days=365)
    assert judged(ca, good, now=later) == refusals.BY_FINDING[CertificateFinding.EXPIRED]
    assert judged(ca, good, now=earlier) == refusals.BY_FINDING[CertificateFinding.NOT_YET_VALID]


def test_another_host_name_is_refused(ca: TestCA, good: Issued) -> None:
    assert (
        judged(ca, good, host="mx.op2.mssante.test")
        == refusals.BY_FINDING[CertificateFinding.WRONG_NAME]
    )


def test_an_application_certificate_is_no_operators(ca: TestCA) -> None:
    application = ca.org_client(OPERATOR, "appli")
    assert judged(ca, application) == refusals.BY_FINDING[CertificateFinding.WRONG_USAGE]


# Faults that show in the certificate alone, without asking OCSP or the directory.
IN_THE_CERTIFICATE = (
    CertificateFinding.EXPIRED,
    CertificateFinding.NOT_YET_VALID,
    CertificateFinding.UNTRUSTED,
    CertificateFinding.WRONG_HIERARCHY,
    CertificateFinding.WRONG_USAGE,
    CertificateFinding.WRONG_NAME,
    CertificateFinding.WRONG_ENVIRONMENT,
    CertificateFinding.WEAK_KEY,
)


@pytest.mark.parametrize(
    "fault",
    [
        fault.name
        for fault in FAULTS.values()
        # A chain sent incomplete is mended by the bundle, which holds the intermediates.
        if fault.finding in IN_THE_CERTIFICATE and "chain" not in fault.name
    ],
)
def test_every_fault_of_a_certificate_is_named(ca: TestCA, good: Issued, fault: str) -> None:
    bad = make_bad(ca, fault, good.plan)
    assert (
        judged(ca, bad, host=HOST)
        == refusals.BY_FINDING[FAULTS[fault].finding or CertificateFinding.UNREADABLE]
    )


def test_what_time_or_a_renewal_mends_is_temporary() -> None:
    temporary = {
        name for name, each in refusals_in(refusals, MailRefusal).items() if each.code < 500
    }
    assert temporary == {
        "relay-certificate-expired",
        "relay-certificate-not-yet-valid",
        "relay-certificate-wrong-name",
        "relay-certificate-revocation-unknown",
        "relay-recipient-domain",
    }
