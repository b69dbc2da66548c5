"""The responder, bytes in and bytes out, then over HTTP with openssl."""

import secrets
from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp
from hypothesis import given, settings
from hypothesis import strategies as st

from sandbox.trust import RevocationStatus, TestCA
from sandbox.trust.evidence import ocsp_request, ocsp_status
from sandbox.trust.keys import KeyKind
from sandbox.trust.ocsp import OCSP_FAULTS

from .conftest import HOST, ORG, PERSON, now, run

Status = ocsp.OCSPResponseStatus


@pytest.fixture(scope="module")
def revoked_exchange(ca):
    leaf = ca.org_client(ORG, "APP")
    ca.revoke(leaf)
    return ask(ca, leaf)


def ask(ca, issued, *, nonce=b"0123456789abcdef", fault=""):
    issuer = ca.authorities.pair(issued.issuer)[0]
    request = ocsp_request(issued.certificate, issuer, nonce)
    answer = ca.ocsp(request.public_bytes(Encoding.DER), fault=fault)
    return request, answer, issuer


def test_a_good_certificate_is_good(ca, good):
    request, answer, issuer = ask(ca, good)
    assert ocsp_status(request, answer, issuer, now()) is RevocationStatus.GOOD


def test_a_revocation_is_effective_at_once_with_date_and_reason(ca):
    leaf = ca.cps(PERSON).auth
    assert ocsp_status(*ask(ca, leaf), now()) is RevocationStatus.GOOD
    change = ca.revoke(leaf, "key-compromise")
    request, answer, issuer = ask(ca, leaf)
    response = ocsp.load_der_ocsp_response(answer)
    assert ocsp_status(request, answer, issuer, now()) is RevocationStatus.REVOKED
    assert response.revocation_time_utc == change.when
    assert response.revocation_reason is x509.ReasonFlags.key_compromise


def test_a_released_certificate_is_good_again(ca):
    leaf = ca.org_client(ORG, "APP")
    ca.revoke(leaf, "certificate-hold")
    assert ocsp_status(*ask(ca, leaf), now()) is RevocationStatus.REVOKED
    ca.release(leaf)
    assert ocsp_status(*ask(ca, leaf), now()) is RevocationStatus.GOOD


def test_a_serial_number_never_issued_is_unknown(ca, good):
    issuer = ca.authorities.pair(good.issuer)[0]
    request = (
        ocsp.OCSPRequestBuilder()
        .add_certificate_by_hash(*hashes_of(good, issuer), 4242, hashes.SHA1())
        .build()
    )
    response = ocsp.load_der_ocsp_response(ca.ocsp(request.public_bytes(Encoding.DER)))
    assert response.certificate_status is ocsp.OCSPCertStatus.UNKNOWN


def hashes_of(leaf, issuer):
    own = ocsp.OCSPRequestBuilder().add_certificate(leaf.certificate, issuer, hashes.SHA1()).build()
    return own.issuer_name_hash, own.issuer_key_hash


@pytest.mark.parametrize("algorithm", [hashes.SHA1, hashes.SHA256, hashes.SHA384, hashes.SHA512])
def test_the_responder_knows_its_authorities_by_every_usual_hash(ca, good, algorithm):
    issuer = ca.authorities.pair(good.issuer)[0]
    request = (
        ocsp.OCSPRequestBuilder().add_certificate(good.certificate, issuer, algorithm()).build()
    )
    response = ocsp.load_der_ocsp_response(ca.ocsp(request.public_bytes(Encoding.DER)))
    assert response.certificate_status is ocsp.OCSPCertStatus.GOOD


def test_another_authority_s_certificate_is_unauthorised(ca):
    stranger = TestCA(key_kind=KeyKind.P256)
    leaf = stranger.org_client(ORG, "APP")
    request = ocsp_request(leaf.certificate, stranger.authorities.pair(leaf.issuer)[0], b"n" * 16)
    response = ocsp.load_der_ocsp_response(ca.ocsp(request.public_bytes(Encoding.DER)))
    assert response.response_status is Status.UNAUTHORIZED


@pytest.mark.parametrize("length", [0, 129])
def test_a_nonce_outside_1_to_128_octets_is_malformed(ca, good, length):
    _, answer, _ = ask(ca, good, nonce=b"n" * length)
    assert ocsp.load_der_ocsp_response(answer).response_status is Status.MALFORMED_REQUEST


@given(st.binary(max_size=200))
def test_any_bytes_get_a_protocol_answer(ca, data):
    assert ocsp.load_der_ocsp_response(ca.ocsp(data)).response_status is Status.MALFORMED_REQUEST


@settings(max_examples=400, deadline=None)
@given(st.data())
def test_a_damaged_request_gets_a_protocol_answer(ca, good, data):
    issuer = ca.authorities.pair(good.issuer)[0]
    request = bytearray(
        ocsp_request(good.certificate, issuer, b"n" * 16).public_bytes(Encoding.DER)
    )
    place = data.draw(st.integers(0, len(request) - 1))
    request[place] ^= data.draw(st.integers(1, 255))
    response = ocsp.load_der_ocsp_response(ca.ocsp(bytes(request)))
    assert response.response_status in set(Status)


@pytest.mark.parametrize(
    "fault", [name for name in OCSP_FAULTS if name not in {"slow", "unreachable"}]
)
def test_a_faulty_answer_proves_nothing(ca, good, fault):
    request, answer, issuer = ask(ca, good, fault=fault)
    assert ocsp_status(request, answer, issuer, now()) is RevocationStatus.UNKNOWN


def test_an_answer_proves_nothing_after_its_next_update(ca, good):
    request, answer, issuer = ask(ca, good)
    late = now() + timedelta(hours=5)
    assert ocsp_status(request, answer, issuer, late) is RevocationStatus.UNKNOWN


@settings(max_examples=400, deadline=None)
@given(st.data())
def test_a_damaged_answer_never_frees_a_revoked_certificate(revoked_exchange, data):
    request, answer, issuer = revoked_exchange
    altered = bytearray(answer)
    place = data.draw(st.integers(0, len(altered) - 1))
    altered[place] ^= data.draw(st.integers(1, 255))
    status = ocsp_status(request, bytes(altered), issuer, now())
    assert status is not RevocationStatus.GOOD


def test_a_replayed_answer_proves_nothing(ca, good):
    _, answer, issuer = ask(ca, good, nonce=b"first-nonce-here")
    request, _, _ = ask(ca, good, nonce=b"other-nonce-here")
    assert ocsp_status(request, answer, issuer, now()) is RevocationStatus.UNKNOWN


def test_openssl_ocsp_accepts_the_answer_over_http(tool, live, good, on_disk):
    files = on_disk(live.ca, good)
    code, out = run(
        *(tool("openssl"), "ocsp", "-issuer", files.issuer, "-cert", files.leaf),
        *("-url", live.ca.urls.responder(), "-CAfile", files.bundle),
    )
    assert code == 0
    assert "Response verify OK" in out
    assert "good" in out


def test_openssl_ocsp_sees_a_revocation_over_http(tool, live, on_disk):
    leaf = live.ca.operator_server(ORG, [HOST])
    live.ca.revoke(leaf, "superseded")
    files = on_disk(live.ca, leaf)
    _, out = run(
        *(tool("openssl"), "ocsp", "-issuer", files.issuer, "-cert", files.leaf),
        *("-url", live.ca.urls.responder(), "-CAfile", files.bundle),
    )
    assert "revoked" in out
    assert "Reason: superseded" in out


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ("unsigned", "signature failure|verify error|Verify Failure"),
        ("wrong-signer", "missing ocspsigning usage|Verify Failure"),
        ("wrong-certid", "No Status found|ERROR"),
        ("wrong-nonce", "Nonce Verify error"),
        ("stale", "status too old|Status times invalid|Status expired|ERROR"),
        ("try-later", "trylater"),
        ("internal-error", "internalerror"),
        ("garbage", "Error|error"),
        ("unreachable", "Error|error"),
    ],
)
def test_openssl_ocsp_refuses_a_faulty_answer(tool, live, good, on_disk, fault, message):
    files = on_disk(live.ca, good)
    _, out = run(
        *(tool("openssl"), "ocsp", "-issuer", files.issuer, "-cert", files.leaf),
        *(
            "-url",
            live.ca.urls.responder(fault),
            "-CAfile",
            files.bundle,
            "-validity_period",
            "300",
        ),
    )
    assert any(each in out for each in message.split("|")), out


def test_requests_are_answered_in_less_space_than_they_could_ask(ca):
    assert len(ca.ocsp(secrets.token_bytes(10_000))) < 100
